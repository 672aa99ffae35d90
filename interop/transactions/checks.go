package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/suite"
)

func (s *scenario) commitAndAbort() error {
	return errors.Join(
		s.does("new a $id 120000", "init a", "begin a", "send a $topic 0 c1", "send a $topic 1 c2", "commit a",
			"begin a", "send a $topic 0 x1", "send a $topic 1 x2", "abort a", "begin a", "send a $topic 1 c3", "commit a", "close a"),
		s.want("c1", "c2", "c3"), s.wantAll("c1", "c2", "c3", "x1", "x2"))
}

func (s *scenario) holdsBack() error {
	if err := s.does("new a $id-a 120000", "new b $id-b 120000", "init a", "init b", "begin a", "send a $topic 0 a1", "begin b", "send b $topic 0 b1", "send b $topic 1 b2", "commit b"); err != nil {
		return err
	}
	// Behind the first record of an open transaction nothing is stable; the other partition has none.
	if err := errors.Join(s.want("b2"), s.wantAll("a1", "b1", "b2")); err != nil {
		return err
	}
	return errors.Join(s.does("commit a", "close a", "close b"), s.want("a1", "b1", "b2"))
}

// committed is the group's offset of partition 0, -1 without one.
func (s *scenario) committed(group string) (int64, error) {
	offsets, err := s.adm.FetchOffsets(s.ctx, group)
	if err != nil {
		return 0, err
	}
	o, ok := offsets.Lookup(s.topic, 0)
	if !ok {
		return -1, nil
	}
	return o.At, o.Err
}

func (s *scenario) offsets() error {
	group := s.topic + "-group"
	wants := func(want int64) error {
		got, err := s.committed(group)
		if err == nil && got != want {
			err = fmt.Errorf("the offset of the group is %d, want %d", got, want)
		}
		return err
	}
	for _, step := range []struct {
		line string
		then int64
	}{
		{"new a $id 120000", -1}, {"init a", -1}, {"begin a", -1}, {"send a $topic 0 x1", -1}, {"offset a " + group + " $topic 0 7", -1}, {"abort a", -1},
		{"begin a", -1}, {"send a $topic 0 c1", -1}, {"offset a " + group + " $topic 0 9", -1}, {"commit a", 9},
		{"begin a", 9}, {"send a $topic 0 x2", 9}, {"offset a " + group + " $topic 0 20", 9}, {"abort a", 9}, {"close a", 9},
	} {
		if err := s.does(step.line); err != nil {
			return err
		}
		if err := s.settles(func() error { return wants(step.then) }); err != nil {
			return fmt.Errorf("after %s: %w", step.line, err)
		}
	}
	return s.want("c1")
}

func (s *scenario) zombie() error {
	if err := s.does("new a $id 120000", "init a", "begin a", "send a $topic 0 z1", "new b $id 120000", "init b", "begin b", "send b $topic 0 s1"); err != nil {
		return err
	}
	if err := s.teller.refused(s.script("send a $topic 0 z2", "commit a")...); err != nil {
		return err
	}
	if err := s.does("commit b", "close a", "begin b", "send b $topic 1 s2", "commit b", "close b"); err != nil {
		return err
	}
	got, err := s.sees(kgo.ReadUncommitted(), s.topic)
	for _, v := range got {
		if v == "z2" {
			err = errors.Join(err, errors.New("the log has a record of the zombie"))
		}
	}
	return errors.Join(err, s.want("s1", "s2"))
}

func (s *scenario) crashed() error {
	if err := s.does("new a $id 120000", "init a", "begin a", "send a $topic 0 x1", "send a $topic 1 x2"); err != nil {
		return err
	}
	s.teller.kill()
	if err := s.want(); err != nil {
		return err
	}
	var err error
	if s.teller, err = s.start(s.node.Bootstrap()); err != nil {
		return err
	}
	return errors.Join(s.does("new a $id 120000", "init a", "begin a", "send a $topic 0 c1", "commit a", "close a"), s.want("c1"), s.wantAll("c1", "x1", "x2"))
}

func (s *scenario) timeout() error {
	if err := s.does("new a $id 4000", "init a", "begin a", "send a $topic 0 x1", "new b $id-b 120000", "init b", "begin b", "send b $topic 0 c1", "commit b"); err != nil {
		return err
	}
	if err := s.want("c1"); err != nil {
		return fmt.Errorf("the transaction is not aborted: %w", err)
	}
	if err := s.teller.refused(s.script("send a $topic 0 x2", "commit a")...); err != nil {
		return err
	}
	return errors.Join(s.does("new c $id 120000", "init c", "begin c", "send c $topic 0 c2", "commit c", "close a", "close b", "close c"), s.want("c1", "c2"))
}

// epochs looks which version of transactions the client and the node agreed upon: in version 2 each has an epoch of its own.
func (s *scenario) epochs() error {
	epoch := func() (int16, error) {
		rq := kmsg.NewPtrDescribeTransactionsRequest()
		rq.TransactionalIDs = []string{s.topic}
		resp, err := rq.RequestWith(s.ctx, s.cl)
		if err != nil || len(resp.TransactionStates) != 1 {
			return 0, fmt.Errorf("%+v: %w", resp, err)
		}
		return resp.TransactionStates[0].ProducerEpoch, nil
	}
	if err := s.does("new a $id 120000", "init a"); err != nil {
		return err
	}
	before, err := epoch()
	if err != nil {
		return err
	}
	if err := s.does("begin a", "send a $topic 0 c1", "commit a", "begin a", "send a $topic 0 x1", "abort a", "close a"); err != nil {
		return err
	}
	want := before
	if s.version == 2 {
		want += 2
	}
	return s.settles(func() error {
		after, err := epoch()
		if err == nil && after != want {
			err = fmt.Errorf("the epoch went from %d to %d, want %d", before, after, want)
		}
		return err
	})
}

// exactlyOnce has a process copy a topic while it is killed again and again.
func (s *scenario) exactlyOnce() error {
	const count, kills = 1200, 2
	var records []*kgo.Record
	var values []string
	for i := range count {
		values = append(values, fmt.Sprintf("r%04d", i))
		records = append(records, &kgo.Record{Topic: s.topic, Partition: int32(i % partitions), Value: []byte(values[i])})
	}
	if err := s.cl.ProduceSync(s.ctx, records...).FirstErr(); err != nil {
		return err
	}
	source := s.topic
	s.topic += "-copy"
	created, err := s.adm.CreateTopic(s.ctx, partitions, 1, nil, s.topic)
	if err := errors.Join(err, created.Err, suite.AwaitPartitions(s.ctx, s.node.Bootstrap(), s.topic, partitions)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Minute)
	defer cancel()
	for i := range kills + 1 {
		t, err := s.start(s.node.Bootstrap(), source, s.topic, source+"-group", source+"-copier")
		if err != nil {
			return err
		}
		err = s.copies(ctx, t, source+"-group", int64(count*(i+1)/(kills+1)), source)
		t.kill()
		if err != nil {
			return err
		}
	}
	return s.want(values...)
}

// copies waits until the group of the copying process has committed so many records.
func (s *scenario) copies(ctx context.Context, t *teller, group string, count int64, source string) error {
	for {
		done := int64(0)
		offsets, err := s.adm.FetchOffsets(ctx, group)
		if err == nil {
			for p := range int32(partitions) {
				if o, ok := offsets.Lookup(source, p); ok {
					done += o.At
				}
			}
		}
		if done >= count {
			return nil
		}
		select {
		case <-ctx.Done():
			_ = t.cmd.Process.Signal(syscall.SIGQUIT) // it tells what it waits for
			time.Sleep(time.Second)
			return fmt.Errorf("%d of %d records are copied: %s", done, count, t.said())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
