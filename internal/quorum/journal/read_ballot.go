package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
)

// ReadBallot reads what the owner of the journal in a directory, who has stopped, promised last; without a journal that is nothing.
func ReadBallot(fsys fs.FS, dir string) (consensus.Ballot, error) {
	j := &Journal{path: filepath.Join(dir, File)}
	data, err := fs.ReadFile(fsys, j.path)
	if errors.Is(err, os.ErrNotExist) {
		return consensus.Ballot{}, nil
	} else if err != nil {
		return consensus.Ballot{}, err
	}
	if j.owner, _, _, err = readHeader(data); err == nil {
		_, err = j.load(data)
	}
	if err != nil {
		return consensus.Ballot{}, fmt.Errorf("%s: %w", j.path, err)
	}
	return j.ballot, nil
}
