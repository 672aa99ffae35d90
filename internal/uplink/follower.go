package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/peer"
	"leat/internal/record"
)

const (
	// complainEvery bounds how often it is logged that no controller is reached.
	complainEvery = 10 * time.Second
	// fetchWait is how long the leader may keep a fetch that brings nothing, as in Kafka.
	fetchWait = 500 * time.Millisecond
	// softPause is between fetches that were answered with an error that passes.
	softPause = 50 * time.Millisecond
)

// FollowConfig is what Follow needs.
type FollowConfig struct {
	NodeID      int32
	DirID       record.UUID // of the log directory that holds the metadata log
	ClusterID   string
	Controllers *Controllers
	Log         metalog.Config
	// RequestTimeout bounds a fetch, beyond the time that the leader may keep it: controller.quorum.request.timeout.ms.
	RequestTimeout time.Duration
	FetchBytes     int // controller.quorum.fetch.max.bytes
	SnapshotBytes  int // controller.quorum.fetch.snapshot.max.bytes: of one answer
	// Failed is called once, from a goroutine of its own, when the log cannot be followed any more: the node has to stop.
	Failed func(error)
	Logger *slog.Logger
}

// Follower keeps a copy of the metadata log of a quorum to which this node does not belong (an observer, KIP-595), and hands out its images.
//
// The copy may end with records that are not committed; they are cut off when the leader says so. An image never has such records.
type Follower struct {
	cfg    FollowConfig
	log    *metalog.Log
	feed   *metalog.Feed
	cancel context.CancelFunc
	done   sync.WaitGroup

	// What follows belongs to the goroutine that fetches.
	found *metalog.Found // until the first catching up is over

	kraftVersion int16   // as of then
	applied      int64   // everything below is in an image, or on the way to one
	told         int64   // the high watermark of the leader's last answer, -1: none yet
	asked        Address // whom line leads to
	line         *peer.Peer
	state        struct{ leader, epoch int32 } // as saved
}

var (
	// errFatal wraps what trying again does not change.
	errFatal = errors.New("the metadata log cannot be followed")
	// errElsewhere wraps a refusal that told who leads: asking there need not wait.
	errElsewhere = errors.New("another node leads, or another epoch has begun")
)

// Follow opens the copy of the log and returns when it has caught up with what was committed when the leader was first reached.
func Follow(ctx context.Context, cfg FollowConfig) (*Follower, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Follower{cfg: cfg, told: -1}
	var err error
	if f.log, f.found, err = metalog.Open(ctx, cfg.Log); err != nil {
		return nil, fmt.Errorf("open metadata log: %w", err)
	}
	f.applied = f.found.Image.Offset + 1
	f.log.Commit(f.applied)
	f.state.leader, f.state.epoch = f.found.State.LeaderID, f.found.State.LeaderEpoch
	cfg.Controllers.told(-1, f.found.Epoch, nil)
	if err := f.catchUp(ctx); err != nil {
		f.hangUp()
		return nil, errors.Join(err, f.log.Close())
	}
	f.feed = metalog.NewFeed(f.found, cfg.Log.Settings, f.log.Snapshot)
	f.kraftVersion = f.found.Voting.KRaftVersion
	state := f.found.State
	f.found = &metalog.Found{State: state}
	f.feed.Start(f.fail)
	ctx, f.cancel = context.WithCancel(context.Background())
	f.done.Go(func() { f.run(ctx) })
	return f, nil
}

// catchUp fetches until the copy holds everything that the leader has committed, and replays that.
func (f *Follower) catchUp(ctx context.Context) error {
	for f.told < 0 || f.log.Offsets().LogEnd < f.told {
		if err := f.try(ctx); err != nil {
			return err
		}
	}
	if err := f.log.Replay(ctx, f.found, f.log.Offsets().HighWatermark); err != nil {
		return fmt.Errorf("open metadata log: %w", err)
	}
	f.applied = f.log.Offsets().HighWatermark
	return nil
}

// run follows the log until Close.
func (f *Follower) run(ctx context.Context) {
	defer f.hangUp()
	for ctx.Err() == nil {
		err := f.try(ctx)
		if err == nil {
			err = f.apply()
		}
		if err != nil {
			if ctx.Err() == nil {
				f.fail(err)
			}
			return
		}
	}
}

// fail stops the node.
func (f *Follower) fail(err error) {
	f.cfg.Logger.Error("metadata log cannot be followed any more, this node stops", "dir", f.log.Path(), "err", err)
	if f.cfg.Failed != nil {
		go f.cfg.Failed(err)
	}
}

// try makes rounds until one succeeds. What it returns is final.
func (f *Follower) try(ctx context.Context) error {
	var since, complained time.Time
	shown := false // the way: once only, because two nodes might show each to the other
	for tries := 0; ; tries++ {
		at := f.cfg.Controllers.next()
		err := f.round(ctx, at)
		if err == nil {
			if !complained.IsZero() {
				f.cfg.Logger.Info("active controller reached again", "address", at.String(), "duration", time.Since(since))
			}
			return nil
		}
		if errors.Is(err, errFatal) {
			return err
		}
		if tries == 0 {
			since = time.Now()
		}
		if errors.Is(err, errElsewhere) && !shown {
			shown = true
			continue
		}
		if tries > 1 && time.Since(complained) > complainEvery {
			complained = time.Now()
			f.cfg.Logger.Warn("active controller not reached, trying on", "node", f.cfg.NodeID, "err", err)
		}
		if err := pause(ctx, softPause); err != nil {
			return fmt.Errorf("follow the metadata log: %w: %w", f.cfg.Controllers.trouble(), err)
		}
	}
}

// round makes one fetch and does what the answer says.
func (f *Follower) round(ctx context.Context, at Address) error {
	bounded, cancel := context.WithTimeout(ctx, f.cfg.RequestTimeout+fetchWait)
	defer cancel()
	response, err := f.to(at).Do(bounded, f.request())
	if err != nil {
		if ctx.Err() == nil { // the last words of a try that was given up say less than those of the try before
			f.cfg.Controllers.unreachable(at, err)
		}
		return err
	}
	f.cfg.Controllers.reached(at)
	resp, ok := response.(*kmsg.FetchResponse)
	if !ok {
		return fmt.Errorf("%s answered a fetch with %T", at, response)
	}
	if err := f.refused(at, resp.ErrorCode); err != nil {
		return err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 || resp.Topics[0].TopicID != [16]byte(metalog.TopicID) {
		return fmt.Errorf("%s: answer to a fetch of the metadata log is about something else", at)
	}
	var nodes []Address
	for _, b := range resp.Brokers {
		nodes = append(nodes, Address{b.NodeID, b.Host, int(b.Port)})
	}
	return f.take(ctx, at, &resp.Topics[0].Partitions[0], nodes)
}

// refused is the error of a whole answer.
func (f *Follower) refused(at Address, code int16) error {
	err := kerr.ErrorForCode(code)
	if code == kerr.InconsistentClusterID.Code {
		return fmt.Errorf("%w: %s belongs to another cluster than this node (%s): name controllers of its own cluster in "+
			"controller.quorum.bootstrap.servers, or use fresh log.dirs: %w", errFatal, at, f.cfg.ClusterID, err)
	}
	if err != nil {
		f.cfg.Controllers.passOn()
		return fmt.Errorf("%s: fetch of the metadata log: %w", at, err)
	}
	return nil
}

// to is the connection to an address; one to another address is closed.
func (f *Follower) to(at Address) *peer.Peer {
	if f.line == nil || f.asked != at {
		f.hangUp()
		f.asked, f.line = at, f.cfg.Controllers.line(at)
	}
	return f.line
}

func (f *Follower) hangUp() {
	if f.line != nil {
		f.line.Close()
		f.line = nil
	}
}

// request asks for what follows the end of the copy.
func (f *Follower) request() *kmsg.FetchRequest {
	_, epoch := f.cfg.Controllers.Epoch()
	o := f.log.Offsets()
	rq := kmsg.NewPtrFetchRequest()
	rq.ClusterID = &f.cfg.ClusterID
	rq.ReplicaID, rq.ReplicaState.ID = f.cfg.NodeID, f.cfg.NodeID
	rq.MaxWaitMillis, rq.MaxBytes = int32(fetchWait/time.Millisecond), int32(f.cfg.FetchBytes)
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = metalog.Partition.Topic, metalog.TopicID
	p := kmsg.NewFetchRequestTopicPartition()
	p.CurrentLeaderEpoch, p.FetchOffset, p.LastFetchedEpoch = epoch, o.LogEnd, f.log.EndEpoch()
	p.PartitionMaxBytes, p.ReplicaDirectoryID, p.HighWatermark = int32(f.cfg.FetchBytes), f.cfg.DirID, o.HighWatermark
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	return rq
}

// take does what the answer for the log says.
func (f *Follower) take(ctx context.Context, at Address, part *kmsg.FetchResponseTopicPartition, nodes []Address) error {
	if at.NodeID < 0 && part.ErrorCode == 0 { // who answers, leads, at the address that it was found at unless it told another
		nodes = append([]Address{{part.CurrentLeader.LeaderID, at.Host, at.Port}}, nodes...)
	}
	news, err := f.learn(part.CurrentLeader.LeaderID, part.CurrentLeader.LeaderEpoch, nodes)
	if err != nil {
		return err
	}
	if part.ErrorCode != 0 {
		err := fmt.Errorf("%s: fetch of the metadata log: %w", at, kerr.ErrorForCode(part.ErrorCode))
		if news {
			return fmt.Errorf("%w: %w", errElsewhere, err)
		}
		f.cfg.Controllers.passOn()
		return err
	}
	switch {
	case part.SnapshotID.EndOffset >= 0 && part.SnapshotID.Epoch >= 0:
		return f.install(ctx, at, metalog.Checkpoint{End: part.SnapshotID.EndOffset, Epoch: part.SnapshotID.Epoch})
	case part.DivergingEpoch.Epoch >= 0 && part.DivergingEpoch.EndOffset >= 0:
		return f.truncate(part.DivergingEpoch.Epoch, part.DivergingEpoch.EndOffset)
	}
	if err := f.append(part.RecordBatches); err != nil {
		return err
	}
	if part.HighWatermark >= 0 {
		f.told = part.HighWatermark
		if mark := min(f.told, f.log.Offsets().LogEnd); mark > f.log.Offsets().HighWatermark {
			f.log.Commit(mark)
		}
	}
	return nil
}

// learn takes in who leads, and keeps it for the next start.
func (f *Follower) learn(leader, epoch int32, nodes []Address) (news bool, err error) {
	news = f.cfg.Controllers.told(leader, epoch, nodes)
	leader, epoch = f.cfg.Controllers.Epoch()
	if epoch < f.state.epoch || epoch == f.state.epoch && (leader < 0 || leader == f.state.leader) {
		return news, nil
	}
	if err := f.log.SaveState(f.found.State, leader, epoch); err != nil {
		return news, fmt.Errorf("%w: %w", errFatal, err)
	}
	f.state.leader, f.state.epoch = leader, epoch
	return news, nil
}

// append writes whole batches. A torn one at the end comes again with the next fetch.
func (f *Follower) append(data []byte) error {
	whole := 0
	for rest := data; len(rest) > 0; {
		b, after, err := record.Split(rest)
		if errors.Is(err, record.ErrIncomplete) {
			break
		}
		if err == nil {
			err = b.Check()
		}
		if err != nil {
			return fmt.Errorf("metadata log from the leader at offset %d: %w", f.log.Offsets().LogEnd, err)
		}
		whole, rest = whole+len(b), after
	}
	if whole == 0 {
		return nil
	}
	if _, err := f.log.AppendFetched(data[:whole]); err != nil {
		return fmt.Errorf("%w: %w", errFatal, err)
	}
	return nil
}

// truncate cuts off what the leader does not have. Nothing that is in an image may be among it.
func (f *Follower) truncate(epoch int32, end int64) error {
	to := end
	if _, own := f.log.EndOffsetForEpoch(epoch); own >= 0 {
		to = min(to, own)
	}
	o := f.log.Offsets()
	if to < o.HighWatermark || to >= o.LogEnd {
		return fmt.Errorf("%w: the active controller's log ends at offset %d in epoch %d, but here offset %d was committed: the controllers have lost "+
			"metadata, or log.dirs belongs to another cluster of the same id: %w", errFatal, end, epoch, o.HighWatermark, kerr.FencedLeaderEpoch)
	}
	f.cfg.Logger.Info("metadata log truncated as the active controller told", "offset", to, "log_end", o.LogEnd, "leader_epoch", epoch)
	if err := f.log.TruncateTo(to); err != nil {
		return fmt.Errorf("%w: %w", errFatal, err)
	}
	return nil
}

// apply hands on what has become committed.
func (f *Follower) apply() error {
	for mark := f.log.Offsets().HighWatermark; f.applied < mark; {
		batches, next, err := f.log.Committed(f.applied, mark)
		if err != nil {
			return fmt.Errorf("%w: %w", errFatal, err)
		}
		if next == f.applied {
			return nil // the high watermark stands inside a batch
		}
		f.applied = next
		f.feed.Add(batches)
	}
	return nil
}

// KRaftVersion is the level of kraft.version that the log had when this node had caught up with it the first time.
func (f *Follower) KRaftVersion() int16 { return f.kraftVersion }

// Subscribe calls fn with the newest image and a nil delta, then with every image after it and the delta that led there, nil if it came as a whole. fn is
// called from one goroutine for all subscribers.
func (f *Follower) Subscribe(fn func(*metadata.Image, *metadata.Delta)) { f.feed.Subscribe(fn) }

// Image returns the newest published image.
func (f *Follower) Image() *metadata.Image { return f.feed.Newest() }

// Close ends the following and closes the log cleanly.
func (f *Follower) Close() error {
	f.cancel()
	f.done.Wait()
	f.feed.Close()
	return f.log.Close()
}
