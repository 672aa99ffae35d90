package voter

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/journal"
)

// Blank reports whether the directory of the metadata log holds nothing that a voter would have written: it is about to take part for the first time, or its disk
// was replaced.
func Blank(fsys fs.FS, path string) (bool, error) {
	entries, err := fsys.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	for _, e := range entries {
		name := e.Name()
		checkpoint, is := consensus.ParseCheckpoint(name)
		switch {
		case name == journal.File || name == journal.Taken || is && checkpoint.Offset > 0:
			return false, nil
		case strings.HasSuffix(name, ".log"):
			info, err := fsys.Stat(filepath.Join(path, name))
			if err != nil || info.Size() > 0 {
				return false, err
			}
		}
	}
	return true, nil
}
