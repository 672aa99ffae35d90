package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deleteOffsets removes offsets of topics that the group does not read.
func (m *Machine) deleteOffsets(rq *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse {
	resp := kmsg.NewPtrOffsetDeleteResponse()
	if rq.Group == "" {
		resp.ErrorCode = kerr.InvalidGroupID.Code
		return resp
	}
	owner := m.owner(rq.Group)
	if owner == nil && !m.exists(rq.Group) || owner != nil && !owner.kind.HasOffsets() {
		resp.ErrorCode = kerr.GroupIDNotFound.Code
		return resp
	}
	g := m.peek(rq.Group)
	subscribed := g.subscribes
	if owner != nil {
		subscribed = func(topic string) bool { return owner.kind.Subscribed(rq.Group, topic) }
	} else if g.state != Empty && g.protocolType != consumerProtocol {
		resp.ErrorCode = kerr.NonEmptyGroup.Code
		return resp
	}
	var removed OffsetsRemoved
	for i := range rq.Topics {
		t := &rq.Topics[i]
		rt := kmsg.NewOffsetDeleteResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetDeleteResponseTopicPartition()
			rp.Partition = p.Partition
			if subscribed(t.Topic) {
				rp.ErrorCode = kerr.GroupSubscribedToTopic.Code
			} else if m.hard.offset(rq.Group, t.Topic, p.Partition) != nil || m.hard.unstable(rq.Group, t.Topic, p.Partition) {
				m.write(&OffsetRecord{Group: rq.Group, Topic: t.Topic, Partition: p.Partition})
				removed.Count++
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	m.tellRemoved(removed)
	return resp
}

// deleteGroups removes groups without members, with all their offsets.
func (m *Machine) deleteGroups(rq *kmsg.DeleteGroupsRequest) *kmsg.DeleteGroupsResponse {
	resp := kmsg.NewPtrDeleteGroupsResponse()
	for _, id := range rq.Groups {
		rg := kmsg.NewDeleteGroupsResponseGroup()
		rg.Group = id
		if d := m.owner(id); d != nil {
			if rg.ErrorCode = d.kind.CheckDelete(d, id); rg.ErrorCode == 0 {
				m.removeOffsets(id, func(string, *Offset) bool { return true }, false)
				m.removeHeld(id)
				d.remove(id)
			}
		} else if !m.exists(id) {
			rg.ErrorCode = kerr.GroupIDNotFound.Code
		} else if m.peek(id).state != Empty {
			rg.ErrorCode = kerr.NonEmptyGroup.Code
		} else {
			m.removeOffsets(id, func(string, *Offset) bool { return true }, false)
			m.removeHeld(id)
			m.write(&MetadataRecord{Group: id})
			if g := m.live[id]; g != nil { // only ids given out: they are unknown from now on
				for member := range g.pending {
					g.pending[member].stop()
				}
				delete(m.live, id)
			}
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return resp
}

// OffsetsRemoved is an effect: offsets expired, or somebody had them deleted.
type OffsetsRemoved struct {
	Expired bool
	Count   int
}

func (m *Machine) tellRemoved(r OffsetsRemoved) {
	if r.Count > 0 {
		m.out.Effects = append(m.out.Effects, r)
	}
}

// removeOffsets writes tombstones for the group's offsets that match, and reports whether none is left.
func (m *Machine) removeOffsets(id string, match func(topic string, o *Offset) bool, expired bool) (none bool) {
	offsets := m.hard.offsets[id]
	none = true
	removed := OffsetsRemoved{Expired: expired}
	defer func() { m.tellRemoved(removed) }()
	for _, topic := range sortedKeys(offsets) {
		for _, p := range sortedPartitions(offsets[topic]) {
			if match(topic, offsets[topic][p].Offset) && !m.hard.unstable(id, topic, p) {
				m.write(&OffsetRecord{Group: id, Topic: topic, Partition: p})
				removed.Count++
			} else {
				none = false
			}
		}
	}
	return none
}
