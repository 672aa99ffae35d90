// Package field reads and writes the fields of coordinator records: Kafka's primitive types, in the inflexible form and in the flexible
// one (compact lengths, tagged fields). Which fields a record has is said where the record is.
//
// Invariant: a Reader never reads past its bytes and never makes room for more elements than its bytes can hold.
package field
