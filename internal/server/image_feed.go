package server

import (
	"context"
	"sync"
	"sync/atomic"

	"leat/internal/metadata"
)

// imageFeed holds the newest image that every room of this node has taken in, and wakes those who wait for a newer one.
type imageFeed struct {
	newest atomic.Pointer[metadata.Image]

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with every image
}

func newImageFeed() *imageFeed {
	f := &imageFeed{changed: make(chan struct{})}
	f.newest.Store(metadata.Empty)
	return f
}

func (f *imageFeed) image() *metadata.Image { return f.newest.Load() }

// publish makes im the newest image. Rooms have taken it in before.
func (f *imageFeed) publish(im *metadata.Image) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.newest.Store(im)
	close(f.changed)
	f.changed = make(chan struct{})
}

// await waits until the newest image satisfies the condition.
func (f *imageFeed) await(ctx context.Context, until func(*metadata.Image) bool) error {
	for {
		f.mu.Lock()
		im, changed := f.newest.Load(), f.changed
		f.mu.Unlock()
		if until(im) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
