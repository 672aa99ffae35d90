package replication

import (
	"testing"
	"time"

	"leat/internal/record"
	"leat/internal/wire"
)

// A partition that is new to a fetcher whose request waits at the leader is copied at once, and not when that wait is over.
func TestClusterNewPartitionsDoNotWaitForTheRunningFetch(t *testing.T) {
	inCluster(t, 1, func(c *cluster) {
		time.Sleep(10*time.Second + fetchWaitMax/3) // sessions of an idle topic, in the middle of their wait
		for i, name := range []string{"payments", "refunds", "returns", "claims"} {
			began := time.Now()
			c.commit(topic(name, byte(20+i), 3, 1, 2, 3)...)
			for part := range int32(3) {
				p, err := c.nodes[1].node.Leader(record.TopicPartition{Topic: name, Partition: part}, -1)
				if err != nil {
					t.Fatal(err)
				}
				info, err := p.Append(batch(1), -1, 0, true)
				if err != nil {
					t.Fatal(err)
				}
				committed := make(chan error, 1)
				p.WhenCommitted(info.LogEnd, time.Now().Add(time.Minute), func(err error) { committed <- err })
				if err := <-committed; err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); took > fetchWaitMax/10 {
				t.Errorf("%s: records were committed after %v", name, took)
			}
			time.Sleep(fetchWaitMax * 2 / 3)
		}
	})
}

// Orders that come at any moment of a round leave sessions and logs as they should be.
func TestClusterOrdersAtAnyMoment(t *testing.T) {
	inCluster(t, 1, func(c *cluster) {
		time.Sleep(5 * time.Second)
		for i := range 40 {
			c.commit(topic("topic-"+string(rune('a'+i%26))+string(rune('a'+i/26)), byte(20+i), 2, 1, 2, 3)...)
			if err := c.produce(1, "between", time.Minute); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(i) * 100 * time.Microsecond)
		}
		time.Sleep(2 * fetchWaitMax)
		for id := int32(1); id <= 3; id++ {
			p, err := c.nodes[id].node.Replica(record.TopicPartition{Topic: "orders"})
			if err != nil {
				t.Fatal(err)
			}
			if o := p.Log().Offsets(); o.LogEnd != 40 || o.HighWatermark != 40 {
				t.Errorf("node %d: log end %d, high watermark %d, want 40", id, o.LogEnd, o.HighWatermark)
			}
		}
	})
}

// What is left alone because of an answer is forgotten by the session, also if that answer was cut short and one to a request that names nothing came after it.
// Otherwise the leader would go on sending it.
func TestWhatIsLeftAloneIsForgottenByTheSession(t *testing.T) {
	w, p := followingWorld(t)
	defer w.stop()
	w.node.cfg.Cluster = &Cluster{BrokerEpoch: func() int64 { return 1 }}
	defer func() { w.node.cfg.Cluster = nil }()
	f := &fetcher{node: w.node, parts: map[partKey]*followed{}, session: 7, epoch: 3}
	fd := &followed{partition: p, known: true, inSession: true}
	f.parts[fd.key()] = fd
	f.request(Settings{})
	f.accepted(7)
	f.rest(fd, time.Hour)
	f.accepted(7) // the second request was written before
	f.request(Settings{})
	if got := f.rq.Forgotten; len(got) != 1 || got[0].TopicID != p.topicID {
		t.Errorf("the session is told to forget %v", got)
	}
	f.accepted(7)
	f.request(Settings{})
	if len(f.rq.Forgotten) > 0 {
		t.Error("told twice")
	}
}

// The second answer of two tells nothing of the records of a partition that the first one moved, but it tells of the offsets, and the leader does not do so again.
func TestALateAnswerTellsOfTheOffsets(t *testing.T) {
	w, p := followingWorld(t)
	defer w.stop()
	w.node.cfg.Cluster = &Cluster{BrokerEpoch: func() int64 { return 1 }}
	defer func() { w.node.cfg.Cluster = nil }()
	f := &fetcher{node: w.node, parts: map[partKey]*followed{}, session: 7, epoch: 3}
	fd := &followed{partition: p, known: true, inSession: true, position: position{lastEpoch: -1}}
	f.parts[fd.key()] = fd
	answer := func(late bool, part ReplicaPart) {
		t.Helper()
		part.ReplicaKey, part.LastStable, part.DivergingEpoch = ReplicaKey{TopicID: p.topicID}, -1, -1
		a := ReplicaAnswer{SessionID: 7, Parts: []ReplicaPart{part}}
		body, err := wire.AfterTags(flat(a.Encode(wire.RequestHeader{Key: 1, Version: 17}, testCode, nil))[8:])
		if err != nil {
			t.Fatal(err)
		}
		fetched, err := wire.ParseFetch(17, body)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.take(t.Context(), &fetched, late, Settings{}); err != nil {
			t.Fatal(err)
		}
	}
	fd.position = w.take(p, fromLeader(0, 0, 3))
	f.change(fd)
	answer(true, ReplicaPart{HighWatermark: 3, LogStart: 1})
	if o := p.log.Offsets(); o.HighWatermark != 3 || o.LogStart != 1 || o.LogEnd != 3 {
		t.Errorf("%+v", o)
	}
	answer(true, ReplicaPart{HighWatermark: -1, LogStart: -1, Err: ErrNotLeader})
	if !fd.rests.IsZero() {
		t.Error("an error about what it was before has it left alone")
	}
}
