package telemetry

import (
	"strconv"
	"time"
)

// Timer counts how often something was done and how long it took.
type Timer struct{ q quantiles }

// Add counts one time.
func (t *Timer) Add(d time.Duration) { t.q.add(d) }

// Count is how often Add was called.
func (t *Timer) Count() int64 { return t.q.count.Load() }

// StorageStats are numbers about the logs of a node at one moment.
type StorageStats struct {
	Dirs    []DirStats
	Flushes *Timer
	Cleaner CleanerStats

	SegmentsRolled, SegmentsDeleted, FileOpens int64
	OpenFiles, OpenFilesMax                    int
	BrokenLogs                                 int

	NoKey, BadMagic, BadCRC, BadOffsets int64 // records or batches of producers that were refused
}

// DirStats are numbers about one log directory.
type DirStats struct {
	Path, ID         string
	Offline          bool
	Total, Available int64 // bytes; -1: not known
	Grade            int   // of the room left: 0 enough, 1 producers are slowed, 2 they are refused
	Soft, Hard       int64
	Refused          int64
	Delayed          time.Duration
	Uncleanable      int // partitions
	UncleanableBytes int64
}

// CleanerStats are numbers about compaction.
type CleanerStats struct {
	SinceLastRun                             time.Duration
	MaxDirtyRatio, RecopyRatio, MaxMapUse    float64
	MaxCompactionDelay, MaxCleanTime         time.Duration
	Threads                                  int
	BytesRead, BytesWritten, Cleaned, Failed int64
	Uncleanable                              []UncleanablePartition // at most MaxUncleanable
}

// UncleanablePartition is a log that compaction gave up for a while.
type UncleanablePartition struct {
	Topic     string
	Partition int32
	Bytes     int64
}

// MaxUncleanable is how many uncleanable partitions have series of their own.
const MaxUncleanable = 100

// One value for the node.
var storageMetrics = []struct {
	*Metric
	value func(*StorageStats) float64
}{
	{&Metric{"kafka_log_logcleaner_cleaner_recopy_percent", Gauge, nil, "Percent of the bytes that the last cleanings read which they wrote again."},
		func(s *StorageStats) float64 { return 100 * s.Cleaner.RecopyRatio }},
	{&Metric{"kafka_log_logcleaner_max_buffer_utilization_percent", Gauge, nil, "Largest percent of the offset map that one of the last cleanings used."},
		func(s *StorageStats) float64 { return 100 * s.Cleaner.MaxMapUse }},
	{&Metric{"kafka_log_logcleaner_max_clean_time_secs", Gauge, nil, "Seconds of the longest of the last cleanings."},
		func(s *StorageStats) float64 { return s.Cleaner.MaxCleanTime.Seconds() }},
	{&Metric{"kafka_log_logcleaner_max_compaction_delay_secs", Gauge, nil, "Seconds by which the most delayed log is past its max.compaction.lag.ms."},
		func(s *StorageStats) float64 { return s.Cleaner.MaxCompactionDelay.Seconds() }},
	{&Metric{"kafka_log_logcleaner_deadthreadcount", Gauge, nil, "Cleaner threads that died; a cleaning that fails ends no thread here."},
		func(*StorageStats) float64 { return 0 }},
	{&Metric{"kafka_log_logcleanermanager_max_dirty_percent", Gauge, nil, "Percent of the dirtiest compacted log that waits for a cleaning."},
		func(s *StorageStats) float64 { return 100 * s.Cleaner.MaxDirtyRatio }},
	{&Metric{"kafka_log_logcleanermanager_time_since_last_run_ms", Gauge, nil, "Milliseconds since it was looked for logs to clean."},
		func(s *StorageStats) float64 { return float64(s.Cleaner.SinceLastRun.Milliseconds()) }},
	{&Metric{"leat_storage_cleaner_threads", Gauge, nil, "Logs that are being cleaned."}, func(s *StorageStats) float64 { return float64(s.Cleaner.Threads) }},
	{&Metric{"leat_storage_cleaner_read_bytes_total", Counter, nil, "Bytes that cleanings read."}, func(s *StorageStats) float64 { return float64(s.Cleaner.BytesRead) }},
	{&Metric{"leat_storage_cleaner_written_bytes_total", Counter, nil, "Bytes that cleanings wrote."}, func(s *StorageStats) float64 { return float64(s.Cleaner.BytesWritten) }},
	{&Metric{"leat_storage_cleaner_cleanings_total", Counter, nil, "Cleanings of a log that ended well."}, func(s *StorageStats) float64 { return float64(s.Cleaner.Cleaned) }},
	{&Metric{"leat_storage_cleaner_failures_total", Counter, nil, "Cleanings of a log that failed."}, func(s *StorageStats) float64 { return float64(s.Cleaner.Failed) }},

	{&Metric{"kafka_server_brokertopicmetrics_nokeycompactedtopicrecords_total", Counter, nil, "Records without key that producers sent to compacted topics."},
		func(s *StorageStats) float64 { return float64(s.NoKey) }},
	{&Metric{"kafka_server_brokertopicmetrics_invalidmagicnumberrecords_total", Counter, nil, "Batches of producers in a format that is not known."},
		func(s *StorageStats) float64 { return float64(s.BadMagic) }},
	{&Metric{"kafka_server_brokertopicmetrics_invalidmessagecrcrecords_total", Counter, nil, "Batches of producers whose checksum does not fit."},
		func(s *StorageStats) float64 { return float64(s.BadCRC) }},
	{&Metric{"kafka_server_brokertopicmetrics_invalidoffsetorsequencerecords_total", Counter, nil, "Batches and records of producers with wrong offsets or sequence numbers."},
		func(s *StorageStats) float64 { return float64(s.BadOffsets) }},
	{&Metric{"kafka_server_brokertopicmetrics_producemessageconversions_total", Counter, nil, "Conversions of old formats of producers; there are none any more."},
		func(*StorageStats) float64 { return 0 }},
	{&Metric{"kafka_server_brokertopicmetrics_fetchmessageconversions_total", Counter, nil, "Conversions to old formats for consumers; there are none any more."},
		func(*StorageStats) float64 { return 0 }},

	{&Metric{"leat_storage_segments_rolled_total", Counter, nil, "Segments begun because the one before was full or old."}, func(s *StorageStats) float64 { return float64(s.SegmentsRolled) }},
	{&Metric{"leat_storage_segments_deleted_total", Counter, nil, "Segments that retention or DeleteRecords removed."}, func(s *StorageStats) float64 { return float64(s.SegmentsDeleted) }},
	{&Metric{"leat_storage_segment_opens_total", Counter, nil, "Segment files opened because they were not open."}, func(s *StorageStats) float64 { return float64(s.FileOpens) }},
	{&Metric{"leat_storage_segments_open", Gauge, nil, "Segment files that are open."}, func(s *StorageStats) float64 { return float64(s.OpenFiles) }},
	{&Metric{"leat_storage_segments_open_max", Gauge, nil, "Segment files that may stay open."}, func(s *StorageStats) float64 { return float64(s.OpenFilesMax) }},
	{&Metric{"leat_storage_logs_broken", Gauge, nil, "Logs that could not be opened."}, func(s *StorageStats) float64 { return float64(s.BrokenLogs) }},
}

// Per log directory. The first ones have Kafka's names and so its label.
var dirMetrics = []struct {
	*Metric
	value func(*DirStats) float64
}{
	{&Metric{"kafka_log_logmanager_logdirectoryoffline", Gauge, []string{"logDirectory"}, "1 if the directory failed."}, func(d *DirStats) float64 { return float64(flag(d.Offline)) }},
	{&Metric{"kafka_log_logcleanermanager_uncleanable_partitions_count", Gauge, []string{"logDirectory"}, "Logs that could not be cleaned when last tried."},
		func(d *DirStats) float64 { return float64(d.Uncleanable) }},
	{&Metric{"kafka_log_logcleanermanager_uncleanable_bytes", Gauge, []string{"logDirectory"}, "Bytes of those logs that wait for a cleaning."},
		func(d *DirStats) float64 { return float64(d.UncleanableBytes) }},
	{&Metric{"leat_storage_dir_size_bytes", Gauge, []string{"dir"}, "Bytes of the directory's file system; -1: not known."}, func(d *DirStats) float64 { return float64(d.Total) }},
	{&Metric{"leat_storage_dir_available_bytes", Gauge, []string{"dir"}, "Bytes of it that are free; -1: not known."}, func(d *DirStats) float64 { return float64(d.Available) }},
	{&Metric{"leat_storage_dir_room", Gauge, []string{"dir"}, "0 enough room, 1 below the soft mark: producers are slowed, 2 below the hard mark: they are refused."},
		func(d *DirStats) float64 { return float64(d.Grade) }},
	{&Metric{"leat_storage_dir_soft_mark_bytes", Gauge, []string{"dir"}, "Free bytes below which producers are slowed; 0: never."}, func(d *DirStats) float64 { return float64(d.Soft) }},
	{&Metric{"leat_storage_dir_hard_mark_bytes", Gauge, []string{"dir"}, "Free bytes below which producers are refused; 0: never."}, func(d *DirStats) float64 { return float64(d.Hard) }},
	{&Metric{"leat_storage_dir_refused_batches_total", Counter, []string{"dir"}, "Batches that were refused for want of room."}, func(d *DirStats) float64 { return float64(d.Refused) }},
	{&Metric{"leat_storage_dir_delay_seconds_total", Counter, []string{"dir"}, "Time that producers were told to wait for want of room."}, func(d *DirStats) float64 { return d.Delayed.Seconds() }},
}

var (
	flushTime = &Metric{"kafka_log_logflushstats_logflushrateandtimems", Summary, nil, "Milliseconds that a sync of a log took."}
	dirInfo   = &Metric{"leat_storage_dir_info", Gauge, []string{"dir", "id"}, "1; names the directory's id."}

	uncleanableLog = &Metric{"leat_storage_uncleanable_log_bytes", Gauge, []string{"topic", "partition"},
		"Bytes that wait for a cleaning in a log that could not be cleaned when last tried; of at most 100 such logs."}
	logsToRecover = &Metric{"kafka_log_logmanager_remaininglogstorecover", Gauge, []string{"dir"}, "Logs that the start still has to open."}
)

// storageRows lists the rows of this file in the order of /metrics.
func storageRows() []Metric {
	all := []Metric{*logsToRecover}
	for _, m := range storageMetrics {
		all = append(all, *m.Metric)
	}
	all = append(all, *flushTime, flushTime.countAlone(), *dirInfo)
	for _, m := range dirMetrics {
		all = append(all, *m.Metric)
	}
	return append(all, *uncleanableLog)
}

// writeStorage writes what there is to tell of the logs.
func (s *Source) writeStorage(w *writer, now time.Time) {
	if s.Recovering != nil {
		w.family(logsToRecover)
		s.Recovering(func(dir string, logs int64) { w.value(logsToRecover.Name, logs, "dir", dir) })
	}
	if s.Storage == nil {
		return
	}
	stats := s.Storage()
	if stats == nil {
		return
	}
	for _, m := range storageMetrics {
		w.family(m.Metric)
		w.float(m.Name, m.value(stats))
	}
	if stats.Flushes != nil {
		w.timer(flushTime, &stats.Flushes.q, now)
	}
	w.family(dirInfo)
	for i := range stats.Dirs {
		w.value(dirInfo.Name, 1, "dir", stats.Dirs[i].Path, "id", stats.Dirs[i].ID)
	}
	for _, m := range dirMetrics {
		w.family(m.Metric)
		for i := range stats.Dirs {
			w.float(m.Name, m.value(&stats.Dirs[i]), m.Labels[0], stats.Dirs[i].Path)
		}
	}
	w.family(uncleanableLog)
	for _, p := range stats.Cleaner.Uncleanable {
		w.value(uncleanableLog.Name, p.Bytes, "topic", p.Topic, "partition", strconv.Itoa(int(p.Partition)))
	}
}
