package controller

import (
	"slices"
	"strconv"

	"leat/internal/metadata"
	"leat/internal/record"
)

// limits are how large a decision may be. What would be larger and need not be atomic is decided in several steps (task); the rest is
// refused.
type limits struct {
	records int // that a step of a task gathers
	bytes   int // of a step of a task
	atomic  int // bytes of a decision that is one or nothing
}

// The quorum writes a decision as one batch of at most 8 MiB.
var defaultLimits = limits{records: 10_000, bytes: 6 << 20, atomic: 8<<20 - 64<<10}

// decision gathers the records of one decision and shows partitions as they leave them, so that one that is changed twice is changed from
// what the first change made of it.
type decision struct {
	m                 *Machine
	records           []Record
	notices           []Notice
	unclean, eligible int // leaders elected that may lack records, and that were eligible without being in sync
	bytes             int
	changed           map[place]*metadata.Partition

	going  int32 // a broker that counts as gone already; nobody: none
	coming int32 // a broker that counts as active already; nobody: none

	of settings // of the topic looked at last
}

// settings are the configs of a topic that elections depend on.
type settings struct {
	topic     record.UUID
	minISR    int
	anyLeader bool
}

func (m *Machine) decide() *decision { return &decision{m: m, going: nobody, coming: nobody} }

func (d *decision) add(r Record) {
	d.records = append(d.records, r)
	d.bytes += sizeOf(r)
}

// full reports whether the decision should go on in another one.
func (d *decision) full() bool {
	return len(d.records) >= d.m.limits.records || d.bytes >= d.m.limits.bytes
}

// recordOverhead is an upper bound of what a record in a batch has around its value.
const recordOverhead = 32

// sizeOf is at least the bytes of a record in a batch.
func sizeOf(r Record) int {
	if c, ok := r.(*metadata.PartitionChangeRecord); ok { // by far the most: not worth encoding twice
		return recordOverhead + 64 + 4*(len(c.ISR)+len(c.Replicas)+len(c.AddingReplicas)+len(c.RemovingReplicas)+
			len(c.EligibleLeaderReplicas)+len(c.LastKnownELR)) + 16*len(c.Directories)
	}
	return recordOverhead + len(metadata.AppendRecord(nil, r))
}

// partition is a partition as the records so far leave it, nil if there is none.
func (d *decision) partition(at place) *metadata.Partition {
	if p, ok := d.changed[at]; ok {
		return p
	}
	return partitionAt(d.m.image(), at)
}

// begin begins a change of a partition that there is.
func (d *decision) begin(at place) *partitionChange {
	was := d.partition(at)
	of := d.settings(at.topic)
	c := &partitionChange{
		at: at, was: was, isr: was.ISR, replicas: was.Replicas, adding: was.Adding, removing: was.Removing, recovering: was.LeaderRecovering,
		unclean: nobody, minISR: of.minISR, elrOn: d.m.elrEnabled(), level: d.m.image().Feature(metadata.FeatureMetadataVersion),
		defaultDir: d.m.defaultDir,
	}
	c.alive = func(id int32) bool {
		dir, moved := c.moved[id]
		if !moved {
			dir = was.DirOf(id)
		}
		return d.active(id) && d.m.online(id, dir)
	}
	if of.anyLeader {
		c.election = takeAnyone
	}
	return c
}

// end builds a change and adds it, and reports whether anything changes.
func (d *decision) end(c *partitionChange) bool {
	r := c.build()
	if r == nil {
		return false
	}
	next, err := c.was.Change(r)
	if err != nil {
		panic("bug: change does not fit its partition: " + err.Error())
	}
	if d.changed == nil {
		d.changed = map[place]*metadata.Partition{}
	}
	d.changed[c.at] = next
	d.unclean, d.eligible = d.unclean+c.tookUnclean, d.eligible+c.tookEligible
	d.add(r)
	return true
}

// active reports whether a broker may lead once the decision is made.
func (d *decision) active(id int32) bool {
	return id != d.going && (id == d.coming || d.m.active(id))
}

// active reports whether a broker may lead: it is neither fenced, nor in controlled shutdown, nor about to be.
func (m *Machine) active(id int32) bool {
	b, ok := m.image().Broker(id)
	return ok && b.Active() && !m.leaving(id)
}

// online reports whether a directory of a broker works, as far as known: the broker itself halts when it has none left.
func (m *Machine) online(broker int32, dir record.UUID) bool {
	switch dir {
	case metadata.DirMigrating, metadata.DirUnassigned:
		return true
	case metadata.DirLost:
		return false
	}
	b, ok := m.image().Broker(broker)
	return ok && (len(b.Dirs) == 0 || slices.Contains(b.Dirs, dir))
}

func (d *decision) settings(topic record.UUID) settings {
	if d.of.topic == topic && d.of.minISR > 0 {
		return d.of
	}
	t, ok := d.m.image().TopicByID(topic)
	if !ok {
		return settings{}
	}
	d.of = settings{topic, d.m.minISR(t), d.m.topicBool(t.Name, "unclean.leader.election.enable")}
	return d.of
}

func (m *Machine) elrEnabled() bool { return m.image().Feature(metadata.FeatureELRVersion) >= 1 }

// effective finds the value of a topic config as this controller sees it: the topic's own, this node's dynamic one, the cluster's dynamic
// default, the node's file.
func (m *Machine) effective(topic, key string) string {
	im := m.image()
	for _, of := range []metadata.ConfigKey{
		{Type: metadata.TopicResource, Name: topic}, {Type: metadata.BrokerResource, Name: m.node}, {Type: metadata.BrokerResource},
	} {
		if v, ok := im.Config(of.Type, of.Name)[key]; ok {
			return v
		}
	}
	text, _, _ := m.cfg.Broker.Lookup(key)
	return text
}

// minISR is how many replicas of a topic must be in sync for acks=all: no more than its partitions have.
func (m *Machine) minISR(t *metadata.Topic) int {
	n, err := strconv.Atoi(m.effective(t.Name, "min.insync.replicas"))
	if err != nil || n < 1 {
		n = 1
	}
	if len(t.Partitions) > 0 {
		n = min(n, max(1, len(t.Partitions[0].Replicas)))
	}
	return n
}

func (m *Machine) topicBool(topic, key string) bool {
	b, _ := strconv.ParseBool(m.effective(topic, key))
	return b
}
