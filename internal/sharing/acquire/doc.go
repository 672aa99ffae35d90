// Package acquire is the core of share groups on the side of the partition (KIP-932): which records of one partition are in flight to which member of
// one group, and what becomes of them. It has no clock, lock, file or log: it is told what the log has and what time it is, and returns what may be
// delivered, what has to be written and what belongs into the dead-letter topic.
//
// Terms: a run is a stretch of offsets in one state, held by at most one member. Offsets from the start offset up to the end offset (exclusive) are known
// and covered by runs without a gap; below everything is done, from the end offset on nothing was ever looked at.
//
// Durable are the start offset and, for runs past it, delivery state and count; which member holds what, lock deadlines and retry times are soft: a
// new leader offers again what was in flight. An acknowledgement takes effect when it is written: until then its run is held, and if the write fails it
// is acquired as before. What nobody waits for (lock timeouts, releases of closed sessions) takes effect at once and is written when possible.
//
// Invariants: no offset is acquired by two members; a run that is done never comes back; a delivery count never falls. In a group ordered by key a record
// is acquired only if no earlier record of its key is in flight or waiting.
package acquire
