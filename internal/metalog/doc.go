// Package metalog is this node's copy of the metadata log, __cluster_metadata-0: the log on disk, its checkpoints, the replay of both into an
// image, and the feed that hands images to the rooms of this node. A controller that writes the log and a broker that follows it have the same.
//
// It does not know who leads, what is committed or how records come here: package quorum and package uplink tell it.
//
// Terms. A checkpoint is a snapshot of the image in a file of Kafka's format; one that covers the beginning of the log lets it be trimmed. The
// feed is the one goroutine that publishes images.
//
// Invariants. Subscribers see images in the order of the log, each once, and never one that ends inside a metadata transaction. A checkpoint
// holds committed records only, and the newest always stays. Locks do not nest and are not held over file operations.
package metalog
