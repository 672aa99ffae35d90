package consumer_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

// crowd is a group of many clients, on a machine whose hard state is compared with that of a replay at the end only.
type crowd struct {
	t       testing.TB
	m       *group.Machine
	now     time.Time
	log     []machine.Entry[group.Record]
	largest int // bytes of one decision
	group   string
	image   *metadata.Image
	clients []*client
	names   []string
}

func newMachine() *group.Machine {
	return group.New(group.Config{Settings: func() group.Settings { return group.DefaultSettings }, Rand: rand.New(rand.NewPCG(1, 2))})
}

// newCrowd is a group with that many clients, none of which has joined, and topics with 100 partitions each.
func newCrowd(t testing.TB, groupID string, clients, topics int) *crowd {
	c := &crowd{t: t, m: newMachine(), now: time.UnixMilli(1_000_000_000_000), group: groupID}
	d := metadata.NewDelta(metadata.Empty)
	for i := range topics {
		id := record.UUID{0: 0xaa, 14: byte(i >> 8), 15: byte(i)}
		c.names = append(c.names, fmt.Sprintf("topic-%03d", i))
		records := []metadata.Record{&metadata.TopicRecord{Name: c.names[i], TopicID: id}}
		for p := range 100 {
			records = append(records, &metadata.PartitionRecord{TopicID: id, PartitionID: int32(p), Replicas: []int32{1}, ISR: []int32{1}, Leader: 1})
		}
		for _, r := range records {
			if err := d.Replay(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.image = d.Image(1, 1, 1)
	c.take(c.m.Handle(c.now, group.Event{Loaded: true, Image: c.image}))
	for i := range clients {
		c.clients = append(c.clients, &client{id: fmt.Sprintf("member-%05d", i), names: c.names, regex: new(string), heard: c.now})
	}
	return c
}

func (c *crowd) take(res machine.Result[group.Record]) []machine.Effect {
	size := 0
	for _, r := range res.Records {
		size += r.Size()
		e := machine.Entry[group.Record]{Offset: int64(len(c.log)), ProducerID: -1, ProducerEpoch: -1, Record: r}
		c.log = append(c.log, e)
		c.m.Apply(e)
	}
	c.largest = max(c.largest, size)
	return res.Effects
}

// pass lets time pass.
func (c *crowd) pass(d time.Duration) {
	end := c.now.Add(d)
	for due := c.m.Due(); !due.IsZero() && !due.After(end); due = c.m.Due() {
		c.now = due
		c.take(c.m.Tick(due))
	}
	c.now = end
}

// beat is a heartbeat of one client, and what it makes of the answer.
func (c *crowd) beat(cl *client) {
	rq := cl.request(cl.epoch)
	rq.Group = c.group
	for _, e := range c.take(c.m.Handle(c.now, group.Event{Ticket: 1, Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"})) {
		r, ok := e.(machine.Reply)
		if !ok {
			continue
		}
		resp := r.Response.(*kmsg.ConsumerGroupHeartbeatResponse)
		if cl.epoch = resp.MemberEpoch; resp.ErrorCode != 0 {
			c.t.Fatalf("heartbeat of %s: code %d: %s", cl.id, resp.ErrorCode, *resp.ErrorMessage)
		}
		if resp.Assignment == nil {
			continue
		}
		cl.owned = map[record.UUID][]int32{}
		for _, t := range resp.Assignment.Topics {
			cl.owned[t.TopicID] = t.Partitions
		}
	}
}

// all is a heartbeat of each, spread over five seconds.
func (c *crowd) all() {
	for _, cl := range c.clients {
		c.pass(5 * time.Second / time.Duration(len(c.clients)))
		c.beat(cl)
	}
}

// reload is another coordinator, made from the log.
func (c *crowd) reload() {
	c.m = newMachine()
	for _, e := range c.log {
		c.m.Apply(e)
	}
	c.take(c.m.Handle(c.now, group.Event{Loaded: true, Image: c.image}))
}

// owners counts the partitions that somebody owns, and fails if two own one.
func (c *crowd) owners() int {
	seen := map[string]bool{}
	for _, cl := range c.clients {
		for id, ps := range cl.owned {
			for _, p := range ps {
				key := fmt.Sprintf("%x:%d", id, p)
				if seen[key] {
					c.t.Fatalf("two own %s", key)
				}
				seen[key] = true
			}
		}
	}
	return len(seen)
}

// TestALargeGroupIsAssignedInPieces has 2,000 members, who join one after the other, read 10,000 partitions: no decision is larger than a
// batch of the log takes, also when some leave and the coordinator ends in the midst of writing what is assigned.
func TestALargeGroupIsAssignedInPieces(t *testing.T) {
	c := newCrowd(t, "a group with a long name "+strings.Repeat("g", 900), 2000, 100)
	settle := func() {
		t.Helper()
		for range 12 {
			c.all()
			if c.owners() == 10_000 {
				return
			}
		}
		t.Fatalf("%d of 10,000 partitions are read", c.owners())
	}
	settle()
	for _, cl := range c.clients[:100] {
		cl.epoch = -1
		c.beat(cl)
	}
	c.clients = c.clients[100:]
	c.pass(2 * time.Second)
	c.beat(c.clients[0]) // computes the next assignment, and writes a piece of it
	c.reload()
	settle()
	if c.largest > 512<<10 {
		t.Errorf("a decision has %d bytes", c.largest)
	}
	held := c.m.Hard()
	c.reload()
	if diff := cmp.Diff(c.m.Hard(), held, cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("hard state is not what the log gives (-replayed +held):\n%s", diff)
	}
}

// TestMembersThatEndTogether lets the sessions of all members but one end at once: that is one step of the group, however many they are.
func TestMembersThatEndTogether(t *testing.T) {
	c := newCrowd(t, "g", 2000, 20)
	for range 4 {
		c.all()
	}
	c.pass(10 * time.Second)
	last := c.clients[0]
	for range 12 {
		c.pass(5 * time.Second)
		c.beat(last)
	}
	if n := len(last.owned); n != 20 {
		t.Errorf("the last member reads %d topics, not 20", n)
	}
	if c.largest > 512<<10 {
		t.Errorf("a decision has %d bytes", c.largest)
	}
}

func benchmarkHeartbeat(b *testing.B, members int) {
	c := newCrowd(b, "g", members, 100)
	for range 4 {
		c.all()
	}
	c.pass(5 * time.Second)
	rq := c.clients[0].request(c.clients[0].epoch)
	rq.Group, rq.SubscribedTopicNames, rq.SubscribedTopicRegex, rq.Topics, rq.RebalanceTimeoutMillis = "g", nil, nil, nil, -1
	written := len(c.log)
	b.ReportAllocs()
	for b.Loop() {
		c.m.Handle(c.now, group.Event{Ticket: 1, Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"})
	}
	if len(c.log) != written {
		b.Fatal("heartbeats of a group at rest write")
	}
}

func BenchmarkHeartbeatOf10(b *testing.B)   { benchmarkHeartbeat(b, 10) }
func BenchmarkHeartbeatOf2000(b *testing.B) { benchmarkHeartbeat(b, 2000) }
