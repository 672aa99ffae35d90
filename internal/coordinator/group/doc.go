// Package group is the machine of one partition of __consumer_offsets: classic groups (KIP-62, KIP-345, KIP-394, KIP-814) and
// committed offsets. It decides what Kafka 4.4 decides, with Kafka's error codes and record formats.
//
// It is a core room: time and events go in, records and effects come out. It knows no topics, so whoever calls it has already
// checked that topics exist and that the caller may touch them.
//
// Terms: a group's hard state is its last GroupMetadata record (what a generation's members and assignment are) and its committed
// offsets. A live group is the soft state on top: who is joining, who waits for what, when a session ends. A live group is made
// from the stored one when it is first needed, and dropped when it holds nothing that the stored one does not say.
//
// Invariants: a live group in state Stable has exactly the members of its stored record. No live group exists that is Empty and
// without members about to join. The timers of the machine are in one heap; none belongs to an idle group.
package group
