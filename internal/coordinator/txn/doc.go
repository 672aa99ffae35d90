// Package txn is the machine of one partition of __transaction_state: it decides what Kafka 4.4's transaction coordinator decides,
// with Kafka's error codes and record formats. Producers without a transactional id never come here.
//
// It is a core room: time and events go in, records and effects come out. It knows no topics beyond their existence, so whoever calls
// it has already checked that partitions exist and that the caller may touch them.
//
// Terms: a transactional id has a producer id and an epoch, and is in one State. It is prepared once the outcome of its transaction is
// written, and complete once every partition of the transaction has the marker that says so. The epoch fences: whoever comes with an
// older one is refused here and, after the next marker, at the partitions. Under transaction version 2 (KIP-890) every end raises the
// epoch, so that a late request of one transaction cannot be taken for a part of the next.
//
// Invariants: the outcome of a transaction is in the log before the first of its markers is sent, and never changes. No epoch is
// given out twice for a producer id, except to a repeated request that is recognised as such. A new transaction of an id begins only
// after all markers of the last are written. A marker is never sent with an epoch below one that was given out before it was decided.
package txn
