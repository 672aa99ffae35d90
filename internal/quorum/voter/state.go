package voter

import (
	"leat/internal/fs"
	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

// election is what the file quorum-state tells. leat keeps epoch and vote in the journal, and that file for Kafka's tools and for a way back.
type election struct {
	leader   consensus.Replica
	known    bool
	voted    consensus.Replica
	hasVoted bool
	epoch    int32
	members  consensus.Members
}

func (e election) save(fsys fs.FS, dir string) error {
	s := metalog.State{LeaderID: -1, LeaderEpoch: e.epoch, VotedID: -1, DataVersion: min(e.members.KRaftVersion, 1)}
	if e.known {
		s.LeaderID = e.leader.ID
	}
	votedDir := record.UUID{}
	if e.hasVoted {
		s.VotedID, votedDir = e.voted.ID, e.voted.DirID
	}
	if s.DataVersion == 0 {
		voters := []metalog.Voter{}
		for _, v := range e.members.Voters() {
			voters = append(voters, metalog.Voter{VoterID: v.ID})
		}
		s.ClusterID, s.AppliedOffset, s.CurrentVoters = new(""), new(int64), &voters
	} else {
		s.VotedDirectoryID = new(votedDir.String())
	}
	return s.Write(fsys, dir)
}
