// Package quota is the arithmetic of client quotas: whose limit counts for a client (Entity, Find), how fast somebody is and how long he has to
// rest (Rate, Bucket). It is a pure core: it is told the time and what happened.
//
// It is not where limits come from (package metadata), nor where anybody is made to wait (packages broker and listener), nor about replication, whose
// throttles package replication has.
//
// Terms. An entity is what an administrator gave a limit to: a user, a client id, both, one of their defaults, or an address. Who is the one that a
// limit is counted for: of a default each user and each client id has a count of its own. All figures are Kafka's: testdata/kafka-4.4-figures.txt
// was written by its classes.
//
// Invariants. What a count holds is bounded by the samples of its window. Times are milliseconds and never go back within a count; if a clock does,
// the time between is taken as none.
package quota

// Kind is what a quota limits.
type Kind uint8

// The kinds of quotas.
const (
	Produce    Kind = iota // bytes of produce requests a second
	Fetch                  // bytes of answers to fetches a second
	Request                // time that requests take, as percent of one processor
	Mutation               // partitions made and deleted a second
	Connection             // connections begun a second
	Kinds
)

// Keys are the names of the kinds, as the metadata log and tools spell them.
var Keys = [Kinds]string{"producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate", "connection_creation_rate"}

// Window is over what rates are taken.
type Window struct {
	Samples int   // quota.window.num
	Millis  int64 // quota.window.size.seconds
}

// Usual is Kafka's default.
var Usual = Window{Samples: 11, Millis: 1000}

// span is after how long nothing of an event is left.
func (w Window) span() int64 { return int64(w.Samples) * w.Millis }
