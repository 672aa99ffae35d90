// Package timers keeps delayed records until they are due: a pure machine, one for each partition of __leat_timers, for the partitions of
// other topics (its targets) that belong to it.
//
// A timer is a record that waits. The log holds the record; the machine holds only when it is due and where in the log it stands, so that
// a million timers take some tens of megabytes. What is due is delivered in flights: a flight is written down with the sequence that its batch
// will have, then sent, and once the target has it, its timers are gone. Docs: docs/decisions/0009-delayed-records.md.
//
// Invariants: a target has at most one flight; a timer waits, is in a flight, or is gone; a flight that was sent is sent again with the
// same records and the same sequence until the target took it, or refused it for good.
package timers
