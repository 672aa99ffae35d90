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

// readCleanShutdown reports whether the marker is there, and which broker epoch it names: -1 if it names none, as of an older Kafka.
// Its content does not matter for whether the stop was clean.
func readCleanShutdown(fsys fs.FS, dir string) (clean bool, brokerEpoch int64, err error) {
	b, err := fs.ReadFile(fsys, filepath.Join(dir, cleanShutdownFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, -1, nil
	}
	if err != nil {
		return false, -1, err
	}
	marker := cleanShutdown{BrokerEpoch: -1}
	if err := json.Unmarshal(b, &marker); err != nil || marker.Version != 0 || marker.BrokerEpoch < 0 {
		return true, -1, nil //nolint:nilerr // that the marker is there is what counts
	}
	return true, marker.BrokerEpoch, nil
}

// SetBrokerEpoch says under which epoch the controller knows this broker; Close writes it into the markers of a clean stop.
func (s *Store) SetBrokerEpoch(brokerEpoch int64) { s.brokerEpoch.Store(brokerEpoch) }

// PreviousBrokerEpoch is the broker epoch at which the last process stopped cleanly (KIP-966). It is -1 unless all directories
// are there and were closed cleanly at the same epoch: then nothing that was acknowledged can be missing.
func (s *Store) PreviousBrokerEpoch() int64 {
	epoch := s.dirs[0].previousEpoch
	for _, d := range s.dirs {
		if d.offline() != nil || d.previousEpoch != epoch {
			return -1
		}
	}
	return epoch
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
