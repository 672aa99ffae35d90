package controller

import (
	"slices"
	"strconv"

	"leat/internal/metadata"
)

// What becomes of a broker's replicas when it goes: kept ones stay eligible to lead if the in-sync set got too small (KIP-966), unclean
// ones do not.
const (
	keptReplicas    = false
	uncleanReplicas = true
)

// partitionChange is one change of a partition's in-sync set and leader being worked out.
//
// With eligible leader replicas, a replica that leaves the in-sync set while that is smaller than min.insync.replicas is remembered in
// elr: nothing was acknowledged without it, so it may lead again without losing anything. LastKnownELR of a partition without a leader
// remembers the leader it had: the best guess when nobody is eligible any more.
type partitionChange struct {
	was       *metadata.Partition
	isr       []int32
	elr       []int32
	unclean   int32 // broker whose replicas lost their log's tail, -1: none
	minISR    int
	elrOn     bool
	anyLeader bool // unclean.leader.election.enable
	preferred bool // the first replica comes before the leader that there is
	alive     func(int32) bool
}

// elect returns the new leader (-1: none) and whether the election may lose records.
func (c *partitionChange) elect() (leader int32, unclean bool) {
	mayLead := func(id int32) bool {
		return c.alive(id) && (slices.Contains(c.isr, id) || len(c.isr) == 0 && slices.Contains(c.elr, id))
	}
	if first := c.was.Replicas[0]; c.preferred && mayLead(first) {
		return first, false
	}
	if c.was.Leader >= 0 && mayLead(c.was.Leader) {
		return c.was.Leader, false
	}
	for _, id := range c.was.Replicas {
		if mayLead(id) {
			return id, false
		}
	}
	if c.elrOn && len(c.isr) == 0 && len(c.elr) == 0 && len(c.was.LastKnownELR) == 1 && c.alive(c.was.LastKnownELR[0]) {
		return c.was.LastKnownELR[0], true
	}
	if c.anyLeader {
		for _, id := range c.was.Replicas {
			if c.alive(id) {
				return id, true
			}
		}
	}
	return -1, false
}

// eligible works out who may still lead without being in sync.
func (c *partitionChange) eligible() {
	if !c.elrOn || len(c.isr) >= min(c.minISR, len(c.was.Replicas)) {
		return
	}
	var candidates []int32
	for _, list := range [][]int32{c.was.ELR, c.was.ISR} {
		for _, id := range list {
			if !slices.Contains(candidates, id) {
				candidates = append(candidates, id)
			}
		}
	}
	for _, id := range candidates {
		if !slices.Contains(c.isr, id) && id != c.unclean {
			c.elr = append(c.elr, id)
		}
	}
}

// build fills the change record, and reports whether it changes anything.
func (c *partitionChange) build(r *metadata.PartitionChangeRecord) bool {
	c.eligible()
	leader, unclean := c.elect()
	if leader != c.was.Leader {
		r.Leader = leader
		switch {
		case unclean:
			c.isr = []int32{leader}
			if !c.was.LeaderRecovering {
				r.LeaderRecoveryState = 1
			}
		case slices.Contains(c.elr, leader):
			c.isr = []int32{leader}
			c.elr = slices.DeleteFunc(c.elr, func(id int32) bool { return id == leader })
		}
	}
	if !slices.Equal(c.isr, c.was.ISR) && (len(c.isr) > 0 || c.elrOn) {
		r.ISR = nonNil(c.isr)
	}
	if c.elrOn {
		c.noteEligible(r)
	}
	// A smaller in-sync set under the same leader bumps the leader epoch only below metadata.version 3.6, which nothing here writes.
	return r.ISR != nil || r.Leader != metadata.NoLeaderChange || r.LeaderRecoveryState != metadata.NoRecoveryChange ||
		r.EligibleLeaderReplicas != nil || r.LastKnownELR != nil
}

func (c *partitionChange) noteEligible(r *metadata.PartitionChangeRecord) {
	if !slices.Equal(c.elr, c.was.ELR) {
		r.EligibleLeaderReplicas = nonNil(c.elr)
	}
	switch {
	case r.Leader == -1 && len(c.was.LastKnownELR) == 0:
		r.LastKnownELR = []int32{c.was.Leader}
	case r.Leader >= 0 && len(c.was.LastKnownELR) > 0:
		r.LastKnownELR = []int32{}
	}
}

// nonNil makes an empty list out of none: in a change record nil means "as it was".
func nonNil(list []int32) []int32 {
	if list == nil {
		return []int32{}
	}
	return list
}

// without takes a broker out of the in-sync sets and leaderships of all partitions.
func (m *Machine) without(id int32, unclean bool) []Record {
	alive := func(b int32) bool { return b != id && m.active(b) }
	return m.eachPartition(func(p *metadata.Partition) bool {
		return slices.Contains(p.ISR, id) || p.Leader == id || unclean && slices.Contains(p.ELR, id)
	}, func(c *partitionChange) {
		c.alive = alive
		c.isr = slices.DeleteFunc(slices.Clone(c.isr), func(b int32) bool { return b == id })
		if unclean {
			c.unclean = id
		}
	})
}

// electWith looks for leaders where there are none, now that a broker is there.
func (m *Machine) electWith(id int32) []Record {
	alive := func(b int32) bool { return b == id || m.active(b) }
	return m.eachPartition(func(p *metadata.Partition) bool { return p.Leader == -1 },
		func(c *partitionChange) { c.alive = alive })
}

// eachPartition builds a change for every partition that matters, in order of topic name.
func (m *Machine) eachPartition(matters func(*metadata.Partition) bool, prepare func(*partitionChange)) []Record {
	var records []Record
	elrOn := m.elrEnabled()
	for t := range m.image().Topics("") {
		minISR, anyLeader := 0, false // of the topic, once a partition of it matters
		for i, p := range t.Partitions {
			if !matters(p) {
				continue
			}
			if minISR == 0 {
				minISR, anyLeader = m.minISR(t.Name), m.topicBool(t.Name, "unclean.leader.election.enable")
			}
			c := &partitionChange{was: p, isr: p.ISR, unclean: -1, elrOn: elrOn, minISR: minISR, anyLeader: anyLeader}
			prepare(c)
			if r := metadata.NewPartitionChange(t.ID, int32(i)); c.build(r) {
				records = append(records, r)
			}
		}
	}
	return records
}

// active reports whether a broker may lead.
func (m *Machine) active(id int32) bool {
	b, ok := m.image().Broker(id)
	return ok && b.Active()
}

func (m *Machine) elrEnabled() bool { return m.image().Feature(metadata.FeatureELRVersion) >= 1 }

// effective finds the value of a topic config as this controller sees it: the topic's own, the cluster's dynamic default, the node's file.
func (m *Machine) effective(topic, key string) string {
	im := m.image()
	if v, ok := im.Config(metadata.TopicResource, topic)[key]; ok {
		return v
	}
	if v, ok := im.Config(metadata.BrokerResource, "")[key]; ok {
		return v
	}
	text, _, _ := m.cfg.Broker.Lookup(key)
	return text
}

func (m *Machine) minISR(topic string) int {
	n, err := strconv.Atoi(m.effective(topic, "min.insync.replicas"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

func (m *Machine) topicBool(topic, key string) bool {
	b, _ := strconv.ParseBool(m.effective(topic, key))
	return b
}
