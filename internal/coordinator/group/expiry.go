package group

import (
	"slices"
	"strings"
	"time"
)

// sweepPause is how soon the rest follows when there was more to remove than one tick may write.
const sweepPause = 10 * time.Millisecond

// expireOffsets removes offsets that are past their retention, and groups that have neither members nor offsets left.
func (m *Machine) expireOffsets() {
	ids := make([]string, 0, len(m.hard.groups))
	for id := range m.hard.groups {
		if id >= m.cleanupFrom {
			ids = append(ids, id)
		}
	}
	for id := range m.hard.offsets {
		if _, listed := m.hard.groups[id]; !listed && id >= m.cleanupFrom {
			ids = append(ids, id)
		}
	}
	for _, id := range m.kindGroups() {
		if id >= m.cleanupFrom {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if m.full() || !m.expireGroup(id) {
			m.cleanupFrom, m.cleanup = id, m.now.Add(sweepPause)
			return
		}
	}
	m.cleanupFrom, m.cleanup = "", m.now.Add(m.set.RetentionCheckInterval)
}

// expireGroup does so for one group. It reports false when there is more than the tick may write.
func (m *Machine) expireGroup(id string) (done bool) {
	g, owner := m.peek(id), m.owner(id)
	done = true
	none := m.removeOffsets(id, func(topic string, o *Offset) bool {
		if owner == nil && !m.expired(g, topic, o) || owner != nil && !m.kindExpired(owner, id, topic, o) {
			return false
		}
		done = done && !m.full()
		return done
	}, true)
	if owner != nil {
		if none && owner.kind.HasOffsets() && owner.kind.Empty(id) && !m.hard.heldByTransaction(id) {
			owner.remove(id)
			m.note(Notice{Message: "removed group without members and offsets", Group: id})
		}
		return done
	}
	if none && g.state == Empty && m.live[id] == nil && !m.hard.heldByTransaction(id) {
		if m.hard.groups[id] != nil {
			m.write(&MetadataRecord{Group: id})
		}
		m.note(Notice{Message: "removed group without members and offsets", Group: id, Generation: g.generation})
	}
	return done
}

// expired decides when an offset has to go (KIP-211): the retention counts from when the group lost its last member, or from the
// commit if the group never had members, or if its members do not read the topic.
func (m *Machine) expired(g *liveGroup, topic string, o *Offset) bool {
	since := o.CommitTimestamp
	switch {
	case g.protocolType == "":
	case g.state == Empty:
		if g.stateTimestamp >= 0 {
			since = g.stateTimestamp
		}
	case g.state == Stable && g.protocolType == consumerProtocol && g.subscribed != nil:
	default:
		return false
	}
	if g.subscribes(topic) {
		return false
	}
	now := m.now.UnixMilli()
	if o.ExpireTimestamp >= 0 {
		return now >= o.ExpireTimestamp
	}
	return now-since >= m.set.OffsetsRetention.Milliseconds()
}

// kindExpired is expired for the newer kinds, where the retention always counts from the commit.
func (m *Machine) kindExpired(d *desk, id, topic string, o *Offset) bool {
	now := m.now.UnixMilli()
	switch {
	case d.kind.Subscribed(id, topic):
		return false
	case o.ExpireTimestamp >= 0:
		return now >= o.ExpireTimestamp
	}
	return now-o.CommitTimestamp >= m.set.OffsetsRetention.Milliseconds()
}

// forgetTopics removes the offsets of deleted topics, as many as fit a tick.
func (m *Machine) forgetTopics() {
	for len(m.forgotten) > 0 {
		topic := m.forgotten[0]
		for _, id := range sortedKeys(m.hard.offsets) {
			for _, p := range sortedPartitions(m.hard.offsets[id][topic]) {
				if m.full() {
					m.forgetAt = m.now.Add(sweepPause)
					return
				}
				m.write(&OffsetRecord{Group: id, Topic: topic, Partition: p})
			}
		}
		m.forgotten = m.forgotten[1:]
	}
	m.forgotten = nil
}

// heldByTransaction reports whether an open transaction holds offsets of the group.
func (s *state) heldByTransaction(group string) bool {
	for key := range s.open {
		if key.group == group {
			return true
		}
	}
	return false
}

// removeHeld writes tombstones for offsets that only open transactions hold.
func (m *Machine) removeHeld(id string) {
	var held []partitionKey
	for key := range m.hard.open {
		if key.group == id {
			held = append(held, key)
		}
	}
	slices.SortFunc(held, func(a, b partitionKey) int {
		if c := strings.Compare(a.topic, b.topic); c != 0 {
			return c
		}
		return int(a.partition) - int(b.partition)
	})
	for _, key := range held {
		m.write(&OffsetRecord{Group: id, Topic: key.topic, Partition: key.partition})
	}
}
