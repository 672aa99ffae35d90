package telemetry

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Broker is what a broker counts. Counting is atomic additions: callers keep the pointers that Topic and Listener return.
type Broker struct {
	total TopicCounters

	mu        sync.RWMutex
	topics    map[string]*TopicCounters
	most      int // topics with a series of their own
	without   map[string]bool
	listeners map[string]*ListenerCounters

	apis    [maxAPI]atomic.Pointer[apiCounters]
	refused atomic.Int64
	panics  atomic.Int64

	allowed, denied atomic.Int64

	software map[Software]int64 // connections; guarded by mu
}

// NewBroker returns counters at zero; at most mostTopics topics get series of their own.
func NewBroker(mostTopics int) *Broker {
	return &Broker{topics: map[string]*TopicCounters{}, most: mostTopics, without: map[string]bool{}, listeners: map[string]*ListenerCounters{}}
}

// TopicCounters are the counters of one topic. Everything added also counts in the sums over all topics.
type TopicCounters struct {
	total                                                                               *TopicCounters // nil for the sums themselves
	messagesIn, bytesIn, bytesOut, totalProduce, totalFetch, failedProduce, failedFetch atomic.Int64
	totalShareFetch, failedShareFetch, totalShareAck, failedShareAck                    atomic.Int64
}

// topicCounters joins a row to its counter.
var topicCounters = []struct {
	*Metric
	value func(*TopicCounters) *atomic.Int64
}{
	{messagesIn, func(c *TopicCounters) *atomic.Int64 { return &c.messagesIn }},
	{bytesIn, func(c *TopicCounters) *atomic.Int64 { return &c.bytesIn }},
	{bytesOut, func(c *TopicCounters) *atomic.Int64 { return &c.bytesOut }},
	{totalProduce, func(c *TopicCounters) *atomic.Int64 { return &c.totalProduce }},
	{totalFetch, func(c *TopicCounters) *atomic.Int64 { return &c.totalFetch }},
	{failedProduce, func(c *TopicCounters) *atomic.Int64 { return &c.failedProduce }},
	{failedFetch, func(c *TopicCounters) *atomic.Int64 { return &c.failedFetch }},
	{totalShareFetch, func(c *TopicCounters) *atomic.Int64 { return &c.totalShareFetch }},
	{failedShareFetch, func(c *TopicCounters) *atomic.Int64 { return &c.failedShareFetch }},
	{totalShareAck, func(c *TopicCounters) *atomic.Int64 { return &c.totalShareAck }},
	{failedShareAck, func(c *TopicCounters) *atomic.Int64 { return &c.failedShareAck }},
}

// Topic returns the counters of a topic. Keep them; for a topic past the limit they are the sums. They stay valid after Forget, but no
// longer show.
func (b *Broker) Topic(name string) *TopicCounters {
	b.mu.RLock()
	c, ok := b.topics[name]
	b.mu.RUnlock()
	if ok {
		return c
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c, ok := b.topics[name]; ok {
		return c
	}
	if len(b.topics) >= b.most {
		if len(b.without) < maxWithout {
			b.without[name] = true
		}
		return &b.total
	}
	c = &TopicCounters{total: &b.total}
	b.topics[name] = c
	delete(b.without, name)
	return c
}

// Shows reports whether a topic has series of its own, giving it some if there is room.
func (b *Broker) Shows(topic string) bool {
	b.mu.RLock()
	_, shown := b.topics[topic]
	full := len(b.topics) >= b.most && (b.without[topic] || len(b.without) >= maxWithout)
	b.mu.RUnlock()
	return shown || !full && b.Topic(topic) != &b.total
}

// maxWithout bounds the memory for names of topics without series.
const maxWithout = 100_000

// Forget drops a deleted topic's series and makes room for another's.
func (b *Broker) Forget(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.topics, topic)
	delete(b.without, topic)
}

// Produced counts one partition of a produce request that was written.
func (c *TopicCounters) Produced(messages, bytes int64) {
	for ; c != nil; c = c.total {
		c.totalProduce.Add(1)
		c.messagesIn.Add(messages)
		c.bytesIn.Add(bytes)
	}
}

// ProduceFailed counts one partition of a produce request that was not written.
func (c *TopicCounters) ProduceFailed() {
	for ; c != nil; c = c.total {
		c.totalProduce.Add(1)
		c.failedProduce.Add(1)
	}
}

// Fetched counts one partition of a consumer's fetch and the bytes it got.
func (c *TopicCounters) Fetched(bytes int64) {
	for ; c != nil; c = c.total {
		c.totalFetch.Add(1)
		c.bytesOut.Add(bytes)
	}
}

// FetchFailed counts one partition of a fetch that could not be answered.
func (c *TopicCounters) FetchFailed() {
	for ; c != nil; c = c.total {
		c.totalFetch.Add(1)
		c.failedFetch.Add(1)
	}
}

// ShareFetched counts one partition of a fetch by a member of a share group, the bytes it got, and whether it failed.
func (c *TopicCounters) ShareFetched(bytes int64, failed bool) {
	for ; c != nil; c = c.total {
		c.totalShareFetch.Add(1)
		c.bytesOut.Add(bytes)
		if failed {
			c.failedShareFetch.Add(1)
		}
	}
}

// ShareAcknowledged counts one partition of which a member of a share group acknowledged records, and whether that was refused.
func (c *TopicCounters) ShareAcknowledged(failed bool) {
	for ; c != nil; c = c.total {
		c.totalShareAck.Add(1)
		if failed {
			c.failedShareAck.Add(1)
		}
	}
}

// ListenerCounters are the counters of one listener.
type ListenerCounters struct {
	opened, closed, expired                           atomic.Int64
	authenticated, again, notAuthenticated, failAgain atomic.Int64
	delayed, turnedAway                               atomic.Int64 // ms
}

// Listener returns the counters of a listener. Keep them.
func (b *Broker) Listener(name string) *ListenerCounters {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.listeners[name]
	if c == nil {
		c = &ListenerCounters{}
		b.listeners[name] = c
	}
	return c
}

// Opened counts a new connection.
func (c *ListenerCounters) Opened() { c.opened.Add(1) }

// Closed counts a connection that ended.
func (c *ListenerCounters) Closed() { c.closed.Add(1) }

// Authenticated counts a client that said who it is; again: on a connection where it had done so before.
func (c *ListenerCounters) Authenticated(again bool) {
	if again {
		c.again.Add(1)
	} else {
		c.authenticated.Add(1)
	}
}

// AuthenticationFailed counts one that could not.
func (c *ListenerCounters) AuthenticationFailed(again bool) {
	if again {
		c.failAgain.Add(1)
	} else {
		c.notAuthenticated.Add(1)
	}
}

// Delayed counts time in which no connection was accepted.
func (c *ListenerCounters) Delayed(d time.Duration) { c.delayed.Add(d.Milliseconds()) }

// TurnedAway counts time for which a connection was kept before it was closed.
func (c *ListenerCounters) TurnedAway(d time.Duration) { c.turnedAway.Add(d.Milliseconds()) }

// Expired counts a connection that was closed because its client asked for more after the end of its session.
func (c *ListenerCounters) Expired() { c.expired.Add(1) }

// Authorization counts one decision about what a principal may do.
func (b *Broker) Authorization(allowed bool) {
	if allowed {
		b.allowed.Add(1)
	} else {
		b.denied.Add(1)
	}
}

// Refused counts a connection that was closed at once.
func (b *Broker) Refused() { b.refused.Add(1) }

// Panicked counts a handler that failed by a bug.
func (b *Broker) Panicked() { b.panics.Add(1) }

// Numbers of API keys, versions and error codes; what lies outside is not counted one by one but still in totals of time.
const (
	maxAPI     = 128
	maxVersion = 32
	leastError = -1 // UNKNOWN_SERVER_ERROR
	maxError   = 160
)

// apiCounters are the counters of one kind of request. They exist from its first request on.
type apiCounters struct {
	versions [maxVersion]atomic.Int64
	errors   [maxError - leastError]atomic.Int64

	total, queue, local, remote, turn, send, throttle quantiles
}

func (b *Broker) api(key int16) *apiCounters {
	if key < 0 || key >= maxAPI {
		return nil
	}
	if c := b.apis[key].Load(); c != nil {
		return c
	}
	b.apis[key].CompareAndSwap(nil, &apiCounters{})
	return b.apis[key].Load()
}

// Times are when the parts of a request's life ended, from its last byte on, and how long it made the next request wait.
type Times struct {
	Begun, Handled, Answered, Turn, Sent time.Duration
	Throttled                            time.Duration
}

// Request counts one answered request.
func (b *Broker) Request(key, version int16, t Times) {
	c := b.api(key)
	if c == nil {
		return
	}
	if version >= 0 && version < maxVersion {
		c.versions[version].Add(1)
	}
	// An answer may be ready before its handler returns: then nothing was waited for.
	handled := min(t.Handled, t.Answered)
	c.total.add(t.Sent)
	c.queue.add(t.Begun)
	c.local.add(handled - t.Begun)
	c.remote.add(t.Answered - handled)
	c.turn.add(t.Turn - t.Answered)
	c.send.add(t.Sent - t.Turn)
	c.throttle.add(t.Throttled)
}

// Error counts an error code in an answer; 0 is none.
func (b *Broker) Error(key, code int16) {
	if c := b.api(key); c != nil && code >= leastError && code < maxError {
		c.errors[code-leastError].Add(1)
	}
}

// named is a name with its counters, for writing in order.
type named[T any] struct {
	name string
	of   T
}

func byName[T any](m map[string]T) []named[T] {
	var list []named[T]
	for name, of := range m {
		list = append(list, named[T]{name, of})
	}
	slices.SortFunc(list, func(a, b named[T]) int { return cmp.Compare(a.name, b.name) })
	return list
}
