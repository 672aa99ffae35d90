// Package sharing is the share groups of one partition of __consumer_offsets (KIP-932): who is in a group, which partitions each member
// may read, and of which partitions the group's state is kept. It is a kind of groups in the group coordinator's machine. Which member
// gets which record is decided where the partition is led, and kept by the share coordinator: see package share.
//
// Terms: a partition is initialized when the share coordinator has state for it; only such partitions are assigned. The state epoch with
// which it is initialized is the group epoch, so that each life of a group's state fences the one before.
//
// Requests that need the share coordinator take two steps: the first decision writes down what is under way and asks for it by an
// effect (Initialize, Discard); what came of it comes back as a request of this package's own (Initialized, Discarded), and the second
// decision writes that down and answers. A coordinator that dies in between finds what was under way in its log.
//
// Invariants: a partition is initializing or initialized, not both. The group epoch is never below the epoch of the assignment, and that
// never below the epoch of a member.
package sharing
