// Package consumer is the consumer groups of the new protocol (KIP-848, group.version 1) in a machine of __consumer_offsets: heartbeats,
// epochs, server-side assignment, reconciliation, and members of the classic protocol among them while a group moves from one to the other.
//
// It is a core room behind group/kind. Topics are looked up in the image of the desk; whether the caller may see them is not asked here.
//
// Terms: a member is reconciled when it has what the target assignment gives it; until then it has partitions that it must revoke
// (UnrevokedPartitions) or that others have not let go (UnreleasedPartitions). A draft is a group as it will be once the decision in
// progress is applied.
//
// Invariants: a partition is owned (assigned, or pending revocation) by one member at a time. Members and assignments are never changed,
// only replaced, so a draft may share them.
package consumer
