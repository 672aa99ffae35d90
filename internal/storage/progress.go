package storage

import (
	"sync"
	"sync/atomic"
	"time"
)

// progressEvery is how often a long recovery says how far it is.
const progressEvery = 5 * time.Second

// progress tells of the recovery of a directory that was not stopped cleanly: people wait for it.
type progress struct {
	dir   *logDir
	began time.Time
	count int // of the logs
	done  atomic.Int64
	quit  chan struct{} // nil after a clean stop, of which there is nothing to tell
	wg    sync.WaitGroup
}

func newProgress(d *logDir, clean bool, count int) *progress {
	p := &progress{dir: d, began: time.Now(), count: count}
	d.store.cfg.Opening.add(p)
	if !clean {
		p.quit = make(chan struct{})
		p.wg.Go(p.tell)
	}
	return p
}

// tell writes lines until stop.
func (p *progress) tell() {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-ticker.C:
			p.dir.store.logger.Info("recovering logs", "dir", p.dir.path, "done", p.done.Load(), "count", p.count, "duration", time.Since(p.began))
		}
	}
}

// stop ends the lines with the outcome. A fresh directory has none.
func (p *progress) stop(err error) {
	if p.quit == nil {
		return
	}
	close(p.quit)
	p.wg.Wait()
	if p.count > 0 && err == nil {
		p.dir.store.logger.Info("logs recovered after an unclean stop", "dir", p.dir.path, "count", p.count, "duration", time.Since(p.began))
	}
}
