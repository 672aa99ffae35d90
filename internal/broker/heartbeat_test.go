package broker

import "testing"

func TestHeartbeatsOfOldClientsAreNotHeld(t *testing.T) {
	for _, c := range []struct {
		version  int16
		software string
		want     bool
	}{
		{3, "", false}, // KafkaJS 2, aiokafka, kafka-go
		{3, "librdkafka", true},
		{4, "", true}, // a second connection of franz-go
		{4, "apache-kafka-java", true},
	} {
		if got := beatsBeside(c.version, c.software); got != c.want {
			t.Errorf("version %d of %q: %v", c.version, c.software, got)
		}
	}
}
