package storage

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"leat/internal/fs"
)

// cleanShutdown is the content of .kafka_cleanshutdown.
type cleanShutdown struct {
	Version     int   `json:"version"`
	BrokerEpoch int64 `json:"brokerEpoch"`
}

// writeCleanShutdown says that all logs of the directory were synced and closed. brokerEpoch -1: not known (KIP-966).
func writeCleanShutdown(fsys fs.FS, dir string, brokerEpoch int64) error {
	b, err := json.Marshal(cleanShutdown{BrokerEpoch: brokerEpoch})
	if err != nil {
		return err
	}
	return fs.WriteFile(fsys, filepath.Join(dir, cleanShutdownFile), b, 0o644)
}

// hasCleanShutdown reports whether the marker is there; its content does not matter for that.
func hasCleanShutdown(fsys fs.FS, dir string) (bool, error) {
	_, err := fsys.Stat(filepath.Join(dir, cleanShutdownFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// removeCleanShutdown takes the marker away, durably, before anything is written.
func removeCleanShutdown(fsys fs.FS, dir string) error {
	err := fsys.Remove(filepath.Join(dir, cleanShutdownFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}
