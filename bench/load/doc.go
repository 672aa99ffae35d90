// Package load is the neutral client of the benchmarks: it offers work to any broker that speaks the Kafka protocol and
// costs next to nothing itself, so that what is measured is the broker.
//
// Frames of produce requests are built once, with their CRC, and written again and again; fetched records are dropped in the
// kernel where the system can do that. Connections are blocking sockets, a thread each, because a wake-up through a poller is
// more than some of the latencies that are measured here.
//
// It trusts nothing that it is told: correlation ids, names, partitions, error codes and offsets of every response are checked,
// and the first thing that does not fit ends the load with an error.
//
// It imports no room of leat: it must not share a mistake with what it measures.
package load
