package consumer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/assign"
	"leat/internal/coordinator/group/kind"
	"leat/internal/metadata"
)

// protocolType is the protocol type of consumers in the classic protocol.
const protocolType = "consumer"

// The values of group.consumer.migration.policy.
const (
	upgradeOnly   = "upgrade"
	downgradeOnly = "downgrade"
	bothWays      = "bidirectional"
	noMigration   = "disabled"
)

// upgrade makes a classic group with members a group of the new protocol: what its members have is their assignment at the epoch of the
// classic generation. Those who wait in it are told to ask again.
func (k *Kind) upgrade(d kind.Desk, id string, rq *kmsg.ConsumerGroupHeartbeatRequest) (*group, *refusal) {
	c := d.Classic(id)
	if reason := cannotUpgrade(d, c); reason != "" {
		return nil, refuse(kerr.GroupIDNotFound, fmt.Sprintf("Cannot upgrade classic group %s to consumer group because %s.", id, reason))
	}
	g := newGroup()
	g.epoch, g.assigned = c.Generation, c.Generation
	for i := range c.Members {
		p, reason := upgraded(d.Image(), c, &c.Members[i])
		if reason != "" {
			return nil, refuse(kerr.GroupIDNotFound, fmt.Sprintf("Cannot upgrade classic group %s to consumer group because %s.", id, reason))
		}
		g.replace(g.members[p.id], p)
		g.targets[p.id] = assign.Assignment(p.assigned.lists())
	}
	if _, static := g.statics[text(rq.InstanceID)]; len(g.members) >= d.Settings().Consumer.MaxSize && (!static || rq.InstanceID == nil) {
		return nil, refuse(kerr.GroupMaxSizeReached,
			fmt.Sprintf("The consumer group has reached its maximum capacity of %d members.", d.Settings().Consumer.MaxSize))
	}
	g.hash = k.hasher.MetadataHash(d.Image(), sortedKeys(g.topicNames()))
	for i := range c.Members {
		d.Reply(c.Members[i].Joining, joinError(c.Members[i].ID, kerr.RebalanceInProgress.Code))
		d.Reply(c.Members[i].Syncing, syncError(kerr.RebalanceInProgress.Code))
	}
	d.DropClassic(id)
	k.writeGroup(d, id, g)
	d.Note(kind.Notice{Message: "classic group became a consumer group", Group: id, Generation: g.epoch})
	return g, nil
}

// cannotUpgrade says what keeps a classic group from becoming one of the new protocol.
func cannotUpgrade(d kind.Desk, c *kind.ClassicGroup) string {
	switch policy := d.Settings().Consumer.MigrationPolicy; {
	case policy != upgradeOnly && policy != bothWays:
		return "online upgrade is disabled"
	case c.ProtocolType != protocolType:
		return "the group does not use the consumer embedded protocol"
	case len(c.Members) > d.Settings().Consumer.MaxSize:
		return "the group size exceeds the consumer group maximum size"
	}
	return ""
}

// upgraded is a classic member as a member of the new group.
func upgraded(image *metadata.Image, c *kind.ClassicGroup, m *kind.ClassicMember) (p *member, reason string) {
	const malformed = "the embedded consumer protocol is malformed"
	var spoken []byte
	if len(m.Protocols) > 0 {
		spoken = m.Protocols[0].Metadata
	}
	for i := range m.Protocols {
		if m.Protocols[i].Name == text(c.Protocol) {
			spoken = m.Protocols[i].Metadata
		}
	}
	var sub kmsg.ConsumerMemberMetadata
	if readSubscription(spoken, &sub) != nil {
		return nil, malformed
	}
	p = newMember(m.ID)
	p.instanceID, p.rackID, p.clientID, p.clientHost = m.InstanceID, filled(sub.Rack), m.ClientID, m.ClientHost
	p.topics = slices.Compact(slices.Sorted(slices.Values(sub.Topics)))
	p.rebalanceTimeout, p.epoch, p.previousEpoch = m.RebalanceTimeout, c.Generation, c.Generation
	p.classic = &classicMember{sessionTimeout: m.SessionTimeout, protocols: m.Protocols}
	p.assigned = make(partitions)
	if len(m.Assignment) == 0 {
		return p, ""
	}
	var a kmsg.ConsumerMemberAssignment
	if readAssignment(m.Assignment, &a) != nil {
		return nil, malformed
	}
	if len(a.UserData) > 0 {
		return nil, "an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor before re-attempting the upgrade"
	}
	for _, t := range a.Topics {
		if topic, ok := image.Topic(t.Topic); ok {
			for _, partition := range t.Partitions {
				p.assigned.put(topic.ID, partition, c.Generation)
			}
		}
	}
	return p, ""
}

// filled is nil for a string that says nothing.
func filled(s *string) *string {
	if text(s) == "" {
		return nil
	}
	return s
}

// writeGroup writes a whole group, and begins the sessions of its members.
func (k *Kind) writeGroup(d kind.Desk, id string, g *group) {
	members := sortedKeys(g.members)
	for _, who := range members {
		d.Write(&MemberRecord{Group: id, ID: who, Member: g.members[who]})
	}
	d.Write(&EpochRecord{Group: id, Epoch: g.epoch, Hash: g.hash})
	for _, who := range members {
		d.Write(&TargetRecord{Group: id, ID: who, Target: g.targets[who]})
	}
	d.Write(&AssignmentMetadataRecord{Group: id, Epoch: g.assigned, Timestamp: g.assignedAt})
	for _, who := range members {
		d.Write(currentRecord(id, g.members[who]))
		k.startSession(d, id, g.members[who])
	}
}

// downgraded makes the group a classic one if its last member of the new protocol goes, and reports whether it did. The members that are
// left rebalance as a classic group does.
func (k *Kind) downgraded(d kind.Desk, id string, g *group, gone []*member) bool {
	left := len(g.members) - len(gone)
	classic := g.classic
	for _, p := range gone {
		if p.classic != nil {
			classic--
		}
	}
	if left == 0 || classic != left || !mayDowngrade(d, left) {
		return false
	}
	var members []*member
	for _, who := range sortedKeys(g.members) {
		if p := g.members[who]; !slices.Contains(gone, p) {
			members = append(members, p)
		}
	}
	k.restoreClassic(d, &kind.ClassicGroup{Group: id, Generation: g.epoch}, members)
	return true
}

// mayDowngrade reports whether a group with so many members may be a classic one again.
func mayDowngrade(d kind.Desk, size int) bool {
	policy := d.Settings().Consumer.MigrationPolicy
	return (policy == downgradeOnly || policy == bothWays) && size <= d.Settings().MaxSize
}

// replacedLast makes the group a classic one if a classic member has just taken the place of its last member of the new protocol. Nobody has to
// rebalance if everybody has what it shall have.
func (dr *draft) replacedLast(next *member) bool {
	if next.instanceID == nil || dr.before == nil || dr.before.classic != nil || dr.classic != len(dr.members)-1 || !mayDowngrade(dr.d, len(dr.members)) {
		return false
	}
	members, state := []*member{next}, "Stable"
	dr.others(func(p *member) { members = append(members, p) })
	for _, p := range members {
		if !p.reconciled(dr.epoch) {
			state = ""
		}
	}
	slices.SortFunc(members, func(p, q *member) int { return strings.Compare(p.id, q.id) })
	if next.id != dr.before.id {
		dr.k.writeGone(dr.d, dr.id, next.id)
	}
	dr.k.restoreClassic(dr.d, &kind.ClassicGroup{Group: dr.id, State: state, Generation: next.epoch}, members)
	return true
}

// restoreClassic puts a classic group with these members in the place of the group.
func (k *Kind) restoreClassic(d kind.Desk, c *kind.ClassicGroup, members []*member) {
	c.ProtocolType, c.StateTimestamp = protocolType, d.Now().UnixMilli()
	for _, p := range members {
		c.Members = append(c.Members, kind.ClassicMember{
			ID: p.id, InstanceID: p.instanceID, ClientID: p.clientID, ClientHost: p.clientHost, RebalanceTimeout: p.rebalanceTimeout,
			SessionTimeout: p.classic.sessionTimeout, Protocols: p.classic.protocols, Assignment: p.classicAssignment(d.Image()),
		})
	}
	d.StopTimers(c.Group)
	k.Remove(d, c.Group)
	d.Note(kind.Notice{Message: "consumer group became a classic group", Group: c.Group, Generation: c.Generation})
	d.RestoreClassic(c)
}

// classicAssignment is what the member has, in the version of the protocol in which it subscribed.
func (p *member) classicAssignment(image *metadata.Image) []byte {
	a := kmsg.NewConsumerMemberAssignment()
	var sub kmsg.ConsumerMemberMetadata
	if len(p.classic.protocols) > 0 && readSubscription(p.classic.protocols[0].Metadata, &sub) == nil {
		a.Version = sub.Version
	}
	for id, ps := range p.assigned.lists() {
		if t, ok := image.TopicByID(id); ok {
			a.Topics = append(a.Topics, kmsg.ConsumerMemberAssignmentTopic{Topic: t.Name, Partitions: ps})
		}
	}
	slices.SortFunc(a.Topics, func(x, y kmsg.ConsumerMemberAssignmentTopic) int { return strings.Compare(x.Topic, y.Topic) })
	return a.AppendTo(nil)
}

// in is the time some milliseconds from now.
func in(d kind.Desk, millis int32) time.Time {
	return d.Now().Add(time.Duration(max(millis, 0)) * time.Millisecond)
}
