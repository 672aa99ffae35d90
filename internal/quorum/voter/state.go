package voter

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

const stateFile = "quorum-state"

// state is the file quorum-state, in which Kafka's raft keeps its epoch and vote. leat keeps them in the journal, and this file for Kafka's
// tools and for a way back. Version 0 names the voters; version 1 is written when the voters stand in the log (kraft.version 1), and names
// the directory that was voted for instead.
type state struct {
	ClusterID        *string     `json:"clusterId,omitempty"`
	LeaderID         int32       `json:"leaderId"`
	LeaderEpoch      int32       `json:"leaderEpoch"`
	VotedID          int32       `json:"votedId"`
	VotedDirectoryID *string     `json:"votedDirectoryId,omitempty"`
	AppliedOffset    *int64      `json:"appliedOffset,omitempty"`
	CurrentVoters    *[]voterRow `json:"currentVoters,omitempty"`
	DataVersion      int16       `json:"data_version"`
}

type voterRow struct {
	VoterID int32 `json:"voterId"`
}

// loadState reads the file; without one the epoch is 0.
func loadState(fsys fs.FS, dir string) (state, error) {
	var s state
	name := filepath.Join(dir, stateFile)
	data, err := fs.ReadFile(fsys, name)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w: if the log beside it is whole, delete this file and its epoch is taken from there", name, err)
	}
	if s.DataVersion < 0 || s.DataVersion > 1 || s.LeaderEpoch < 0 {
		return s, fmt.Errorf("%s: data version %d, leader epoch %d: version 0 or 1 and an epoch from 0 on can be read", name, s.DataVersion, s.LeaderEpoch)
	}
	return s, nil
}

// election is what quorum-state tells.
type election struct {
	leader   consensus.Replica
	known    bool
	voted    consensus.Replica
	hasVoted bool
	epoch    int32
	members  consensus.Members
}

func (e election) save(fsys fs.FS, dir string) error {
	s := state{LeaderID: -1, LeaderEpoch: e.epoch, VotedID: -1, DataVersion: min(e.members.KRaftVersion, 1)}
	if e.known {
		s.LeaderID = e.leader.ID
	}
	votedDir := record.UUID{}
	if e.hasVoted {
		s.VotedID, votedDir = e.voted.ID, e.voted.DirID
	}
	if s.DataVersion == 0 {
		voters := []voterRow{}
		for _, v := range e.members.Voters() {
			voters = append(voters, voterRow{v.ID})
		}
		s.ClusterID, s.AppliedOffset, s.CurrentVoters = new(""), new(int64), &voters
	} else {
		s.VotedDirectoryID = new(votedDir.String())
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return fs.WriteFile(fsys, filepath.Join(dir, stateFile), data, 0o644)
}
