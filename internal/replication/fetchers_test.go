package replication

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"leat/internal/record"
	"leat/internal/storage"
)

// owners are tenants whose topics begin with their name and a point.
type owners struct{ names string }

func (o *owners) Owner(topic string) string {
	if name, _, ok := strings.Cut(topic, "."); ok && strings.Contains(o.names, name) {
		return name
	}
	return ""
}

// commitTook appends to a partition that node 1 leads, and returns how long it took until the record was committed.
func (c *cluster) commitTook(topic string) time.Duration {
	c.t.Helper()
	p, err := c.nodes[1].node.Leader(record.TopicPartition{Topic: topic}, -1)
	if err != nil {
		c.t.Fatal(err)
	}
	began := time.Now()
	info, err := p.Append(batch(1), -1, storage.FromClient, true)
	if err != nil {
		c.t.Fatal(err)
	}
	committed := make(chan error, 1)
	p.WhenCommitted(info.LogEnd, time.Now().Add(time.Minute), func(err error) { committed <- err })
	if err := <-committed; err != nil {
		c.t.Fatalf("%s: %v", topic, err)
	}
	return time.Since(began)
}

// What is acknowledged for one tenant does not wait for what is copied of another.
func TestClusterCopiesEachTenantByItself(t *testing.T) {
	inCluster(t, 3, func(c *cluster) {
		c.settings.Store(new(func(s *Settings) { s.Fetchers, s.LagTimeMax, s.SocketTimeout = 1, time.Minute, time.Minute }))
		c.commit(topic("red.orders", 50, 1, 1, 2, 3)...)
		c.commit(topic("blue.orders", 51, 1, 1, 2, 3)...)
		time.Sleep(time.Second)
		red, _ := c.nodes[1].node.Leader(record.TopicPartition{Topic: "red.orders"}, -1)
		c.onTheWay.Store(new(func(a *ReplicaAnswer) time.Duration {
			for i := range a.Parts {
				if a.Parts[i].TopicID == red.topicID && a.Parts[i].Records.Len() > 0 {
					return 5 * time.Second
				}
			}
			return 0
		}))
		beside := func() map[string]time.Duration {
			if _, err := red.Append(batch(1), -1, storage.FromClient, true); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // it is on its way to the followers
			took := map[string]time.Duration{"blue.orders": c.commitTook("blue.orders"), "orders": c.commitTook("orders")}
			time.Sleep(20 * time.Second)
			return took
		}
		if took := beside()["blue.orders"]; took < 4*time.Second {
			t.Errorf("nobody is a tenant, and a record waited only %v for one of the same fetcher", took)
		}
		tenants := &owners{"red blue"}
		c.settings.Store(new(func(s *Settings) {
			s.Fetchers, s.LagTimeMax, s.SocketTimeout, s.Tenants = 1, time.Minute, time.Minute, tenants
		}))
		time.Sleep(2 * time.Second)
		for topic, took := range beside() {
			if took > time.Second {
				t.Errorf("%s waited %v for what is copied of red", topic, took)
			}
		}
	})
}

func TestManyTenantsShareFetchers(t *testing.T) {
	f := &fetchers{spreads: spreading{1, &owners{"t00 t01 t02 t03 t04 t05 t06 t07 t08 t09"}}}
	seen := map[int]bool{}
	for i := range 10 {
		share := f.share(fmt.Sprintf("t%02d.orders", i))
		if share != f.share(fmt.Sprintf("t%02d.payments", i)) {
			t.Errorf("topics of tenant %d are apart", i)
		}
		seen[share] = true
	}
	if len(seen) != mostShares || seen[0] || f.share("orders") != 0 || f.share("other.orders") != 0 {
		t.Errorf("the shares of ten tenants: %v", seen)
	}
}
