package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/fleet"
)

func init() {
	register(
		fault{"log-dir-gone", "node 3", "log-dir-failed", false, loseDir},
		fault{"segment-damaged", "topic ledger", "compaction-failed", false, damageSegment},
		fault{"segment-cut-short", "topic torn", "storage-refused", false, cutSegment},
		fault{"crash-of-much", itself, "node-recovering", false, recoverSlowly},
		fault{"sequence-skipped", "client hasty", "sequence-gap", false, again(skip)},
	)
}

// loseDir takes one of the two log directories of a node away, as a disk that is pulled.
func loseDir(ctx context.Context, s *suite) (func(context.Context) error, error) {
	n := s.fleet.Node(3)
	dir := n.LogDirs()[1]
	if err := s.admin.CreateOn(ctx, "pulled", [][]int32{{3}, {3}, {3}, {3}}, "segment.ms", "500"); err != nil {
		return nil, err
	}
	stop, err := s.writing("pulled-writer", "pulled", 20*time.Millisecond, 0, 1, 2, 3)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		stop()
		n.Kill()
		_, err := s.admin.DeleteTopics(ctx, "pulled")
		return errors.Join(err, os.RemoveAll(dir), os.Rename(dir+".pulled", dir), n.Start(ctx))
	}, os.Rename(dir, dir+".pulled")
}

// firstSegment is the file of a partition's first segment.
func firstSegment(n *fleet.Node, partition string) (string, error) {
	for _, dir := range n.LogDirs() {
		file := filepath.Join(dir, partition, "00000000000000000000.log")
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("node %d has no segment of %s", n.ID, partition)
}

// damage changes a byte of a record in the middle of a file.
func damage(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var b [1]byte
	at := info.Size() / 2
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 0xff
	_, err = f.WriteAt(b[:], at)
	return err
}

// keyed writes records with few keys.
func (s *suite) keyed(ctx context.Context, topic string, records int) error {
	cl, err := s.client("keyer")
	if err != nil {
		return err
	}
	defer cl.Close()
	for i := range records {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Key: []byte{byte(i % 10)}, Value: []byte(strings.Repeat("x", 500))}).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// damageSegment damages a segment of a topic that is then compacted.
func damageSegment(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := errors.Join(s.placed(ctx, "ledger", []string{"segment.ms", "200"}, 2), s.keyed(ctx, "ledger", 50), pause(ctx, 300*time.Millisecond), s.keyed(ctx, "ledger", 1)); err != nil {
		return nil, err
	}
	file, err := firstSegment(s.fleet.Node(2), "ledger-0")
	if err != nil {
		return nil, err
	}
	if err := damage(file); err != nil {
		return nil, err
	}
	compact, soon := "compact", "0"
	_, err = s.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "cleanup.policy", Value: &compact}, {Name: "min.cleanable.dirty.ratio", Value: &soon}}, "ledger")
	return func(ctx context.Context) error {
		_, err := s.admin.DeleteTopics(ctx, "ledger")
		return err
	}, err
}

// cutSegment cuts the file of a partition short while its node is stopped in order, as a restored backup may be: what is left can be read, and nothing written.
func cutSegment(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := errors.Join(s.placed(ctx, "torn", nil, 2), s.fill(ctx, "torn", 50, 500)); err != nil {
		return nil, err
	}
	n := s.fleet.Node(2)
	if err := n.Stop(); err != nil {
		return nil, err
	}
	file, err := firstSegment(n, "torn-0")
	if err != nil {
		return nil, err
	}
	const left = 300
	if err := errors.Join(os.Truncate(file, left), n.Start(ctx)); err != nil {
		return nil, err
	}
	stop, err := failing("writer-behind-a-hole", "torn", func() *kgo.Record { return &kgo.Record{Value: []byte("x")} })(ctx, s)
	return func(ctx context.Context) error {
		err := stop(ctx)
		_, gone := s.admin.DeleteTopics(ctx, "torn")
		return errors.Join(err, gone)
	}, err
}

// recoverSlowly kills a node that has much to read again, and lets it run a thirtieth of the time when it comes back, as on a machine that is busy.
func recoverSlowly(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := errors.Join(s.placed(ctx, "heavy", nil, 3), s.fill(ctx, "heavy", 400, 900_000)); err != nil {
		return nil, err
	}
	n := s.fleet.Node(3)
	n.Kill()
	at, err := n.Launch()
	if err != nil {
		return nil, err
	}
	slow, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for slow.Err() == nil {
			_ = n.Signal(syscall.SIGSTOP)
			_ = pause(slow, 97*time.Millisecond)
			_ = n.Signal(syscall.SIGCONT)
			_ = pause(slow, 3*time.Millisecond)
		}
	}()
	return func(ctx context.Context) error {
		cancel()
		<-done
		if err := n.Await(ctx, at); err != nil {
			return err
		}
		_, err := s.admin.DeleteTopics(ctx, "heavy")
		return err
	}, nil
}

// skip sends a batch of an idempotent producer that leaves others out.
func skip(ctx context.Context, s *suite) {
	cl, err := s.client("hasty")
	if err != nil {
		return
	}
	defer cl.Close()
	resp, err := kmsg.NewPtrInitProducerIDRequest().RequestWith(ctx, cl)
	if err != nil || resp.ErrorCode != 0 {
		return
	}
	topic, err := s.admin.Topic(ctx, "warm")
	if err != nil {
		return
	}
	for _, sequence := range []int32{0, 5} {
		rq := kmsg.NewPtrProduceRequest()
		rq.Acks, rq.TimeoutMillis = -1, 1000
		t, p := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
		t.Topic, t.TopicID, p.Records = topic.Topic, topic.ID, batch(resp.ProducerID, sequence)
		t.Partitions = append(t.Partitions, p)
		rq.Topics = append(rq.Topics, t)
		_, _ = cl.Broker(int(topic.Partitions[0].Leader)).Request(ctx, rq) // the second is to be refused
	}
}

// batch is one record of an idempotent producer.
func batch(producerID int64, sequence int32) []byte {
	now := time.Now().UnixMilli()
	record := []byte{7 << 1, 0, 0, 0, 1, 2, 'x', 0} // length, attributes, deltas of time and offset, no key, one byte, no headers
	b := (&kmsg.RecordBatch{Length: int32(49 + len(record)), PartitionLeaderEpoch: -1, Magic: 2, FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: producerID, FirstSequence: sequence, NumRecords: 1, Records: record}).AppendTo(nil)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}
