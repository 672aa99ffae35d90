package storage

import (
	"time"

	"leat/internal/record"
)

// CleanerStatus is what the cleaner has done and is up to, as of one instant.
type CleanerStatus struct {
	Threads int // workers cleaning a log right now
	// LastRun is when the cleaner last looked for logs to clean; zero before the first time.
	LastRun time.Time
	// MaxDirtyRatio is the largest share, 0 to 1, of cleanable bytes in a log that was found by that look; of all compacted logs, also those
	// below their min.cleanable.dirty.ratio.
	MaxDirtyRatio float64
	// MaxCompactionDelay is how long the most delayed log is past its max.compaction.lag.ms, as of that look; 0 if none is.
	MaxCompactionDelay time.Duration
	// Runs is the last finished run of each worker, by number of the worker.
	Runs []CleanerRun
	// Totals since the node started.
	BytesRead    int64 // from logs: for the offset map, and for copying
	BytesWritten int64 // to cleaned segments
	Cleaned      int64 // logs, once per run
	Failed       int64 // runs that failed
	// Uncleanable are the partitions that could not be cleaned when last tried, ordered by directory, topic and partition.
	Uncleanable []UncleanablePartition
}

// CleanerRun is one cleaning of one log by one worker.
type CleanerRun struct {
	Worker         int
	Partition      record.TopicPartition
	Start, End     time.Time
	MapBytesRead   int64   // for the offset map
	BytesRead      int64   // for copying
	BytesWritten   int64   // to the cleaned segments
	RecordsRead    int64   // while copying
	RecordsKept    int64   // of these
	Keyless        int64   // records that went because they had no key
	MapUtilization float64 // share of the offset map's slots that were used, 0 to 1
	MapFull        bool    // the map was full before the dirty part ended; the rest is left for the next run
	FirstDirty     int64   // first offset of what was dirty
	NextDirty      int64   // what is clean now ends here
}

// UncleanablePartition is a log that the cleaner gave up for a while.
type UncleanablePartition struct {
	Partition record.TopicPartition
	Dir       string // the log directory
	Bytes     int64  // of the log that wait for a cleaning
	Since     time.Time
	Err       error
}
