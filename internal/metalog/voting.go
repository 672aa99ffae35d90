package metalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"leat/internal/fs"
	"leat/internal/record"
)

// Voting is what control records say about who votes. What a voters record says is for package consensus to read.
type Voting struct {
	KRaftVersion int16
	Voters       []byte // value of the newest voters record; nil: there was none
}

// take notes what a control batch says. Other control records are passed over.
func (v *Voting) take(b record.Batch) error {
	var failed error
	err := b.Records(0, func(rec *record.Record) bool {
		if len(rec.Key) < 4 {
			failed = fmt.Errorf("control record with a key of %d bytes, needs version and type", len(rec.Key))
			return false
		}
		switch record.ControlType(binary.BigEndian.Uint16(rec.Key[2:])) {
		case record.ControlKRaftVersion:
			if len(rec.Value) < 4 {
				failed = fmt.Errorf("kraft.version record of %d bytes, not at least 4", len(rec.Value))
				return false
			}
			v.KRaftVersion = int16(binary.BigEndian.Uint16(rec.Value[2:]))
		case record.ControlKRaftVoters:
			v.Voters = slices.Clone(rec.Value)
		}
		return true
	})
	return errors.Join(err, failed)
}

// BootstrapVoting is what formatting the directory said about who votes.
func BootstrapVoting(fsys fs.FS, logDir string) (Voting, error) {
	c, err := readCheckpoint(fsys, filepath.Join(dirOf(logDir), Checkpoint{}.name()))
	if errors.Is(err, os.ErrNotExist) {
		return Voting{}, nil
	}
	return c.voting, err
}
