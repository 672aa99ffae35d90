package quorum

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/metadata"
)

// feed turns committed batches into images and hands them to the subscribers. Batches that became committed while subscribers worked are
// taken together: one image for all of them.
type feed struct {
	epoch    int32
	settings LogSettings
	snapshot func(*metadata.Image) // begins to write a checkpoint
	image    atomic.Pointer[metadata.Image]
	wake     chan struct{} // holds one
	quit     chan struct{}
	done     sync.WaitGroup

	// What follows belongs to the publishing goroutine.
	delta       *metadata.Delta // begun and not published: it ends inside a transaction
	subscribers []func(*metadata.Image, *metadata.Delta)
	sinceBytes  int64 // written since the last checkpoint
	since       time.Time

	mu        sync.Mutex
	queue     []written
	joining   []func(*metadata.Image, *metadata.Delta)
	published int64 // the offset behind the newest image
	changed   chan struct{}
}

func newFeed(from loaded, epoch int32, settings LogSettings, snapshot func(*metadata.Image)) *feed {
	f := &feed{epoch: epoch, settings: settings, snapshot: snapshot, since: from.snapshotAt, sinceBytes: from.sinceBytes,
		published: from.image.Offset + 1,
		wake:      make(chan struct{}, 1), quit: make(chan struct{}), changed: make(chan struct{})}
	f.image.Store(from.image)
	return f
}

func (f *feed) newest() *metadata.Image { return f.image.Load() }

// takeFirst takes in what Open wrote, before anybody subscribed.
func (f *feed) takeFirst(batches []written) error {
	f.queue = batches
	image, _, err := f.next()
	if err == nil {
		f.published = image.Offset + 1
	}
	return err
}

// add queues committed batches.
func (f *feed) add(batches []written) {
	f.mu.Lock()
	f.queue = append(f.queue, batches...)
	f.mu.Unlock()
	f.poke()
}

func (f *feed) subscribe(fn func(*metadata.Image, *metadata.Delta)) {
	f.mu.Lock()
	f.joining = append(f.joining, fn)
	f.mu.Unlock()
	f.poke()
}

func (f *feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *feed) start(fail func(error)) {
	f.done.Go(func() {
		for {
			select {
			case <-f.wake:
				if err := f.publish(); err != nil {
					fail(err)
					return
				}
			case <-f.quit:
				if err := f.publish(); err != nil {
					fail(err)
				}
				return
			}
		}
	})
}

// publish hands out what there is: the newest image to new subscribers, then the next image to all.
func (f *feed) publish() error {
	f.mu.Lock()
	joining := f.joining
	f.joining = nil
	f.mu.Unlock()
	for _, fn := range joining {
		fn(f.newest(), nil)
	}
	f.subscribers = append(f.subscribers, joining...)
	image, delta, err := f.next()
	if err != nil {
		return err
	}
	if delta != nil {
		for _, fn := range f.subscribers {
			fn(image, delta)
		}
	}
	f.announce(image.Offset + 1)
	f.maybeSnapshot(image)
	return nil
}

// next builds the next image from what is queued; the delta is nil if there is none, and the image then the one before.
func (f *feed) next() (*metadata.Image, *metadata.Delta, error) {
	f.mu.Lock()
	batches := f.queue
	f.queue = nil
	f.mu.Unlock()
	if len(batches) == 0 {
		return f.newest(), nil, nil
	}
	d := f.delta
	if d == nil {
		d = metadata.NewDelta(f.newest())
	}
	for _, b := range batches {
		f.sinceBytes += int64(b.bytes)
		for _, r := range b.records {
			if err := d.Replay(r); err != nil {
				return nil, nil, fmt.Errorf("metadata record before offset %d: %w", b.lastOffset+1, err)
			}
		}
	}
	if d.InTransaction() {
		f.delta = d
		return f.newest(), nil, nil
	}
	f.delta = nil
	last := batches[len(batches)-1]
	image := d.Image(last.lastOffset, f.epoch, last.timestamp)
	f.image.Store(image)
	return image, d, nil
}

// announce wakes those who wait for an image.
func (f *feed) announce(published int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.published = published
	close(f.changed)
	f.changed = make(chan struct{})
}

// await waits until everything below the offset was published, the feed ends or ctx does.
func (f *feed) await(ctx context.Context, offset int64) {
	for {
		f.mu.Lock()
		published, changed := f.published, f.changed
		f.mu.Unlock()
		if published >= offset {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-f.quit:
			return
		}
	}
}

// maybeSnapshot begins a checkpoint when enough was written since the last, or it is old and anything was.
func (f *feed) maybeSnapshot(image *metadata.Image) {
	s := f.settings
	old := s.SnapshotInterval > 0 && time.Since(f.since) >= s.SnapshotInterval
	if f.delta != nil || f.sinceBytes == 0 || f.sinceBytes < s.SnapshotBytes && !old {
		return
	}
	f.sinceBytes, f.since = 0, time.Now()
	f.snapshot(image)
}

func (f *feed) close() {
	close(f.quit)
	f.done.Wait()
}
