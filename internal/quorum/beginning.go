package quorum

import (
	"errors"
	"fmt"
	"slices"

	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/takeover"
	"leat/internal/quorum/voter"
)

// beginning is how a voter without a journal begins. The log, a checkpoint, or what formatting left says who votes; the config counts where they are silent.
func (q *Quorum) beginning(found *metalog.Found) (voter.Beginning, error) {
	begin := voter.Beginning{Epoch: found.Epoch}
	var err error
	if begin.Compared, err = takeover.Marked(q.cfg.FS, q.log.Path(), q.log.Offsets().LogEnd); err != nil {
		return begin, err
	}
	said := found.Voting
	if said.KRaftVersion == 0 && said.Voters == nil {
		if said, err = metalog.BootstrapVoting(q.cfg.FS, q.cfg.Dir); err != nil {
			return begin, err
		}
	}
	switch {
	case said.Voters != nil:
		begin.Members, err = consensus.ReadVoters(said.Voters)
	case len(q.cfg.Voters) > 0:
		begin.Members, err = configured(q.cfg.Voters)
	case said.KRaftVersion == 0 && q.cfg.Transport == nil:
		begin.Members = consensus.Static(q.cfg.NodeID)
	}
	if begin.Members.KRaftVersion == 0 {
		begin.Forgot = q.cfg.Forgot
	}
	return begin, err
}

// configured are the voters of the config: static, unless it names their directories.
func configured(voters []Member) (consensus.Members, error) {
	named := 0
	all := make([]consensus.Member, 0, len(voters))
	for _, v := range voters {
		if !v.DirID.IsZero() {
			named++
		}
		all = append(all, v.consensus())
	}
	m := consensus.Dynamic(all...)
	switch named {
	case 0:
		m.KRaftVersion = 0
	case len(voters):
	default:
		return m, errors.New("controllers are named with a directory id and without one: either all have one or none")
	}
	if len(m.List) < len(voters) {
		return m, fmt.Errorf("%d controllers are named, but %d of them are the same", len(voters), len(voters)-len(m.List)+1)
	}
	return m, nil
}

// warnOfOtherVoters tells that the config names other voters than those that have agreed so far, who count.
func (q *Quorum) warnOfOtherVoters(m consensus.Members) {
	if m.KRaftVersion > 0 || len(q.cfg.Voters) == 0 {
		return
	}
	var agreed, told []int32
	for _, x := range m.List {
		agreed = append(agreed, x.ID)
	}
	for _, x := range q.cfg.Voters {
		told = append(told, x.ID)
	}
	if slices.Sort(told); !slices.Equal(agreed, told) {
		q.cfg.Logger.Warn("controllers have agreed on other voters than controller.quorum.voters names, which is not followed", "voters", agreed, "configured", told)
	}
}
