// Package admin is Kafka's tools for administration: what kafka-topics, kafka-configs, kafka-consumer-groups and the like do, with their flags and in their form.
//
// Each tool is a function that returns a [tool.Tool]: its options (options_*.go), what of them does not go together, the requests that it makes, and the lines
// that it prints. Messages and columns are Kafka's, because scripts read them; what an option is for is said in leat's words. Where Kafka's tools print in the
// order of a hash table, so do these, with the same hashes, unless the order changes from run to run; then it is the alphabetical one.
// Stack traces, which Kafka prints below a message, are left out.
package admin
