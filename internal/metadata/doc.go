// Package metadata holds the records of the metadata log, the immutable image of the cluster that replaying them gives, and
// deltas between images. It is the only place that turns such a record into state.
//
// A reader holds one Image for a whole request and never looks twice. It knows no log, file, request or clock: whoever reads the log
// hands it records, and whoever decides hands it records.
//
// Terms. A record is one entry of __cluster_metadata; a frame is what stands before its fields (frame version, record type, version).
// An image is the state at one offset. A delta is an image being built on top of another, together with what changed.
//
// Invariants. An image never changes. The records of Image.Snapshot, replayed on Empty, give an equal image: so a field that Apply
// keeps and Snapshot forgets is a bug, and a property test finds it. Partitions of a topic are dense.
package metadata
