package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
)

// Read reads the journal in a directory, whosever it is and under either name, and changes nothing; who wrote it has stopped. LogEnd is left open.
// Without a journal the state is that of a voter that has promised nothing.
func Read(fsys fs.FS, dir string) (consensus.State, error) {
	s, err := read(fsys, filepath.Join(dir, File))
	if errors.Is(err, os.ErrNotExist) {
		s, err = read(fsys, filepath.Join(dir, Taken))
	}
	if errors.Is(err, os.ErrNotExist) {
		return consensus.State{}, nil
	}
	return s, err
}

func read(fsys fs.FS, path string) (consensus.State, error) {
	j := &Journal{path: path}
	data, err := fs.ReadFile(fsys, j.path)
	if err != nil {
		return consensus.State{}, err
	}
	var s consensus.State
	if j.owner, _, _, err = readHeader(data); err == nil {
		s, err = j.load(data)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", j.path, err)
	}
	return s, nil
}
