package replication

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

var ordersZero = record.TopicPartition{Topic: "orders"}

// rackAwareCluster restarts the nodes so that each is in a rack of its own, and knows of racks.
func rackAwareCluster(c *cluster) {
	c.rackAware = true
	for id := int32(1); id <= 3; id++ {
		c.nodes[id].stop()
		c.nodes[id].start()
		c.commit(&metadata.RegisterBrokerRecord{BrokerID: id, BrokerEpoch: c.nodes[id].brokerEpoch, Rack: new(string('a' + id))})
	}
	c.eventually("all are in sync", time.Minute, c.inSync(1, 2, 3))
}

func TestClusterConsumersReadFromTheReplicaInTheirRack(t *testing.T) {
	inCluster(t, 1, func(c *cluster) {
		rackAwareCluster(c)
		c.must("one", "two")
		leader, err := c.nodes[1].node.Leader(ordersZero, -1)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(fetchWaitMax)
		for rack, want := range map[string]int32{"b": -1, "c": 2, "d": 3, "e": -1, "": -1} {
			if got := leader.PreferredReplica(c.image, rack, 1); got != want {
				t.Errorf("rack %q: replica %d, want %d", rack, got, want)
			}
		}
		if got := leader.PreferredReplica(c.image, "c", 100); got != -1 {
			t.Errorf("nobody has offset 100: replica %d", got)
		}
		c.nodes[2].stop()
		c.nodes[2].fence()
		if got := leader.PreferredReplica(c.image, "c", 1); got != -1 {
			t.Errorf("a dead broker: replica %d", got)
		}
		c.nodes[2].start()
	})
}

func TestClusterAFollowerServesConsumersUpToItsHighWatermark(t *testing.T) {
	inCluster(t, 1, func(c *cluster) {
		rackAwareCluster(c)
		c.must("one")
		time.Sleep(fetchWaitMax)
		if _, _, err := c.nodes[2].node.Reader(ordersZero, -1, false); !errors.Is(err, ErrNotLeader) {
			t.Errorf("a consumer that wants the leader: %v", err)
		}
		p, leads, err := c.nodes[2].node.Reader(ordersZero, -1, true)
		if err != nil || leads {
			t.Fatalf("leads %v, %v", leads, err)
		}
		if _, _, err := c.nodes[2].node.Reader(ordersZero, 7, true); !errors.Is(err, ErrUnknownEpoch) {
			t.Errorf("a newer leader epoch: %v", err)
		}
		wait := func(offset int64) chan time.Duration {
			began, woken := time.Now(), make(chan time.Duration, 1)
			c.nodes[2].node.WaitFor([]WaitPart{{p, offset, storage.ReadUncommitted, true}}, 1, began.Add(time.Minute), func() { woken <- time.Since(began) })
			return woken
		}
		woken := wait(1)
		synctest.Wait()
		select {
		case took := <-woken:
			t.Errorf("woken by nothing after %v", took)
		default:
		}
		c.must("two")
		if took := <-woken; took > 20*time.Millisecond {
			t.Errorf("what was committed was readable on the follower after %v", took)
		}
		s, err := p.Log().Read(1, 1<<20, storage.ReadUncommitted, true)
		if err != nil || s.Len() == 0 {
			t.Fatalf("%d bytes, %v", s.Len(), err)
		}
		s.Release()
		if slow := <-wait(1); slow > 0 {
			t.Errorf("news from before the wait: %v", slow)
		}
		c.nodes[2].node.FailDir("/data", errors.New("broken"))
		if _, _, err := c.nodes[2].node.Reader(ordersZero, -1, true); !errors.Is(err, storage.ErrDisk) {
			t.Errorf("a failed directory: %v", err)
		}
	})
}

func TestClusterDeleteRecordsWaitsForFollowersThatLive(t *testing.T) {
	inCluster(t, 1, func(c *cluster) {
		c.must("one", "two", "three", "four")
		time.Sleep(2 * fetchWaitMax)
		type outcome struct {
			lowest int64
			err    error
			took   time.Duration
		}
		remove := func(offset int64, within time.Duration) outcome {
			p, err := c.nodes[1].node.Leader(ordersZero, -1)
			if err != nil {
				t.Fatal(err)
			}
			began, done := time.Now(), make(chan outcome, 1)
			p.DeleteBefore(offset, began.Add(within), func(lowest int64, err error) { done <- outcome{lowest, err, time.Since(began)} })
			return <-done
		}
		if o := remove(2, time.Minute); o.err != nil || o.lowest != 2 || o.took > 20*time.Millisecond {
			t.Errorf("%+v", o)
		}
		for id := int32(1); id <= 3; id++ {
			if start := c.nodes[id].log().Offsets().LogStart; start != 2 {
				t.Errorf("node %d begins at %d", id, start)
			}
		}
		c.nodes[3].gone()
		if o := remove(3, time.Second); !errors.Is(o.err, ErrTimedOut) || o.took != time.Second {
			t.Errorf("a follower that is silent: %+v", o)
		}
		c.nodes[3].fence()
		if o := remove(3, time.Second); o.err != nil || o.lowest != 3 {
			t.Errorf("a follower that is fenced: %+v", o)
		}
		if o := remove(100, time.Second); !errors.Is(o.err, storage.ErrOffsetOutOfRange) {
			t.Errorf("beyond the high watermark: %+v", o)
		}
		if err := c.nodes[3].store.Close(); err != nil {
			t.Error(err)
		}
		c.nodes[3].start()
	})
}

// Followers delete by themselves what is too old, before their leader or after it, and it hears of that when somebody waits for it.
func TestClusterDeleteRecordsCountsWhatFollowersDeletedThemselves(t *testing.T) {
	inCluster(t, 1, func(c *cluster) {
		c.must("one", "two", "three", "four")
		time.Sleep(2 * fetchWaitMax)
		for _, step := range []struct{ followers, leader, remove, lowest int64 }{
			{followers: 2, leader: 0, remove: 1, lowest: 1},
			{followers: 3, leader: 3, remove: 3, lowest: 3},
			{followers: 3, leader: 4, remove: 4, lowest: 4},
		} {
			for id, start := range map[int32]int64{1: step.leader, 2: step.followers, 3: step.followers} {
				if err := c.nodes[id].log().AdvanceLogStart(start); err != nil {
					t.Fatal(err)
				}
			}
			p, err := c.nodes[1].node.Leader(ordersZero, -1)
			if err != nil {
				t.Fatal(err)
			}
			began, lowest := time.Now(), make(chan int64, 1)
			p.DeleteBefore(step.remove, began.Add(time.Minute), func(at int64, err error) {
				if err != nil {
					t.Error(err)
				}
				lowest <- at
			})
			if at, took := <-lowest, time.Since(began); at != step.lowest || took > 20*time.Millisecond {
				t.Errorf("%+v: lowest log start offset %d after %v", step, at, took)
			}
		}
	})
}

// Partitions move to other fetchers when num.replica.fetchers is changed, and none is forgotten or copied twice.
func TestClusterNumberOfFetchersChangesWhileTheyRun(t *testing.T) {
	inCluster(t, 1, func(c *cluster) {
		c.commit(topic("many", 50, 20, 1, 2, 3)...)
		for _, count := range []int{1, 5, 2} {
			c.settings.Store(new(func(s *Settings) { s.Fetchers = count }))
			time.Sleep(2 * time.Second)
			c.must("between")
			for part := range int32(20) {
				p, err := c.nodes[1].node.Leader(record.TopicPartition{Topic: "many", Partition: part}, -1)
				if err != nil {
					t.Fatal(err)
				}
				info, err := p.Append(batch(1), -1, storage.FromClient, true)
				if err != nil {
					t.Fatal(err)
				}
				committed := make(chan error, 1)
				p.WhenCommitted(info.LogEnd, time.Now().Add(5*time.Second), func(err error) { committed <- err })
				if err := <-committed; err != nil {
					t.Fatalf("%d fetchers: %v", count, err)
				}
			}
			time.Sleep(time.Second)
			fetchers := &c.nodes[2].node.fetchers
			fetchers.mu.Lock()
			if len(fetchers.byKey) != count {
				t.Errorf("%d fetchers run, want %d", len(fetchers.byKey), count)
			}
			for _, f := range fetchers.byKey {
				if rate := f.pace.rate(time.Now()); rate < 0.5 {
					t.Errorf("%d fetchers: one makes %v rounds a second", count, rate)
				}
			}
			fetchers.mu.Unlock()
		}
		if r := c.nodes[2].node.Replicated(); r.MaxLag != 0 || r.BytesIn == 0 || r.MinFetchRate <= 0 || r.Failed != 0 {
			t.Errorf("%+v", r)
		}
		if r := c.nodes[1].node.Replicated(); r.BytesOut == 0 {
			t.Errorf("%+v", r)
		}
	})
}
