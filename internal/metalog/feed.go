package metalog

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/metadata"
)

// Batch is a committed batch of the log on its way to subscribers. A control batch has no records.
type Batch struct {
	Records    []metadata.Record
	LastOffset int64
	Epoch      int32
	Timestamp  int64
	Bytes      int
	replace    *metadata.Image // what was before does not count any more
}

// Feed turns committed batches into images and hands them to the subscribers. Batches that became committed while subscribers worked are
// taken together: one image for all of them.
type Feed struct {
	settings Settings
	snapshot func(*metadata.Image) // begins to write a checkpoint
	image    atomic.Pointer[metadata.Image]
	wake     chan struct{} // holds one
	quit     chan struct{}
	done     sync.WaitGroup

	// What follows belongs to the publishing goroutine.
	delta       *metadata.Delta // begun and not published: it ends inside a transaction
	subscribers []func(*metadata.Image, *metadata.Delta)
	behind      int64 // the offset behind the last batch that was taken in
	sinceBytes  int64 // written since the last checkpoint
	since       time.Time

	mu        sync.Mutex
	queue     []Batch
	joining   []func(*metadata.Image, *metadata.Delta)
	published int64 // the offset behind the newest image
	taken     int64 // the offset behind the last batch that was taken in
	open      bool  // what was taken in ends inside a transaction
	wanted    bool  // a checkpoint is to be written whatever the settings say
	changed   chan struct{}
}

// NewFeed returns a feed that goes on from what was found. snapshot is called when it is time for a checkpoint.
func NewFeed(from *Found, settings Settings, snapshot func(*metadata.Image)) *Feed {
	f := &Feed{settings: settings.WithDefaults(), snapshot: snapshot, since: from.SnapshotAt, sinceBytes: from.SinceBytes,
		published: from.Image.Offset + 1, taken: max(from.next, from.Image.Offset+1), open: from.Open,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), changed: make(chan struct{})}
	f.image.Store(from.Image)
	if from.Open {
		f.delta = from.pending.delta
	}
	return f
}

// Newest is the newest image.
func (f *Feed) Newest() *metadata.Image { return f.image.Load() }

// Add queues committed batches.
func (f *Feed) Add(batches []Batch) {
	f.mu.Lock()
	f.queue = append(f.queue, batches...)
	f.mu.Unlock()
	f.poke()
}

// Replace queues an image that did not come from records: that of a checkpoint. Subscribers get it with a nil delta.
func (f *Feed) Replace(image *metadata.Image) {
	f.mu.Lock()
	f.queue = []Batch{{replace: image}}
	f.mu.Unlock()
	f.poke()
}

// Subscribe calls fn with the newest image and a nil delta, and then with what follows.
func (f *Feed) Subscribe(fn func(*metadata.Image, *metadata.Delta)) {
	f.mu.Lock()
	f.joining = append(f.joining, fn)
	f.mu.Unlock()
	f.poke()
}

func (f *Feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Start begins to publish. fail is told, once, when a record could not be applied.
func (f *Feed) Start(fail func(error)) {
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
func (f *Feed) publish() error {
	f.mu.Lock()
	joining := f.joining
	f.joining = nil
	f.mu.Unlock()
	for _, fn := range joining {
		fn(f.Newest(), nil)
	}
	f.subscribers = append(f.subscribers, joining...)
	image, delta, fresh, err := f.next()
	if err != nil {
		return err
	}
	if fresh {
		for _, fn := range f.subscribers {
			fn(image, delta)
		}
	}
	f.announce(image.Offset + 1)
	f.maybeSnapshot(image)
	return nil
}

// next builds the next image from what is queued; if that gives none, fresh is false and the image the one before. The delta is nil if the image did not
// come from records.
func (f *Feed) next() (image *metadata.Image, delta *metadata.Delta, fresh bool, err error) {
	batches := f.take()
	if len(batches) == 0 {
		return f.Newest(), nil, false, nil
	}
	if whole := batches[0].replace; whole != nil {
		f.delta, f.sinceBytes, f.behind = nil, 0, whole.Offset+1
		f.image.Store(whole)
		return whole, nil, true, nil
	}
	d := f.delta
	if d == nil {
		d = metadata.NewDelta(f.Newest())
	}
	for _, b := range batches {
		f.sinceBytes += int64(b.Bytes)
		for _, r := range b.Records {
			if err := d.Replay(r); err != nil {
				return nil, nil, false, fmt.Errorf("metadata record before offset %d: %w", b.LastOffset+1, err)
			}
		}
	}
	f.behind = batches[len(batches)-1].LastOffset + 1
	if d.InTransaction() {
		f.delta = d
		return f.Newest(), nil, false, nil
	}
	f.delta = nil
	last := batches[len(batches)-1]
	image = d.Image(last.LastOffset, last.Epoch, last.Timestamp)
	f.image.Store(image)
	return image, d, true, nil
}

// take empties the queue, but an image that replaces everything comes alone; it is always the first.
func (f *Feed) take() []Batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	batches := f.queue
	f.queue = nil
	if len(batches) > 1 && batches[0].replace != nil {
		batches, f.queue = batches[:1], append([]Batch(nil), batches[1:]...)
		f.poke()
	}
	return batches
}

// announce wakes those who wait for an image.
func (f *Feed) announce(published int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.published, f.taken, f.open = published, max(f.taken, f.behind), f.delta != nil
	close(f.changed)
	f.changed = make(chan struct{})
}

// Await waits until everything below the offset was published, the feed ends or ctx does.
func (f *Feed) Await(ctx context.Context, offset int64) {
	f.await(ctx, func() bool { return f.published >= offset })
}

// AwaitTaken waits until everything below the offset was taken in. open tells that this ends inside a transaction, and ok is false if the feed or ctx
// ended before.
func (f *Feed) AwaitTaken(ctx context.Context, offset int64) (open, ok bool) {
	ok = f.await(ctx, func() bool {
		open = f.open
		return f.taken >= offset
	})
	return open, ok
}

// await waits until something is so; reached is called under mu.
func (f *Feed) await(ctx context.Context, reached func() bool) bool {
	for {
		f.mu.Lock()
		done, changed := reached(), f.changed
		f.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		case <-f.quit:
			return false
		}
	}
}

// Checkpoint begins a checkpoint of the newest image now, or once no transaction is open.
func (f *Feed) Checkpoint() {
	f.mu.Lock()
	f.wanted = true
	f.mu.Unlock()
	f.poke()
}

// maybeSnapshot begins a checkpoint when enough was written since the last, or it is old and anything was.
func (f *Feed) maybeSnapshot(image *metadata.Image) {
	s := f.settings
	old := s.SnapshotInterval > 0 && time.Since(f.since) >= s.SnapshotInterval
	f.mu.Lock()
	wanted := f.wanted && f.delta == nil && image.Offset >= 0
	f.wanted = f.wanted && !wanted
	f.mu.Unlock()
	if !wanted && (f.delta != nil || f.sinceBytes == 0 || f.sinceBytes < s.SnapshotBytes && !old) {
		return
	}
	f.sinceBytes, f.since = 0, time.Now()
	f.snapshot(image)
}

// Close publishes what is queued and ends.
func (f *Feed) Close() {
	close(f.quit)
	f.done.Wait()
}
