package sharing

import (
	"errors"
	"sync"
	"time"

	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/sharing/acquire"
	"leat/internal/storage"
)

// FetchRequest is what a member asks for.
type FetchRequest struct {
	Group, Member      string
	Parts              []Topic
	MaxRecords         int
	BatchSize          int
	Strict             bool // share.acquire.mode=record_limit
	MaxBytes, MinBytes int
	Deadline           time.Time // until then it waits for records
	Idle               bool      // it only waits for its deadline
}

// Fetched is what it got of one partition.
type Fetched struct {
	Topic    Topic
	Err      error
	Records  []Range
	Acquired []acquire.Given
}

// Fetch is a request under way.
type Fetch struct {
	FetchRequest
	node  *Node
	done  func([]Fetched)
	began time.Time

	results  []Fetched
	seen     []seen
	acquired int
	bytes    int
	failed   int
	counting bool // it only looks whether there are MinBytes
	counted  int  // bytes that were found so

	mu          sync.Mutex
	waiting     bool // guarded by mu, as all below
	registering bool
	missed      bool // it was woken while it registered
	wait        *replication.Wait
}

// seen is a share partition as it was when a fetch looked at it.
type seen struct {
	p         *sharePartition
	version   int64
	bound     int64
	isolation storage.Isolation
}

// Fetch hands out records of the partitions, or waits for some. done is called once, perhaps before Fetch returns, with an answer for each partition in their
// order; it takes over the ranges.
func (n *Node) Fetch(rq FetchRequest, done func([]Fetched)) *Fetch {
	f := &Fetch{FetchRequest: rq, node: n, done: done, began: time.Now()}
	f.run()
	return f
}

// run looks for records until there are some, the time is over, or there is something to wait for. It reports whether others who wait should look too: they
// need not if it has found nothing.
func (f *Fetch) run() (goOn bool) {
	for {
		if f.tooLittle() {
			if f.park() {
				return true // others may be content with less
			}
			continue
		}
		f.try()
		if f.acquired > 0 || f.failed == len(f.Parts) && !f.Idle || f.MaxRecords <= 0 || f.MaxBytes <= 0 || !time.Now().Before(f.Deadline) {
			f.meter()
			f.done(f.results)
			return true
		}
		if f.park() {
			return false
		}
	}
}

// meter counts the fetch, which has its answer.
func (f *Fetch) meter() {
	if len(f.Parts) == 0 || f.Idle {
		return
	}
	acquired := 0
	for i := range f.results {
		if len(f.results[i].Acquired) > 0 {
			acquired++
		}
	}
	now := time.Now()
	f.node.cfg.Meter.Fetched(f.Group, len(f.Parts), acquired, now.Sub(f.began), acquired == 0 && f.began.Before(f.Deadline) && !now.Before(f.Deadline))
}

// try asks every partition once.
func (f *Fetch) try() {
	f.results, f.seen, f.failed = f.results[:0], f.seen[:0], 0
	im := f.node.cfg.Image()
	for _, t := range f.Parts {
		result := Fetched{Topic: t}
		topic, ok := im.TopicByID(t.ID)
		switch {
		case !ok:
			result.Err = replication.ErrUnknownTopicID
		case t.Partition < 0 || int(t.Partition) >= len(topic.Partitions):
			result.Err = replication.ErrUnknownPartition
		case f.MaxRecords > 0 && f.MaxBytes > 0:
			f.tryPartition(record.TopicPartition{Topic: topic.Name, Partition: t.Partition}, &result)
		}
		if result.Err != nil {
			f.failed++
		}
		f.results = append(f.results, result)
	}
}

// tryPartition asks one partition.
func (f *Fetch) tryPartition(tp record.TopicPartition, result *Fetched) {
	key := SharePartition{Group: f.Group, TopicID: result.Topic.ID, Partition: result.Topic.Partition}
	for f.tryLoaded(key, tp, result) {
	}
}

// tryLoaded asks one partition, and reports whether it was unloaded at that moment.
func (f *Fetch) tryLoaded(key SharePartition, tp record.TopicPartition, result *Fetched) (unloaded bool) {
	p, err := f.node.load(key, tp)
	if err != nil {
		result.Err = err
		return false
	}
	iso := p.isolation()
	o := p.replica.Log().Offsets()
	s := seen{p: p, bound: o.HighWatermark, isolation: iso}
	if iso == storage.ReadCommitted {
		s.bound = o.LastStable
	}
	entered, version, err := p.enter()
	if errors.Is(err, errUnloaded) {
		f.node.forget(p, err) // which may not have come so far
		return true
	}
	if err != nil {
		result.Err = err
		return false
	}
	s.version = version
	f.seen = append(f.seen, s)
	if !entered {
		return false
	}
	defer p.leave()
	if f.acquired >= f.MaxRecords || f.bytes >= f.MaxBytes {
		return false
	}
	if err := f.take(p, &s, result); err != nil && len(result.Acquired) == 0 {
		result.Err = err
	}
	for _, g := range result.Acquired {
		f.acquired += int(g.Last - g.First + 1)
	}
	for _, r := range result.Records {
		f.bytes += r.Len()
	}
	return false
}

// readAtOnce bounds one read of the log; a batch that is larger is read whole.
const readAtOnce = 1 << 20

// take acquires what there is, as far as the limits go.
func (f *Fetch) take(p *sharePartition, s *seen, result *Fetched) error {
	if f.counting {
		return f.count(p, s)
	}
	if p.byKey() {
		return f.takeByKey(p, s, result)
	}
	left, room := f.MaxRecords-f.acquired, f.MaxBytes-f.bytes
	for range 16 {
		from, ok := p.want()
		if !ok || from >= s.bound || left <= 0 || room <= 0 {
			return nil
		}
		slice, err := p.replica.Log().Read(from, min(room, readAtOnce), s.isolation, f.acquired == 0 && len(result.Acquired) == 0)
		if err != nil {
			return p.readError(err)
		}
		if slice.Len() == 0 {
			slice.Release()
			return nil
		}
		found, parts, err := spans(slice, from, left, false)
		if err != nil && len(found) == 0 {
			slice.Release()
			return err
		}
		got := p.acquire(f, left, 1, from, found, len(result.Acquired) > 0)
		for _, r := range pieces(slice, holding(parts, got)) {
			result.Records = append(result.Records, r)
			room -= r.Len()
		}
		for _, g := range got {
			left -= int(g.Last - g.First + 1)
		}
		result.Acquired = append(result.Acquired, got...)
		if next, ok := p.want(); len(got) == 0 && (!ok || next == from) {
			return nil
		}
	}
	return nil
}

// readError takes up that the log begins later now, or passes an error on.
func (p *sharePartition) readError(err error) error {
	if !errors.Is(err, storage.ErrOffsetOutOfRange) {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.core.LogStart(p.replica.Log().Offsets().LogStart)
	p.version++ // look again
	return nil
}

func (p *sharePartition) byKey() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.core.ByKey()
}

func (p *sharePartition) want() (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.core.Want(time.Now())
}

func (p *sharePartition) acquire(f *Fetch, most, readers int, from int64, found []acquire.Span, more bool) []acquire.Given {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.core.Acquire(acquire.Fetch{Member: f.Member, Max: most, BatchSize: f.BatchSize, Strict: f.Strict, More: more, Readers: readers, Now: time.Now()}, from, found)
}

// park registers the fetch with all that could bring records; false: something may have come already.
func (f *Fetch) park() bool {
	f.mu.Lock()
	f.waiting, f.registering, f.missed = true, true, false
	f.mu.Unlock()
	still := true
	var parts []replication.WaitPart
	for i := range f.seen {
		s := &f.seen[i]
		still = still && s.p.await(f, s.version)
		parts = append(parts, replication.WaitPart{Partition: s.p.replica, Offset: s.bound, Isolation: s.isolation})
	}
	var wait *replication.Wait
	if still {
		need := 1
		if f.counting {
			need = f.MinBytes - f.counted
		}
		wait = f.node.cfg.Replicas.WaitFor(parts, need, f.Deadline, func() { f.node.start(func() { f.again() }) })
	}
	f.mu.Lock()
	f.registering, f.wait = false, wait
	if still && !f.missed {
		f.mu.Unlock()
		return true
	}
	f.waiting, f.wait = false, nil
	f.mu.Unlock()
	f.unregister(wait)
	return false
}

// unregister takes the fetch out of every list.
func (f *Fetch) unregister(wait *replication.Wait) {
	if wait != nil {
		wait.Cancel()
	}
	for i := range f.seen {
		f.seen[i].p.unawait(f)
	}
}

// again has a waiting fetch look once more. It reports whether others who wait should look too, as run does.
func (f *Fetch) again() bool {
	wait, ok := f.stopWaiting()
	if !ok {
		return true
	}
	f.unregister(wait)
	return f.run()
}

// stopWaiting makes the caller the one who goes on with the fetch.
func (f *Fetch) stopWaiting() (*replication.Wait, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.waiting {
		return nil, false
	}
	if f.registering {
		f.missed = true
		return nil, false
	}
	f.waiting = false
	wait := f.wait
	f.wait = nil
	return wait, true
}

// Cancel ends a fetch that waits; done will not be called if it returns true.
func (f *Fetch) Cancel() bool {
	wait, ok := f.stopWaiting()
	if ok {
		f.unregister(wait)
	}
	return ok
}
