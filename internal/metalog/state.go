package metalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"leat/internal/fs"
)

const stateFile = "quorum-state"

// State is the file quorum-state, in which Kafka's raft keeps its epoch and vote. Version 0 names the voters; version 1 is written when the
// voters stand in the log (kraft.version 1), and names the directory that was voted for instead.
type State struct {
	ClusterID        *string  `json:"clusterId,omitempty"`
	LeaderID         int32    `json:"leaderId"`
	LeaderEpoch      int32    `json:"leaderEpoch"`
	VotedID          int32    `json:"votedId"`
	VotedDirectoryID *string  `json:"votedDirectoryId,omitempty"`
	AppliedOffset    *int64   `json:"appliedOffset,omitempty"`
	CurrentVoters    *[]Voter `json:"currentVoters,omitempty"`
	DataVersion      int16    `json:"data_version"`
}

// Voter is one voter in a State of version 0.
type Voter struct {
	VoterID int32 `json:"voterId"`
}

// LoadState reads the file in the directory of the metadata log; without one the epoch is 0.
func LoadState(fsys fs.FS, dir string) (State, error) {
	s := State{LeaderID: -1, VotedID: -1}
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
	if s.DataVersion > 1 {
		return s, fmt.Errorf("%s: data version %d, known is up to 1: it was written by a newer version, use that one or a later one", name, s.DataVersion)
	}
	if s.DataVersion < 0 || s.DataVersion > 1 || s.LeaderEpoch < 0 {
		return s, fmt.Errorf("%s: data version %d, leader epoch %d: version 0 or 1 and an epoch from 0 on can be read", name, s.DataVersion, s.LeaderEpoch)
	}
	return s, nil
}

// Save writes who leads at an epoch (-1: nobody knows), in the version that the file had.
func (s State) Save(fsys fs.FS, dir string, leaderID, epoch int32) error {
	next := State{LeaderID: leaderID, LeaderEpoch: epoch, VotedID: -1, DataVersion: s.DataVersion}
	if s.DataVersion == 0 {
		next.ClusterID, next.AppliedOffset, next.CurrentVoters = new(""), new(int64), voters(leaderID)
	} else {
		next.VotedDirectoryID = new("AAAAAAAAAAAAAAAAAAAAAA")
	}
	return next.Write(fsys, dir)
}

// Write replaces the file.
func (s State) Write(fsys fs.FS, dir string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return fs.WriteFile(fsys, filepath.Join(dir, stateFile), data, 0o644)
}

func voters(leaderID int32) *[]Voter {
	if leaderID < 0 {
		return &[]Voter{}
	}
	return &[]Voter{{leaderID}}
}
