package quorum

import (
	"time"

	"leat/internal/fs"
	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
)

// RememberVoters writes down with whom a quorum is about to begin, where formatting leaves it, too: Open finds them there as long as there is neither a
// journal nor a log. Nobody: what an earlier beginning that came to nothing has left goes.
func RememberVoters(fsys fs.FS, logDir string, voters []Member) error {
	if len(voters) == 0 {
		said, err := metalog.BootstrapVoting(fsys, logDir)
		if err != nil || said.Voters == nil {
			return err
		}
		return metalog.RemoveBootstrap(fsys, logDir)
	}
	all := make([]consensus.Member, 0, len(voters))
	for _, v := range voters {
		all = append(all, v.consensus())
	}
	return metalog.WriteBootstrap(fsys, logDir, consensus.VotersRecords(consensus.Dynamic(all...)), nil, time.Now())
}

// RememberedVoters are those that RememberVoters, or formatting, has written down; nobody if neither has.
func RememberedVoters(fsys fs.FS, logDir string) ([]Member, error) {
	said, err := metalog.BootstrapVoting(fsys, logDir)
	if err != nil || said.Voters == nil {
		return nil, err
	}
	m, err := consensus.ReadVoters(said.Voters)
	var out []Member
	for _, x := range m.List {
		out = append(out, Member{ID: x.ID, DirID: x.DirID, Endpoints: x.Endpoints, MinKRaft: x.MinKRaft, MaxKRaft: x.MaxKRaft})
	}
	return out, err
}
