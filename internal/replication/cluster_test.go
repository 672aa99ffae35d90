package replication

import (
	"context"
	"log/slog"
	"math"
	"strconv"
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

const self = 1

// world is one node with its store and the images that are published to it.
type world struct {
	t     testing.TB
	fs    fs.FS
	store *storage.Store
	node  *Node
	image *metadata.Image
	led   []string // what Leading was told

	settings func() storage.Settings // nil: testSettings
	dirs     []string                // nil: one
	moveRate func() int64
	moved    []string // what Moved was told
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, fs: fs.NewMem(), image: metadata.Empty}
	w.start()
	return w
}

// start opens the store and a node without partitions.
func (w *world) start() {
	if w.settings == nil {
		w.settings = testSettings
	}
	if w.dirs == nil {
		w.dirs = []string{"/data"}
	}
	store, err := storage.Open(context.Background(), storage.StoreConfig{
		FS: w.fs, Dirs: w.dirs, NodeID: self, ClusterID: "test-cluster-000000000",
		Settings:  w.settings,
		LogConfig: func(string) storage.LogConfig { return testLogConfig(nil) },
		DirFailed: func(dir string, err error) { w.node.FailDir(dir, err) },
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = store
	w.node = New(Config{
		NodeID: self, Store: store,
		LogConfig: func(_ string, overrides map[string]string) storage.LogConfig { return testLogConfig(overrides) },
		MinISR: func(_ string, overrides map[string]string) int {
			n, _ := strconv.Atoi(overrides["min.insync.replicas"])
			return max(1, n)
		},
		MoveRate: w.moveRate,
		Moved:    func(tp record.TopicPartition) { w.moved = append(w.moved, tp.String()) },
		Leading: func(tp record.TopicPartition, epoch int32, leading bool) {
			w.led = append(w.led, tp.String()+"@"+strconv.Itoa(int(epoch))+map[bool]string{true: "+", false: "-"}[leading])
		},
		Logger: slog.New(slog.DiscardHandler),
	})
}

func (w *world) stop() {
	w.node.Close()
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
}

func testSettings() storage.Settings {
	const never = 1000 * time.Hour
	return storage.Settings{
		RetentionCheck: never, FlushCheck: never, RecoveryPointCheckpoint: never, LogStartOffsetCheckpoint: never,
		InitialTaskDelay: never, RecoveryThreadsPerDir: 1, ProducerIDExpiration: never, TransactionMaxTimeout: never,
		MaxDecompressedBatchBytes: 1 << 20, MaxOpenFiles: 100,
	}
}

func testLogConfig(overrides map[string]string) storage.LogConfig {
	flushMessages := int64(math.MaxInt64)
	if overrides["flush.messages"] == "1" {
		flushMessages = 1
	}
	return storage.LogConfig{
		SegmentBytes: 1 << 20, SegmentMs: 1000 * time.Hour, SegmentIndexBytes: 1 << 16, IndexIntervalBytes: 4096, RetentionMs: -1, RetentionBytes: -1,
		FlushMessages: flushMessages, FlushMs: math.MaxInt64, FileDeleteDelay: time.Minute, MaxMessageBytes: 1 << 20,
		Delete: overrides["cleanup.policy"] != "compact", Compact: overrides["cleanup.policy"] == "compact",
		CompressionType: "producer", TimestampBeforeMax: math.MaxInt64, TimestampAfterMax: math.MaxInt64,
	}
}

// publish replays records on the image and hands the result to the node. The first time there is no delta, as at start.
func (w *world) publish(records ...metadata.Record) {
	w.t.Helper()
	delta := metadata.NewDelta(w.image)
	for _, r := range records {
		if err := delta.Replay(r); err != nil {
			w.t.Fatal(err)
		}
	}
	first := w.node.image.Load() == nil
	w.image = delta.Image(w.image.Offset+1, 1, 0)
	if first {
		delta = nil
	}
	if err := w.node.Publish(w.image, delta); err != nil {
		w.t.Fatal(err)
	}
}

// topic makes the records of a topic with partitions on the given replicas, the first of which leads.
func topic(name string, id byte, partitions int, replicas ...int32) []metadata.Record {
	topicID := record.UUID{0: 0xee, 15: id}
	records := []metadata.Record{&metadata.TopicRecord{Name: name, TopicID: topicID}}
	for i := range partitions {
		records = append(records, &metadata.PartitionRecord{PartitionID: int32(i), TopicID: topicID,
			Replicas: replicas, ISR: replicas, Leader: replicas[0], Directories: make([]record.UUID, len(replicas))})
	}
	return records
}

func (w *world) leader(topic string, partition int32) *Partition {
	w.t.Helper()
	p, err := w.node.Leader(record.TopicPartition{Topic: topic, Partition: partition}, -1)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// batch is n records as one batch of a client.
func batch(n int) []byte {
	records := make([]record.Record, n)
	for i := range records {
		records[i] = record.Record{Offset: int64(i), Timestamp: 1000, Value: []byte("value")}
	}
	b, err := record.AppendBatch(nil, record.NewSpec(), records)
	if err != nil {
		panic(err)
	}
	return b
}

func (w *world) append(p *Partition, n int) storage.AppendInfo {
	w.t.Helper()
	info, err := p.Append(batch(n), -1, storage.FromClient, true)
	if err != nil {
		w.t.Fatal(err)
	}
	return info
}
