package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func init() {
	register(
		fault{"transaction-left-open", "group auditors", "transaction-open", true, openTransaction},
		fault{"two-producers-one-id", "client twin", "producer-fenced", false, fenced},
		fault{"record-too-large", "topic small", "record-too-large", false, tooLarge},
		fault{"offset-gone", "topic cut", "offset-gone", false, offsetGone},
		fault{"timestamp-in-the-future", "topic dated", "bad-timestamp", false, future},
		fault{"topic-unknown", "client misled", "unknown-topic", false, again(unknown)},
		fault{"retention-held", "topic kept", "retention-held", false, kept},
		fault{"key-missing", "topic tables", "corrupt-records", false, keyless},
	)
}

// fill writes records and waits until all are there.
func (s *suite) fill(ctx context.Context, topic string, records, size int) error {
	cl, err := s.client("filler")
	if err != nil {
		return err
	}
	defer cl.Close()
	value := make([]byte, size)
	all := make([]*kgo.Record, records)
	for i := range all {
		all[i] = &kgo.Record{Topic: topic, Value: value}
	}
	return cl.ProduceSync(ctx, all...).FirstErr()
}

func openTransaction(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := errors.Join(s.topic(ctx, "money", 1, 3), s.fill(ctx, "money", 3, 10)); err != nil {
		return nil, err
	}
	stop, err := s.reading("auditor", "auditors", "money", every, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, err
	}
	cl, err := s.client("teller", kgo.TransactionalID("till-7"), kgo.TransactionTimeout(10*time.Minute))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(cl.BeginTransaction(), cl.ProduceSync(ctx, &kgo.Record{Topic: "money", Value: []byte("open")}).FirstErr()); err != nil {
		return nil, err
	}
	stopWriting, err := s.writing("other", "money", 50*time.Millisecond, 0)
	return func(ctx context.Context) error {
		err := cl.EndTransaction(ctx, kgo.TryAbort)
		stopWriting()
		cl.Close()
		stop()
		return errors.Join(err, s.forget(ctx, "auditors"))
	}, err
}

func fenced(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := s.topic(ctx, "shared", 1, 3); err != nil {
		return nil, err
	}
	return again(func(ctx context.Context, s *suite) {
		var both []*kgo.Client
		for range 2 {
			cl, err := s.client("twin", kgo.TransactionalID("one-id"))
			if err != nil {
				return
			}
			defer cl.Close()
			both = append(both, cl)
			_ = cl.BeginTransaction()
			_ = cl.ProduceSync(ctx, &kgo.Record{Topic: "shared", Value: []byte("x")}).FirstErr()
		}
		_ = both[0].ProduceSync(ctx, &kgo.Record{Topic: "shared", Value: []byte("late")}).FirstErr()
		_ = both[0].EndTransaction(ctx, kgo.TryCommit)
		_ = both[1].EndTransaction(ctx, kgo.TryAbort)
	})(ctx, s)
}

// failing writes records that are refused, over and over.
func failing(id, topic string, record func() *kgo.Record) func(context.Context, *suite) (func(context.Context) error, error) {
	return again(func(ctx context.Context, s *suite) {
		cl, err := s.client(id, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
		if err != nil {
			return
		}
		defer cl.Close()
		r := record()
		r.Topic = topic
		_ = cl.ProduceSync(ctx, r).FirstErr()
	})
}

func tooLarge(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := s.topic(ctx, "small", 1, 3, "max.message.bytes", "1000"); err != nil {
		return nil, err
	}
	return failing("wordy", "small", func() *kgo.Record { return &kgo.Record{Value: make([]byte, 5000)} })(ctx, s)
}

func future(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := s.topic(ctx, "dated", 1, 3); err != nil {
		return nil, err
	}
	return failing("prophet", "dated", func() *kgo.Record {
		return &kgo.Record{Value: []byte("x"), Timestamp: time.Now().Add(48 * time.Hour)}
	})(ctx, s)
}

func keyless(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := s.topic(ctx, "tables", 1, 3, "cleanup.policy", "compact"); err != nil {
		return nil, err
	}
	return failing("keyless", "tables", func() *kgo.Record { return &kgo.Record{Value: []byte("x")} })(ctx, s)
}

func offsetGone(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := errors.Join(s.topic(ctx, "cut", 1, 3), s.fill(ctx, "cut", 20, 10)); err != nil {
		return nil, err
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset("cut", 0, 10, -1)
	resp, err := s.admin.DeleteRecords(ctx, offsets)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		return nil, err
	}
	return again(func(ctx context.Context, s *suite) {
		cl, err := s.client("latecomer", kgo.ConsumeResetOffset(kgo.NoResetOffset()),
			kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"cut": {0: kgo.NewOffset().At(3)}}))
		if err != nil {
			return
		}
		defer cl.Close()
		_ = cl.PollFetches(ctx)
	})(ctx, s)
}

func unknown(ctx context.Context, s *suite) {
	cl, err := s.client("misled")
	if err != nil {
		return
	}
	defer cl.Close()
	rq := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	name := "oders"
	t.Topic = &name
	rq.Topics = append(rq.Topics, t)
	for range 3 {
		_, _ = rq.RequestWith(ctx, cl)
	}
}

func kept(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := s.topic(ctx, "kept", 1, 3, "retention.ms", "1500"); err != nil {
		return nil, err
	}
	stop, err := s.writing("steady", "kept", 200*time.Millisecond, 0)
	return func(ctx context.Context) error {
		stop()
		resp, err := s.admin.DeleteTopics(ctx, "kept")
		if err != nil {
			return err
		}
		if e := resp["kept"].Err; e != nil && !strings.Contains(e.Error(), "UNKNOWN") {
			return fmt.Errorf("delete kept: %w", e)
		}
		return nil
	}, err
}
