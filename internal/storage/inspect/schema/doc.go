// Package schema turns the records that brokers write for themselves into JSON: those of __consumer_offsets, __transaction_state,
// __share_group_state, __remote_log_metadata and __cluster_metadata, and control records. It knows all of Apache Kafka 4.4 from one table,
// records.txt, so a record that leat itself never writes is shown all the same. It is for looking at files; what a broker acts on is decoded
// where it acts.
//
// The JSON is that of Kafka's tools: names, order, base64 for bytes and ids as text, and tagged fields only where they say something.
//
// Invariant: whatever the bytes are, nothing panics, and the output is bounded by a multiple of the input.
package schema
