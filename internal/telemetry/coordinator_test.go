package telemetry

import (
	"strings"
	"testing"
	"time"
)

func TestCoordinatorsShowUnderKafkasNames(t *testing.T) {
	var c Coordinator
	c.Queued(3)
	c.Queued(-1)
	c.Handled(time.Millisecond, 2*time.Millisecond)
	c.Flushed(3*time.Millisecond, 4*time.Millisecond)
	c.Committed(5 * time.Millisecond)
	c.Loaded(1000, 20*time.Millisecond)
	c.Loaded(0, 10*time.Millisecond)
	c.WroteShare(4 * time.Millisecond)
	c.WroteShare(6 * time.Millisecond)
	s := testSource(NewBroker(1))
	s.Coordinators = func() []CoordinatorStats {
		return []CoordinatorStats{{Name: "share", Counts: &c, Active: 4, Loading: 2, Failed: 1, BufferBytes: 512, BuffersDiscarded: 6,
			Loads: []CoordinatorLoad{{Partition: 7, Left: 99}}}}
	}
	text := scrape(t, s)
	want(t, text,
		"kafka_server_share_coordinator_metrics_event_queue_size 2",
		"kafka_server_share_coordinator_metrics_event_queue_time_ms_p50 1.023",
		"kafka_server_share_coordinator_metrics_event_processing_time_ms_max 2.047",
		"kafka_server_share_coordinator_metrics_batch_linger_time_ms_p99 3.071",
		"kafka_server_share_coordinator_metrics_batch_flush_time_ms_p999 4.095",
		"kafka_server_share_coordinator_metrics_event_purgatory_time_ms_p95 5.119",
		"kafka_server_share_coordinator_metrics_partition_load_time_avg 15",
		"kafka_server_share_coordinator_metrics_partition_load_time_max 20.479",
		"kafka_server_share_coordinator_metrics_batch_buffer_cache_size_bytes 512",
		"kafka_server_share_coordinator_metrics_batch_buffer_cache_discard_count 6",
		`kafka_server_share_coordinator_metrics_num_partitions{state="active"} 4`,
		"kafka_server_share_coordinator_metrics_write_rate 0",
		"kafka_server_share_coordinator_metrics_write_total 2",
		"kafka_server_share_coordinator_metrics_write_latency_avg 5",
		"kafka_server_share_coordinator_metrics_write_latency_max 6.143",
		`kafka_server_share_coordinator_metrics_num_partitions{state="loading"} 2`,
		`kafka_server_share_coordinator_metrics_num_partitions{state="failed"} 1`,
		`leat_coordinator_loaded_records_total{coordinator="share"} 1000`,
		`leat_coordinator_load_remaining_offsets{coordinator="share",partition="7"} 99`,
	)
}

func TestRatesOfACoordinatorAreOfTheTimeBetweenScrapes(t *testing.T) {
	var c Coordinator
	at := time.Unix(100, 0)
	if r := c.rates(at); r.idle != 1 || r.flushes != 0 {
		t.Errorf("first scrape: %+v", r)
	}
	for range 20 {
		c.Flushed(0, 0)
		c.WroteShare(0)
		c.Handled(0, 50*time.Millisecond)
	}
	if r := c.rates(at.Add(10 * time.Second)); r.flushes != 2 || r.writes != 2 || r.idle >= 1 || r.idle < 0.9 {
		t.Errorf("after 20 batches and a second of work in 10 s: %+v", r)
	}
	if r := c.rates(at.Add(20 * time.Second)); r.flushes != 0 || r.idle != 1 {
		t.Errorf("after 10 s of nothing: %+v", r)
	}
}

func TestLagShowsWithinItsBound(t *testing.T) {
	s := testSource(NewBroker(1))
	s.Groups = func() *GroupStats {
		return &GroupStats{
			Groups: map[GroupState]int{{"classic", "Stable"}: 2, {"consumer", "Stable"}: 3, {"classic", "Empty"}: 1, {"streams", "NotReady"}: 4}, Offsets: 3, Most: 2,
			Rebalances: map[string]int64{"streams": 17},
			Lags: []GroupLag{
				{Group: `a"b`, Topic: "t", Partition: 1, Records: 10, StableRecords: 4, Seconds: 1.5, StableSeconds: 1.5},
				{Group: "b", Topic: "t"},
				{Group: "c", Topic: "t"},
			},
		}
	}
	text := scrape(t, s)
	want(t, text,
		`kafka_server_group_coordinator_metrics_group_count{protocol="classic"} 3`,
		`kafka_server_group_coordinator_metrics_group_count{protocol="consumer"} 3`,
		`kafka_server_group_coordinator_metrics_classic_group_count{state="Stable"} 2`,
		`kafka_server_group_coordinator_metrics_consumer_group_count{state="Empty"} 0`,
		`kafka_server_group_coordinator_metrics_group_count{protocol="streams"} 4`,
		`kafka_server_group_coordinator_metrics_streams_group_count{state="NotReady"} 4`,
		`kafka_server_group_coordinator_metrics_streams_group_rebalance_count 17`,
		`kafka_server_group_coordinator_metrics_share_group_rebalance_count 0`,
		`kafka_server_group_coordinator_metrics_offset_count 3`,
		`leat_coordinator_group_lag_records{group="a\"b",topic="t",partition="1",isolation="read_uncommitted"} 10`,
		`leat_coordinator_group_lag_records{group="a\"b",topic="t",partition="1",isolation="read_committed"} 4`,
		`leat_coordinator_group_lag_seconds{group="a\"b",topic="t",partition="1",isolation="read_committed"} 1.5`,
		`leat_coordinator_group_lag_seconds{group="b",topic="t",partition="0",isolation="read_uncommitted"} 0`,
		`leat_coordinator_group_lag_without_series 1`,
	)
	if strings.Contains(text, `group="c"`) {
		t.Error("a group past the bound has series")
	}
}
