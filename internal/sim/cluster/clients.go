package cluster

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/replication/progress"
)

// client produces to one partition, a batch at a time. One whose acks are all repeats a batch until it is acknowledged; a weak one (acks=1) goes
// on as another producer.
type client struct {
	w         *world
	partition *partition
	producer  int32
	weak      bool
	next      int32 // sequence
	count     int32 // records of the batch under way
}

func (w *world) addClients(p *partition) {
	for _, weak := range []bool{false, true} {
		c := &client{w: w, partition: p, weak: weak}
		c.begin()
		w.clients = append(w.clients, c)
		c.later(0)
	}
	(&consumer{w: w, partition: p, epoch: -1}).later()
}

// begin makes it a new producer.
func (c *client) begin() {
	c.w.lastID++
	c.producer, c.next, c.count = int32(c.w.lastID), 0, 0
}

func (c *client) later(pause int64) {
	c.w.hosts[0].after(pause+c.w.between(5*time.Millisecond, 60*time.Millisecond), "produce", c.send)
}

// leaderOf is who leads a partition, as some broker knows it.
func (w *world) leaderOf(p *partition) (b *broker, epoch int32) {
	from := w.brokers[w.rng.IntN(len(w.brokers))]
	im := from.image
	if im == nil || !from.h.up {
		return nil, -1
	}
	s := p.in(im)
	if s == nil || s.Leader < 0 {
		return nil, -1
	}
	return w.brokers[s.Leader-1], s.LeaderEpoch
}

// replica is the running replica of a partition, nil if there is none.
func (b *broker) replica(p *partition) *replica {
	if p.index < len(b.replicas) {
		return b.replicas[p.index]
	}
	return nil
}

func (c *client) send() {
	w := c.w
	if c.count == 0 {
		if w.healing {
			return
		}
		c.count = 1 + w.rng.Int32N(3)
	}
	to, _ := w.leaderOf(c.partition)
	if to == nil {
		c.later(int64(30 * time.Millisecond))
		return
	}
	ended := new(bool)
	producer, first, count := c.producer, c.next, c.count
	home := w.hosts[0]
	w.call(home, to.h, "produce", func(back func(string, func())) {
		answer := func(o outcome, base int64) {
			if o == accepted && !c.weak {
				w.acked(c.partition, to, producer, first, count, base)
			}
			back("produced", func() { c.ended(ended, o, true) })
		}
		r := to.replica(c.partition)
		if r == nil || c.producer != producer {
			answer(notLeader, -1)
			return
		}
		r.produce(c, first, count, answer)
	})
	home.unless(ended, int64(time.Second), "produce times out", func() { c.ended(ended, notLeader, false) })
}

// ended takes the answer to a try, or that there is none.
func (c *client) ended(ended *bool, o outcome, known bool) {
	if *ended {
		return
	}
	*ended = true
	switch {
	case o == accepted:
		c.next, c.count = c.next+c.count, 0
	case c.weak || o == outOfOrder && c.partition.lossy:
		c.begin()
	}
	pause := int64(0)
	if o != accepted && known {
		pause = int64(20 * time.Millisecond)
	}
	c.later(pause)
}

// consumer reads a partition from its beginning.
type consumer struct {
	w         *world
	partition *partition
	position  int64
	epoch     int32
	tries     int
}

func (c *consumer) later() {
	c.w.hosts[0].after(c.w.between(50*time.Millisecond, 200*time.Millisecond), "consume", c.fetch)
}

func (c *consumer) fetch() {
	w := c.w
	to, epoch := w.leaderOf(c.partition)
	if to == nil || epoch < c.epoch {
		c.later()
		return
	}
	c.epoch = epoch
	if w.oneIn(5) {
		to = w.brokers[w.rng.IntN(len(w.brokers))]
	}
	c.tries++
	try, position := c.tries, c.position
	w.call(w.hosts[0], to.h, "consume", func(back func(string, func())) {
		next := c.read(to, position, epoch)
		back("consumed", func() {
			if c.tries == try {
				c.position = max(c.position, next)
			}
		})
	})
	c.later()
}

// read is the broker's side; it checks what the consumer gets.
func (c *consumer) read(from *broker, position int64, epoch int32) int64 {
	p, r := c.partition, from.replica(c.partition)
	if r == nil || p.lossy || r.progress.CheckEpoch(epoch) != progress.EpochFits {
		return position
	}
	if r.progress.Leads() && position > r.log.end() {
		c.w.fail("%s-%d: a consumer has read up to %d, the log of its leader %d of epoch %d ends at %d", p.topic, p.number, position, from.h.id, epoch, r.log.end())
	}
	next := max(position, min(r.log.mark, position+100))
	for at := position; at < next; at++ {
		if at >= int64(len(p.chain)) || p.chain[at] != r.log.entries[at] {
			c.w.fail("%s-%d: a consumer reads another record at %d from broker %d than was committed", p.topic, p.number, at, from.h.id)
		}
	}
	c.w.stats.Consumed += int(next - position)
	return next
}

// topics are what the cluster is made to hold.
var topics = []struct {
	name       string
	partitions int32
	flush      bool
}{{"plain", 3, false}, {"synced", 2, true}}

// startAdmin has somebody create the topics and, from then on, move partitions and leaders about.
func (w *world) startAdmin() {
	w.hosts[0].after(int64(500*time.Millisecond), "create topics", func() {
		if len(w.parts) > 0 {
			w.admin()
			return
		}
		rq := kmsg.NewPtrCreateTopicsRequest()
		for _, t := range topics {
			topic := kmsg.NewCreateTopicsRequestTopic()
			topic.Topic, topic.NumPartitions, topic.ReplicationFactor = t.name, t.partitions, 3
			rq.Topics = append(rq.Topics, topic)
		}
		w.hosts[0].ask(rq, func(any) { w.startAdmin() })
	})
}

func (w *world) admin() {
	if w.healing {
		return
	}
	if w.oneIn(4) {
		rq := kmsg.NewPtrElectLeadersRequest()
		rq.Version = 2
		w.hosts[0].ask(rq, func(any) {})
	} else {
		w.hosts[0].ask(w.reassignment(), func(any) {})
	}
	w.hosts[0].after(w.between(time.Second, 10*time.Second), "admin", w.admin)
}

// reassignment moves a partition to any three brokers, or calls its move back.
func (w *world) reassignment() *kmsg.AlterPartitionAssignmentsRequest {
	p := w.parts[w.rng.IntN(len(w.parts))]
	rq := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	one := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	one.Partition = p.number
	if !w.oneIn(5) {
		for _, i := range w.rng.Perm(len(w.brokers))[:3] {
			one.Replicas = append(one.Replicas, w.brokers[i].h.id)
		}
	}
	rq.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: p.topic, Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{one}}}
	return rq
}

// addTopic takes up a topic that was created.
func (w *world) addTopic(t *metadata.Topic) {
	flush := false
	for _, x := range topics {
		flush = flush || x.name == t.Name && x.flush
	}
	for i := range t.Partitions {
		p := &partition{index: len(w.parts), topic: t.Name, topicID: t.ID, number: int32(i), flush: flush, leaders: map[int32]int32{}, last: map[int32]int32{}}
		w.parts = append(w.parts, p)
		w.addClients(p)
	}
}
