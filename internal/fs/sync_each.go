package fs

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
)

// syncEach syncs a directory and everything below it, file by file.
func syncEach(name string) error {
	return filepath.WalkDir(name, func(path string, entry iofs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = f.Sync()
		return errors.Join(err, f.Close())
	})
}
