package cli

import (
	"maps"
	"testing"
)

func TestConfigsFromTheEnvironment(t *testing.T) {
	got := fromEnvironment("KAFKA_", []string{"KAFKA_NODE_ID=3", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=A:SSL", "KAFKA_X__Y___Z=1=2", "PATH=/bin", "KAFKA_HEAP_OPTS=-Xmx1G",
		"KAFKA_=x", "KAFKA_LOG4J_LOGGERS=kafka=INFO", "LEAT_LOG_DIRS=/x"})
	want := map[string]string{"node.id": "3", "listener.security.protocol.map": "A:SSL", "x_y-z": "1=2"}
	if !maps.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}
