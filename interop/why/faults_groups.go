package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func init() {
	register(
		fault{"poison-record", "group eaters", "group-stuck", true, poison},
		fault{"producers-too-fast", "group slow", "group-outpaced", false, outpaced},
		fault{"hot-partition", "group uneven", "group-hot-partition", false, hot},
		fault{"no-members", "group absent", "group-empty", false, empty},
		fault{"member-killed", "group mourning", "member-dead", false, dead},
		fault{"poll-too-slow", "group dreamers", "poll-too-slow", false, dreamer},
		fault{"poll-too-slow-newer-protocol", "group sleepers", "poll-too-slow", false, sleeper},
		fault{"members-come-and-go", "group restless", "rebalance-loop", false, restless},
	)
}

// pace says whether a consumer goes past a record.
type pace func(r *kgo.Record) bool

// every goes past every record.
func every(*kgo.Record) bool { return true }

// reading has a member of a group read and commit, until the returned function is called. It commits what pace let pass, and fetches nothing else meanwhile.
func (s *suite) reading(id, group, topic string, passes pace, opts ...kgo.Opt) (stop func(), err error) {
	cl, err := s.client(id, append([]kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200 * time.Millisecond)}, opts...)...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			fetches := cl.PollRecords(ctx, 20)
			var done []*kgo.Record
			stopped := map[int32]bool{}
			fetches.EachRecord(func(r *kgo.Record) {
				if !stopped[r.Partition] && passes(r) {
					done = append(done, r)
				} else {
					stopped[r.Partition] = true
				}
			})
			if len(done) > 0 {
				_ = cl.CommitRecords(ctx, done...) // the next one commits more
			}
		}
	})
	return func() { cancel(); work.Wait(); cl.Close() }, nil
}

// forget removes a group, so that nobody wonders about it any more.
func (s *suite) forget(ctx context.Context, group string) error {
	var err error
	for began := time.Now(); time.Since(began) < patience; {
		var resp interface{ Error() error }
		resp, err = s.admin.DeleteGroups(ctx, group)
		if err == nil {
			err = resp.Error()
		}
		if err == nil || errors.Is(err, kerr.GroupIDNotFound) { // by a request whose answer was lost
			return nil
		}
		if e := pause(ctx, 200*time.Millisecond); e != nil {
			return e
		}
	}
	return err
}

// watched has a topic written to, and a group read it.
func watched(ctx context.Context, s *suite, topic, id, group string, partitions []int32, interval time.Duration, passes pace, opts ...kgo.Opt) (func(context.Context) error, error) {
	n := int32(1)
	for _, p := range partitions {
		n = max(n, p+1)
	}
	if err := s.topic(ctx, topic, n, 3); err != nil {
		return nil, err
	}
	stop, err := s.reading(id, group, topic, passes, opts...)
	if err != nil {
		return nil, err
	}
	stopWriting, err := s.writing(id+"-writer", topic, interval, partitions...)
	return func(ctx context.Context) error {
		stopWriting()
		stop()
		return s.forget(ctx, group)
	}, err
}

func poison(ctx context.Context, s *suite) (func(context.Context) error, error) {
	return watched(ctx, s, "food", "eater", "eaters", []int32{0}, 50*time.Millisecond, func(r *kgo.Record) bool { return r.Offset < 7 })
}

func outpaced(ctx context.Context, s *suite) (func(context.Context) error, error) {
	return watched(ctx, s, "flood", "turtle", "slow", []int32{0, 1, 2}, 5*time.Millisecond, slowly(50*time.Millisecond))
}

// slowly takes its time for each record.
func slowly(each time.Duration) pace {
	return func(*kgo.Record) bool { time.Sleep(each); return true }
}

// hot has two members with a partition each, and nearly everything written to one.
func hot(ctx context.Context, s *suite) (func(context.Context) error, error) {
	slow := slowly(40 * time.Millisecond)
	passes := func(r *kgo.Record) bool { return r.Partition != 0 || slow(r) }
	mend, err := watched(ctx, s, "celebrities", "fan", "uneven", []int32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 5*time.Millisecond, passes)
	if err != nil {
		return nil, err
	}
	stop, err := s.reading("admirer", "uneven", "celebrities", passes)
	return func(ctx context.Context) error {
		stop()
		return mend(ctx)
	}, err
}

func empty(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := errors.Join(s.topic(ctx, "left", 1, 3), s.fill(ctx, "left", 5, 10), s.commit(ctx, "absent", "left", 2)); err != nil {
		return nil, err
	}
	stop, err := s.writing("left-writer", "left", 50*time.Millisecond, 0)
	return func(ctx context.Context) error {
		stop()
		return s.forget(ctx, "absent")
	}, err
}

// dead cuts a member off, as if its process were killed.
func dead(ctx context.Context, s *suite) (func(context.Context) error, error) {
	var cut atomic.Bool
	var mu sync.Mutex
	var open []net.Conn
	dial := func(ctx context.Context, network, host string) (net.Conn, error) {
		if cut.Load() {
			return nil, errors.New("cut off")
		}
		c, err := new(net.Dialer).DialContext(ctx, network, host)
		if err == nil {
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
		}
		return c, err
	}
	var joined atomic.Bool
	mend, err := watched(ctx, s, "news", "mourned", "mourning", []int32{0}, 50*time.Millisecond, func(*kgo.Record) bool { joined.Store(true); return true },
		kgo.Dialer(dial), kgo.SessionTimeout(2*time.Second))
	if err != nil {
		return nil, err
	}
	for began := time.Now(); !joined.Load() && time.Since(began) < patience; {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
	cut.Store(true)
	mu.Lock()
	for _, c := range open {
		_ = c.Close()
	}
	mu.Unlock()
	return mend, nil
}

// dreamer joins a group and leaves it in the words of Java's consumer whose application does not poll any more.
func dreamer(ctx context.Context, s *suite) (func(context.Context) error, error) {
	return again(func(ctx context.Context, s *suite) {
		cl, err := s.client("dreamer")
		if err != nil {
			return
		}
		defer cl.Close()
		join := kmsg.NewPtrJoinGroupRequest()
		join.Group, join.ProtocolType, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = "dreamers", "consumer", 10_000, 10_000
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name = "range"
		join.Protocols = append(join.Protocols, p)
		resp, err := join.RequestWith(ctx, cl)
		if err != nil {
			return
		}
		if join.MemberID = resp.MemberID; resp.ErrorCode != 0 { // the id that it got
			if resp, err = join.RequestWith(ctx, cl); err != nil || resp.ErrorCode != 0 {
				return
			}
		}
		leave := kmsg.NewPtrLeaveGroupRequest()
		leave.Group = "dreamers"
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = join.MemberID
		reason := "consumer poll timeout has expired."
		m.Reason = &reason
		leave.Members = append(leave.Members, m)
		_, _ = leave.RequestWith(ctx, cl)
	})(ctx, s)
}

// sleeper is a member by the newer protocol whose application does not poll: it heartbeats as long as it may take between two polls, and then leaves
// without a word, as Java's consumer does.
func sleeper(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := s.topic(ctx, "sleep", 1, 3); err != nil {
		return nil, err
	}
	stopWriting, err := s.writing("sleep-writer", "sleep", 50*time.Millisecond, 0)
	if err != nil {
		return nil, err
	}
	stop, err := again(func(ctx context.Context, s *suite) {
		cl, err := s.client("sleeper")
		if err != nil {
			return
		}
		defer cl.Close()
		rq := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		rq.Group, rq.MemberID = "sleepers", "c2xlZXBlcjEyMzQ1Njc4OQ"
		rq.RebalanceTimeoutMillis, rq.SubscribedTopicNames, rq.Topics = 1000, []string{"sleep"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		joined, err := rq.RequestWith(ctx, cl)
		if err != nil || joined.ErrorCode != 0 {
			return
		}
		defer func() { // also when it is stopped meanwhile: its session would last longer than the suite waits
			rq.MemberEpoch, rq.RebalanceTimeoutMillis, rq.SubscribedTopicNames, rq.Topics = -1, -1, nil, nil
			_, _ = rq.RequestWith(context.WithoutCancel(ctx), cl)
		}()
		if err := commitAs(ctx, cl, rq.Group, rq.MemberID, joined.MemberEpoch, "sleep", 1); err != nil {
			return
		}
		rq.MemberEpoch, rq.RebalanceTimeoutMillis, rq.SubscribedTopicNames, rq.Topics = joined.MemberEpoch, -1, nil, nil
		for range 4 {
			if err := pause(ctx, 300*time.Millisecond); err != nil {
				return
			}
			_, _ = rq.RequestWith(ctx, cl)
		}
	})(ctx, s)
	return func(ctx context.Context) error {
		err := stop(ctx)
		stopWriting()
		return errors.Join(err, s.forget(ctx, "sleepers"))
	}, err
}

// commitAs commits an offset of partition 0 as a member of a group.
func commitAs(ctx context.Context, cl *kgo.Client, group, member string, epoch int32, topic string, offset int64) error {
	found, err := kadm.NewClient(cl).ListTopics(ctx, topic)
	if err != nil {
		return err
	}
	rq := kmsg.NewPtrOffsetCommitRequest()
	rq.Group, rq.MemberID, rq.Generation = group, member, epoch
	t, p := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
	t.Topic, t.TopicID, p.Offset = topic, found[topic].ID, offset
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	resp, err := rq.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}

// restless has members come and go faster than the group can settle.
func restless(ctx context.Context, s *suite) (func(context.Context) error, error) {
	mend, err := watched(ctx, s, "chairs", "sitter", "restless", []int32{0, 1}, 50*time.Millisecond, every)
	if err != nil {
		return nil, err
	}
	stop, err := again(func(context.Context, *suite) {
		if stop, err := s.reading("wanderer", "restless", "chairs", every); err == nil {
			_ = pause(ctx, 300*time.Millisecond)
			stop()
		}
	})(ctx, s)
	return func(ctx context.Context) error { return errors.Join(stop(ctx), mend(ctx)) }, err
}
