// Package takeover is what lies between two implementations of the controllers, Apache Kafka's and leat's, when one stops and the other goes on with its
// directories: it tells how far a stopped controller's metadata log is, and lets the log be gone on with only if it has everything.
//
// Why that is enough: what was committed is in the logs of a majority. Of all voters' logs the one with the highest last epoch, and the highest end in
// it, therefore holds it all, and two logs that agree in both are equal (the property that raft calls log matching). Nobody may have voted
// in a higher epoch than the one that is written down here, because brokers refuse a leader of a lower one than they know.
//
// It does not copy directories from one machine to another: whoever replaces controllers does.
package takeover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"leat/internal/fs"
	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/journal"
	"leat/internal/storage"
)

// Position is how far a stopped controller is.
type Position struct {
	NodeID   int32
	LogEpoch int32 // of the last record of its log
	LogEnd   int64
	Seen     int32 // the highest epoch that it has heard of
}

// String is the form that Parse reads.
func (p Position) String() string {
	return fmt.Sprintf("%d:%d:%d:%d", p.NodeID, p.LogEpoch, p.LogEnd, p.Seen)
}

// Parse reads a position.
func Parse(text string) (Position, error) {
	parts := strings.Split(text, ":")
	wrong := fmt.Errorf("position %q: expected four numbers with colons between, as leat quorum position prints them", text)
	if len(parts) != 4 {
		return Position{}, wrong
	}
	var n [4]int64
	for i, part := range parts {
		bits := 32
		if i == 2 {
			bits = 64
		}
		var err error
		if n[i], err = strconv.ParseInt(part, 10, bits); err != nil || n[i] < 0 {
			return Position{}, wrong
		}
	}
	return Position{int32(n[0]), int32(n[1]), n[2], int32(n[3])}, nil
}

// behind reports whether p lacks records that other has.
func (p Position) behind(other Position) bool {
	return p.LogEpoch < other.LogEpoch || p.LogEpoch == other.LogEpoch && p.LogEnd < other.LogEnd
}

// Look reads the position of the controller whose metadata log is in a log directory. The directory is locked meanwhile, so the controller must have
// stopped; what a crash has left of the log is put in order, as a start would do.
func Look(fsys fs.FS, logDir string, nodeID int32) (at Position, err error) {
	err = locked(fsys, logDir, func() error {
		at, _, _, err = look(fsys, logDir, nodeID)
		return err
	})
	return at, err
}

// look also tells who votes, if the log does, and what is in the journal only.
func look(fsys fs.FS, logDir string, nodeID int32) (at Position, voters []int32, unwritten []byte, err error) {
	dir := filepath.Join(logDir, metalog.Partition.String())
	if _, err := fsys.Stat(dir); err != nil {
		return at, nil, nil, fmt.Errorf("%s holds no metadata log: name the configuration of a controller: %w", logDir, err)
	}
	log, found, err := open(fsys, logDir)
	if err != nil {
		return at, nil, nil, err
	}
	if err := log.Replay(context.Background(), found, log.Offsets().LogEnd); err != nil {
		return at, nil, nil, errors.Join(err, log.Close())
	}
	at = Position{NodeID: nodeID, LogEpoch: max(log.LatestEpoch(), 0), LogEnd: log.Offsets().LogEnd, Seen: found.Epoch}
	if err := log.Close(); err != nil {
		return at, nil, nil, err
	}
	if log.LatestEpoch() < 0 { // everything is in the checkpoint
		at.LogEpoch = max(found.Image.Epoch, 0)
	}
	if unwritten, err = withJournal(fsys, dir, &at); err != nil || found.Voting.Voters == nil {
		return at, nil, unwritten, err
	}
	members, err := consensus.ReadVoters(found.Voting.Voters)
	for _, m := range members.List {
		voters = append(voters, m.ID)
	}
	return at, voters, unwritten, err
}

func open(fsys fs.FS, logDir string) (*metalog.Log, *metalog.Found, error) {
	return metalog.Open(context.Background(), metalog.Config{FS: fsys, Dir: logDir, Logger: slog.New(slog.DiscardHandler)})
}

// withJournal moves a position on to where leat's journal ends, and returns what lies between: an entry reaches the log once it is known to be committed, and
// that may be after its acknowledgement. A journal that somebody has gone on without counts only for the epochs that it has seen.
func withJournal(fsys fs.FS, dir string, at *Position) ([]byte, error) {
	s, err := journal.Read(fsys, dir)
	if err != nil {
		return nil, err
	}
	at.Seen = max(at.Seen, s.Ballot.Epoch)
	if at.LogEpoch > s.Ballot.Epoch {
		return nil, nil
	}
	if s.Base.Offset > at.LogEnd {
		return nil, fmt.Errorf("%s ends at offset %d, and its journal begins at offset %d: a checkpoint was being installed; start leat and stop it in order", dir, at.LogEnd, s.Base.Offset)
	}
	t, err := s.Tail(at.LogEnd)
	if err != nil || len(t.Batches) == 0 {
		return nil, err
	}
	at.LogEpoch, at.LogEnd = t.Epoch, t.End
	return t.Batches, nil
}

// Prepare lets the controller go on under the other implementation, given the positions of all voters, this one's among them. Its own must be as it is now,
// and no other may be ahead. The voters are those of the configuration, unless the log says who votes.
func Prepare(fsys fs.FS, logDir string, nodeID int32, voters []int32, all []Position) error {
	return locked(fsys, logDir, func() error {
		at, said, unwritten, err := look(fsys, logDir, nodeID)
		if err != nil {
			return err
		}
		if said != nil {
			voters = said
		}
		if err := complete(append(slices.Clone(voters), nodeID), all); err != nil {
			return err
		}
		seen, farthest := at.Seen, at
		for _, other := range all {
			seen = max(seen, other.Seen)
			if other.NodeID == nodeID && (other.LogEpoch != at.LogEpoch || other.LogEnd != at.LogEnd) {
				return fmt.Errorf("position of node %d is %s, not %s: something ran on %s meanwhile; ask all controllers for their positions again", nodeID, at, other, logDir)
			}
			if farthest.behind(other) {
				farthest = other
			}
		}
		if at.behind(farthest) {
			return fmt.Errorf("%s ends at offset %d of epoch %d, and that of node %d at offset %d of epoch %d: replace the directory %s by a copy of node %d's, and ask for the positions again",
				logDir, at.LogEnd, at.LogEpoch, farthest.NodeID, farthest.LogEnd, farthest.LogEpoch, metalog.Partition, farthest.NodeID)
		}
		return prepare(fsys, logDir, at, seen, unwritten)
	})
}

// complete checks that there is one position of each voter and no other.
func complete(voters []int32, all []Position) error {
	var given []int32
	for _, p := range all {
		if slices.Contains(given, p.NodeID) {
			return fmt.Errorf("position of node %d is given twice", p.NodeID)
		}
		given = append(given, p.NodeID)
	}
	for _, id := range voters {
		if !slices.Contains(given, id) {
			return fmt.Errorf("position of node %d is missing: it votes, and may have what the others do not; run leat quorum position there", id)
		}
	}
	for _, id := range given {
		if !slices.Contains(voters, id) {
			return fmt.Errorf("position of node %d is given, which does not vote: the voters are %v", id, voters)
		}
	}
	return nil
}

// prepare takes the journal away, under another name until everything that it holds is in the log, with which leat does not start.
func prepare(fsys fs.FS, logDir string, at Position, seen int32, unwritten []byte) error {
	dir := filepath.Join(logDir, metalog.Partition.String())
	taken := filepath.Join(dir, journal.Taken)
	if err := fsys.Rename(filepath.Join(dir, journal.File), taken); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	if len(unwritten) > 0 {
		if err := write(fsys, logDir, unwritten); err != nil {
			return err
		}
	}
	state, err := metalog.LoadState(fsys, dir)
	if err != nil {
		return err
	}
	if err := state.Save(fsys, dir, -1, seen); err != nil {
		return err
	}
	if err := fsys.Remove(taken); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	return fs.WriteFile(fsys, filepath.Join(dir, markFile), []byte(at.String()+"\n"), 0o644)
}

func write(fsys fs.FS, logDir string, batches []byte) error {
	log, _, err := open(fsys, logDir)
	if err != nil {
		return err
	}
	if _, err = log.AppendFetched(batches); err == nil {
		err = log.Flush()
	}
	return errors.Join(err, log.Close())
}

// locked runs fn while nobody else has the log directory.
func locked(fsys fs.FS, logDir string, fn func() error) (err error) {
	lock, err := fsys.Lock(filepath.Join(logDir, storage.FileNames.Lock))
	if errors.Is(err, fs.ErrLocked) {
		return fmt.Errorf("log directory %s: %w: stop the node that runs on it", logDir, storage.ErrDirLocked)
	} else if err != nil {
		return fmt.Errorf("log directory %s: %w", logDir, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return fn()
}
