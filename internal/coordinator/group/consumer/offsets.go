package consumer

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/coordinator/group/kind"
)

// oldestCommit is the version of OffsetCommit from which on members of the new protocol use it.
const oldestCommit = 9

// CheckCommit decides whether the group takes offsets from a committer. A member that has not heard of its newest epoch may still commit
// what it had when it got the epoch that it knows (KIP-1251).
func (k *Kind) CheckCommit(d kind.Desk, c kind.Commit) int16 {
	g := k.hard.groups[c.Group]
	if g == nil || c.Epoch < 0 && len(g.members) == 0 {
		return 0
	}
	if c.Transactional && c.Epoch == -1 && c.MemberID == "" && c.InstanceID == nil {
		return 0
	}
	p := g.members[c.MemberID]
	if p == nil {
		return kerr.UnknownMemberID.Code
	}
	stale := kerr.StaleMemberEpoch.Code
	if p.classic != nil {
		stale = kerr.IllegalGeneration.Code
	}
	switch {
	case !c.Transactional && p.classic == nil && c.Version < oldestCommit:
		return kerr.UnsupportedVersion.Code
	case c.Epoch == p.epoch:
		return 0
	case c.Epoch > p.epoch:
		return stale
	}
	for _, tp := range c.Partitions {
		t, ok := d.Image().Topic(tp.Topic)
		if !ok {
			return stale
		}
		since, ok := p.assigned[t.ID][tp.Partition]
		if !ok {
			since, ok = p.pending[t.ID][tp.Partition]
		}
		if !ok || c.Epoch < since {
			return stale
		}
	}
	return 0
}

// CheckFetch decides whether somebody who names a member may read the group's offsets.
func (k *Kind) CheckFetch(_ kind.Desk, id string, memberID *string, memberEpoch int32) int16 {
	if memberID == nil && memberEpoch < 0 {
		return 0
	}
	p := k.hard.groups[id].members[text(memberID)]
	switch {
	case p == nil:
		return kerr.UnknownMemberID.Code
	case p.epoch == memberEpoch:
		return 0
	case p.classic != nil:
		return kerr.IllegalGeneration.Code
	}
	return kerr.StaleMemberEpoch.Code
}

// CheckDelete decides whether an administrator may delete the group.
func (k *Kind) CheckDelete(_ kind.Desk, id string) int16 {
	if !k.Empty(id) {
		return kerr.NonEmptyGroup.Code
	}
	return 0
}
