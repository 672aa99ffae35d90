package security

import "testing"

func TestAllOperationsAreTheBitsThatKafkaAnswers(t *testing.T) {
	for _, tt := range []struct {
		resource ResourceType
		want     int32
	}{
		{TopicResource, 0b1101_1111_1000},
		{GroupResource, 0b1101_0100_1000},
		{ClusterResource, 0b1_1111_1010_0000},
	} {
		if got := AllOperations(tt.resource); got != tt.want {
			t.Errorf("AllOperations(%d) = %b, want %b", tt.resource, got, tt.want)
		}
	}
}
