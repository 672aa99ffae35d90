package tenant

import (
	"sync"
	"time"
)

// Limits are what a tenant may take; below zero: any. All but Partitions are of one node, as Kafka's quotas are.
type Limits struct {
	Partitions  int   // of all its topics together, in the cluster
	StoredBytes int64 // on a node
	ProduceRate int64 // bytes per second
	ConsumeRate int64 // bytes per second
	Connections int
	// RequestPercentage is of the time of one processor that is spent on requests.
	RequestPercentage int
}

// None are no limits.
var None = Limits{Partitions: -1, StoredBytes: -1, ProduceRate: -1, ConsumeRate: -1, Connections: -1, RequestPercentage: -1}

// longestWait bounds for how long a client is told to wait. What it took beyond counts on.
const longestWait = time.Minute

// Usage is what a tenant takes on this node.
type Usage struct {
	mu               sync.Mutex
	connections      int
	produced, read   bucket
	spent            bucket // nanoseconds
	stored           int64
	measured         time.Time
	measuring, known bool
}

// Connect counts a connection in, unless there are as many as may be.
func (u *Usage) Connect(limit int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if limit >= 0 && u.connections >= limit {
		return false
	}
	u.connections++
	return true
}

// Disconnect counts a connection out.
func (u *Usage) Disconnect() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.connections--
}

// Connections is how many there are.
func (u *Usage) Connections() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.connections
}

// Produced counts bytes that were written, and says how long who wrote them has to wait.
func (u *Usage) Produced(now time.Time, limit, n int64) time.Duration {
	if limit < 0 {
		return 0
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return take(&u.produced, now, limit, n)
}

// Consumed counts bytes that are read, and says how long who reads them has to wait.
func (u *Usage) Consumed(now time.Time, limit, n int64) time.Duration {
	if limit < 0 {
		return 0
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return take(&u.read, now, limit, n)
}

// Spent counts time that a request took, and says how long who made it has to wait.
func (u *Usage) Spent(now time.Time, percentage int, d time.Duration) time.Duration {
	if percentage < 0 {
		return 0
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return take(&u.spent, now, int64(percentage)*int64(time.Second/100), int64(d))
}

// bucket gives out tokens that come back at a rate. Who was quiet finds those of a second, and who takes more than there are is in debt.
type bucket struct {
	tokens float64
	at     time.Time
}

// take takes n tokens and says for how long the bucket is in debt then.
func take(b *bucket, now time.Time, limit, n int64) time.Duration {
	rate := float64(max(limit, 1))
	if back := now.Sub(b.at).Seconds(); back > 0 {
		b.tokens, b.at = min(rate, b.tokens+back*rate), now
	}
	b.tokens -= float64(n)
	if b.tokens >= 0 {
		return 0
	}
	return min(time.Duration(-b.tokens/rate*float64(time.Second)), longestWait)
}

// measureEvery is how old a measure of what is stored may be.
const measureEvery = time.Second

// Full reports whether as much is stored as may be, or more. Measure adds the sizes up; of those who ask at the same time one does it and the others take
// what was known.
func (u *Usage) Full(now time.Time, limit int64, measure func() int64) bool {
	if limit < 0 {
		return false
	}
	u.mu.Lock()
	due := !u.measuring && (!u.known || now.Sub(u.measured) >= measureEvery)
	u.measuring = u.measuring || due
	u.mu.Unlock()
	if due {
		bytes := measure()
		u.mu.Lock()
		u.stored, u.measured, u.measuring, u.known = bytes, now, false, true
		u.mu.Unlock()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.stored >= limit
}

// Stored counts bytes that were stored since they were measured.
func (u *Usage) Stored(n int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stored += n
}
