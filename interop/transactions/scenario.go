package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/suite"
)

const partitions = 2

// scenario is one client against the node.
type scenario struct {
	*run
	client, id string
	teller     *teller
	made       int

	topic string // of the check
}

type check struct {
	name string
	do   func() error
}

func (s *scenario) checks() []check {
	all := []check{
		{"what is committed is seen, what is aborted is not", s.commitAndAbort},
		{"what is open holds back what is behind it", s.holdsBack},
		{"offsets are committed with the transaction", s.offsets},
		{"another producer with the id fences the first", s.zombie},
		{"a crashed producer's transaction is aborted by its successor", s.crashed},
		{"the coordinator aborts what takes too long", s.timeout},
		{"a topic is copied exactly once by a process that is killed", s.exactlyOnce},
	}
	if s.client != "librdkafka" { // which has transactions of version 1 only, whatever the node offers, as of the version here
		all = append(all, check{fmt.Sprintf("epochs of transactions as in version %d", s.version), s.epochs})
	}
	return all
}

// check does a check on a topic of its own, with a process of the client.
func (s *scenario) check(do func() error) (err error) {
	if s.teller == nil {
		if s.teller, err = s.start(s.node.Bootstrap()); err != nil {
			return err
		}
	}
	s.made++
	s.topic = fmt.Sprintf("%s-%d", s.id, s.made)
	created, err := s.adm.CreateTopic(s.ctx, partitions, 1, nil, s.topic)
	if err := errors.Join(err, created.Err); err != nil {
		return err
	}
	if err := suite.AwaitPartitions(s.ctx, s.node.Bootstrap(), s.topic, partitions); err != nil {
		return err
	}
	err = do()
	if err != nil && strings.Contains(err.Error(), "no answer") {
		s.teller.kill()
		s.teller = nil
	}
	return err
}

// sees is what a reader gets from the beginning to the end of the topic, in the order of the alphabet.
func (s *scenario) sees(level kgo.IsolationLevel, topic string) ([]string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	ends, err := s.adm.ListEndOffsets(ctx, topic)
	if level == kgo.ReadCommitted() {
		ends, err = s.adm.ListCommittedOffsets(ctx, topic)
	}
	if err != nil {
		return nil, err
	}
	from := make(map[int32]kgo.Offset)
	left := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			from[o.Partition], left[o.Partition] = kgo.NewOffset().At(0), o.Offset
		}
	})
	if len(left) == 0 {
		return nil, nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.node.Bootstrap()), kgo.FetchIsolationLevel(level), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	var got []string
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("reading %s: %w; left %v, got %v", topic, err, left, got)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset >= left[r.Partition]-1 {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() {
				got = append(got, string(r.Value))
			}
		})
	}
	slices.Sort(got)
	return got, nil
}

// want compares what a reader of committed records gets. An answer to the end of a transaction does not wait until all partitions know of it.
func (s *scenario) want(values ...string) error {
	return s.settles(func() error {
		got, err := s.sees(kgo.ReadCommitted(), s.topic)
		if err == nil && !slices.Equal(got, values) {
			err = fmt.Errorf("committed are %v, want %v", got, values)
		}
		return err
	})
}

// wantAll compares what a reader of all records gets.
func (s *scenario) wantAll(values ...string) error {
	got, err := s.sees(kgo.ReadUncommitted(), s.topic)
	if err == nil && !slices.Equal(got, values) {
		err = fmt.Errorf("all are %v, want %v", got, values)
	}
	return err
}

// settles waits for what becomes so by itself.
func (s *scenario) settles(check func() error) (err error) {
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = check(); err == nil {
			return nil
		}
	}
	return err
}

// script is the lines with what stands for the producer, its transactional id and the topic put in.
func (s *scenario) script(lines ...string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.NewReplacer("$id", s.topic, "$topic", s.topic).Replace(l)
	}
	return out
}

func (s *scenario) does(lines ...string) error { return s.teller.all(s.script(lines...)...) }
