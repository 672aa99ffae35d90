package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	greedy = "greedy" // a client with a quota
	broken = "broken" // the client whose requests fail on one node
)

// leaveBehind writes records of an hour ago that nobody reads.
func (r *run) leaveBehind() error {
	c, err := r.load.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	for range 100 {
		record := &kgo.Record{Topic: strict, Partition: 0, Value: []byte("late"), Timestamp: time.Now().Add(-time.Hour)}
		if err := c.ProduceSync(r.ctx, record).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// overQuota has a client write more than it may.
func (r *run) overQuota() error {
	id := greedy
	altered, err := r.load.admin.AlterClientQuotas(r.ctx, []kadm.AlterClientQuotaEntry{{
		Entity: kadm.ClientQuotaEntity{{Type: "client-id", Name: &id}}, Ops: []kadm.AlterClientQuotaOp{{Key: "producer_byte_rate", Value: 2000}},
	}})
	if err != nil || altered[0].Err != nil {
		return errors.Join(err, altered[0].Err)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(r.load.seeds...), kgo.ClientID(id), kgo.DefaultProduceTopic(ordinary), kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	ctx := r.load.ctx
	go func() {
		for ctx.Err() == nil {
			record := &kgo.Record{Value: make([]byte, 5000)}
			if err := c.ProduceSync(ctx, record).FirstErr(); err != nil {
				pause(ctx, 100*time.Millisecond) // the load ends, or the cluster is gone
			}
		}
	}()
	return nil
}

// leaveOpen begins a transaction whose producer writes nothing more. By the time that its record tells it is open for two hours, which is longer than the
// coordinator lets any be: what is missed is that the coordinator does not end it.
func (r *run) leaveOpen() error {
	c, err := r.load.client(kgo.TransactionalID("left-open"), kgo.TransactionTimeout(10*time.Minute))
	if err != nil {
		return err
	}
	if err := c.BeginTransaction(); err != nil {
		return err
	}
	return c.ProduceSync(r.ctx, &kgo.Record{Topic: aside, Value: []byte("open"), Timestamp: time.Now().Add(-2 * time.Hour)}).FirstErr()
}

// guess tries passwords at a listener.
func (r *run) guess() error {
	ctx, stop := context.WithCancel(r.load.ctx)
	r.guessing = stop
	mechanism := scram.Auth{User: "somebody", Pass: "guess"}.AsSha256Mechanism()
	for range 4 {
		go func() {
			for ctx.Err() == nil {
				one, end := context.WithTimeout(ctx, 5*time.Second)
				if c, err := kgo.NewClient(kgo.SeedBrokers(r.nodes[0].Address("LOGIN")), kgo.SASL(mechanism), kgo.RetryTimeout(time.Millisecond)); err == nil {
					_ = c.Ping(one) // it is to fail
					c.Close()
				}
				end()
				pause(ctx, 200*time.Millisecond)
			}
		}()
	}
	return nil
}

func (r *run) stopGuessing() error {
	r.guessing()
	return nil
}

// breakHandler sends a request to the node that was linked to fail on it.
func (r *run) breakHandler() error {
	c, err := kgo.NewClient(kgo.SeedBrokers(r.nodes[brokenNode-1].Bootstrap()), kgo.ClientID(broken), kgo.RetryTimeout(time.Millisecond))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, end := context.WithTimeout(r.ctx, patience)
	defer end()
	if c.Ping(ctx) == nil {
		return errors.New("the request was answered: was the program linked with -X leat/internal/listener.brokenFor=" + broken + "?")
	}
	return nil
}

// hammer writes to a topic whose records a node has to compress anew, and hard, more than it has time for.
func (r *run) hammer() error {
	if err := r.placeOn(squeezed, map[string]string{"min.insync.replicas": "1", "compression.type": "gzip", "compression.gzip.level": "9"}, slowNode); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(r.load.ctx)
	r.hammering = stop
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("hammer")).AppendRequest(nil, produceNoise(squeezed), 1)
	for range 3 {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.nodes[slowNode-1].Bootstrap())
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { _ = c.Close() })
		go func() { _, _ = io.Copy(io.Discard, c) }()
		go func() {
			for {
				if _, err := c.Write(frame); err != nil {
					return // it is closed at the end
				}
			}
		}()
	}
	return nil
}

// produceNoise is a request to write one large record, not compressed: to send it again and again costs the client nothing.
func produceNoise(topic string) *kmsg.ProduceRequest {
	noise := make([]byte, 100_000)
	_, _ = rand.Read(noise) // it never fails
	record := kmsg.Record{Value: []byte(hex.EncodeToString(noise))}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // without itself, which takes a byte while it is 0
	now := time.Now().UnixMilli()
	batch := kmsg.RecordBatch{PartitionLeaderEpoch: -1, Magic: 2, FirstTimestamp: now, MaxTimestamp: now, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1,
		Records: record.AppendTo(nil)}
	const uncounted, checked = 12, 21 // up to the length, and up to the checksum
	raw := batch.AppendTo(nil)
	batch.Length, batch.CRC = int32(len(raw)-uncounted), int32(crc32.Checksum(raw[checked:], crc32.MakeTable(crc32.Castagnoli)))
	rq := kmsg.NewPtrProduceRequest()
	rq.Version, rq.Acks, rq.TimeoutMillis = 9, 1, 5000
	rq.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch.AppendTo(nil)}}}}
	return rq
}

func (r *run) stopHammering() error {
	r.hammering()
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
