package coordinator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/share"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
)

// ShareStateTopic holds the state of share partitions.
const ShareStateTopic = "__share_group_state"

// ShareStatesConfig is what NewShareStates needs.
type ShareStatesConfig struct {
	Config
	NodeID   int32
	Settings func() Settings       // cheap
	Share    func() share.Settings // cheap
	// Connect returns a connection to another broker that belongs to the caller. It does not wait: the first request connects.
	Connect func(nodeID int32) Line
	// Replicas is where the log is cut.
	Replicas func() *replication.Node
	// MakeTopic has the topic made. It may wait.
	MakeTopic func(ctx context.Context)
}

// ShareStates is the share coordinator of this node, one machine for each partition of __share_group_state that the node leads, and the
// way to those of other nodes.
type ShareStates struct {
	*Coordinator[share.Event, share.Record]
	cfg  ShareStatesConfig
	asks outbox[*shareAsk]
	work sync.WaitGroup // those who cut logs and make the topic

	mu     sync.Mutex
	making bool
	closed bool
	paused map[*shareAsk]*time.Timer // asks that will be tried again
	ctx    context.Context
	cancel context.CancelFunc
}

var _ sharing.States = (*ShareStates)(nil)

// NewShareStates returns a share coordinator that leads nothing yet.
func NewShareStates(cfg ShareStatesConfig) *ShareStates {
	s := &ShareStates{cfg: cfg, paused: make(map[*shareAsk]*time.Timer)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.asks.connect, s.asks.max, s.asks.send = cfg.Connect, sharesInRequest, s.send
	s.Coordinator = New(cfg.Config, Kind[share.Event, share.Record]{
		Name: "share coordinator", Topic: ShareStateTopic,
		New: func(record.TopicPartition, int32) machine.Machine[share.Event, share.Record] {
			return share.New(share.Config{Settings: cfg.Share})
		},
		Decode:    share.Decode,
		Loaded:    func() share.Event { return share.Event{Loaded: true, Image: s.Image()} },
		Published: publishedToShares,
		Perform:   s.perform,
		Settings:  cfg.Settings,
	})
	return s
}

// sharesInRequest bounds the share partitions in one request to another node.
const sharesInRequest = 1000

// publishedToShares tells machines which partitions there are.
func publishedToShares(image *metadata.Image, delta *metadata.Delta) (share.Event, bool) {
	e := share.Event{Image: image}
	if delta == nil {
		return e, true
	}
	for _, t := range delta.DeletedTopics() {
		e.DeletedTopics = append(e.DeletedTopics, t.ID)
	}
	if len(e.DeletedTopics) > 0 {
		return e, true
	}
	for _, t := range delta.ChangedTopics() {
		if old, ok := delta.Base().TopicByID(t.ID); !ok || len(old.Partitions) != len(t.Partitions) {
			return e, true
		}
	}
	return share.Event{}, false
}

// Publish brings the coordinator to an image, and gives up what is asked of nodes that are out of the cluster or fenced: who leads now is asked
// instead.
func (s *ShareStates) Publish(image *metadata.Image, delta *metadata.Delta) {
	s.Coordinator.Publish(image, delta)
	if delta == nil || delta.BrokersChanged() {
		s.asks.drop(func(nodeID int32) bool {
			b, ok := image.Broker(nodeID)
			return !ok || b.Fenced
		})
	}
}

// perform cuts a log below what is redundant.
func (s *ShareStates) perform(p Led, e machine.Effect) {
	cut, ok := e.(share.Prune)
	if !ok {
		return
	}
	s.start(func() {
		leader, err := s.cfg.Replicas().Leader(record.TopicPartition{Topic: ShareStateTopic, Partition: p.Partition}, p.LeaderEpoch)
		if err != nil {
			return // led elsewhere by now, where it is cut too
		}
		leader.DeleteBefore(cut.Offset, time.Now().Add(pruneTimeout), func(_ int64, err error) {
			if err != nil {
				p.Logger.Warn("share group state not pruned", "offset", cut.Offset, "err", err)
			}
		})
	})
}

// pruneTimeout is how long a cut waits for the other replicas; it takes effect in any case.
const pruneTimeout = 5 * time.Second

// start runs what may wait.
func (s *ShareStates) start(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Go(f)
	}
}

// Close unloads everything, gives up what is under way and waits for it.
func (s *ShareStates) Close() {
	s.mu.Lock()
	s.closed = true
	paused := slices.Collect(maps.Keys(s.paused))
	s.mu.Unlock()
	s.cancel()
	for _, a := range paused {
		if s.resume(a) {
			s.stopped(a)
		}
	}
	s.asks.close()
	s.Coordinator.Close()
	s.work.Wait()
}

// Handle answers a request of another node about share partitions of this one. done is called once, perhaps before Handle returns.
func (s *ShareStates) Handle(rq kmsg.Request, done func(kmsg.Response)) {
	asks := sharesAsked(rq)
	resp := rq.ResponseKind()
	if len(asks) == 0 || asks[0].key.Group == "" { // Kafka says nothing of share partitions of no group
		done(resp)
		return
	}
	var mu sync.Mutex
	left := len(asks)
	for _, a := range asks {
		s.submit(a, func(one kmsg.Response) {
			mu.Lock()
			addShares(resp, one)
			left--
			last := left == 0
			mu.Unlock()
			if last {
				done(resp)
			}
		})
	}
}

// submit hands an ask to the machine on this node.
func (s *ShareStates) submit(a *shareAsk, done func(kmsg.Response)) {
	began := time.Now()
	finish := withTimeout(s.cfg.Settings().CommitTimeout, func(answer any, err error) {
		if a.api == writeShare && err == nil {
			s.counts.WroteShare(time.Since(began))
		}
		if err != nil {
			done(refuseShare(a, CodeOf(err)))
			return
		}
		done(answer.(kmsg.Response))
	})
	rq := shareRequest([]*shareAsk{a})
	s.Coordinator.Submit(a.key.String(), func(t machine.Ticket) share.Event { return share.Event{Ticket: t, Request: rq} }, finish)
}

// Initialize begins a share partition.
func (s *ShareStates) Initialize(p sharing.SharePartition, stateEpoch int32, startOffset int64, done func(error)) {
	s.ask(&shareAsk{api: initializeShare, key: share.Key(p), stateEpoch: stateEpoch, startOffset: startOffset, done: func(_ shareAnswer, err error) { done(err) }})
}

// Read gives a new leader what is known.
func (s *ShareStates) Read(p sharing.SharePartition, leaderEpoch int32, done func(acquire.Durable, error)) {
	s.ask(&shareAsk{api: readShare, key: share.Key(p), leaderEpoch: leaderEpoch, done: func(a shareAnswer, err error) { done(a.durable, err) }})
}

// Write adds a leader's change.
func (s *ShareStates) Write(p sharing.SharePartition, c sharing.Change, done func(error)) {
	s.ask(&shareAsk{api: writeShare, key: share.Key(p), stateEpoch: c.StateEpoch, leaderEpoch: c.LeaderEpoch, startOffset: c.StartOffset,
		complete: c.DeliveryCompleteCount, batches: c.Batches, done: func(_ shareAnswer, err error) { done(err) }})
}

// Delete forgets a share partition.
func (s *ShareStates) Delete(p sharing.SharePartition, done func(error)) {
	s.ask(&shareAsk{api: deleteShare, key: share.Key(p), done: func(_ shareAnswer, err error) { done(err) }})
}

// Summary tells where a share partition stands.
func (s *ShareStates) Summary(p sharing.SharePartition, leaderEpoch int32, done func(sharing.Summary, error)) {
	s.ask(&shareAsk{api: summarizeShare, key: share.Key(p), leaderEpoch: leaderEpoch, done: func(a shareAnswer, err error) { done(a.summary, err) }})
}

// How long an ask goes on, and how long it pauses before it tries again: ever longer, up to a bound.
const (
	shareAskTimeout = 20 * time.Second
	firstSharePause = 50 * time.Millisecond
	maxSharePause   = time.Second
)

// ask begins an ask.
func (s *ShareStates) ask(a *shareAsk) {
	a.deadline, a.pause = time.Now().Add(shareAskTimeout), firstSharePause
	s.try(a)
}

// try goes to the node that leads the share partition's partition of the topic.
func (s *ShareStates) try(a *shareAsk) {
	leader, err := s.leaderOf(a.key)
	switch {
	case err != nil:
		s.again(a, err)
	case leader == s.cfg.NodeID:
		s.submit(a, func(resp kmsg.Response) { s.answered(a, resp) })
	case !s.asks.put(leader, a):
		s.stopped(a)
	}
}

// stopped ends an ask because the node stops.
func (s *ShareStates) stopped(a *shareAsk) {
	a.done(shareAnswer{}, fmt.Errorf("share coordinator of %s: %w: %w", a.key, errStopped, kerr.CoordinatorNotAvailable))
}

// leaderOf finds the node that coordinates a share partition, and has the topic made if there is none.
func (s *ShareStates) leaderOf(k share.Key) (int32, error) {
	image := s.Image()
	if image == nil {
		return 0, kerr.CoordinatorNotAvailable
	}
	t, ok := image.Topic(ShareStateTopic)
	if !ok || len(t.Partitions) == 0 {
		s.makeTopic()
		return 0, kerr.CoordinatorNotAvailable
	}
	p := t.Partitions[PartitionFor(k.String(), int32(len(t.Partitions)))]
	if b, ok := image.Broker(p.Leader); !ok || b.Fenced {
		return 0, kerr.CoordinatorNotAvailable
	}
	return p.Leader, nil
}

// makeTopic has the topic made, by one at a time.
func (s *ShareStates) makeTopic() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.making || s.closed {
		return
	}
	s.making = true
	s.work.Go(func() {
		s.cfg.MakeTopic(s.ctx)
		s.mu.Lock()
		s.making = false
		s.mu.Unlock()
	})
}

// answered takes the answer about one share partition.
func (s *ShareStates) answered(a *shareAsk, resp kmsg.Response) {
	answer, ok := shareAnswers(resp)[shareID{a.key.TopicID, a.key.Partition}]
	if !ok {
		answer.code = kerr.UnknownServerError.Code
	}
	err := kerr.ErrorForCode(answer.code)
	switch {
	case err == nil:
		a.done(answer, nil)
	case errors.Is(err, kerr.NotCoordinator), errors.Is(err, kerr.CoordinatorNotAvailable), errors.Is(err, kerr.CoordinatorLoadInProgress):
		s.again(a, err)
	default:
		a.done(shareAnswer{}, fmt.Errorf("share coordinator of %s: %w", a.key, err))
	}
}

// again tries once more after a pause, until the time is over.
func (s *ShareStates) again(a *shareAsk, err error) {
	pause := a.pause
	a.pause = min(2*a.pause, maxSharePause)
	s.mu.Lock()
	late := s.closed || time.Now().Add(pause).After(a.deadline)
	if !late {
		s.paused[a] = time.AfterFunc(pause, func() {
			if s.resume(a) {
				s.try(a)
			}
		})
	}
	s.mu.Unlock()
	if late {
		a.done(shareAnswer{}, fmt.Errorf("share coordinator of %s: %w", a.key, err))
	}
}

// resume ends the pause of an ask, and reports false if somebody else did.
func (s *ShareStates) resume(a *shareAsk) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.paused[a]
	if t == nil {
		return false
	}
	t.Stop()
	delete(s.paused, a)
	return true
}

// send asks another node: one request for each API and group.
func (s *ShareStates) send(ctx context.Context, _ int32, line Line, asks []*shareAsk) {
	type batch struct {
		api   int16
		group string
	}
	byBatch := make(map[batch][]*shareAsk)
	now := time.Now()
	for _, a := range asks {
		if now.After(a.deadline) { // it waited for a node that does not answer
			s.again(a, kerr.CoordinatorNotAvailable)
			continue
		}
		b := batch{a.api, a.key.Group}
		byBatch[b] = append(byBatch[b], a)
	}
	var all sync.WaitGroup
	for _, some := range byBatch {
		all.Go(func() { s.exchange(ctx, line, some) })
	}
	all.Wait()
}

// exchange sends one request to another node and hands out the answers. A line that fails says nothing about what came of a request; all of
// them can be asked twice, since a second time changes nothing.
func (s *ShareStates) exchange(ctx context.Context, line Line, asks []*shareAsk) {
	var resp kmsg.Response
	err := errStopped
	if line != nil {
		ctx, cancel := context.WithTimeout(ctx, 2*s.cfg.Settings().CommitTimeout) // the other node answers after one at most
		resp, err = line.Do(ctx, shareRequest(asks))
		cancel()
	}
	for _, a := range asks {
		if err != nil {
			s.again(a, fmt.Errorf("%w: %w", err, kerr.CoordinatorNotAvailable))
		} else {
			s.answered(a, resp)
		}
	}
}

// EndOffsets finds the high watermarks of partitions that other nodes lead; those that cannot be found are left out.
func (s *ShareStates) EndOffsets(ctx context.Context, image *metadata.Image, of []record.TopicPartition) map[record.TopicPartition]int64 {
	requests := make(map[int32]*kmsg.ListOffsetsRequest)
	for _, tp := range of {
		t, ok := image.Topic(tp.Topic)
		if !ok || int(tp.Partition) >= len(t.Partitions) || t.Partitions[tp.Partition].Leader < 0 {
			continue
		}
		leader := t.Partitions[tp.Partition].Leader
		rq := requests[leader]
		if rq == nil {
			rq = kmsg.NewPtrListOffsetsRequest()
			rq.ReplicaID = -1
			requests[leader] = rq
		}
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.Timestamp, rp.CurrentLeaderEpoch = tp.Partition, latestOffset, -1
		rq.Topics = append(rq.Topics, kmsg.ListOffsetsRequestTopic{Topic: tp.Topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{rp}})
	}
	ends := make(map[record.TopicPartition]int64)
	var mu sync.Mutex
	var all sync.WaitGroup
	for leader, rq := range requests {
		all.Go(func() {
			line := s.cfg.Connect(leader)
			defer line.Close()
			answer, err := line.Do(ctx, rq)
			resp, ok := answer.(*kmsg.ListOffsetsResponse)
			if err != nil || !ok {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					if p.ErrorCode == 0 {
						ends[record.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.Offset
					}
				}
			}
		})
	}
	all.Wait()
	return ends
}

// latestOffset asks ListOffsets for the end of a partition.
const latestOffset = -1
