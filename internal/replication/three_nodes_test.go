package replication

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/peer"
	"leat/internal/record"
	"leat/internal/sim"
	"leat/internal/storage"
	"leat/internal/wire"
)

// cluster is three nodes in one bubble, with a controller that is a lock and an image: it does what the test says, and answers AlterPartition as
// Kafka's does.
type cluster struct {
	t     *testing.T
	net   *sim.Network
	nodes map[int32]*member

	mu      sync.Mutex
	image   *metadata.Image
	epoch   int64 // of the broker registered last
	deaf    map[int32]bool
	refused int // changes of the ISR

	settings  atomic.Pointer[func(*Settings)]                    // changes those of all nodes; nil: leaves them
	rackAware bool                                               // of nodes that are started from now on
	onTheWay  atomic.Pointer[func(*ReplicaAnswer) time.Duration] // how long an answer takes to a follower, beside the network; nil: nothing

	acked  []ack
	byNode [4]int // of those, by leader
}

// ack is a record that a producer was told is safe.
type ack struct {
	offset int64
	value  string
}

// member is one node.
type member struct {
	*cluster
	id          int32
	host        *sim.Host
	fs          *fs.Mem
	store       *storage.Store
	node        *Node
	brokerEpoch int64
	listener    net.Listener
	serving     sync.WaitGroup
	logs        *bytes.Buffer
}

const (
	lagTimeMax   = 10 * time.Second
	fetchWaitMax = 500 * time.Millisecond
)

// inCluster runs a test with a topic "orders" of one partition on nodes 1, 2 and 3, which 1 leads.
func inCluster(t *testing.T, minISR int, run func(c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, net: sim.NewNetwork(sim.Config{Delay: time.Millisecond}), image: metadata.Empty, deaf: map[int32]bool{}, nodes: map[int32]*member{}}
		for id := int32(1); id <= 3; id++ {
			c.nodes[id] = &member{cluster: c, id: id, host: c.net.Host(fmt.Sprintf("node%d", id)), fs: fs.NewMem(), logs: new(bytes.Buffer)}
		}
		c.commit(append(topic("orders", 1, 1, 1, 2, 3), &metadata.ConfigRecord{
			ResourceType: int8(metadata.TopicResource), ResourceName: "orders", Name: "min.insync.replicas", Value: new(fmt.Sprint(minISR)),
		})...)
		for id := int32(1); id <= 3; id++ {
			c.nodes[id].start()
		}
		defer func() {
			for id := int32(1); id <= 3; id++ {
				if c.nodes[id].node != nil {
					c.nodes[id].stop()
				}
			}
			if t.Failed() {
				for id := int32(1); id <= 3; id++ {
					t.Logf("node %d:\n%s", id, c.nodes[id].logs)
				}
			}
		}()
		run(c)
	})
}

// commit replays records on the image and has all nodes that hear the controller take it in.
func (c *cluster) commit(records ...metadata.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commitLocked(records...)
}

func (c *cluster) commitLocked(records ...metadata.Record) {
	delta := metadata.NewDelta(c.image)
	for _, r := range records {
		if err := delta.Replay(r); err != nil {
			c.t.Fatal(err)
		}
	}
	c.image = delta.Image(c.image.Offset+1, 1, 0)
	for id := int32(1); id <= 3; id++ {
		if m := c.nodes[id]; m != nil && m.node != nil && !c.deaf[id] {
			_ = m.node.Publish(c.image, delta)
		}
	}
}

func (c *cluster) state() *metadata.Partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, _ := c.image.Topic("orders")
	return t.Partitions[0]
}

// hear lets a node take in what it missed.
func (c *cluster) hear(id int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf[id] = false
	_ = c.nodes[id].node.Publish(c.image, nil)
}

// start opens a node's store and registers it.
func (m *member) start() {
	logger := slog.New(slog.NewTextHandler(m.logs, nil))
	store, err := storage.Open(context.Background(), storage.StoreConfig{
		FS: m.fs, Dirs: []string{"/data"}, NodeID: m.id, ClusterID: "test-cluster-000000000", Settings: testSettings,
		LogConfig: func(string) storage.LogConfig { return testLogConfig(nil) },
		DirFailed: func(dir string, err error) { m.node.FailDir(dir, err) },
		Logger:    logger,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.store = store
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	m.brokerEpoch = m.epoch
	peers := peer.Config{ClientID: fmt.Sprint(m.id), Dial: m.host.DialContext, Undivided: true}
	m.node = New(Config{
		NodeID: m.id, Store: store, Logger: logger, RackAware: m.rackAware,
		LogConfig: func(_ string, overrides map[string]string) storage.LogConfig { return testLogConfig(overrides) },
		MinISR: func(_ string, overrides map[string]string) int {
			var n int
			_, _ = fmt.Sscan(overrides["min.insync.replicas"], &n)
			return n
		},
		Cluster: &Cluster{
			Connect: func(id int32) Source {
				return peer.New(peers, id, func() (string, error) { return fmt.Sprintf("node%d:9092", id), nil })
			},
			AlterPartition: func(ctx context.Context, rq *kmsg.AlterPartitionRequest) (*kmsg.AlterPartitionResponse, error) {
				return m.alter(ctx, m.id, rq)
			},
			BrokerEpoch: func() int64 { return m.brokerEpoch },
			Settings: func() Settings {
				s := Settings{LagTimeMax: lagTimeMax, FetchWaitMax: fetchWaitMax, FetchBackoff: time.Second, SocketTimeout: 3 * time.Second,
					FetchMinBytes: 1, FetchMaxBytes: 1 << 20, ResponseMaxBytes: 10 << 20, Fetchers: 2,
					LeaderThrottle: unthrottled, FollowerThrottle: unthrottled, BalanceThrottle: unthrottled}
				if change := m.settings.Load(); change != nil {
					(*change)(&s)
				}
				return s
			},
		},
	})
	if m.listener, err = m.host.Listen("tcp", m.host.Name()+":9092"); err != nil {
		m.t.Fatal(err)
	}
	m.serving.Go(func() { m.serve(m.listener) })
	_ = m.node.Publish(m.image, nil)
	m.commitLocked(&metadata.RegisterBrokerRecord{BrokerID: m.id, BrokerEpoch: m.brokerEpoch, IncarnationID: record.UUID{15: byte(m.epoch)}})
}

// stop ends a node in order.
func (m *member) stop() {
	m.gone()
	if err := m.store.Close(); err != nil {
		m.t.Error(err)
	}
}

// gone takes the process away, but leaves its files.
func (m *member) gone() {
	m.host.Stop()
	m.serving.Wait()
	m.node.Close()
	m.mu.Lock()
	m.node = nil
	m.mu.Unlock()
}

// crash is a loss of power: what was not synced is gone. The controller fences the node.
func (m *member) crash(rng *rand.Rand) {
	lost := m.fs.Crash(rng)
	m.gone()
	_ = m.store.Close()
	m.fs = lost
	m.fence()
}

// fence does what the controller does for a broker that it does not hear of: takes it out of the ISR if others are in it, and has one of those lead.
func (m *member) fence() {
	m.mu.Lock()
	defer m.mu.Unlock()
	records := []metadata.Record{&metadata.BrokerRegistrationChangeRecord{BrokerID: m.id, BrokerEpoch: m.brokerEpoch, Fenced: 1}}
	t, _ := m.image.Topic("orders")
	p := t.Partitions[0]
	isr := slices.DeleteFunc(slices.Clone(p.ISR), func(id int32) bool { return id == m.id })
	if len(isr) > 0 && len(isr) < len(p.ISR) {
		change := &metadata.PartitionChangeRecord{TopicID: t.ID, ISR: isr, Leader: -2, LeaderRecoveryState: -1}
		if p.Leader == m.id {
			change.Leader = isr[0]
		}
		records = append(records, change)
	}
	m.commitLocked(records...)
}

// alter is the controller's AlterPartition. Who cannot reach it waits until it gives up.
func (c *cluster) alter(ctx context.Context, from int32, rq *kmsg.AlterPartitionRequest) (*kmsg.AlterPartitionResponse, error) {
	c.mu.Lock()
	if c.deaf[from] {
		c.mu.Unlock()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	defer c.mu.Unlock()
	resp := kmsg.NewPtrAlterPartitionResponse()
	for _, rt := range rq.Topics {
		t := kmsg.NewAlterPartitionResponseTopic()
		t.TopidID = rt.TopicID
		for _, rp := range rt.Partitions {
			t.Partitions = append(t.Partitions, c.alterOne(rq, rt.TopicID, &rp))
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp, nil
}

func (c *cluster) alterOne(rq *kmsg.AlterPartitionRequest, id record.UUID, rp *kmsg.AlterPartitionRequestTopicPartition) kmsg.AlterPartitionResponseTopicPartition {
	t, _ := c.image.TopicByID(id)
	p := t.Partitions[rp.Partition]
	answer := kmsg.NewAlterPartitionResponseTopicPartition()
	answer.Partition = rp.Partition
	answer.ErrorCode = c.refuses(rq, rp, p)
	if answer.ErrorCode != 0 {
		c.refused++
		return answer
	}
	c.commitLocked(&metadata.PartitionChangeRecord{PartitionID: rp.Partition, TopicID: id, ISR: rp.NewISR, Leader: -2, LeaderRecoveryState: -1})
	t, _ = c.image.TopicByID(id)
	p = t.Partitions[rp.Partition]
	answer.LeaderID, answer.LeaderEpoch, answer.PartitionEpoch, answer.ISR = p.Leader, p.LeaderEpoch, p.PartitionEpoch, p.ISR
	return answer
}

func (c *cluster) refuses(rq *kmsg.AlterPartitionRequest, rp *kmsg.AlterPartitionRequestTopicPartition, p *metadata.Partition) int16 {
	if p.Leader != rq.BrokerID || p.LeaderEpoch != rp.LeaderEpoch {
		return kerr.FencedLeaderEpoch.Code
	}
	if p.PartitionEpoch != rp.PartitionEpoch {
		return kerr.InvalidUpdateVersion.Code
	}
	for _, m := range rp.NewEpochISR {
		if b, ok := c.image.Broker(m.BrokerID); !ok || b.Fenced || b.Epoch != m.BrokerEpoch {
			return kerr.IneligibleReplica.Code
		}
	}
	return 0
}

// serve answers other nodes.
func (m *member) serve(l net.Listener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		m.serving.Go(func() { m.talk(nc) })
	}
}

func (m *member) talk(nc net.Conn) {
	var write sync.Mutex
	for {
		var size [4]byte
		if _, err := io.ReadFull(nc, size[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(nc, frame); err != nil {
			return
		}
		h, body, err := wire.ParseHeader(frame)
		if err != nil {
			m.t.Error(err)
			return
		}
		reply := func(f *wire.Frame) {
			b := flat(f)
			write.Lock()
			defer write.Unlock()
			_, _ = nc.Write(b)
		}
		m.answer(h, body, reply)
	}
}

// flat is a frame as bytes.
func flat(f *wire.Frame) []byte {
	defer f.Release()
	var b []byte
	for _, p := range f.Parts {
		if p.File == nil {
			b = append(b, p.Bytes...)
			continue
		}
		buf := make([]byte, p.File.Len())
		_, _ = p.File.ReadAt(buf, 0)
		b = append(b, buf...)
	}
	return b
}

func (m *member) answer(h wire.RequestHeader, body []byte, reply func(*wire.Frame)) {
	rq, err := wire.Decode(h, body)
	if err != nil {
		m.t.Error(err)
		return
	}
	switch rq := rq.(type) {
	case *kmsg.ApiVersionsRequest:
		resp := kmsg.NewPtrApiVersionsResponse()
		for _, api := range wire.APIs {
			k := kmsg.NewApiVersionsResponseApiKey()
			k.ApiKey, k.MinVersion, k.MaxVersion = api.Key, api.Min, api.Max
			resp.ApiKeys = append(resp.ApiKeys, k)
		}
		reply(wire.EncodeResponse(h, resp))
	case *kmsg.FetchRequest:
		f, _ := ReadReplicaFetch(rq)
		m.node.FetchReplica(f, func(a *ReplicaAnswer) {
			if slow := m.onTheWay.Load(); slow != nil {
				time.AfterFunc((*slow)(a), func() { reply(a.Encode(h, testCode, nil)) })
				return
			}
			reply(a.Encode(h, testCode, nil))
		})
	case *kmsg.ListOffsetsRequest:
		reply(wire.EncodeResponse(h, m.listOffsets(rq)))
	default:
		m.t.Errorf("asked %T", rq)
	}
}

func (m *member) listOffsets(rq *kmsg.ListOffsetsRequest) *kmsg.ListOffsetsResponse {
	resp := kmsg.NewPtrListOffsetsResponse()
	for _, t := range rq.Topics {
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewListOffsetsResponseTopicPartition()
			rp.Partition = p.Partition
			partition, err := m.node.Leader(record.TopicPartition{Topic: t.Topic, Partition: p.Partition}, p.CurrentLeaderEpoch)
			rp.ErrorCode = testCode(err)
			if err == nil {
				o := partition.Log().Offsets()
				rp.Offset = map[int64]int64{earliestOffset: o.LogStart, latestOffset: o.LogEnd}[p.Timestamp]
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

// testCode does what package broker does.
func testCode(err error) int16 {
	for kind, code := range map[error]*kerr.Error{
		ErrNotLeader: kerr.NotLeaderForPartition, ErrFencedEpoch: kerr.FencedLeaderEpoch, ErrUnknownEpoch: kerr.UnknownLeaderEpoch,
		ErrUnknownPartition: kerr.UnknownTopicOrPartition, ErrUnknownTopicID: kerr.UnknownTopicID, ErrInconsistentID: kerr.InconsistentTopicID,
		storage.ErrOffsetOutOfRange: kerr.OffsetOutOfRange, ErrNoSession: kerr.FetchSessionIDNotFound, ErrSessionEpoch: kerr.InvalidFetchSessionEpoch,
	} {
		if errors.Is(err, kind) {
			return code.Code
		}
	}
	if err != nil {
		return kerr.UnknownServerError.Code
	}
	return 0
}

// produce appends a record on a node that thinks it leads, and remembers it if it is acknowledged in time.
func (c *cluster) produce(id int32, value string, within time.Duration) error {
	c.mu.Lock()
	node := c.nodes[id].node
	c.mu.Unlock()
	if node == nil {
		return ErrNotLeader
	}
	p, err := node.Leader(record.TopicPartition{Topic: "orders"}, -1)
	if err != nil {
		return err
	}
	b, _ := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Timestamp: time.Now().UnixMilli(), Value: []byte(value)}})
	info, err := p.Append(b, -1, storage.FromClient, true)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	p.WhenCommitted(info.LogEnd, time.Now().Add(within), func(err error) { ended <- err })
	if err := <-ended; err != nil {
		return err
	}
	c.acked = append(c.acked, ack{info.BaseOffset, value})
	c.byNode[id]++
	return nil
}

// must produces what has to be acknowledged.
func (c *cluster) must(values ...string) {
	c.t.Helper()
	for _, v := range values {
		if err := c.produce(c.state().Leader, v, 20*time.Second); err != nil {
			c.t.Fatalf("%s: %v", v, err)
		}
	}
}

// eventually waits for a condition, in virtual time.
func (c *cluster) eventually(what string, within time.Duration, ok func() bool) {
	c.t.Helper()
	for begun := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > within {
			c.t.Fatalf("%s: not after %v; state %+v", what, within, c.state())
		}
	}
}

func (c *cluster) inSync(ids ...int32) func() bool {
	return func() bool {
		isr := slices.Clone(c.state().ISR)
		slices.Sort(isr)
		return slices.Equal(isr, ids)
	}
}

func (m *member) log() *storage.Log {
	p, err := m.node.Replica(record.TopicPartition{Topic: "orders"})
	if err != nil {
		m.t.Fatal(err)
	}
	return p.Log()
}

// bytesTo is the log's bytes below an offset.
func (m *member) bytesTo(end int64) []byte {
	var all []byte
	for at := m.log().Offsets().LogStart; at < end; {
		s, err := m.log().Read(at, 1<<20, storage.ReadLogEnd, true)
		if err != nil || s.Len() == 0 {
			m.t.Fatalf("node %d at offset %d: %d bytes, %v", m.id, at, s.Len(), err)
		}
		b := make([]byte, s.Len())
		_, _ = s.ReadAt(b, 0)
		at = s.NextOffset
		s.Release()
		all = append(all, b...)
	}
	return all
}

// check makes sure that all replicas catch up, that their logs are equal, and that all acknowledged records are in them.
func (c *cluster) check() {
	c.t.Helper()
	end := func(id int32) int64 { return c.nodes[id].log().Offsets().LogEnd }
	c.eventually("equal logs", time.Minute, func() bool {
		o := c.nodes[c.state().Leader].log().Offsets()
		return o.HighWatermark == o.LogEnd && end(1) == end(2) && end(2) == end(3)
	})
	want := c.nodes[c.state().Leader].bytesTo(end(1))
	for id := int32(1); id <= 3; id++ {
		if got := c.nodes[id].bytesTo(end(id)); !bytes.Equal(got, want) {
			c.t.Errorf("log of node %d has %d bytes, not the %d of its leader", id, len(got), len(want))
		}
	}
	values := map[int64]string{}
	for rest := want; len(rest) > 0; {
		b, more, err := record.Split(rest)
		if err != nil {
			c.t.Fatal(err)
		}
		rest = more
		if err := b.Records(1<<20, func(r *record.Record) bool {
			values[r.Offset] = string(r.Value)
			return true
		}); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, a := range c.acked {
		if values[a.offset] != a.value {
			c.t.Errorf("acknowledged %q at offset %d, there is %q", a.value, a.offset, values[a.offset])
		}
	}
}
