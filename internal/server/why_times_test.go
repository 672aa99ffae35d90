package server

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/why"
)

// within asks why until a cause stands first, and returns how long that took from a moment on.
func (c *three) within(about, cause string, since time.Time, limit time.Duration) (time.Duration, why.Finding) {
	c.t.Helper()
	for {
		r := c.whyOf(0, about)
		if i := slices.IndexFunc(r.Findings, func(f why.Finding) bool { return f.Cause == cause }); i == 0 || about == "" && i > 0 {
			return time.Since(since), r.Findings[i]
		}
		if time.Since(since) > limit {
			c.t.Errorf("why %q: %s is not told after %v: %+v", about, cause, limit, r.Findings)
			return time.Since(since), why.Finding{}
		}
		time.Sleep(time.Second)
	}
}

// feed writes a record to a topic again and again.
func (c *three) feed(topic string, every time.Duration) (stop func()) {
	cl := c.cl()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			if err := cl.ProduceSync(c.t.Context(), &kgo.Record{Topic: topic, Value: []byte("v")}).FirstErr(); err != nil {
				c.t.Error(err)
				return
			}
			select {
			case <-quit:
				return
			case <-time.After(every):
			}
		}
	}()
	return func() { close(quit); <-done; cl.Close() }
}

// The times are those that docs/how-to/why.md promises, with all settings as they are by default.
func TestAGroupWithoutMembersIsToldInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		defer c.stop()
		c.create("orders", 1, 3)
		c.write("orders", 0, 510)
		cl := c.cl()
		defer cl.Close()
		var offsets kadm.Offsets
		offsets.AddOffset("orders", 0, 10, -1)
		if err := kadm.NewClient(cl).CommitAllOffsets(t.Context(), "absent", offsets); err != nil {
			t.Fatal(err)
		}
		_, f := c.within("group:absent", "group-empty", time.Now(), 0)
		if chain := strings.Join(f.Chain, "\n"); !strings.Contains(chain, "group absent is 500 records behind in orders-0") {
			t.Errorf("at once: %s", chain)
		}
		stop := c.feed("orders", 500*time.Millisecond)
		defer stop()
		began := time.Now()
		time.Sleep(6 * time.Second)
		_, f = c.within("group:absent", "group-empty", began, 6*time.Second)
		if chain := strings.Join(f.Chain, "\n"); !strings.Contains(chain, "group absent is 51") {
			t.Errorf("after six seconds in which twelve records came: %s", chain)
		}
		took, _ := c.within("", "group-empty", began, 45*time.Second)
		t.Logf("the cluster tells of it after %v", took)
	})
}

func TestAConsumerThatStandsStillIsToldInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		defer c.stop()
		c.create("food", 1, 3)
		c.write("food", 0, 10)
		stop := c.feed("food", 500*time.Millisecond)
		defer stop()
		cl := c.cl(kgo.ConsumerGroup("eaters"), kgo.ConsumeTopics("food"), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		defer cl.Close()
		done := cl.PollRecords(t.Context(), 7).Records()
		if err := cl.CommitRecords(t.Context(), done...); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		time.Sleep(time.Minute)
		if r := c.whyOf(1, "group:eaters"); len(r.Findings) > 0 {
			t.Errorf("told before a window is over: %+v", r.Findings)
		}
		const limit = 60*time.Second + 2*15*time.Second
		took, f := c.within("group:eaters", "group-stuck", began, limit)
		if len(f.Next) == 0 || !strings.Contains(f.Next[0], "leat consume food --partitions 0 --from 7 ") {
			t.Errorf("next: %v", f.Next)
		}
		t.Logf("told after %v", took)
	})
}

func TestAnOpenTransactionIsToldInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		defer c.stop()
		c.create("payments", 1, 3)
		cl := c.cl(kgo.TransactionalID("till"))
		defer cl.Close()
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "payments", Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if r := c.whyOf(1, "topic:payments"); len(r.Findings) > 0 {
			t.Errorf("told at once: %+v", r.Findings)
		}
		took, f := c.within("topic:payments", "transaction-open", began, 12*time.Second)
		if chain := strings.Join(f.Chain, "\n"); !strings.Contains(chain, "till") {
			t.Errorf("without the transactional id: %s", chain)
		}
		t.Logf("told after %v", took)
		if err := cl.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
	})
}

// member848 is a member of a group by the newer protocol, which heartbeats as long as its process lives.
type member848 struct {
	c     *three
	cl    *kgo.Client
	group string
	epoch int32
}

func (m *member848) beat(epoch int32, topics ...string) {
	rq := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	rq.Group, rq.MemberID, rq.MemberEpoch, rq.RebalanceTimeoutMillis = m.group, "AAAAAAAAAAAAAAAAAAAAAA", epoch, -1
	if epoch == 0 {
		rq.RebalanceTimeoutMillis, rq.SubscribedTopicNames, rq.Topics = 60_000, topics, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	resp, err := rq.RequestWith(m.c.t.Context(), m.cl)
	if err != nil || resp.ErrorCode != 0 {
		m.c.t.Fatalf("heartbeat of epoch %d: %+v, %v", epoch, resp, err)
	}
	m.epoch = resp.MemberEpoch
}

func (m *member848) commit(topic string, offset int64) {
	var offsets kadm.Offsets
	offsets.AddOffset(topic, 0, offset, -1)
	rq := kmsg.NewPtrOffsetCommitRequest()
	rq.Group, rq.MemberID, rq.Generation = m.group, "AAAAAAAAAAAAAAAAAAAAAA", m.epoch
	t, p := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
	t.Topic, p.Offset = topic, offset
	if found, err := kadm.NewClient(m.cl).ListTopics(m.c.t.Context(), topic); err != nil {
		m.c.t.Fatal(err)
	} else {
		t.TopicID = found[topic].ID
	}
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	resp, err := rq.RequestWith(m.c.t.Context(), m.cl)
	if err != nil || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		m.c.t.Fatalf("commit of %d: %+v, %v", offset, resp, err)
	}
}

// By the newer protocol a member cannot say why it leaves. That its application did not poll any more is concluded, and told as likely; of one that
// commits before it leaves nothing is.
func TestAMemberThatLeavesWithoutAWordIsLikelyTooSlow(t *testing.T) {
	for _, hangs := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := newThree(t, nil)
			c.start(0, 1, 2)
			defer c.stop()
			c.create("dreams", 1, 3)
			c.write("dreams", 0, 10)
			stop := c.feed("dreams", 500*time.Millisecond)
			defer stop()
			m := &member848{c: c, cl: c.cl(), group: "dreamers"}
			defer m.cl.Close()
			m.beat(0, "dreams")
			m.commit("dreams", 3)
			for range 12 {
				time.Sleep(5 * time.Second)
				m.beat(m.epoch)
			}
			if !hangs {
				m.commit("dreams", 5)
			}
			m.beat(-1)
			r := c.whyOf(1, "group:dreamers")
			if len(r.Findings) == 0 {
				t.Fatalf("hangs %v: nothing told", hangs)
			}
			f := r.Findings[0]
			if hangs != (f.Cause == "poll-too-slow") {
				t.Errorf("hangs %v: %+v", hangs, f)
			}
			if text := strings.Join(append(f.Chain, f.Evidence...), "\n"); hangs && (!strings.Contains(text, "likely stopped asking for records") || !strings.Contains(text, "nothing of dreams-0 for 1m0s")) {
				t.Errorf("told: %s", text)
			}
		})
	}
}
