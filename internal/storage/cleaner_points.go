package storage

import (
	"fmt"
	"path/filepath"
	"sync"

	"leat/internal/fs"
	"leat/internal/record"
)

// cleanerPointFile says for each log that was ever compacted up to which offset: where its dirty part begins.
const cleanerPointFile = "cleaner-offset-checkpoint"

// cleanerPoints is the content of a directory's cleaner-offset-checkpoint. It is read when it is first asked for.
type cleanerPoints struct {
	dir *logDir

	mu     sync.Mutex // guards what follows; held over reading and writing the file, which is what it is for
	loaded bool
	points map[record.TopicPartition]int64
	dirty  bool // differs from the file
	lost   bool // the file cannot be read
}

// load reads the file, with mu held. One that cannot be read is as good as none: more is cleaned then.
func (p *cleanerPoints) load() {
	if p.loaded {
		return
	}
	p.loaded = true
	var err error
	p.points, err = readOffsets(p.dir.store.cfg.FS, p.path())
	if err != nil {
		p.dir.store.logger.Warn("cleaner offsets not readable, compacted logs are cleaned from the beginning", "dir", p.dir.path, "err", err)
		p.points = make(map[record.TopicPartition]int64)
		p.lost, p.dirty = true, true
	}
}

// unreadable reports whether nobody knows any more what the file said.
func (p *cleanerPoints) unreadable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load()
	return p.lost
}

func (p *cleanerPoints) path() string { return filepath.Join(p.dir.path, cleanerPointFile) }

// of is the first dirty offset of a log; false if it was never cleaned.
func (p *cleanerPoints) of(tp record.TopicPartition) (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load()
	offset, ok := p.points[tp]
	return offset, ok
}

// advance notes that a log is clean below offset, durably, if it is the one for which swap returned truncates. A truncation lowers the recovery
// point before it comes here, and a deletion closes the log, so neither is overtaken.
func (p *cleanerPoints) advance(l *Log, offset, truncates int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.mu.RLock()
	closed, recovery, cut := l.closed, l.recovery, l.truncates != truncates
	l.mu.RUnlock()
	switch {
	case closed:
		return l.errClosed()
	case cut:
		return fmt.Errorf("clean %s: %w", l.tp, errSwapLost)
	}
	p.load()
	offset = min(offset, recovery)
	if known, ok := p.points[l.tp]; ok && known == offset && !p.dirty {
		return nil
	}
	p.points[l.tp] = offset
	p.dirty = true
	if err := p.write(); err != nil {
		return l.diskError("clean", err)
	}
	return nil
}

// lower notes that a log has nothing left at and above offset, before that goes. What is written there next is dirty.
func (p *cleanerPoints) lower(tp record.TopicPartition, offset int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load()
	if known, ok := p.points[tp]; !ok || known <= offset {
		return nil
	}
	p.points[tp] = offset
	p.dirty = true
	return p.write()
}

// forget notes that a log is gone; the file is written with the next settle.
func (p *cleanerPoints) forget(tp record.TopicPartition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load()
	if _, ok := p.points[tp]; ok {
		delete(p.points, tp)
		p.dirty = true
	}
}

// begin makes sure that the file says nothing of a log that is about to be made: what it says is of another one, which is gone.
func (p *cleanerPoints) begin(tp record.TopicPartition) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load()
	if _, ok := p.points[tp]; !ok {
		return nil
	}
	delete(p.points, tp)
	p.dirty = true
	return p.write()
}

// settle writes what is not written yet.
func (p *cleanerPoints) settle() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dirty {
		return nil
	}
	return p.write()
}

// write replaces the file, with mu held.
func (p *cleanerPoints) write() error {
	list := make([]partitionOffset, 0, len(p.points))
	for tp, offset := range p.points {
		list = append(list, partitionOffset{tp, offset})
	}
	if err := fs.WriteFile(p.dir.store.cfg.FS, p.path(), formatOffsets(list), 0o644); err != nil {
		return err
	}
	p.dirty, p.lost = false, false
	return nil
}
