// Package voter is the shell around package consensus: one controller's voice in the quorum. It persists what the node promises (package
// journal), appends what is committed to the metadata log, sends and receives frames, fetches snapshots, and lets time pass.
//
// It does not know what records mean, and opens no connection: frames and snapshots go through a Transport.
//
// Order of work. Open puts log, journal and checkpoints in agreement and makes the node; whoever owns the log can then load an image from them.
// Start lets it take part. From then on a Listener hears, from one goroutine and in order: Committed for batches that were appended to
// the log, and events. Leading comes after everything before it was Committed; Lost ends it. Close stops everything; the log stays open.
//
// Time. A tick is a tenth of controller.quorum.election.timeout.ms. A follower that has not heard of its leader for 10 to 20 ticks asks whether
// it would be elected (pre-vote), and then is a candidate; a leader that has not heard of a majority for 10 steps down; heartbeats are
// sent every second tick. So that one setting does what Kafka splits up: controller.quorum.fetch.timeout.ms (a follower's patience),
// controller.quorum.election.backoff.max.ms (chance keeps candidates apart) and the leader's own check have no further effect on voters.
// The only voter needs no ticks. Time is that of package time, so that of a bubble in tests.
//
// Goroutines. One writes the journal, one appends to the log and tells, one ticks, one sends per other controller, and one fetches a snapshot
// while there is one to fetch. Close waits for all.
//
// Invariants. What the node promises leaves after it is on disk. Only committed batches reach the log; they may be lost from it with the power,
// and are written again from the journal, which is cut only after the log was synced. A snapshot is installed by the replacement of the
// journal: before that nothing counts, after that Open finishes it. The lock mu is held over nothing that waits.
package voter
