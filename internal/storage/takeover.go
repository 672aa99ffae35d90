package storage

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	"leat/internal/fs"
)

// Who wrote to a directory last tells what a hole between two segments is. Leat notes what it compacts before it replaces a segment, so that a
// hole behind that, which was not synced, is what a loss of power left. Apache Kafka notes it after the segments are replaced, and how far a log was
// synced once a minute: killed in between, it leaves a hole with good records behind it and nothing that says so. It keeps them, and so does leat.
// Once it has taken over, all that was found is synced and the checkpoints are its own.

// writtenByKafka reports whether one of the checkpoints that a broker writes all the time is Kafka's: it names logs and has no checksum.
func (d *logDir) writtenByKafka() (bool, error) {
	for _, name := range []string{recoveryPointFile, logStartFile, highWatermarkFile} {
		b, err := fs.ReadFile(d.store.cfg.FS, filepath.Join(d.path, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		b = bytes.TrimSpace(b)
		if bytes.Count(b, []byte("\n")) > 1 && !bytes.Contains(b, []byte("\n"+checksumTopic+" ")) {
			return true, nil
		}
	}
	return false, nil
}

// forgetful is why nobody knows up to where the logs of the directory were compacted; empty if it is known.
func (d *logDir) forgetful() string {
	switch {
	case d.kafkas:
		return "Apache Kafka wrote to the directory last"
	case d.cleaned.unreadable():
		return cleanerPointFile + " is not readable"
	}
	return ""
}

// forgetful is that of the log's directory.
func (l *Log) forgetful() bool {
	d, ok := l.host.(*logDir)
	return ok && d.forgetful() != ""
}

// keepHole reports whether the segments behind a hole stay because compaction may have left it.
func (l *Log) keepHole(d *logDir, i int) bool {
	why := d.forgetful()
	if why == "" {
		return false
	}
	if !l.holed {
		l.logger.Info("offsets missing between segments, kept as compaction may have left them out", "topic", l.tp.Topic, "partition", l.tp.Partition,
			"segment", l.segments[i].file.path, "offset", l.logEnd, "reason", why)
	}
	l.holed = true
	return true
}

// takeOver makes what was found durable where the next start could not tell any more why it was believed: first the logs with holes, then that
// they are synced, then the other checkpoints, which are leat's from then on.
func (d *logDir) takeOver() error {
	again := d.forgetful() != ""
	for _, l := range d.mine() {
		if !l.holed {
			continue
		}
		if err := l.Flush(); err != nil {
			return err
		}
		again = true
	}
	if !again {
		return nil
	}
	d.checkpointMu.Lock()
	err := d.writeRecoveryPoints(d.mine())
	d.checkpointMu.Unlock()
	if err != nil {
		return err
	}
	return d.checkpointAll()
}
