package telemetry

import (
	"sync/atomic"
	"time"
)

// Raft is what a node counts of the quorum of controllers. Its zero value is ready.
type Raft struct {
	appended           atomic.Int64 // records
	commits, elections quantiles
}

// Appended counts records that this controller wrote into the metadata log.
func (r *Raft) Appended(records int) { r.appended.Add(int64(records)) }

// Committed counts an append that a majority has, and how long that took.
func (r *Raft) Committed(after time.Duration) { r.commits.add(after) }

// Elected counts an election, and how long there was no leader.
func (r *Raft) Elected(after time.Duration) { r.elections.add(after) }

// Channel counts what goes over connections to controllers. Its zero value is ready.
type Channel struct{ requests, responses, out, in atomic.Int64 }

// Sent counts a request and its bytes.
func (c *Channel) Sent(bytes int) {
	c.requests.Add(1)
	c.out.Add(int64(bytes))
}

// Received counts a response and its bytes.
func (c *Channel) Received(bytes int) {
	c.responses.Add(1)
	c.in.Add(int64(bytes))
}

// RaftStats is where a node stands in the quorum.
type RaftStats struct {
	State                 string // as Kafka names it: leader, follower, candidate, unattached, observer
	Leader, Vote, Epoch   int64  // -1: nobody
	HighWatermark, LogEnd int64
	Counts                *Raft
	Channel               *Channel
}

// raftRates is what is told of the time since the last scrape.
type raftRates struct {
	appended, fetched             float64
	longestCommit, longestElected float64
}

var raftValues = []struct {
	*Metric
	value func(*RaftStats, *raftRates) float64
}{
	{raftMetric("append_records_rate", "Records a second that this node wrote into the metadata log as its leader."), func(_ *RaftStats, r *raftRates) float64 { return r.appended }},
	{raftMetric("fetch_records_rate", "Records a second of the metadata log that this node got from others."), func(_ *RaftStats, r *raftRates) float64 { return r.fetched }},
	{raftMetric("commit_latency_avg", "Milliseconds from an append to the metadata log until a majority had it, on average."),
		func(s *RaftStats, _ *raftRates) float64 { return s.Counts.commits.mean() }},
	{raftMetric("commit_latency_max_total", "Milliseconds of the longest commit of the last minutes; the name ends like a counter's because Strimzi's rules have it so."),
		func(_ *RaftStats, r *raftRates) float64 { return r.longestCommit }},
	{raftMetric("election_latency_avg", "Milliseconds without a leader until one was elected, on average."), func(s *RaftStats, _ *raftRates) float64 { return s.Counts.elections.mean() }},
	{raftMetric("election_latency_max_total", "Milliseconds of the longest election of the last minutes; the name ends like a counter's because Strimzi's rules have it so."),
		func(_ *RaftStats, r *raftRates) float64 { return r.longestElected }},
	{raftMetric("current_leader", "Id of the leader of the quorum; -1: nobody is known to lead."), func(s *RaftStats, _ *raftRates) float64 { return float64(s.Leader) }},
	{raftMetric("current_vote", "Id of the controller that this one votes for; -1: none, as with those who follow a leader."), func(s *RaftStats, _ *raftRates) float64 { return float64(s.Vote) }},
	{raftMetric("current_epoch", "Epoch of the leader of the quorum."), func(s *RaftStats, _ *raftRates) float64 { return float64(s.Epoch) }},
	{raftMetric("high_watermark", "Offset below which the metadata log is known to be committed."), func(s *RaftStats, _ *raftRates) float64 { return float64(s.HighWatermark) }},
	{raftMetric("log_end_offset", "Offset after the last record of the metadata log here."), func(s *RaftStats, _ *raftRates) float64 { return float64(s.LogEnd) }},
	{channelMetric("request_total", "Requests sent to controllers."), func(s *RaftStats, _ *raftRates) float64 { return float64(s.Channel.requests.Load()) }},
	{channelMetric("response_total", "Responses received from controllers."), func(s *RaftStats, _ *raftRates) float64 { return float64(s.Channel.responses.Load()) }},
	{channelMetric("outgoing_byte_total", "Bytes of requests sent to controllers."), func(s *RaftStats, _ *raftRates) float64 { return float64(s.Channel.out.Load()) }},
	{channelMetric("incoming_byte_total", "Bytes of responses received from controllers."), func(s *RaftStats, _ *raftRates) float64 { return float64(s.Channel.in.Load()) }},
}

// raftState has a line for the state that the node is in, as the exporter's rules make it of a text.
var raftState = &Metric{"kafka_server_raftmetrics_current_state", Gauge, []string{"current_state"}, "1 for the state of this node in the quorum: leader, follower, candidate, unattached or observer."}

func raftMetric(name, help string) *Metric {
	return &Metric{"kafka_server_raftmetrics_" + name, Gauge, nil, help}
}

func channelMetric(name, help string) *Metric {
	return &Metric{"kafka_server_raftchannelmetrics_" + name, Counter, nil, help}
}

// raftRows lists the rows of this file in the order of /metrics.
func raftRows() []Metric {
	all := []Metric{*raftState}
	for _, v := range raftValues {
		all = append(all, *v.Metric)
	}
	return all
}

// writeRaft writes where the node stands in the quorum.
func (s *Source) writeRaft(w *writer, now time.Time) {
	if s.Raft == nil {
		return
	}
	stats := s.Raft()
	if stats == nil {
		return
	}
	appended := float64(stats.Counts.appended.Load())
	rates := raftRates{
		appended: s.paces.of("raft appended", now, appended), fetched: max(0, s.paces.of("raft fetched", now, float64(stats.LogEnd)-appended)),
		longestCommit: stats.Counts.commits.longest(now), longestElected: stats.Counts.elections.longest(now),
	}
	w.family(raftState)
	w.value(raftState.Name, 1, "current_state", stats.State)
	for _, v := range raftValues {
		w.family(v.Metric)
		w.float(v.Name, v.value(stats, &rates))
	}
}
