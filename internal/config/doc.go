// Package config is the table of every configuration key (Kafka's and leat's own), and typed, validated snapshots of their values.
// From a row come parsing, errors, DescribeConfigs, --set, completion and the reference page.
//
// Other rooms receive typed structs built from a snapshot by package server, never maps or strings.
//
// Terms: a key is a row of a table; a scope is where the key lives (broker, topic, group, client metrics); a layer is one place that
// sets values (a file, the cluster-wide dynamic values, ...); values are layers over the defaults.
//
// Invariants: a row's default passes its own rule, and each Values is immutable, so both may be shared by any number of goroutines.
package config
