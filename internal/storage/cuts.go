package storage

import "errors"

// Cut is a log that is about to be truncated, and the offset at which.
type Cut struct {
	Log    *Log
	Offset int64
}

// PrepareCuts lowers the recovery points of logs that are about to be truncated, and writes those of a directory once for all of them. Each
// truncation makes sure of that by itself, too; but after a crash thousands of replicas may have to be cut at once, and the file names all logs of
// the directory.
//
// A recovery point that is too low costs time at the next start and nothing else, so that nothing is lost if a truncation does not come.
func (s *Store) PrepareCuts(cuts []Cut) error {
	for _, c := range cuts {
		c.Log.mu.Lock()
		c.Log.recovery = min(c.Log.recovery, max(c.Offset, 0))
		c.Log.mu.Unlock()
	}
	var failed []error
	for _, c := range cuts { // the first of a directory writes what all of them need
		if err := c.Log.host.recoveryLowered(c.Log); err != nil {
			failed = append(failed, c.Log.diskError("truncate", err))
		}
	}
	return errors.Join(failed...)
}
