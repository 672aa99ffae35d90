package storage

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/record"
	"leat/internal/telemetry"
)

// Counters are what the logs of a Store did since it was opened. Counting neither waits nor allocates.
type Counters struct {
	Flushes         telemetry.Timer // syncs of a log that had something to sync
	SegmentsRolled  atomic.Int64
	SegmentsDeleted atomic.Int64 // by retention or DeleteRecords
	FileOpens       atomic.Int64 // of segments, for want of an open one

	// Records and batches of clients that were refused, as Kafka counts them.
	NoKey, BadMagic, BadCRC, BadOffsets atomic.Int64
}

// Counters are the counters of this store.
func (s *Store) Counters() *Counters { return &s.files.counts }

// OpenFiles is how many segments are open, and how many may stay so.
func (s *Store) OpenFiles() (open, limit int) {
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	return s.files.open, s.files.max()
}

// Parts are how many segments a log has, and how many producers it remembers.
func (l *Log) Parts() (segments, producers int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.segments), l.producers.byID.len()
}

// flushed counts a sync that began at a time.
func (c *Counters) flushed(began time.Time) { c.Flushes.Add(time.Since(began)) }

// refused counts why a batch of a client was refused. The messages are those that Kafka answers.
func (c *Counters) refused(err error) {
	rejected, ok := errors.AsType[*record.Rejected](err)
	switch {
	case ok:
		for i := range rejected.Records {
			c.refusedRecord(rejected.Records[i].Message)
		}
	case errors.Is(err, record.ErrUnsupportedMagic):
		c.BadMagic.Add(1)
	case errors.Is(err, record.ErrCorrupt):
		c.BadCRC.Add(1)
	case strings.Contains(err.Error(), "offset range") || strings.Contains(err.Error(), "Invalid sequence number"):
		c.BadOffsets.Add(1)
	}
}

func (c *Counters) refusedRecord(message string) {
	switch {
	case strings.HasPrefix(message, "Compacted topic cannot accept message without key"):
		c.NoKey.Add(1)
	case strings.HasPrefix(message, "Record with offset delta"):
		c.BadOffsets.Add(1)
	}
}

// Opening tells how far Open is, to somebody who does not have the Store yet. The zero value is ready.
type Opening struct {
	mu   sync.Mutex // guards what follows
	dirs []*progress
}

func (o *Opening) add(p *progress) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dirs = append(o.dirs, p)
}

// Remaining calls fn for each directory with the number of logs that are still to be opened.
func (o *Opening) Remaining(fn func(dir string, logs int64)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.dirs {
		fn(p.dir.path, int64(p.count)-p.done.Load())
	}
}

// BrokenLogs is how many logs could not be opened.
func (s *Store) BrokenLogs() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.broken)
}
