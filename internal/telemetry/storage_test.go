package telemetry

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestLogsDirectoriesAndCompactionHaveKafkasNames(t *testing.T) {
	s := testSource(NewBroker(1))
	var flushes Timer
	flushes.Add(3 * time.Millisecond)
	s.Recovering = func(each func(string, int64)) { each("/data/1", 4) }
	s.Storage = func() *StorageStats {
		return &StorageStats{
			Flushes: &flushes, SegmentsRolled: 5, SegmentsDeleted: 2, FileOpens: 9, OpenFiles: 7, OpenFilesMax: 100, BrokenLogs: 1,
			NoKey: 11, BadMagic: 12, BadCRC: 13, BadOffsets: 14,
			Dirs: []DirStats{
				{Path: "/data/1", ID: "AAAAAAAAAAAAAAAAAAAAAQ", Total: 1000, Available: 10, Grade: 1, Soft: 50, Hard: 5, Refused: 3, Delayed: 1500 * time.Millisecond},
				{Path: `/data/"2"`, Offline: true, Total: -1, Available: -1, Uncleanable: 2, UncleanableBytes: 77},
			},
			Cleaner: CleanerStats{
				SinceLastRun: 1500 * time.Millisecond, MaxDirtyRatio: 0.5, RecopyRatio: 0.25, MaxMapUse: 0.125, MaxCompactionDelay: time.Minute,
				MaxCleanTime: 2 * time.Second, Threads: 1, BytesRead: 100, BytesWritten: 40, Cleaned: 3, Failed: 1,
				Uncleanable: []UncleanablePartition{{"orders", 3, 70}},
			},
		}
	}
	text := scrape(t, s)
	want(t, text,
		`kafka_log_logmanager_remaininglogstorecover{dir="/data/1"} 4`,
		`kafka_log_logmanager_logdirectoryoffline{logDirectory="/data/1"} 0`,
		`kafka_log_logmanager_logdirectoryoffline{logDirectory="/data/\"2\""} 1`,
		`kafka_log_logcleanermanager_uncleanable_partitions_count{logDirectory="/data/\"2\""} 2`,
		`kafka_log_logcleanermanager_uncleanable_bytes{logDirectory="/data/\"2\""} 77`,
		"kafka_log_logcleanermanager_max_dirty_percent 50",
		"kafka_log_logcleanermanager_time_since_last_run_ms 1500",
		"kafka_log_logcleaner_cleaner_recopy_percent 25",
		"kafka_log_logcleaner_max_buffer_utilization_percent 12.5",
		"kafka_log_logcleaner_max_clean_time_secs 2",
		"kafka_log_logcleaner_max_compaction_delay_secs 60",
		"kafka_log_logcleaner_deadthreadcount 0",
		"kafka_log_logflushstats_logflushrateandtimems_count 1",
		"kafka_server_brokertopicmetrics_nokeycompactedtopicrecords_total 11",
		"kafka_server_brokertopicmetrics_invalidmagicnumberrecords_total 12",
		"kafka_server_brokertopicmetrics_invalidmessagecrcrecords_total 13",
		"kafka_server_brokertopicmetrics_invalidoffsetorsequencerecords_total 14",
		"kafka_server_brokertopicmetrics_producemessageconversions_total 0",
		"leat_storage_segments_rolled_total 5", "leat_storage_segments_deleted_total 2", "leat_storage_segment_opens_total 9",
		"leat_storage_segments_open 7", "leat_storage_segments_open_max 100", "leat_storage_logs_broken 1",
		`leat_storage_dir_info{dir="/data/1",id="AAAAAAAAAAAAAAAAAAAAAQ"} 1`,
		`leat_storage_dir_available_bytes{dir="/data/1"} 10`, `leat_storage_dir_room{dir="/data/1"} 1`,
		`leat_storage_dir_refused_batches_total{dir="/data/1"} 3`, `leat_storage_dir_delay_seconds_total{dir="/data/1"} 1.5`,
		`leat_storage_uncleanable_log_bytes{topic="orders",partition="3"} 70`,
		"leat_storage_cleaner_read_bytes_total 100", "leat_storage_cleaner_written_bytes_total 40",
	)
	declared := map[string]bool{}
	for _, m := range Metrics() {
		declared[m.Name] = true
	}
	for _, line := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			if name, _, _ := strings.Cut(rest, " "); !declared[name] {
				t.Errorf("%s has no row", name)
			}
		}
	}
}

func TestPartitionsOfTopicsPastTheLimitHaveNoSeries(t *testing.T) {
	s := testSource(NewBroker(2))
	s.Partitions = func(yield func(*Partition) bool) {
		for i := range int32(6) {
			if !yield(&Partition{Topic: fmt.Sprint("t", i/2), Partition: i % 2, Segments: 3}) {
				return
			}
		}
	}
	text := scrape(t, s)
	want(t, text, `kafka_log_log_numlogsegments{topic="t0",partition="1"} 3`, `kafka_log_log_numlogsegments{topic="t1",partition="1"} 3`)
	if strings.Contains(text, `topic="t2"`) {
		t.Error("a topic past the limit has series")
	}
}

// benchScrape measures a scrape with 100,000 partitions in so many topics, of which so many may have series.
func benchScrape(b *testing.B, topics, limit int, each bool) {
	s := testSource(NewBroker(limit))
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%05d", i)
	}
	s.Partitions = func(yield func(*Partition) bool) {
		var p Partition
		for _, topic := range names {
			for i := range int32(100_000 / topics) {
				p = Partition{Topic: topic, Partition: i, Size: 1 << 30, LogEnd: 123456789, Leads: true, Replicas: 1, InSync: 1, MinISR: 1}
				if !yield(&p) {
					return
				}
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.WriteTo(io.Discard, time.Unix(0, 0), each); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScrape(b *testing.B) {
	b.Run("topics", func(b *testing.B) { benchScrape(b, 10_000, 10_000, false) })
	b.Run("partitions", func(b *testing.B) { benchScrape(b, 10_000, 10_000, true) })
	b.Run("a tenth shown", func(b *testing.B) { benchScrape(b, 100_000, 10_000, true) })
}
