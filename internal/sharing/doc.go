// Package sharing hands records of this node's partitions to the members of share groups (KIP-932).
//
// It owns share sessions, the share partitions that are loaded, and the requests that wait for records. What may be given to whom is decided by package
// acquire, one core per share partition; here bytes are found, clocks are read and durable state is asked for through States. The group itself (members,
// assignments) and the durable state belong to the coordinators: see package coordinator.
//
// Terms: a share partition is a partition as one group reads it; it lives on the leader of the partition.
package sharing
