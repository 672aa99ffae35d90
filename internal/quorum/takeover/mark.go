package takeover

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"leat/internal/fs"
)

// markFile, in the directory of the metadata log, says that the log was compared with those of all voters when it ended at a position.
const markFile = "quorum-takeover"

// Marked reports whether the metadata log in a directory was prepared when it ended where it ends now.
func Marked(fsys fs.FS, dir string, logEnd int64) (bool, error) {
	data, err := fs.ReadFile(fsys, filepath.Join(dir, markFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	at, err := Parse(strings.TrimSpace(string(data)))
	return err == nil && at.LogEnd == logEnd, nil
}
