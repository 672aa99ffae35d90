// Package epochs holds what consumer, share and streams groups have in common: the hash of the topics that a group reads, which tells it
// that an assignment is out of date, and when a new target assignment may be computed (KIP-848, KIP-1263).
//
// Terms: the group epoch counts changes of members, subscriptions and topics. The assignment epoch is the group epoch that the target
// assignment was computed for. A member's epoch is the assignment epoch that it has arrived at.
package epochs
