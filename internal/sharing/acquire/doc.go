// Package acquire is the core of share groups on the side of the partition: which records of one partition are in flight to which member of one
// group, and what becomes of them.
//
// It has no clock, lock or log of its own: it is told what the log has and what time it is, and returns what may be delivered and what has to be written.
package acquire
