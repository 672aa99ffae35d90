package coordinator

import (
	"context"
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Line is a connection to another node; *peer.Peer is one.
type Line interface {
	Do(ctx context.Context, rq kmsg.Request) (kmsg.Response, error)
	Close()
}

// errStopped ends what was still to be sent when the node stops.
var errStopped = errors.New("node is stopping")

// outbox gathers what is to be sent to other nodes, so that what comes while a request is under way shares the next one. A node for which there is
// something has one goroutine; when nothing is left it ends.
type outbox[T any] struct {
	connect func(nodeID int32) Line
	max     int // items of one request
	// send asks the node, which takes as long as it takes. It deals with every item.
	send func(ctx context.Context, nodeID int32, line Line, items []T)
	work sync.WaitGroup

	mu     sync.Mutex
	nodes  map[int32]*destination[T]
	cancel context.CancelFunc // nil: nothing was sent yet
	ctx    context.Context
	closed bool
}

// destination is guarded by outbox.mu.
type destination[T any] struct {
	line    Line
	items   []T
	sending bool
}

// put leaves an item for a node. It does not wait. false: the outbox is closed.
func (o *outbox[T]) put(nodeID int32, item T) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	if o.nodes == nil {
		o.nodes = make(map[int32]*destination[T])
		o.ctx, o.cancel = context.WithCancel(context.Background())
	}
	d := o.nodes[nodeID]
	if d == nil {
		d = &destination[T]{}
		o.nodes[nodeID] = d
	}
	d.items = append(d.items, item)
	if !d.sending {
		d.sending = true
		o.work.Go(func() { o.drain(nodeID, d) })
	}
	return true
}

// drain sends until nothing is left.
func (o *outbox[T]) drain(nodeID int32, d *destination[T]) {
	for {
		o.mu.Lock()
		if len(d.items) == 0 {
			d.items, d.sending = nil, false
			o.mu.Unlock()
			return
		}
		items := d.items
		if len(items) > o.max {
			d.items = items[o.max:]
			items = items[:o.max:o.max]
		} else {
			d.items = nil
		}
		if d.line == nil && !o.closed {
			d.line = o.connect(nodeID)
		}
		line := d.line
		o.mu.Unlock()
		o.send(o.ctx, nodeID, line, items)
	}
}

// drop closes the connections to nodes that are gone, so that what is under way to them fails at once. A node that comes back gets a new one.
func (o *outbox[T]) drop(gone func(nodeID int32) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	for id, d := range o.nodes {
		if !gone(id) {
			continue
		}
		if d.line != nil {
			o.work.Go(d.line.Close)
			d.line = nil
		}
		if !d.sending {
			delete(o.nodes, id)
		}
	}
}

// close ends what is under way, which send hears of, and closes the connections.
func (o *outbox[T]) close() {
	o.mu.Lock()
	o.closed = true
	cancel := o.cancel
	var lines []Line
	for _, d := range o.nodes {
		if d.line != nil {
			lines = append(lines, d.line)
		}
	}
	o.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	for _, l := range lines {
		l.Close()
	}
	o.work.Wait()
}
