package fs

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
)

// syncEach syncs a directory and everything below it, file by file. The directory may be a symbolic link, which a walk by itself does not follow.
func syncEach(name string) error {
	whole, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	return filepath.WalkDir(whole, func(path string, entry iofs.DirEntry, err error) error {
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
