// Package share is the share coordinator of one partition of __share_group_state: a pure machine that keeps, for each partition that a
// share group reads, where the group stands in it (KIP-932). Who may have which record now is not its business: the leader of the
// partition that is read decides that and writes down here what must outlive it.
//
// Terms: a share partition is a partition as one share group reads it, named by group, topic id and partition. Its state epoch grows
// when the group starts over in it (Initialize), its leader epoch is that of the leader that last read or wrote the state. A snapshot
// record holds the whole state, an update record what changed since.
//
// Invariants: a state is what its last snapshot and the updates after it give. Neither of the two epochs ever falls while the state
// exists. The batches of a state do not overlap, are ordered, and begin at the start offset or later. Whatever lies below the oldest
// of the last snapshots is of no use to anybody, which is how far the log may be cut.
package share
