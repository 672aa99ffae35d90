package replication

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"leat/internal/metadata"
)

func TestClusterReplicatesToAllWhoAreInSync(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		begun := time.Now()
		c.must("a", "b", "c")
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("three records took %v", took)
		}
		c.check()
		time.Sleep(2 * fetchWaitMax)
		for id := int32(1); id <= 3; id++ {
			if o := c.nodes[id].log().Offsets(); o.HighWatermark != 3 {
				t.Errorf("node %d: %+v", id, o)
			}
		}
	})
}

func TestClusterGoesOnWithoutAFollowerAndTakesItBack(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		c.must("a")
		c.net.Isolate(c.nodes[3].host)
		begun := time.Now()
		c.must("b")
		if took := time.Since(begun); took < lagTimeMax-time.Second || took > 3*lagTimeMax/2+time.Second {
			t.Errorf("acknowledged after %v", took)
		}
		if !c.inSync(1, 2)() {
			t.Fatalf("in sync: %v", c.state().ISR)
		}
		c.must("c", "d")
		c.net.Rejoin(c.nodes[3].host)
		c.eventually("in sync again", 10*time.Second, c.inSync(1, 2, 3))
		c.must("e")
		c.check()
	})
}

func TestClusterWithTooFewInSyncAcknowledgesNothing(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		c.must("a")
		c.net.Isolate(c.nodes[2].host)
		c.net.Isolate(c.nodes[3].host)
		if err := c.produce(1, "b", time.Second); !errors.Is(err, ErrTimedOut) {
			t.Errorf("b: %v", err)
		}
		if err := c.produce(1, "c", 30*time.Second); !errors.Is(err, ErrNotEnoughReplicas) && !errors.Is(err, ErrTimedOut) {
			t.Errorf("c: %v", err)
		}
		if err := c.produce(1, "d", time.Second); !errors.Is(err, ErrNotEnoughReplicas) {
			t.Errorf("d: %v, in sync %v", err, c.state().ISR)
		}
		c.net.Rejoin(c.nodes[2].host)
		c.eventually("one is back", 10*time.Second, c.inSync(1, 2))
		c.must("e")
		c.net.Rejoin(c.nodes[3].host)
		c.check()
	})
}

// A leader that is cut off goes on appending for a while. What nobody acknowledged is cut off by the epochs of the next leader's log.
func TestClusterTruncatesTheTailOfALeaderThatWasCutOff(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		c.must("a", "b")
		c.deaf[1] = true
		c.net.Isolate(c.nodes[1].host)
		for _, v := range []string{"x", "y", "z"} {
			if err := c.produce(1, v, time.Second); err == nil {
				t.Errorf("%s was acknowledged", v)
			}
		}
		c.nodes[1].fence()
		c.must("c", "d") // as many as were lost, but for one, on another node
		if end := c.nodes[1].log().Offsets().LogEnd; end != 5 {
			t.Fatalf("the old leader's log ends at %d", end)
		}
		c.net.Rejoin(c.nodes[1].host)
		c.hear(1)
		c.commit(&metadata.BrokerRegistrationChangeRecord{BrokerID: 1, BrokerEpoch: c.nodes[1].brokerEpoch, Fenced: -1})
		c.eventually("the old leader is back", 10*time.Second, c.inSync(1, 2, 3))
		c.must("e")
		c.check()
		if !strings.Contains(c.nodes[1].logs.String(), "log truncated") {
			t.Error("nothing was truncated")
		}
	})
}

func TestClusterSurvivesALossOfPowerOfItsLeader(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		for i := range 20 {
			c.must(fmt.Sprint("before ", i))
		}
		c.nodes[1].crash(nil)
		c.must("while it is down")
		c.nodes[1].start()
		if end := c.nodes[1].log().Offsets().LogEnd; end >= 20 {
			t.Fatalf("nothing was lost: the log ends at %d", end)
		}
		c.eventually("it is back", 20*time.Second, c.inSync(1, 2, 3))
		c.must("after")
		c.check()
	})
}

func TestClusterFollowerBeginsAnewWhereItsLeaderDoes(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		c.must("a", "b", "c")
		c.nodes[3].crash(nil)
		c.must("d", "e")
		if err := c.nodes[1].log().AdvanceLogStart(4); err != nil {
			t.Fatal(err)
		}
		c.nodes[3].start()
		c.eventually("it is back", 20*time.Second, c.inSync(1, 2, 3))
		if o := c.nodes[3].log().Offsets(); o.LogStart != 4 || o.LogEnd != 5 {
			t.Errorf("%+v", o)
		}
		c.must("f")
		c.eventually("deleted on the other follower, too", 20*time.Second, func() bool { return c.nodes[2].log().Offsets().LogStart == 4 })
	})
}

var long = flag.Bool("long", false, "let misfortunes happen for 100 seeds")

// Everything at once: links are cut, nodes lose power or do not hear the controller, while records are produced.
func TestClusterLosesNothingAcknowledgedWhateverHappens(t *testing.T) {
	seeds := uint64(4)
	if *long {
		seeds = 100
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inCluster(t, 1+int(seed%2), func(c *cluster) { c.misfortunes(rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func (c *cluster) misfortunes(rng *rand.Rand) {
	stop := make(chan struct{})
	var producing sync.WaitGroup
	producing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			for id := int32(1); id <= 3; id++ { // whoever thinks that it leads
				_ = c.produce(id, fmt.Sprintf("%d by %d", i, id), 2*time.Second)
			}
		}
	})
	down := int32(0)
	for range 60 {
		time.Sleep(time.Duration(rng.IntN(4000)) * time.Millisecond)
		m := c.nodes[1+rng.Int32N(3)]
		if down > 0 {
			c.nodes[down].start()
			down = 0
			continue
		}
		switch rng.IntN(6) {
		case 0:
			c.net.Isolate(m.host)
		case 1, 2:
			for _, other := range c.nodes {
				c.net.Rejoin(other.host)
			}
		case 3:
			c.mu.Lock()
			c.deaf[m.id] = true
			c.mu.Unlock()
			m.fence()
		case 4:
			if c.deafNow(m.id) {
				c.hear(m.id)
				c.commit(&metadata.BrokerRegistrationChangeRecord{BrokerID: m.id, BrokerEpoch: m.brokerEpoch, Fenced: -1})
			}
		case 5:
			if isr := c.state().ISR; len(isr) > 1 || isr[0] != m.id {
				down = m.id
				m.crash(rng)
			}
		}
	}
	close(stop)
	producing.Wait()
	for id := int32(1); id <= 3; id++ {
		m := c.nodes[id]
		if m.node == nil {
			m.start()
		}
		c.net.Rejoin(m.host)
		c.hear(id)
		c.commit(&metadata.BrokerRegistrationChangeRecord{BrokerID: id, BrokerEpoch: m.brokerEpoch, Fenced: -1})
	}
	c.eventually("all in sync", time.Minute, c.inSync(1, 2, 3))
	c.must("last")
	c.check()
	if len(c.acked) < 20 {
		c.t.Errorf("only %d records acknowledged", len(c.acked))
	}
}

func (c *cluster) deafNow(id int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf[id]
}
