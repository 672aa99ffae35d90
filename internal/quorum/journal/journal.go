package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
)

// File is the journal's name in the directory of the metadata log.
const File = "quorum-journal"

// Taken is the journal's name while a takeover brings what it holds into the metadata log.
const Taken = File + ".taken"

// ErrNone is returned by Open where there is no journal yet.
var ErrNone = errors.New("no journal")

// Journal is an open journal. One goroutine at a time writes to it.
type Journal struct {
	fsys   fs.FS
	path   string
	owner  Owner
	file   fs.File
	size   int64
	number uint64 // of the last group
	ballot consensus.Ballot
	buf    []byte
	broken error
}

// Open reads the journal in a directory, cuts a torn end off, and returns what it holds; LogEnd is left open. ErrNone if there is none.
func Open(fsys fs.FS, dir string, owner Owner, logger *slog.Logger) (*Journal, consensus.State, error) {
	j := &Journal{fsys: fsys, path: filepath.Join(dir, File), owner: owner}
	data, err := fs.ReadFile(fsys, j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, consensus.State{}, ErrNone
	} else if err != nil {
		return nil, consensus.State{}, err
	}
	s, err := j.load(data)
	if err != nil {
		return nil, s, fmt.Errorf("%s: %w", j.path, err)
	}
	if j.file, err = fsys.OpenFile(j.path, os.O_RDWR, 0o644); err != nil {
		return nil, s, err
	}
	if torn := int64(len(data)) - j.size; torn > 0 {
		logger.Warn("torn end of the quorum's journal cut off", "dir", dir, "offset", j.size, "bytes", torn)
		if err := j.cut(); err != nil {
			return nil, s, errors.Join(err, j.file.Close())
		}
	}
	return j, s, nil
}

// load fills in the journal and returns the state.
func (j *Journal) load(data []byte) (consensus.State, error) {
	owner, s, rest, err := readHeader(data)
	if err != nil {
		return s, err
	}
	if static := (Owner{j.owner.ClusterID, consensus.Replica{ID: j.owner.Replica.ID}}); owner == static {
		j.owner = static // where voters are static, directories do not count
	}
	if owner != j.owner {
		return s, fmt.Errorf("it belongs to controller %s of cluster %s, this is controller %s of cluster %s",
			owner.Replica, owner.ClusterID, j.owner.Replica, j.owner.ClusterID)
	}
	j.size = int64(len(data) - len(rest))
	for len(rest) > 0 {
		content, more, ok := splitGroup(rest, j.number+1)
		if !ok {
			if torn(data, j.size, j.number+1) {
				break
			}
			return s, fmt.Errorf("%w: bytes from position %d on are not what was written: "+
				"if other voters are well, remove this one from the quorum, empty its directory and add it anew", ErrCorrupt, j.size)
		}
		if err := replay(&s, content); err != nil {
			return s, fmt.Errorf("group at position %d: %w", j.size, err)
		}
		j.number++
		j.size, rest = int64(len(data)-len(more)), more
	}
	j.ballot = s.Ballot
	return s, nil
}

// Create writes a journal that holds a state, in place of any other.
func Create(fsys fs.FS, dir string, owner Owner, s consensus.State) (*Journal, error) {
	j := &Journal{fsys: fsys, path: filepath.Join(dir, File), owner: owner, ballot: s.Ballot}
	if err := j.Replace(s); err != nil {
		return nil, err
	}
	return j, nil
}

// Replace makes the journal hold a state and nothing else, but the ballot that was written last. A full disk leaves it as it was; after any
// other error it takes no more, because which of the two files the name leads to after a crash is not known.
func (j *Journal) Replace(s consensus.State) error {
	if j.broken != nil {
		return j.broken
	}
	data := appendGroup(formatHeader(j.owner, s), 1, &j.ballot, s.Entries)
	if err := fs.WriteFile(j.fsys, j.path, data, 0o644); err != nil {
		if path, ok := errors.AsType[*os.PathError](err); !ok || !fs.IsFull(err) || path.Op == "rename" || path.Op == "syncdir" {
			j.broken = err
		}
		return err
	}
	f, err := j.fsys.OpenFile(j.path, os.O_RDWR, 0o644)
	if err != nil {
		j.broken = err
		return err
	}
	if j.file != nil {
		_ = j.file.Close() // nothing of it counts any more
	}
	j.file, j.number, j.size = f, 1, int64(len(data))
	return nil
}

// Write appends a ballot, if there is one, and entries, and syncs them. fs.IsFull errors leave the journal as it was; after any other it
// takes no more.
func (j *Journal) Write(ballot *consensus.Ballot, entries []consensus.Entry) error {
	if j.broken != nil {
		return j.broken
	}
	j.buf = appendGroup(j.buf[:0], j.number+1, ballot, entries)
	if len(j.buf) > maxGroup {
		return fmt.Errorf("%s: %d bytes are too many for one group", j.path, len(j.buf))
	}
	if _, err := j.file.WriteAt(j.buf, j.size); err != nil {
		if cut := j.cut(); cut != nil || !fs.IsFull(err) {
			j.broken = errors.Join(err, cut)
			return j.broken
		}
		return err
	}
	if err := j.file.Sync(); err != nil {
		j.broken = err // what is on disk is not known, and will not be by asking again
		return err
	}
	j.size += int64(len(j.buf))
	j.number++
	if ballot != nil {
		j.ballot = *ballot
	}
	if cap(j.buf) > 1<<20 {
		j.buf = nil
	}
	return nil
}

func (j *Journal) cut() error {
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	return j.file.Sync()
}

// Owner is whose journal it is: without a directory if it began where voters are static.
func (j *Journal) Owner() Owner { return j.owner }

// Size is how long the file is.
func (j *Journal) Size() int64 { return j.size }

// Ballot is the one written last.
func (j *Journal) Ballot() consensus.Ballot { return j.ballot }

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
