package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metalog"
	"leat/internal/peer"
	"leat/internal/record"
	"leat/internal/wire"
)

// FramesConfig is what NewFrames needs.
type FramesConfig struct {
	NodeID      int32
	DirID       record.UUID // that votes; zero where voters are static
	ClusterID   string
	Controllers *Controllers
	Peers       peer.Config
	// Timeout bounds how long a controller may take for what is sent to it: controller.quorum.request.timeout.ms.
	Timeout time.Duration
	// Suspect hears that a controller hung up and that connecting to it again was refused. It must not wait.
	Suspect func(nodeID int32)
	Logger  *slog.Logger
}

// Frames carries frames and checkpoints between the controllers of a quorum. It is a quorum's transport: best effort, one connection to each
// controller, on which frames do not wait for the answers to those before.
type Frames struct {
	cfg    FramesConfig
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	asking sync.WaitGroup

	mu     sync.Mutex
	routes map[int32]*frameRoute // guarded by mu
	closed bool                  // guarded by mu
}

// frameRoute is the way to one controller.
type frameRoute struct {
	line    *peer.Peer
	unheard chan peer.Pending // whose answers are still to come, in order

	mu         sync.Mutex
	complained time.Time // guarded by mu
}

// unheardMax is how many requests may be on their way to a controller.
const unheardMax = 64

// NewFrames returns a transport that connects with the first frame to a controller.
func NewFrames(cfg FramesConfig) *Frames {
	f := &Frames{cfg: cfg, routes: map[int32]*frameRoute{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.cfg.Peers.HungUp = f.hungUp
	return f
}

// Close ends the connections, and waits for what is under way.
func (f *Frames) Close() {
	f.mu.Lock()
	f.closed = true
	routes := f.routes
	f.routes = nil
	f.mu.Unlock()
	f.cancel()
	for _, r := range routes {
		r.line.Close()
	}
	f.asking.Wait()
}

func (f *Frames) route(to int32) (*frameRoute, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, peer.ErrClosed
	}
	r := f.routes[to]
	if r == nil {
		r = &frameRoute{line: peer.New(f.cfg.Peers, to, f.cfg.Controllers.addressOf(to)), unheard: make(chan peer.Pending, unheardMax)}
		f.routes[to] = r
		f.asking.Go(func() { f.hear(r) })
	}
	return r, nil
}

// Send delivers frames to a controller, and returns when they are written. That they arrived, nobody is told.
func (f *Frames) Send(ctx context.Context, to int32, frames [][]byte) error {
	r, err := f.route(to)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	p, err := r.line.Begin(ctx, &wire.QuorumFrames{ClusterID: f.cfg.ClusterID, Sender: f.cfg.NodeID, SenderDir: f.cfg.DirID, Frames: frames})
	if err != nil {
		f.cfg.Controllers.note(to, err)
		f.unsent(to, err)
		return err
	}
	select {
	case r.unheard <- p:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("controller %d does not answer: %w", to, ctx.Err())
	case <-f.ctx.Done():
		return peer.ErrClosed
	}
}

// hear takes the answers of one controller. One that does not come in time ends the connection.
func (f *Frames) hear(r *frameRoute) {
	for {
		select {
		case p := <-r.unheard:
			ctx, cancel := context.WithTimeout(f.ctx, f.cfg.Timeout)
			answer, _, err := p.Wait(ctx, nil)
			cancel()
			var resp wire.QuorumFramesResponse
			if err == nil {
				if err = resp.ReadFrom(answer.Body); err == nil {
					answer.Release()
					err = resp.Err()
				}
			}
			f.heard(r, &resp, err)
		case <-f.ctx.Done():
			return
		}
	}
}

func (f *Frames) heard(r *frameRoute, resp *wire.QuorumFramesResponse, err error) {
	f.cfg.Controllers.note(r.line.NodeID(), err)
	if err == nil || f.ctx.Err() != nil {
		return
	}
	if errors.Is(err, peer.ErrHungUp) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		f.cfg.Logger.Debug("a controller hung up", "node", r.line.NodeID(), "err", err) // it stops, or is looked for
		return
	}
	r.mu.Lock()
	quiet := time.Since(r.complained) < complainEvery
	if !quiet {
		r.complained = time.Now()
	}
	r.mu.Unlock()
	if quiet {
		return
	}
	if errors.Is(err, kerr.InconsistentClusterID) {
		f.cfg.Logger.Error("a controller belongs to another cluster: empty the log.dirs of the one that is wrong, or correct the quorum's addresses",
			"node", r.line.NodeID(), "its_cluster_id", resp.ClusterID, "cluster_id", f.cfg.ClusterID)
		return
	}
	if errors.Is(err, kerr.InvalidVoterKey) {
		f.cfg.Logger.Warn("a controller has another directory than the one that votes, as after a loss of its disk: leat quorum replace-controller", "node", r.line.NodeID())
		return
	}
	f.cfg.Logger.Warn("a controller did not take messages of the quorum", "node", r.line.NodeID(), "err", err)
}

// unsent draws the conclusion from frames that did not go out.
func (f *Frames) unsent(to int32, err error) {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		f.suspect(to)
	case errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET):
		f.hungUp(to)
	}
}

func (f *Frames) suspect(nodeID int32) {
	if f.cfg.Suspect != nil && f.ctx.Err() == nil {
		f.cfg.Suspect(nodeID)
	}
}

// looks are the pauses before each look at a controller that hung up: a process that is being ended holds its listeners for a moment longer than its
// connections, and takes new ones meanwhile: a large one on a busy machine for half a second. After a second an election has begun without this.
var looks = []time.Duration{0, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
	400 * time.Millisecond, 400 * time.Millisecond}

// hungUp looks whether a controller whose connection ended is still there. That nobody listens any more is as good as its last word; any other
// failure may be the network's, and says nothing.
func (f *Frames) hungUp(nodeID int32) {
	f.mu.Lock()
	r := f.routes[nodeID]
	if r == nil || f.closed {
		f.mu.Unlock()
		return
	}
	f.asking.Add(1)
	f.mu.Unlock()
	go func() {
		defer f.asking.Done()
		ctx, cancel := context.WithTimeout(f.ctx, f.cfg.Timeout)
		defer cancel()
		for _, wait := range looks {
			if pause(ctx, wait) != nil {
				return
			}
			nc, err := f.dial(ctx, nodeID)
			if err == nil {
				_ = nc.Close()
				continue
			}
			f.cfg.Controllers.note(nodeID, err)
			switch { // a listener that goes while it is asked resets: then it is looked at again, too
			case errors.Is(err, syscall.ECONNREFUSED):
				f.suspect(nodeID)
				return
			case !errors.Is(err, syscall.ECONNRESET):
				return
			}
		}
	}()
}

func (f *Frames) dial(ctx context.Context, nodeID int32) (interface{ Close() error }, error) {
	address, err := f.cfg.Controllers.addressOf(nodeID)()
	if err != nil {
		return nil, err
	}
	return f.cfg.Peers.Dial(ctx, "tcp", address)
}

// ReadSnapshot reads a piece of a checkpoint of another controller, on a connection of its own.
func (f *Frames) ReadSnapshot(ctx context.Context, from int32, endOffset int64, epoch int32, position int64, maxBytes int) ([]byte, int64, error) {
	config := f.cfg.Peers
	config.HungUp = nil
	line := peer.New(config, from, f.cfg.Controllers.addressOf(from))
	defer line.Close()
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout+fetchWait)
	defer cancel()
	response, err := line.Do(ctx, f.snapshotRequest(endOffset, epoch, position, maxBytes))
	if err != nil {
		return nil, 0, err
	}
	resp, ok := response.(*kmsg.FetchSnapshotResponse)
	if !ok {
		return nil, 0, fmt.Errorf("controller %d answered FetchSnapshot with %T", from, response)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, 0, fmt.Errorf("controller %d: checkpoint %d-%d: %w", from, endOffset, epoch, err)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, 0, fmt.Errorf("controller %d: answer to FetchSnapshot is about something else", from)
	}
	part := &resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(part.ErrorCode); err != nil {
		return nil, 0, fmt.Errorf("controller %d: checkpoint %d-%d: %w", from, endOffset, epoch, err)
	}
	if part.Position != position {
		return nil, 0, fmt.Errorf("controller %d: checkpoint %d-%d: bytes from %d were asked for, got those from %d", from, endOffset, epoch, position, part.Position)
	}
	return part.Bytes, part.Size, nil
}

func (f *Frames) snapshotRequest(endOffset int64, epoch int32, position int64, maxBytes int) *kmsg.FetchSnapshotRequest {
	_, leaderEpoch := f.cfg.Controllers.Epoch()
	rq := kmsg.NewPtrFetchSnapshotRequest()
	rq.ClusterID, rq.ReplicaID, rq.MaxBytes = &f.cfg.ClusterID, f.cfg.NodeID, int32(maxBytes)
	t := kmsg.NewFetchSnapshotRequestTopic()
	t.Topic = metalog.Partition.Topic
	p := kmsg.NewFetchSnapshotRequestTopicPartition()
	p.CurrentLeaderEpoch, p.Position, p.ReplicaDirectoryID = leaderEpoch, position, f.cfg.DirID
	p.SnapshotID.EndOffset, p.SnapshotID.Epoch = endOffset, epoch
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	return rq
}
