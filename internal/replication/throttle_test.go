package replication

import (
	"strings"
	"testing"
	"time"

	"leat/internal/metadata"
	"leat/internal/record"
)

func TestQuotaHoldsToItsRate(t *testing.T) {
	at := time.Unix(1000, 0)
	var q quota
	if p := q.pause(at, 1000); p != 0 {
		t.Errorf("nothing was moved: pause %v", p)
	}
	q.took(at, 1000, 1000) // what a second had saved
	if p := q.pause(at, 1000); p != 0 {
		t.Errorf("within what was saved: pause %v", p)
	}
	q.took(at, 1000, 500)
	if p := q.pause(at, 1000); p != 500*time.Millisecond {
		t.Errorf("half a second of debt: pause %v", p)
	}
	if p := q.pause(at.Add(500*time.Millisecond), 1000); p != 0 {
		t.Errorf("paid: pause %v", p)
	}
	q.took(at.Add(500*time.Millisecond), 1000, 1_000_000)
	if p := q.pause(at.Add(time.Second), 1000); p != throttleRest {
		t.Errorf("much debt: pause %v", p)
	}
	if p := q.pause(at.Add(time.Second), unthrottled); p != 0 {
		t.Errorf("no rate: pause %v", p)
	}
	if p := new(quota).pause(at, 0); p != throttleRest {
		t.Errorf("rate 0: pause %v", p)
	}
	moved, now := 0, at
	var r quota
	for now.Before(at.Add(100 * time.Second)) {
		if p := r.pause(now, 1000); p > 0 {
			now = now.Add(p)
			continue
		}
		r.took(now, 1000, 700)
		moved += 700
	}
	if moved < 100_000 || moved > 102_000 {
		t.Errorf("%d bytes in 100 s at 1,000 a second", moved)
	}
}

func TestThrottledReplicasAreThoseOfThisBroker(t *testing.T) {
	for text, want := range map[string][3]bool{
		"*":               {true, true, true},
		"":                {false, false, false},
		"0:7,2:7,1:8":     {true, false, true},
		"2:7":             {false, false, true},
		" 1:7 , 0:77,2:8": {false, true, false},
		"none":            {false, false, false},
	} {
		if any := readThrottled(text, anyBroker); any.has(1) != (text == "*" || strings.Contains(text, "1:")) {
			t.Errorf("%q: partition 1 is throttled for some broker: %v", text, any.has(1))
		}
		got := readThrottled(text, 7)
		for partition := range int32(3) {
			if got.has(partition) != want[partition] {
				t.Errorf("%q: partition %d is throttled: %v", text, partition, got.has(partition))
			}
		}
	}
}

// A follower that comes back far behind is held to the rate, on either side; without the throttle it is back at once.
func TestClusterThrottledReplicasAreHeldBack(t *testing.T) {
	const rate, free = 20_000, unthrottled
	for _, side := range []struct {
		name                      string
		leader, follower, balance int64
		key, value                string
		slow                      bool
	}{
		{"leader throttle", rate, free, free, "leader.replication.throttled.replicas", "*", true},
		{"follower throttle", free, rate, free, "follower.replication.throttled.replicas", "*", true},
		{"moved by leat", free, free, rate, "leat.balance.moving", "0:2,0:3", true},
		{"moved by leat elsewhere", free, free, rate, "leat.balance.moving", "1:2,1:3", false},
		{"no throttle", rate, rate, rate, "leader.replication.throttled.replicas", "", false},
	} {
		t.Run(side.name, func(t *testing.T) {
			inCluster(t, 1, func(c *cluster) {
				c.settings.Store(new(func(s *Settings) {
					s.LeaderThrottle, s.FollowerThrottle, s.BalanceThrottle, s.FetchMaxBytes = side.leader, side.follower, side.balance, 20_000
				}))
				if side.value != "" {
					c.commit(&metadata.ConfigRecord{ResourceType: int8(metadata.TopicResource), ResourceName: "orders", Name: side.key, Value: new(side.value)})
				}
				c.nodes[3].stop()
				c.nodes[3].fence()
				big := make([]byte, 10_000)
				for range 20 {
					if err := c.produce(1, string(big), time.Minute); err != nil {
						t.Fatal(err)
					}
				}
				began := time.Now()
				c.nodes[3].start()
				c.eventually("the follower is back", time.Minute, func() bool {
					p, err := c.nodes[3].node.Replica(record.TopicPartition{Topic: "orders"})
					return err == nil && p.Log().Offsets().LogEnd == 20
				})
				took := time.Since(began)
				if slow := took > 5*time.Second; slow != side.slow {
					t.Errorf("200 kB at 20 kB a second took %v", took)
				}
				if took > 15*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}
