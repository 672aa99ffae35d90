package replication

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// ordersID is the id of the topic that topic() makes.
var ordersID = record.UUID{0: 0xee, 15: 1}

// led is a node that leads orders-0 at epoch 0 with replicas 1, 2 and 3, of which brokers 2 and 3 are registered under epochs 102 and 103.
func led(t *testing.T) (*world, *Partition) {
	w := newWorld(t)
	w.publish(append(topic("orders", 1, 1, self, 2, 3), &metadata.RegisterBrokerRecord{BrokerID: 2, BrokerEpoch: 102},
		&metadata.RegisterBrokerRecord{BrokerID: 3, BrokerEpoch: 103})...)
	return w, w.leader("orders", 0)
}

func ask(offset int64, lastEpoch int32) ReplicaAsk {
	return ReplicaAsk{ReplicaKey: ReplicaKey{TopicID: ordersID}, LeaderEpoch: 0, Offset: offset, LastEpoch: lastEpoch, MaxBytes: 1 << 20}
}

// replicaFetch is a request of node 2 that does not wait.
func replicaFetch(session, epoch int32, asks ...ReplicaAsk) *ReplicaFetch {
	return &ReplicaFetch{Replica: 2, BrokerEpoch: 102, SessionID: session, SessionEpoch: epoch, MinBytes: 1, MaxBytes: 1 << 20, Asks: asks}
}

// answerTo makes a request and returns what it was answered, nil if it waits.
func (w *world) answerTo(rq *ReplicaFetch) (answer *ReplicaAnswer) {
	w.node.FetchReplica(rq, func(a *ReplicaAnswer) {
		for i := range a.Parts {
			if a.Parts[i].Records.Len() > 0 {
				a.Parts[i].Records.Release()
			}
		}
		answer = a
	})
	return answer
}

func TestOnlyReplicasThatKnowTheLeaderGetRecords(t *testing.T) {
	w, p := led(t)
	defer w.stop()
	w.append(p, 3)
	for name, c := range map[string]struct {
		change func(rq *ReplicaFetch)
		want   error
	}{
		"follower":                  {func(*ReplicaFetch) {}, nil},
		"no epoch":                  {func(rq *ReplicaFetch) { rq.Asks[0].LeaderEpoch = -1 }, nil},
		"newer epoch":               {func(rq *ReplicaFetch) { rq.Asks[0].LeaderEpoch = 1 }, ErrUnknownEpoch},
		"not a replica":             {func(rq *ReplicaFetch) { rq.Replica = 9 }, ErrUnknownEpoch},
		"not a replica, no epoch":   {func(rq *ReplicaFetch) { rq.Replica = 9; rq.Asks[0].LeaderEpoch = -1 }, ErrNotLeader},
		"stale broker epoch":        {func(rq *ReplicaFetch) { rq.BrokerEpoch = 101 }, ErrNotLeader},
		"newer broker epoch":        {func(rq *ReplicaFetch) { rq.BrokerEpoch = 110 }, nil},
		"no broker epoch":           {func(rq *ReplicaFetch) { rq.BrokerEpoch = -1 }, nil},
		"unknown topic id":          {func(rq *ReplicaFetch) { rq.Asks[0].TopicID[3]++ }, ErrUnknownTopicID},
		"unknown partition":         {func(rq *ReplicaFetch) { rq.Asks[0].Partition = 7 }, ErrUnknownPartition},
		"by name":                   {func(rq *ReplicaFetch) { rq.Asks[0].TopicID, rq.Asks[0].Topic = record.UUID{}, "orders" }, nil},
		"beyond the end":            {func(rq *ReplicaFetch) { rq.Asks[0].Offset = 4 }, storage.ErrOffsetOutOfRange},
		"epoch newer than anything": {func(rq *ReplicaFetch) { rq.Asks[0].LastEpoch = 5 }, storage.ErrOffsetOutOfRange},
	} {
		rq := replicaFetch(0, fetchOnce, ask(1, -1))
		c.change(rq)
		a := w.answerTo(rq)
		if a == nil || len(a.Parts) != 1 || !errors.Is(a.Parts[0].Err, c.want) || c.want == nil && a.Parts[0].Err != nil {
			t.Errorf("%s: %+v", name, a)
		}
		if len(p.watchers) != 0 {
			t.Fatalf("%s: %d sessions are left", name, len(p.watchers))
		}
	}
}

func TestAFollowerThatDivergesIsToldWhereAndDoesNotCount(t *testing.T) {
	w, p := led(t)
	defer w.stop()
	w.append(p, 3)
	w.publish(&metadata.PartitionChangeRecord{TopicID: ordersID, Leader: self, LeaderRecoveryState: -1}) // epoch 1
	w.append(p, 3)
	diverging := ask(5, 0) // at offset 5 with a record of epoch 0, which ended at 3
	diverging.LeaderEpoch = 1
	a := w.answerTo(replicaFetch(0, fetchOnce, diverging))
	if a == nil || a.Parts[0].Err != nil || a.Parts[0].DivergingEpoch != 0 || a.Parts[0].DivergingEnd != 3 || a.Parts[0].Records.Len() != 0 {
		t.Fatalf("%+v", a)
	}
	if end, _ := p.progress.FollowerEnd(2); end != -1 {
		t.Errorf("the follower counts as being at %d", end)
	}
}

func TestASessionTellsOnlyWhatIsNew(t *testing.T) {
	w, p := led(t)
	defer w.stop()
	a := w.answerTo(replicaFetch(0, fullFetch, ask(0, -1)))
	if a.Err != nil || a.SessionID == 0 || len(a.Parts) != 1 {
		t.Fatalf("%+v", a)
	}
	id := a.SessionID
	for i, c := range []struct {
		name  string
		epoch int32
		asks  []ReplicaAsk
		do    func()
		want  string
	}{
		{"nothing", 1, nil, func() {}, ""},
		{"records", 2, nil, func() { w.append(p, 2) }, "records up to 2, high watermark 0"},
		{"asked again from there", 3, []ReplicaAsk{ask(2, 0)}, func() {}, ""},
		{"the other follower has them, too", 4, nil, func() { w.fetched(p, 3, 2) }, "high watermark 2"},
		{"nothing again", 5, nil, func() {}, ""},
	} {
		c.do()
		got := ""
		a := w.answerTo(replicaFetch(id, c.epoch, c.asks...))
		for _, part := range a.Parts {
			if part.Records.NextOffset > 0 {
				got += fmt.Sprintf("records up to %d, ", part.Records.NextOffset)
			}
			got += fmt.Sprintf("high watermark %d", part.HighWatermark)
		}
		if got != c.want || a.Err != nil || a.SessionID != id {
			t.Errorf("%d, %s: %q, want %q; %+v", i, c.name, got, c.want, a)
		}
	}
	if a := w.answerTo(replicaFetch(id, 5)); !errors.Is(a.Err, ErrSessionEpoch) {
		t.Errorf("the same epoch again: %v", a.Err)
	}
	if a := w.answerTo(replicaFetch(id+1, 1)); !errors.Is(a.Err, ErrNoSession) {
		t.Errorf("unknown session: %v", a.Err)
	}
	other := replicaFetch(id, 6)
	other.Replica = 3
	if a := w.answerTo(other); !errors.Is(a.Err, ErrNoSession) {
		t.Errorf("another's session: %v", a.Err)
	}
	if a := w.answerTo(replicaFetch(id, fullFetch, ask(2, 0))); a.SessionID == id || w.node.replicas.find(id) != nil {
		t.Error("a full fetch left the session that it named")
	}
}

func TestAFetchOfAReplicaWaitsForRecordsAndForNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := led(t)
		defer w.stop()
		id := w.answerTo(replicaFetch(0, fullFetch, ask(0, -1))).SessionID
		var answers []string
		begun := time.Now()
		waiting := func(epoch int32, asks ...ReplicaAsk) {
			rq := replicaFetch(id, epoch, asks...)
			rq.Wait = time.Second
			w.node.FetchReplica(rq, func(a *ReplicaAnswer) {
				s := fmt.Sprintf("%v:", time.Since(begun))
				if a.Err != nil {
					s += " " + a.Err.Error()
				}
				for _, part := range a.Parts {
					s += fmt.Sprintf(" %d bytes, %v", part.Records.Len(), errors.Is(part.Err, ErrNotLeader))
					if part.Records.Len() > 0 {
						part.Records.Release()
					}
				}
				answers = append(answers, s)
			})
		}
		expect := func(want string) {
			t.Helper()
			synctest.Wait()
			if len(answers) != 1 || answers[0] != want {
				t.Fatalf("%q, want %q", answers, want)
			}
			answers = nil
		}
		waiting(1)
		time.Sleep(300 * time.Millisecond)
		w.append(p, 1)
		expect(fmt.Sprintf("300ms: %d bytes, false", len(batch(1))))
		waiting(2, ask(1, 0))
		time.Sleep(100 * time.Millisecond)
		w.fetched(p, 3, 1) // moves the high watermark, which alone wakes nobody
		time.Sleep(900 * time.Millisecond)
		expect("1.3s: 0 bytes, false")
		waiting(3)
		time.Sleep(time.Second)
		expect("2.3s:")
		waiting(4)
		time.Sleep(100 * time.Millisecond)
		waiting(5) // sent before the answer to the one before
		expect("2.4s:")
		time.Sleep(100 * time.Millisecond)
		w.publish(&metadata.PartitionChangeRecord{TopicID: ordersID, Leader: 2, LeaderRecoveryState: -1})
		expect("2.5s: 0 bytes, false") // fenced: it asked under epoch 0
		waiting(6)
		expect("2.5s: 0 bytes, false")
	})
}

// An append is in the log before it counts. A follower that has it by then must count, too, once it does, and not only after the next append.
func TestAFollowerMayBeQuickerThanItsLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := led(t)
		defer w.stop()
		id := w.answerTo(replicaFetch(0, fullFetch, ask(0, -1))).SessionID
		data := batch(1)
		info, err := p.log.Append(data, storage.AppendOptions{Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if a := w.answerTo(replicaFetch(id, 1, ask(0, -1))); a == nil || len(a.Parts) != 1 || a.Parts[0].Err != nil {
			t.Fatalf("%+v", a)
		}
		next := replicaFetch(id, 2, ask(1, 0))
		next.Wait = time.Minute
		if a := w.answerTo(next); a != nil {
			t.Fatalf("answered: %+v", a)
		}
		committed := false
		p.WhenCommitted(1, time.Time{}, func(err error) { committed = err == nil })
		var ready wakeups
		p.count(info, len(data), &ready)
		ready.run()
		w.fetched(p, 3, 1)
		if !committed {
			t.Errorf("high watermark %d, both followers have everything", p.log.Offsets().HighWatermark)
		}
	})
}

func TestSessionsThatNobodyUsesEnd(t *testing.T) {
	w, p := led(t)
	defer w.stop()
	id := w.answerTo(replicaFetch(0, fullFetch, ask(0, -1))).SessionID
	w.node.replicas.sweep(time.Now().Add(sessionRest - time.Second))
	if w.node.replicas.find(id) == nil || len(p.watchers) != 1 {
		t.Fatal("ended too soon")
	}
	w.node.replicas.sweep(time.Now().Add(sessionRest + time.Second))
	if w.node.replicas.find(id) != nil || len(p.watchers) != 0 {
		t.Fatal("left")
	}
}
