package voter_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/voter"
	"leat/internal/record"
	"leat/internal/sim"
	"leat/internal/storage"
)

const dir = "/m/__cluster_metadata-0"

// member is one controller of a cluster in a bubble: the real shell, in memory files, and a small protocol of its own over the network.
type member struct {
	t    *testing.T
	id   int32
	self consensus.Replica
	host *sim.Host
	fsys *fs.Mem
	log  *storage.Log
	v    *voter.Voter

	listener net.Listener
	serving  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	out     map[int32]net.Conn
	in      map[net.Conn]bool
	epoch   int32 // that it leads at; -1: none
	seen    int64 // the end of what it was told is committed
	members consensus.Members
	failed  error
}

func replica(id int32) consensus.Replica {
	return consensus.Replica{ID: id, DirID: record.UUID{15: byte(id)}}
}

func newMember(t *testing.T, n *sim.Network, id int32) *member {
	return &member{t: t, id: id, self: replica(id), host: n.Host(fmt.Sprint("c", id)), fsys: fs.NewMem()}
}

func (m *member) start(begin consensus.Members) {
	m.t.Helper()
	var err error
	m.log, err = storage.OpenLog(context.Background(), m.fsys, dir, record.TopicPartition{Topic: "__cluster_metadata"},
		storage.LogConfig{SegmentBytes: 1 << 20, FlushMessages: 1<<63 - 1, MaxMessageBytes: 8 << 20, RetentionMs: -1, RetentionBytes: -1}, storage.Settings{}, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	m.out, m.in, m.epoch = map[int32]net.Conn{}, map[net.Conn]bool{}, -1
	m.v, err = voter.Open(context.Background(), voter.Config{FS: m.fsys, Path: dir, Log: m.log, Self: m.self, Begin: voter.Beginning{Members: begin},
		Transport: m, Listener: m, Logger: slog.New(slog.NewTextHandler(m.t.Output(), nil)), Limits: voter.Limits{RetainBytes: 2000, RetainForSlow: 4000}, JournalBytes: 20_000})
	if err != nil {
		m.t.Fatal(err)
	}
	m.seen = m.log.Offsets().LogEnd
	m.listener, err = m.host.Listen("tcp", ":9093")
	if err != nil {
		m.t.Fatal(err)
	}
	m.v.Start()
	m.serving.Go(m.accept)
}

// stop ends it; crash loses what was not synced, and the connections.
func (m *member) stop(crash bool) {
	if crash {
		m.fsys = m.fsys.Crash(nil)
		m.host.Crash()
	} else {
		m.host.Stop()
	}
	m.hangUp()
	if err := m.v.Close(); err != nil && !crash {
		m.t.Error(err)
	}
	if err := m.log.Close(); err != nil && !crash {
		m.t.Error(err)
	}
	m.serving.Wait()
}

func (m *member) hangUp() {
	m.listener.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.out {
		c.Close()
	}
	for c := range m.in {
		c.Close()
	}
}

func (m *member) accept() {
	for {
		c, err := m.listener.Accept()
		if err != nil {
			return
		}
		m.mu.Lock()
		m.in[c] = true
		m.mu.Unlock()
		m.serving.Go(func() {
			defer c.Close()
			for m.serve(c) == nil {
			}
		})
	}
}

// serve takes one request: a frame, or one for a part of a checkpoint, which a length of zero announces.
func (m *member) serve(c net.Conn) error {
	var head [4]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return err
	}
	if n := binary.BigEndian.Uint32(head[:]); n > 0 {
		frame := make([]byte, n)
		if _, err := io.ReadFull(c, frame); err != nil {
			return err
		}
		_ = m.v.Receive(frame) // the test looks at what comes of it
		return nil
	}
	var ask [20]byte
	if _, err := io.ReadFull(c, ask[:]); err != nil {
		return err
	}
	name := consensus.Checkpoint{Offset: int64(binary.BigEndian.Uint64(ask[:])), Epoch: int32(binary.BigEndian.Uint32(ask[8:]))}.Name()
	data, err := fs.ReadFile(m.fsys, filepath.Join(dir, name))
	if err != nil {
		return err
	}
	out := binary.BigEndian.AppendUint64(nil, uint64(len(data)))
	_, err = c.Write(append(out, data[binary.BigEndian.Uint64(ask[12:]):]...))
	return err
}

func (m *member) dial(ctx context.Context, to int32) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	return m.host.DialContext(ctx, "tcp", fmt.Sprintf("c%d:9093", to))
}

// Send implements voter.Transport.
func (m *member) Send(ctx context.Context, to int32, frames [][]byte) error {
	m.mu.Lock()
	c := m.out[to]
	m.mu.Unlock()
	var err error
	if c == nil {
		if c, err = m.dial(ctx, to); err != nil {
			return err
		}
		m.mu.Lock()
		m.out[to] = c
		m.mu.Unlock()
	}
	for _, f := range frames {
		c.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err = c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(f))), f...)); err != nil {
			c.Close()
			m.mu.Lock()
			delete(m.out, to)
			m.mu.Unlock()
			return err
		}
	}
	return nil
}

// ReadSnapshot implements voter.Transport.
func (m *member) ReadSnapshot(ctx context.Context, from int32, cp consensus.Checkpoint, position int64, _ int) ([]byte, int64, error) {
	c, err := m.dial(ctx, from)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	ask := binary.BigEndian.AppendUint64(make([]byte, 4), uint64(cp.Offset))
	ask = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(ask, uint32(cp.Epoch)), uint64(position))
	if _, err := c.Write(ask); err != nil {
		return nil, 0, err
	}
	var size [8]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, 0, err
	}
	total := int64(binary.BigEndian.Uint64(size[:]))
	data := make([]byte, total-position)
	_, err = io.ReadFull(c, data)
	return data, total, err
}

// What follows implements voter.Listener.

func (m *member) set(fn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fn()
}

func (m *member) Committed(entries []consensus.Committed) {
	m.set(func() {
		for _, e := range entries {
			if base := record.Batch(e.Batches).BaseOffset(); base != m.seen {
				m.t.Errorf("controller %d: a batch at offset %d is told after %d", m.id, base, m.seen)
			}
			m.seen = e.End
		}
	})
}

func (m *member) Leading(epoch int32, next int64) {
	m.set(func() {
		if m.epoch = epoch; m.seen != next {
			m.t.Errorf("controller %d leads from offset %d, told up to %d", m.id, next, m.seen)
		}
	})
}
func (m *member) Lost(int32)                                   { m.set(func() { m.epoch = -1 }) }
func (m *member) LeaderChanged(consensus.Replica, int32, bool) {}
func (m *member) MembersChanged(x consensus.Members)           { m.set(func() { m.members = x }) }
func (m *member) Installed(c consensus.Checkpoint)             { m.set(func() { m.seen = c.Offset }) }
func (m *member) Failed(err error)                             { m.set(func() { m.failed = err }) }

func (m *member) WantCheckpoint() {
	c := consensus.Checkpoint{Offset: m.log.Offsets().HighWatermark, Epoch: m.log.LatestEpoch()}
	if err := fs.WriteFile(m.fsys, filepath.Join(dir, c.Name()), voter.CheckpointFile(m.t), 0o644); err != nil {
		m.t.Error(err)
	}
	m.v.Checkpointed(c)
}

func (m *member) leads() int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch
}

// cluster is the members that are up.
type cluster struct {
	t   *testing.T
	net *sim.Network
	up  []*member
}

func (c *cluster) wait(what string, cond func() bool) time.Duration {
	c.t.Helper()
	began := time.Now()
	for range 3000 {
		synctest.Wait()
		if cond() {
			return time.Since(began)
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.dump()
	c.t.Fatalf("%s: not within %v", what, time.Since(began))
	return 0
}

func (c *cluster) dump() {
	for _, m := range c.up {
		c.t.Logf("controller %d: log end %d, leads %d, failed %v, %+v", m.id, m.log.Offsets().LogEnd, m.leads(), m.failed, m.v.Status(time.Now()))
	}
}

func (c *cluster) leader() *member {
	c.t.Helper()
	var found *member
	c.wait("a leader", func() bool {
		found = nil
		for _, m := range c.up {
			if m.leads() >= 0 {
				found = m
			}
		}
		return found != nil
	})
	return found
}

// append writes decisions of one record each and waits for their commit, with whoever leads.
func (c *cluster) append(n int) {
	c.t.Helper()
	for range n {
		done := make(chan error, 1)
		l := c.leader()
		_, next, err := l.v.Append(l.leads(), oneRecord(c.t))
		if err != nil {
			c.t.Fatal(err)
		}
		l.v.WhenCommitted(l.leads(), next, func(err error) { done <- err })
		if err := <-done; err != nil {
			c.t.Fatal(err)
		}
	}
}

func oneRecord(t testing.TB) []byte {
	b, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Timestamp: 1, Value: make([]byte, 100)}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *cluster) level() {
	c.t.Helper()
	c.wait("logs of one length", func() bool {
		for _, m := range c.up {
			if m.log.Offsets().HighWatermark != c.up[0].log.Offsets().HighWatermark {
				return false
			}
		}
		return true
	})
}

func (c *cluster) without(gone *member) {
	var rest []*member
	for _, m := range c.up {
		if m != gone {
			rest = append(rest, m)
		}
	}
	c.up = rest
}

func (c *cluster) change(action consensus.Action, r consensus.Replica) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	return c.leader().v.Change(ctx, consensus.Change{Action: action, Deadline: time.Now().Add(10 * time.Second), Voter: consensus.Member{Replica: r, MaxKRaft: 1}})
}

func TestClusterOfVoters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, net: sim.NewNetwork(sim.Config{Delay: 300 * time.Microsecond})}
		defer func() {
			for _, m := range c.up {
				m.stop(false)
			}
		}()
		var first []consensus.Member
		for id := int32(1); id <= 3; id++ {
			first = append(first, consensus.Member{Replica: replica(id), MaxKRaft: 1})
		}
		for id := int32(1); id <= 3; id++ {
			m := newMember(t, c.net, id)
			m.start(consensus.Dynamic(first...))
			c.up = append(c.up, m)
		}
		c.append(20)
		c.level()

		old := c.leader()
		c.net.Isolate(old.host)
		old.stop(true)
		c.without(old)
		t.Logf("another leads %v after a crash", c.wait("another leader", func() bool { return c.up[0].leads() >= 0 || c.up[1].leads() >= 0 }))
		c.append(20)
		c.net.Rejoin(old.host)
		old.start(consensus.Dynamic(first...))
		c.up = append(c.up, old)
		c.level()

		fourth := newMember(t, c.net, 4)
		fourth.start(consensus.Members{})
		c.up = append(c.up, fourth)
		if err := c.change(consensus.AddVoter, fourth.self); err != nil {
			c.dump()
			t.Fatal(err)
		}
		c.append(5)
		c.level()
		if start := fourth.log.Offsets().LogStart; start == 0 {
			t.Error("the new voter has the whole log: it was not meant to need a snapshot")
		}
		for c.change(consensus.RemoveVoter, old.self) != nil { // it hands over first if it leads
			time.Sleep(100 * time.Millisecond)
		}
		c.without(old)
		old.stop(false)
		c.append(5)

		c.unknownOutcome()
		c.suspicion()
		for _, m := range c.up {
			if m.failed != nil {
				t.Errorf("controller %d failed: %v", m.id, m.failed)
			}
			if voters := m.members.Voters(); len(voters) != 3 {
				t.Errorf("controller %d knows voters %v", m.id, voters)
			}
		}
	})
}

// unknownOutcome cuts the leader off: what it appends then is never said to be committed.
func (c *cluster) unknownOutcome() {
	l := c.leader()
	c.net.Isolate(l.host)
	done := make(chan error, 1)
	epoch := l.leads()
	_, next, err := l.v.Append(epoch, oneRecord(c.t))
	if err != nil {
		c.t.Fatal(err)
	}
	l.v.WhenCommitted(epoch, next, func(err error) { done <- err })
	if err := <-done; !errors.Is(err, consensus.ErrUnknown) {
		c.t.Errorf("the outcome of an append without a majority: %v", err)
	}
	if _, _, err := l.v.Append(epoch, oneRecord(c.t)); !errors.Is(err, consensus.ErrNotLeader) {
		c.t.Errorf("an append after the leadership: %v", err)
	}
	c.net.Rejoin(l.host)
	c.append(5)
	c.level()
}

// suspicion stops the leader, whose connections break: two who notice need not wait for their timeouts. Then one resigns.
func (c *cluster) suspicion() {
	l := c.leader()
	l.stop(true)
	c.without(l)
	for _, m := range c.up {
		m.v.Suspect(l.id)
	}
	took := c.wait("another leader", func() bool { return c.up[0].leads() >= 0 || c.up[1].leads() >= 0 })
	if c.t.Logf("another leads %v after a suspicion", took); took > 900*time.Millisecond {
		c.t.Errorf("an election after a suspicion took %v", took)
	}
	c.append(3)
	l.start(consensus.Members{})
	c.up = append(c.up, l)
	c.level()
	before := c.leader()
	before.v.Resign(c.t.Context())
	if after := c.leader(); after == before {
		c.t.Error("the leader resigned and leads")
	}
	c.append(3)
	c.level()
}
