package streams

import "leat/internal/coordinator/group/kind"

// offsetCommitWithEpochs is the first version of OffsetCommit that knows member epochs.
const offsetCommitWithEpochs = 9

// CheckCommit decides whether the group takes offsets from a committer.
//
// A member that lags behind may commit for the tasks that it has held since before its epoch: it has not heard yet that it moved on, but
// nobody else has had these tasks meanwhile.
func (k *Groups) CheckCommit(_ kind.Desk, c kind.Commit) int16 {
	g := k.hard[c.Group]
	switch {
	case g == nil, c.Epoch < 0 && len(g.Members) == 0:
		return 0
	case c.Transactional && c.Epoch == -1 && c.MemberID == "" && c.InstanceID == nil:
		return 0
	}
	m := g.Members[c.MemberID]
	switch {
	case m == nil:
		return codeUnknownMemberID
	case !c.Transactional && c.Version < offsetCommitWithEpochs:
		return codeUnsupportedVersion
	case c.Epoch == m.Epoch:
		return 0
	case c.Epoch > m.Epoch || g.Topology == nil:
		return codeStaleMemberEpoch
	}
	for _, tp := range c.Partitions {
		s := g.Topology.reader(tp.Topic)
		if s == nil {
			return codeStaleMemberEpoch
		}
		task := Task{s.ID, tp.Partition}
		since, ok := m.Assigned[Active][task]
		if !ok {
			since, ok = m.Revoking[Active][task]
		}
		if !ok || c.Epoch < since {
			return codeStaleMemberEpoch
		}
	}
	return 0
}

// CheckFetch decides whether somebody who names a member may read the group's offsets.
func (k *Groups) CheckFetch(_ kind.Desk, id string, memberID *string, epoch int32) int16 {
	g := k.hard[id]
	if g == nil || memberID == nil && epoch < 0 {
		return 0
	}
	if memberID == nil || g.Members[*memberID] == nil {
		return codeUnknownMemberID
	}
	if g.Members[*memberID].Epoch != epoch {
		return codeStaleMemberEpoch
	}
	return 0
}

// CheckDelete decides whether an administrator may delete the group.
func (k *Groups) CheckDelete(_ kind.Desk, id string) int16 {
	if !k.Empty(id) {
		return codeNonEmptyGroup
	}
	return 0
}
