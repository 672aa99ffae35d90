package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// streamsMember is a member of a streams group which runs nothing: it has the tasks of a word count, and says so. (A real application runs in interop/streams.)
type streamsMember struct {
	group, id string
	epoch     int32
	topology  *kmsg.StreamsGroupHeartbeatRequestTopology
	has       []kmsg.TaskIDs
	given     bool
}

// joinStreams has a member join a streams group and waits until it has tasks.
func (w *world) joinStreams(ctx context.Context, group, client, topic string) error {
	m := &streamsMember{group: group, id: client, topology: wordCount(group, topic), has: []kmsg.TaskIDs{}}
	w.streams[group+" "+client] = m
	for {
		if err := m.beat(ctx, w, m.epoch); err != nil {
			return err
		}
		if m.given {
			return m.beat(ctx, w, m.epoch) // it has them, and says so
		}
		if m.epoch != 0 {
			m.topology = nil
		}
		select {
		case <-ctx.Done():
			return errors.New("no tasks")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// beat sends a heartbeat.
func (m *streamsMember) beat(ctx context.Context, w *world, epoch int32) error {
	rq := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	rq.Group, rq.MemberID, rq.MemberEpoch = m.group, m.id, epoch
	if epoch >= 0 {
		rq.ActiveTasks, rq.StandbyTasks, rq.WarmupTasks = m.has, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
	}
	if epoch == 0 {
		process := "process-" + m.id
		rq.RebalanceTimeoutMillis, rq.ProcessID, rq.Topology = 30000, &process, m.topology
	}
	answer, err := w.cl.Broker(1).Request(ctx, rq)
	if err != nil {
		return err
	}
	resp := answer.(*kmsg.StreamsGroupHeartbeatResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		why := ""
		if resp.ErrorMessage != nil {
			why = *resp.ErrorMessage
		}
		return fmt.Errorf("heartbeat: %w: %s", err, why)
	}
	m.epoch = resp.MemberEpoch
	if len(resp.ActiveTasks) > 0 {
		m.has, m.given = nil, true
		for _, t := range resp.ActiveTasks {
			m.has = append(m.has, kmsg.TaskIDs{SubtopologyID: t.SubtopologyID, Partitions: t.Partitions})
		}
	}
	return nil
}

// wordCount splits the lines of a topic into words and counts them.
func wordCount(app, topic string) *kmsg.StreamsGroupHeartbeatRequestTopology {
	t := kmsg.NewStreamsGroupHeartbeatRequestTopology()
	split, count := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology(), kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
	split.SubtopologyID, split.SourceTopics, split.RepartitionSinkTopics = "0", []string{topic}, []string{app + "-words-repartition"}
	count.SubtopologyID = "1"
	count.RepartitionSourceTopics = []kmsg.TopicInfo{{Topic: app + "-words-repartition"}}
	count.StateChangelogTopics = []kmsg.TopicInfo{{Topic: app + "-counts-changelog", Configs: []kmsg.TopicInfoConfig{{Key: "cleanup.policy", Value: "compact"}}}}
	t.Subtopologies = []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{split, count}
	return &t
}
