package kafkatools

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// StreamsMember is a member of a streams group which runs nothing: it has the tasks of a word count, and says so until it leaves. (A real application runs in
// interop/streams.)
type StreamsMember struct {
	Group, ID string

	cl   *kgo.Client
	stop context.CancelFunc // ends live
	done sync.WaitGroup

	// Of who beats: JoinStreams, then live, then Leave.
	topology *kmsg.StreamsGroupHeartbeatRequestTopology
	has      []kmsg.TaskIDs
	given    bool

	mu    sync.Mutex
	epoch int32 // guarded by mu
}

// alive is how often a member says that it is still there, however long a story takes: its session is nine times as long.
const alive = 5 * time.Second

// JoinStreams has a member join a streams group and waits until it has tasks.
func JoinStreams(ctx context.Context, cl *kgo.Client, group, id, topic string) (*StreamsMember, error) {
	m := &StreamsMember{Group: group, ID: id, cl: cl, stop: func() {}, topology: wordCount(group, topic), has: []kmsg.TaskIDs{}}
	for {
		if err := m.beat(ctx); err != nil {
			return m, err
		}
		if m.given {
			err := m.beat(ctx) // it has them, and says so
			living, stop := context.WithCancel(context.WithoutCancel(ctx))
			m.stop = stop
			m.done.Go(func() { m.live(living) })
			return m, err
		}
		if m.at() != 0 {
			m.topology = nil
		}
		select {
		case <-ctx.Done():
			return m, errors.New("no tasks")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// live says that the member is there until it leaves, or its client is closed.
func (m *StreamsMember) live(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(alive):
		}
		if err := m.beat(ctx); errors.Is(err, kgo.ErrClientClosed) {
			return
		}
	}
}

// Leave has the member leave its group.
func (m *StreamsMember) Leave(ctx context.Context) error {
	m.stop()
	m.done.Wait()
	m.goTo(-1)
	return m.beat(ctx)
}

// at is the epoch that the member is at.
func (m *StreamsMember) at() int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch
}

func (m *StreamsMember) goTo(epoch int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch = epoch
}

// Commit commits an offset for the member.
func (m *StreamsMember) Commit(ctx context.Context, topic string, partition int32, offset int64) error {
	return commit(ctx, m.cl, m.Group, m.ID, m.at(), topic, partition, offset)
}

// Commit commits an offset of a group without members.
func Commit(ctx context.Context, cl *kgo.Client, group, topic string, partition int32, offset int64) error {
	return commit(ctx, cl, group, "", -1, topic, partition, offset)
}

func commit(ctx context.Context, cl *kgo.Client, group, member string, epoch int32, topic string, partition int32, offset int64) error {
	rq := kmsg.NewPtrOffsetCommitRequest()
	rq.Version, rq.Group, rq.MemberID, rq.Generation = 9, group, member, epoch
	t, p := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.LeaderEpoch = partition, offset, -1
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	at, err := coordinator(ctx, cl, group)
	if err != nil {
		return err
	}
	answer, err := at.RetriableRequest(ctx, &named{rq})
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode)
}

// named is a commit that names topics.
type named struct{ *kmsg.OffsetCommitRequest }

// MaxVersion is the last version with names.
func (*named) MaxVersion() int16 { return 9 }

// plain is a heartbeat that knows nothing of descriptions of topologies.
type plain struct {
	*kmsg.StreamsGroupHeartbeatRequest
}

// MaxVersion is the last version without them.
func (*plain) MaxVersion() int16 { return 0 }

// coordinator is the broker that looks after a group.
func coordinator(ctx context.Context, cl *kgo.Client, group string) (*kgo.Broker, error) {
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKeys = []string{group}
	found, err := find.RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(found.Coordinators[0].ErrorCode)
	}
	if err != nil {
		return nil, err
	}
	return cl.Broker(int(found.Coordinators[0].NodeID)), nil
}

// beat sends a heartbeat of the member's epoch to the broker that looks after the group.
func (m *StreamsMember) beat(ctx context.Context) error {
	epoch := m.at()
	at, err := coordinator(ctx, m.cl, m.Group)
	if err != nil {
		return err
	}
	rq := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	rq.Group, rq.MemberID, rq.MemberEpoch = m.Group, m.ID, epoch
	if epoch >= 0 {
		rq.ActiveTasks, rq.StandbyTasks, rq.WarmupTasks = m.has, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
	}
	if epoch == 0 {
		process := "process-" + m.ID
		rq.RebalanceTimeoutMillis, rq.ProcessID, rq.Topology = 30000, &process, m.topology
	}
	answer, err := at.RetriableRequest(ctx, &plain{rq})
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
	m.goTo(resp.MemberEpoch)
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
