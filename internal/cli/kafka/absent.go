package kafka

import (
	"fmt"

	"leat/internal/cli/run"
)

// refuse says why there is no such tool, with the status with which Kafka's tools fail.
func refuse(s run.Streams, name, instead string) int {
	fmt.Fprintf(s.Err, "%s: %s\n", name, instead)
	return 1
}

const (
	noWorkers = "leat has no workers for connectors yet: run Kafka's own Connect workers against this cluster"
	noTrogdor = "leat brings no agents that make load and faults: load is made by kafka-producer-perf-test, kafka-consumer-perf-test and 'leat perf'"
	noJMX     = "leat has no JMX: its metrics are at /metrics of the operations listener, by the names that Kafka's exporters give them"
)
