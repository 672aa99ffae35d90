package broker

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/fs"
	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/security"
	"leat/internal/storage"
	"leat/internal/telemetry"
)

// node is one broker with a real store (in memory), real replicas and a real listener, and a controller that only knows producer ids.
type node struct {
	t        testing.TB
	h        *Handlers
	fs       *fs.Mem
	store    *storage.Store
	replicas *replication.Node
	server   *listener.Server
	accept   *pipes
	txns     knownTxns

	mu     sync.Mutex
	image  *metadata.Image
	values *config.Values
	blocks int64 // of producer ids
	broken error // what the controller answers instead
}

const self = 1

func newNode(t testing.TB, settings ...string) *node {
	set := map[string]string{"node.id": "1", "process.roles": "broker,controller", "controller.quorum.voters": "1@localhost:9093",
		"controller.listener.names": "CONTROLLER", "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093"}
	for i := 0; i < len(settings); i += 2 {
		set[settings[i]] = settings[i+1]
	}
	values, _, err := config.ParseBroker(set)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, fs: fs.NewMem(), image: metadata.Empty, values: values, accept: newPipes()}
	n.store, err = storage.Open(context.Background(), storage.StoreConfig{
		FS: n.fs, Dirs: []string{"/data"}, NodeID: self, ClusterID: "test-cluster-000000000", Settings: testSettings,
		LogConfig: func(string) storage.LogConfig { return testLogConfig("", nil) },
		DirFailed: func(dir string, err error) { n.replicas.FailDir(dir, err) },
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	n.replicas = replication.New(replication.Config{NodeID: self, Store: n.store, LogConfig: testLogConfig,
		MinISR: func(_ string, overrides map[string]string) int { return minISR(overrides) }, Logger: slog.New(slog.DiscardHandler)})
	n.h = &Handlers{Rooms: Rooms{NodeID: self, UnstableAPIs: true, Metrics: telemetry.NewBroker(10), Image: n.newest, Config: func() *config.Values { return n.values },
		Replicas: n.replicas, Store: n.store, Controller: n, Transactions: &n.txns, Logger: slog.New(slog.DiscardHandler)}}
	n.h.open()
	n.server = listener.Serve(listener.Config{
		Name: "PLAINTEXT", Listener: n.accept, Shared: listener.NewShared(), Handler: n.h.Handle, Logger: slog.New(slog.DiscardHandler),
		Limits: func() listener.Limits {
			return listener.Limits{MaxRequestBytes: 10 << 20, MaxConnections: 100, MaxConnectionsPerIP: 100, MaxIdle: 1000 * time.Hour, MaxInFlight: 100,
				QueuedMaxBytes: n.values.Int64("queued.max.request.bytes"), SendBuffer: -1, RecvBuffer: -1}
		},
	})
	n.publish(&metadata.RegisterBrokerRecord{BrokerID: self, BrokerEpoch: 77, EndPoints: []metadata.RecordEndpoint{{Name: "PLAINTEXT", Host: "one", Port: 9092}}},
		&metadata.RegisterBrokerRecord{BrokerID: 2, BrokerEpoch: 78, EndPoints: []metadata.RecordEndpoint{{Name: "PLAINTEXT", Host: "two", Port: 9092}}})
	return n
}

func (n *node) stop() {
	n.replicas.Close()
	n.server.Close()
	if err := n.store.Close(); err != nil {
		n.t.Error(err)
	}
}

func (n *node) newest() *metadata.Image {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.image
}

// Do is the controller.
func (n *node) Do(_ context.Context, _ security.Principal, rq kmsg.Request) (kmsg.Response, error) {
	ask := rq.(*kmsg.AllocateProducerIDsRequest)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken != nil {
		return nil, n.broken
	}
	if ask.BrokerID != self || ask.BrokerEpoch != 77 {
		return nil, fmt.Errorf("unexpected broker %d at epoch %d", ask.BrokerID, ask.BrokerEpoch)
	}
	resp := kmsg.NewPtrAllocateProducerIDsResponse()
	resp.ProducerIDStart, resp.ProducerIDLen = 1000+10*n.blocks, 10
	n.blocks++
	return resp, nil
}

func testSettings() storage.Settings {
	const never = 1000 * time.Hour
	return storage.Settings{
		RetentionCheck: never, FlushCheck: never, RecoveryPointCheckpoint: never, LogStartOffsetCheckpoint: never,
		InitialTaskDelay: never, RecoveryThreadsPerDir: 1, ProducerIDExpiration: never, TransactionMaxTimeout: never,
		MaxDecompressedBatchBytes: 1 << 20, MaxOpenFiles: 100,
	}
}

func minISR(overrides map[string]string) int {
	n, _ := strconv.Atoi(overrides["min.insync.replicas"])
	return max(1, n)
}

func testLogConfig(_ string, overrides map[string]string) storage.LogConfig {
	size, _ := strconv.Atoi(overrides["max.message.bytes"])
	if size == 0 {
		size = 1 << 20
	}
	return storage.LogConfig{
		SegmentBytes: 64 << 20, SegmentMs: 1000 * time.Hour, SegmentIndexBytes: 1 << 20, IndexIntervalBytes: 4096, RetentionMs: -1, RetentionBytes: -1,
		FlushMessages: math.MaxInt64, FlushMs: math.MaxInt64, FileDeleteDelay: time.Minute, MaxMessageBytes: size,
		Delete: overrides["cleanup.policy"] != "compact", Compact: overrides["cleanup.policy"] == "compact",
		CompressionType: "producer", TimestampBeforeMax: math.MaxInt64, TimestampAfterMax: time.Hour,
		LogAppendTime: overrides["message.timestamp.type"] == "LogAppendTime",
	}
}

// publish replays records on the image and hands the result to the replicas.
func (n *node) publish(records ...metadata.Record) {
	n.t.Helper()
	n.publishLate(0, records...)
}

// publishLate is publish with a pause after the replicas have followed the image, and before handlers see it.
func (n *node) publishLate(pause time.Duration, records ...metadata.Record) {
	n.t.Helper()
	delta := metadata.NewDelta(n.image)
	for _, r := range records {
		if err := delta.Replay(r); err != nil {
			n.t.Fatal(err)
		}
	}
	first := n.image == metadata.Empty
	image := delta.Image(n.image.Offset+1, 1, 0)
	if first {
		delta = nil
	}
	if err := n.replicas.Publish(image, delta); err != nil {
		n.t.Fatal(err)
	}
	if pause > 0 {
		time.Sleep(pause)
	}
	n.mu.Lock()
	n.image = image
	n.mu.Unlock()
}

// topicID is the id that makeTopic gives a topic.
func topicID(name string) (id record.UUID) {
	id[0] = 0xee
	copy(id[1:], name)
	return id
}

// makeTopic creates a topic with overrides ("key=value" pairs in order) led by this node.
func (n *node) makeTopic(name string, partitions int, overrides ...string) {
	n.t.Helper()
	n.makeTopicOn(name, partitions, []int32{self}, overrides...)
}

// makeTopicOn creates a topic on the given replicas, the first of which leads.
func (n *node) makeTopicOn(name string, partitions int, replicas []int32, overrides ...string) {
	n.t.Helper()
	n.makeTopicAs(topicID(name), name, partitions, replicas, overrides...)
}

// makeTopicAs creates a topic with an id of its own, for instance one that is there again after its deletion.
func (n *node) makeTopicAs(id record.UUID, name string, partitions int, replicas []int32, overrides ...string) {
	n.t.Helper()
	records := []metadata.Record{&metadata.TopicRecord{Name: name, TopicID: id}}
	for i := range partitions {
		records = append(records, &metadata.PartitionRecord{PartitionID: int32(i), TopicID: id, Replicas: replicas, ISR: replicas,
			Leader: replicas[0], Directories: make([]record.UUID, len(replicas))})
	}
	for i := 0; i < len(overrides); i += 2 {
		records = append(records, &metadata.ConfigRecord{ResourceType: int8(metadata.TopicResource), ResourceName: name,
			Name: overrides[i], Value: &overrides[i+1]})
	}
	n.publish(records...)
}

// pipes is a net.Listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9092} }

// client is one connection to a node.
type client struct {
	t       testing.TB
	conn    net.Conn
	id      string
	next    int32
	pending []kmsg.Request
}

func (n *node) dial() *client {
	ours, theirs := net.Pipe()
	n.accept.conns <- theirs
	return &client{t: n.t, conn: ours, id: "test"}
}

func (c *client) close() { _ = c.conn.Close() }

// send writes a request.
func (c *client) send(rq kmsg.Request, version int16) {
	c.t.Helper()
	rq.SetVersion(version)
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID(c.id)).AppendRequest(nil, rq, c.next)
	c.next++
	c.pending = append(c.pending, rq)
	if _, err := c.conn.Write(frame); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads the next response.
func (c *client) receive() kmsg.Response {
	c.t.Helper()
	rq := c.pending[0]
	c.pending = c.pending[1:]
	body, err := c.frame()
	if err != nil {
		c.t.Fatalf("%s v%d: %v", kmsg.Key(rq.Key()).Name(), rq.GetVersion(), err)
	}
	resp := rq.ResponseKind()
	body = body[4:]
	if resp.IsFlexible() && rq.Key() != keyApiVersions { // its header is never flexible: the client may not know better yet
		body = body[1:]
	}
	if err := resp.ReadFrom(body); err != nil {
		c.t.Fatalf("%s v%d: %v", kmsg.Key(rq.Key()).Name(), rq.GetVersion(), err)
	}
	return resp
}

func (c *client) frame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.conn, size[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c.conn, body)
	return body, err
}

// ask sends a request and waits for its response.
func ask[R kmsg.Response](c *client, rq kmsg.Request, version int16) R {
	c.t.Helper()
	c.send(rq, version)
	return c.receive().(R)
}

// batchOf is one batch of records with the given values.
func batchOf(spec record.BatchSpec, values ...string) []byte {
	records := make([]record.Record, len(values))
	for i, v := range values {
		records[i] = record.Record{Offset: spec.BaseOffset + int64(i), Timestamp: 1_000_000 + int64(i), Key: []byte("k" + v), Value: []byte(v)}
	}
	b, err := record.AppendBatch(nil, spec, records)
	if err != nil {
		panic(err)
	}
	return b
}

func plainBatch(values ...string) []byte { return batchOf(record.NewSpec(), values...) }

// valuesOf lists offset and value of every record in fetched bytes; the last batch may be cut.
func valuesOf(t testing.TB, b []byte) []string {
	t.Helper()
	var values []string
	for len(b) > 0 {
		batch, rest, err := record.Split(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := batch.Check(); err != nil {
			t.Fatal(err)
		}
		if err := batch.Records(0, func(r *record.Record) bool {
			values = append(values, strconv.FormatInt(r.Offset, 10)+":"+string(r.Value))
			return true
		}); err != nil {
			t.Fatal(err)
		}
		b = rest
	}
	return values
}
