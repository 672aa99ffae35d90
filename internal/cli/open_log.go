package cli

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"leat/internal/fs"
	"leat/internal/fs/sealed"
)

// logDirsOf are the log directories that files of partitions lie in.
func logDirsOf(files []string) []string {
	var dirs []string
	for _, f := range files {
		if dir := filepath.Dir(filepath.Dir(filepath.Clean(f))); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// openForReading gives the file system through which log directories are looked at. With the node's configuration it has the keys of what
// is encrypted; without it, or without the right ones, such a segment says which key it misses when it is read.
func openForReading(config string, dirs []string) (fsys fs.FS, done func(), err error) {
	keys, err := keysOf(config)
	if err != nil {
		return nil, nil, err
	}
	s, err := sealed.Open(context.Background(), sealed.Config{FS: fs.OS, Dirs: dirs, Keys: keys})
	if err != nil && config == "" && (errors.Is(err, fs.ErrNoKey) || keys == nil) {
		s, err = sealed.Open(context.Background(), sealed.Config{FS: fs.OS})
	}
	if err != nil {
		return nil, nil, err
	}
	return s, func() { _ = s.Close() }, nil // nothing was written
}

// keysOf opens what the configuration says about keys, nil if it says nothing.
func keysOf(config string) (sealed.KeyService, error) {
	if config == "" {
		return nil, nil
	}
	values, _, _, err := readConfig(config, nil)
	if err != nil {
		return nil, err
	}
	source := sealed.KeySource{
		File: values.String("leat.encryption.key.file"), Command: values.String("leat.encryption.key.command"),
		Timeout: values.Millis("leat.encryption.key.command.timeout.ms"),
	}
	return source.Open(fs.OS)
}
