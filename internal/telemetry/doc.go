// Package telemetry is how a node tells about itself: its log, its metrics, and the operations listener with health, metrics and
// profiles over HTTP. It knows no room: rooms count into it, and server hands it functions that say how they are.
//
// Names of metrics are those of Kafka as dashboards know them (exported by the rules of Strimzi), or begin with leat_. What there is only
// once per node goes through the Prometheus client library; series per topic and per partition are written by an own streaming writer,
// because the library sorts and copies every series at every scrape.
//
// Invariant: counting never waits and never allocates. A label that grows with topics has a bound.
package telemetry
