package consumer

import (
	"fmt"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/record"
)

// leave lets a member go at its own wish. A static member may say that it comes back: then nobody gets its partitions until its session
// ends.
func (k *Kind) leave(d kind.Desk, rq *kmsg.ConsumerGroupHeartbeatRequest) (*kmsg.ConsumerGroupHeartbeatResponse, *refusal) {
	g := k.hard.groups[rq.Group]
	switch {
	case g == nil && d.TypeOf(rq.Group) == kind.None:
		return nil, refuse(kerr.GroupIDNotFound, fmt.Sprintf("Group %s not found.", rq.Group))
	case g == nil:
		return nil, refuse(kerr.GroupIDNotFound, fmt.Sprintf("Group %s is not a consumer group.", rq.Group))
	}
	p := g.members[rq.MemberID]
	if rq.InstanceID != nil {
		var refused *refusal
		if p, refused = g.checkStatic(rq.MemberID, *rq.InstanceID); refused != nil {
			return nil, refused
		}
	} else if p == nil {
		return nil, unknownMember(rq.Group, rq.MemberID)
	}
	notice := p.goodbye(d, rq.Group, g, "")
	if rq.InstanceID != nil && rq.MemberEpoch == leavingStatic {
		away := *p
		away.epoch, away.pending, away.assigned = leavingStatic, nil, p.assigned.sinceZero()
		d.Write(currentRecord(rq.Group, &away))
		notice.Message = "static member left group for a while"
		d.Note(notice)
	} else {
		d.Note(notice)
		k.fence(d, rq.Group, g, p)
	}
	resp := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	resp.MemberID, resp.MemberEpoch = &p.id, rq.MemberEpoch
	return resp, nil
}

// goodbye tells of a member that leaves, by the newer protocol always without a reason.
func (p *member) goodbye(d kind.Desk, id string, g *group, reason string) kind.Notice {
	n := kind.Notice{Message: "member left group", Group: id, Member: p.id, ClientID: p.clientID, ClientHost: p.clientHost, Generation: g.epoch, Reason: reason}
	if reason == "" {
		n.Quiet = kind.QuietOf(d.Now(), g.assignedAt, p.rebalanceTimeout, p.commits(d, id))
	}
	return n
}

// commits tells when offsets of what a member has were committed, by whomever.
func (p *member) commits(d kind.Desk, group string) iter.Seq2[record.TopicPartition, time.Time] {
	return func(yield func(record.TopicPartition, time.Time) bool) {
		for tp, at := range d.Commits(group) {
			if t, ok := d.Image().Topic(tp.Topic); ok && p.assigned.has(t.ID, tp.Partition) && !yield(tp, at) {
				return
			}
		}
	}
}

// sinceZero is the same partitions, as if got before any epoch: whoever comes back may commit with any.
func (p partitions) sinceZero() partitions {
	all := make(partitions, len(p))
	for id, ps := range p {
		for partition := range ps {
			all.put(id, partition, 0)
		}
	}
	return all
}

// fence removes members, and with that moves the group on. Whoever is left hears of it with the next heartbeat.
func (k *Kind) fence(d kind.Desk, id string, g *group, gone ...*member) {
	if k.downgraded(d, id, g, gone) {
		return
	}
	without := *g // what is read without those who leave
	without.byName, without.byRegex = cloneCounts(g.byName), cloneCounts(g.byRegex)
	for _, p := range gone {
		k.writeGone(d, id, p.id)
		for _, name := range p.topics {
			add(without.byName, name, -1)
		}
		if x := p.expression(); x != "" {
			add(without.byRegex, x, -1)
			if without.byRegex[x] == 0 && g.regexes[x] != nil {
				d.Write(&RegexRecord{Group: id, Regex: x, Gone: true})
			}
		}
	}
	hash := k.hasher.MetadataHash(d.Image(), sortedKeys(without.topicNames()))
	d.Write(&EpochRecord{Group: id, Epoch: g.epoch + 1, Hash: hash})
	if len(gone) == len(g.members) {
		d.Write(&AssignmentMetadataRecord{Group: id, Epoch: g.epoch + 1})
	}
	for _, p := range gone {
		k.stopTimers(d, id, p.id)
	}
}

func cloneCounts(counts map[string]int) map[string]int {
	all := make(map[string]int, len(counts))
	for key, n := range counts {
		all[key] = n
	}
	return all
}
