// Package storage is one partition as a log on disk, and the set of all such logs in a node's log directories.
//
// Formats are those of Apache Kafka 4.4: .log, .index, .timeindex, .txnindex, .snapshot, leader-epoch-checkpoint,
// recovery-point-offset-checkpoint, log-start-offset-checkpoint, replication-offset-checkpoint, meta.properties,
// partition.metadata, .kafka_cleanshutdown. The package knows offsets, files and byte positions. It does not know requests,
// replicas or coordinators.
//
// Terms. A log is a list of segments; the last one is active and the only one written to. A position is a byte in a segment's
// .log file. A mark is a batch boundary of the active segment whose offset and position are both remembered. The recovery point
// is the offset below which everything has been synced; what lies above it is checked batch by batch after an unclean stop.
//
// Cost of an idle log: its Log and segment structs. No goroutine, timer or open file belongs to a single log: .log files are
// opened through an LRU, index files for the length of a lookup, and the Store's two schedulers serve all logs.
//
// Locks, in the order in which they may nest:
//
//	Store.mu      the map of logs and the list of directories' states
//	Log.flushMu   one sync of a log at a time; held over fsync, which is what it is for
//	Log.writeMu   appends, truncations, rolls and retention exclude each other; held over write(2), which is what it is for
//	cleanerPoints.mu  how far each log is compacted; held over the writing of that checkpoint
//	Log.mu        the marks, the segment list, producers and epochs; never held over a file operation
//	fileCache.mu  the list of open files; never held over a file operation
//
// Readers take Log.mu only to look up where to read, and fileCache.mu to hold the file.
package storage
