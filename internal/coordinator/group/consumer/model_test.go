package consumer_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	"leat/internal/machine"
	"leat/internal/record"
)

var long = flag.Bool("long", false, "more seeds")

// client is a consumer as KIP-848 wants it: it does what it is told, and says so with the next heartbeat.
type client struct {
	id    string
	inst  *string
	epoch int32
	owned map[record.UUID][]int32

	names []string
	regex *string
	heard time.Time

	classic bool // it uses the classic protocol; its epoch is the generation
	late    bool // it has joined and not synced
}

// model is a group's clients, and the coordinator.
type model struct {
	*story
	rand    *rand.Rand
	clients []*client
	made    int
	mixed   bool // there are classic clients, too
}

// TestModel has consumers come, go, crash and change their minds while topics change and the coordinator is loaded anew. No two of them own
// a partition at once, and when all is quiet each partition has one. The driver compares the hard state with the replayed log at every step.
func TestModel(t *testing.T) {
	seeds, shards := uint64(16), uint64(2)
	if *long {
		seeds, shards = 10_000, 8
	}
	for shard := range shards {
		t.Run(fmt.Sprint("shard ", shard), func(t *testing.T) {
			t.Parallel()
			for seed := shard; seed < seeds && !t.Failed(); seed += shards {
				walk(t, seed)
			}
		})
	}
}

// walk is one seed of TestModel. Every third has classic clients among the others: then the group stays one of the new protocol.
func walk(t *testing.T, seed uint64) {
	m := &model{story: newStory(t), rand: rand.New(rand.NewPCG(seed, 848)), mixed: seed%3 == 0}
	if *long {
		m.driver.Every = 8
	}
	machines := uint64(0)
	m.driver.New = func() machine.Machine[group.Event, group.Record] { // each with other ids for members
		machines++
		return group.New(group.Config{Settings: func() group.Settings { return m.set }, Rand: rand.New(rand.NewPCG(seed, machines))})
	}
	m.set.Consumer.MigrationPolicy = "upgrade"
	if seed%2 == 0 {
		m.set.Consumer.AssignmentInterval = 0
	}
	m.command([]string{"topics", "a:4", "b:3", "order-c:2"})
	for range 60 {
		m.act()
		m.check(seed)
		if t.Failed() {
			return
		}
	}
	m.settle(seed)
}

// act does one random thing.
func (m *model) act() {
	switch n := m.rand.IntN(20); {
	case len(m.clients) == 0 || n == 0 && len(m.clients) < 6:
		m.join()
	case n == 1: // leave in order
		i := m.rand.IntN(len(m.clients))
		c := m.clients[i]
		m.clients = slices.Delete(m.clients, i, i+1)
		if c.classic {
			m.leaveClassic(c)
			return
		}
		epoch := int32(-1)
		if c.inst != nil && m.rand.IntN(2) == 0 {
			epoch = -2
		}
		m.beat(c, epoch)
	case n == 2: // crash
		i := m.rand.IntN(len(m.clients))
		m.clients = slices.Delete(m.clients, i, i+1)
	case n == 3:
		m.driver.Reload()
		m.step(group.Event{Loaded: true, Image: m.image})
		m.now = m.now.Add(time.Second)
	case n == 4:
		m.command([]string{"topics", fmt.Sprintf("a:%d", min(4+m.rand.IntN(4), 8))})
	case n == 5: // another subscription
		c := m.clients[m.rand.IntN(len(m.clients))]
		m.subscribe(c)
		m.beat(c, c.epoch)
	case n < 9:
		m.pass(time.Duration(1+m.rand.IntN(8)) * time.Second)
	default:
		c := m.clients[m.rand.IntN(len(m.clients))]
		if !c.classic && m.rand.IntN(8) == 0 {
			m.lost(c)
			return
		}
		m.beat(c, c.epoch)
	}
}

// pass lets time pass; whoever lives is heard of in time.
func (m *model) pass(d time.Duration) {
	m.now = m.now.Add(d)
	for _, c := range slices.Clone(m.clients) {
		if m.now.Sub(c.heard) > 20*time.Second {
			m.beat(c, c.epoch)
		}
	}
	m.driver.Tick(m.now)
}

func (m *model) join() {
	m.made++
	c := &client{id: fmt.Sprintf("m%03d", m.made), heard: m.now}
	if m.rand.IntN(3) == 0 {
		inst := fmt.Sprint("i", m.rand.IntN(3))
		for _, other := range m.clients {
			if other.inst != nil && *other.inst == inst {
				return
			}
		}
		c.inst = &inst
	}
	if m.mixed && m.rand.IntN(2) == 0 && m.anyNew() {
		c.classic, c.inst, c.id, c.epoch = true, nil, "", -1
		if m.rand.IntN(2) == 0 {
			c.names = []string{"a", "b"}
		} else {
			c.names = []string{"b"}
		}
		c.regex = new(string)
		m.clients = append(m.clients, c)
		m.joinClassic(c)
		return
	}
	m.subscribe(c)
	m.clients = append(m.clients, c)
	m.beat(c, 0)
}

func (m *model) subscribe(c *client) {
	if c.classic {
		c.names = [][]string{{"a"}, {"b"}, {"a", "b"}}[m.rand.IntN(3)]
		m.joinClassic(c)
		return
	}
	c.names, c.regex = []string{}, new(string)
	switch m.rand.IntN(4) {
	case 0:
		c.names = []string{"a"}
	case 1:
		c.names = []string{"a", "b"}
	case 2:
		x := "order-.*|b"
		c.regex = &x
	default:
		c.names = []string{"b"}
	}
}

func (c *client) request(epoch int32) *kmsg.ConsumerGroupHeartbeatRequest {
	rq := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	rq.Version, rq.Group, rq.MemberID, rq.InstanceID, rq.MemberEpoch = 1, "g", c.id, c.inst, epoch
	rq.RebalanceTimeoutMillis = 60_000
	rq.SubscribedTopicNames, rq.SubscribedTopicRegex = c.names, c.regex
	rq.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	if epoch != 0 {
		for id, ps := range c.owned {
			rq.Topics = append(rq.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: id, Partitions: ps})
		}
	}
	return rq
}

func (m *model) send(c *client, epoch int32) *kmsg.ConsumerGroupHeartbeatResponse {
	return m.ask(c.request(epoch)).(*kmsg.ConsumerGroupHeartbeatResponse)
}

// ask sends a request that is answered at once.
func (m *model) ask(rq kmsg.Request) kmsg.Response {
	effects := m.driver.Step(m.now, func(t machine.Ticket) group.Event {
		return group.Event{Ticket: t, Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"}
	})
	m.driver.Tick(m.now)
	for _, e := range effects {
		if r, ok := e.(machine.Reply); ok && r.To == m.driver.Ticket {
			return r.Response.(kmsg.Response)
		}
	}
	m.t.Fatalf("%T was not answered", rq)
	return nil
}

// lost is a heartbeat whose answer never arrives: the client says the same again with the epoch that it knows.
func (m *model) lost(c *client) { m.send(c, c.epoch) }

// beat is a heartbeat, and what the client makes of the answer.
func (m *model) beat(c *client, epoch int32) {
	if c.classic {
		m.beatClassic(c)
		return
	}
	resp := m.send(c, epoch)
	c.heard = m.now
	switch resp.ErrorCode {
	case 0:
	case kerr.UnreleasedInstanceID.Code: // it tries again; here it gives up
		m.clients = slices.DeleteFunc(m.clients, func(d *client) bool { return d == c })
		return
	default: // fenced, or unknown: it abandons everything and joins anew
		c.owned, c.epoch = nil, 0
		return
	}
	c.epoch = resp.MemberEpoch
	if resp.Assignment == nil {
		return
	}
	c.owned = map[record.UUID][]int32{}
	for _, t := range resp.Assignment.Topics {
		c.owned[t.TopicID] = t.Partitions
	}
}

// check fails if two clients own a partition.
func (m *model) check(seed uint64) {
	owner := map[string]string{}
	for _, c := range m.clients {
		for id, ps := range c.owned {
			for _, p := range ps {
				key := fmt.Sprintf("%c:%d", id[15], p)
				if other := owner[key]; other != "" {
					m.t.Errorf("seed %d: %s and %s both own %s", seed, other, c.id, key)
				}
				owner[key] = c.id
			}
		}
	}
}

// settle lets all clients speak until nothing changes any more, and looks at what they have.
func (m *model) settle(seed uint64) {
	if m.mixed && !m.anyNew() { // classic clients wait for one
		c := &client{id: "last", heard: m.now, names: []string{"b"}, regex: new(string)}
		m.clients = append(m.clients, c)
		m.beat(c, 0)
	}
	quiet := 0
	for round := 0; quiet < 12 && round < 80; round++ {
		before := len(m.driver.Entries)
		for _, c := range slices.Clone(m.clients) {
			m.beat(c, c.epoch)
			m.check(seed)
		}
		m.now = m.now.Add(10 * time.Second)
		m.driver.Tick(m.now)
		if quiet++; len(m.driver.Entries) > before {
			quiet = 0
		}
	}
	wanted, has := map[string]int{}, map[string]int{}
	for _, c := range m.clients {
		for _, name := range c.names {
			t, _ := m.image.Topic(name)
			wanted[name] = len(t.Partitions)
		}
		if *c.regex != "" {
			for _, name := range []string{"b", "order-c"} {
				t, _ := m.image.Topic(name)
				wanted[name] = len(t.Partitions)
			}
		}
		for id, ps := range c.owned {
			t, _ := m.image.TopicByID(id)
			has[t.Name] += len(ps)
		}
	}
	if fmt.Sprint(wanted) != fmt.Sprint(has) {
		m.t.Errorf("seed %d: clients read topics with %v partitions and have %v", seed, wanted, has)
		for _, c := range m.clients {
			m.t.Logf("%+v", *c)
		}
	}
}
