package sharing

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/sharing/acquire"
	"leat/internal/storage"
)

// retryWrite is the time until a write is tried again that nobody waits for.
const retryWrite = time.Second

// sharePartition is the core of one share partition and what is going on around it.
//
// Only one fetch at a time reads the log for it: whoever has it busy. The lock is held for steps of the core only.
type sharePartition struct {
	node        *Node
	key         SharePartition
	tp          record.TopicPartition
	replica     *replication.Partition
	leaderEpoch int32
	began       time.Time
	alarm       alarm

	mu      sync.Mutex
	core    *acquire.Partition // guarded by mu, as all below; nil: not loaded yet
	ended   error              // it is no more, and why
	busy    bool
	turned  bool  // somebody was turned away because it was busy
	version int64 // counts what may have made records available
	waiters []*Fetch
	asked   map[int64][]func(error) // by ticket: who waits for a write
	retry   time.Time               // when to write again
	used    time.Time               // when somebody last asked for it
	waking  bool                    // a goroutine has waiting fetches look again
	again   bool                    // and is to do so once more
}

// read takes up the durable state.
func (p *sharePartition) read(d acquire.Durable, err error) {
	if err != nil {
		p.node.forget(p, err)
		return
	}
	if d.StartOffset >= 0 {
		p.loaded(d)
		return
	}
	reset := p.node.cfg.Group(p.key.Group).OffsetReset
	o := p.replica.Log().Offsets()
	switch reset {
	case "latest":
		d.StartOffset = o.HighWatermark
	case "earliest":
		d.StartOffset = o.LogStart
	default:
		p.node.start(func() { p.searchStart(d, reset) }) // once in the life of a share partition, and it reads files
		return
	}
	p.loaded(d)
}

// searchStart finds the start offset for by_duration.
func (p *sharePartition) searchStart(d acquire.Durable, reset string) {
	back, err := resetDuration(reset)
	if err != nil {
		p.node.forget(p, err)
		return
	}
	found, err := p.replica.Log().OffsetForTimestamp(time.Now().Add(-back).UnixMilli())
	if err != nil {
		p.node.forget(p, err)
		return
	}
	d.StartOffset = found.Offset
	if found.Offset < 0 {
		d.StartOffset = p.replica.Log().Offsets().HighWatermark
	}
	p.loaded(d)
}

// loaded makes the core.
func (p *sharePartition) loaded(d acquire.Durable) {
	o := p.replica.Log().Offsets()
	settings := p.node.cfg.Group(p.key.Group).Settings
	p.mu.Lock()
	if p.ended != nil {
		p.mu.Unlock()
		return
	}
	p.core = acquire.New(d, settings, o.LogStart, o.LogEnd)
	p.version++
	letters := p.core.DeadLetters()
	p.mu.Unlock()
	p.node.cfg.Meter.Loaded(time.Since(p.began))
	p.bury(letters)
	p.settle()
	p.wake()
}

// end fails everybody who waits.
func (p *sharePartition) end(reason error) {
	p.mu.Lock()
	if p.ended == nil {
		p.ended = reason
	}
	p.version++
	asked := p.asked
	p.asked = nil
	waiters := p.waiters
	p.waiters = nil
	p.mu.Unlock()
	p.node.alarms.set(&p.alarm, time.Time{})
	for _, fns := range asked {
		for _, fn := range fns {
			fn(reason)
		}
	}
	for _, w := range waiters {
		p.node.start(func() { w.again() })
	}
}

// acknowledge takes up a member's acknowledgements; done hears when they are durable.
func (p *sharePartition) acknowledge(member string, acks []acquire.Acknowledgement, done func(error)) {
	settings := p.node.cfg.Group(p.key.Group).Settings
	p.mu.Lock()
	switch {
	case p.ended != nil:
		p.mu.Unlock()
		done(p.ended)
		return
	case p.core == nil:
		p.mu.Unlock()
		done(fmt.Errorf("%s: nothing was delivered by this leader: %w", p.tp, kerr.InvalidRecordState))
		return
	}
	p.core.Configure(settings)
	ticket, err := p.core.Acknowledge(member, acks, time.Now())
	if err != nil || ticket == 0 {
		p.mu.Unlock()
		p.settle()
		done(err)
		return
	}
	p.asked[ticket] = append(p.asked[ticket], done)
	p.mu.Unlock()
	p.settle()
}

// release gives back what a member holds.
func (p *sharePartition) release(member string, done func(error)) {
	p.mu.Lock()
	if p.ended != nil || p.core == nil {
		p.mu.Unlock()
		done(p.ended)
		return
	}
	ticket := p.core.Release(member, time.Now())
	if ticket == 0 {
		p.mu.Unlock()
		done(nil)
		return
	}
	p.version++
	p.asked[ticket] = append(p.asked[ticket], done)
	p.mu.Unlock()
	p.settle()
	p.wake()
}

// settle writes what has to be written, unless a write is under way, and sets the alarm.
func (p *sharePartition) settle() {
	p.mu.Lock()
	if p.ended != nil || p.core == nil {
		p.mu.Unlock()
		return
	}
	var w acquire.Write
	write := false
	if len(p.asked) > 0 || !p.retry.After(time.Now()) {
		w, write = p.core.TakeWrite()
	}
	at := p.core.Deadline()
	if !write && p.core.Unwritten() && !p.retry.IsZero() && (at.IsZero() || p.retry.Before(at)) {
		at = p.retry
	}
	p.mu.Unlock()
	p.node.alarms.set(&p.alarm, at)
	if !write {
		return
	}
	p.node.cfg.States.Write(p.key, Change{
		StateEpoch: w.StateEpoch, LeaderEpoch: p.leaderEpoch, StartOffset: w.StartOffset, DeliveryCompleteCount: w.DeliveryCompleteCount, Batches: w.Batches,
	}, func(err error) { p.written(w.Ticket, err) })
}

// written takes up the outcome of a write.
func (p *sharePartition) written(ticket int64, err error) {
	if err != nil && fatal(err) {
		p.node.cfg.Logger.Info("share partition given up", "group", p.key.Group, "topic", p.tp.Topic, "partition", p.tp.Partition, "err", err)
		p.node.forget(p, err)
		return
	}
	p.mu.Lock()
	if p.ended != nil {
		p.mu.Unlock()
		return
	}
	now := time.Now()
	freed := p.core.WriteEnded(err == nil, now)
	p.retry = time.Time{}
	if err != nil {
		p.retry = now.Add(retryWrite)
	}
	if freed {
		p.version++
	}
	var letters []acquire.DeadLetter
	if err == nil {
		letters = p.core.DeadLetters()
	}
	asked := p.asked[ticket]
	delete(p.asked, ticket)
	p.mu.Unlock()
	for _, fn := range asked {
		fn(err)
	}
	p.bury(letters)
	p.settle()
	if freed {
		p.wake()
	}
}

// alarmed ends locks whose time is over.
func (p *sharePartition) alarmed() {
	p.mu.Lock()
	if p.ended != nil || p.core == nil {
		p.mu.Unlock()
		return
	}
	freed := p.core.Expire(time.Now())
	if freed {
		p.version++
	}
	p.mu.Unlock()
	p.settle()
	if freed {
		p.wake()
	}
}

// enter makes the caller the one who reads the log for the share partition; false: not now, and version says since when.
func (p *sharePartition) enter() (ok bool, version int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ended != nil:
		return false, p.version, p.ended
	case p.core == nil:
		return false, p.version, nil
	case p.busy:
		p.turned = true
		return false, p.version, nil
	}
	p.busy, p.used = true, time.Now()
	p.reconfigure()
	return true, p.version, nil
}

// reconfigure takes up the group's settings. An order by key begins or ends when nothing is in flight. Called with mu held.
func (p *sharePartition) reconfigure() {
	settings := p.node.cfg.Group(p.key.Group).Settings
	o := p.replica.Log().Offsets()
	if settings.ByKey != p.core.ByKey() && p.core.Idle() {
		p.core = acquire.New(p.core.Durable(), settings, o.LogStart, o.LogEnd)
	}
	p.core.Configure(settings)
	p.core.LogStart(o.LogStart)
}

// leave lets others in, and wakes those who were turned away.
func (p *sharePartition) leave() {
	p.mu.Lock()
	p.busy = false
	turned := p.turned
	p.turned = false
	if turned {
		p.version++
	}
	p.mu.Unlock()
	p.settle()
	if turned {
		p.wake()
	}
}

// await has a fetch woken when records may have become available since a version; false: they may have already.
func (p *sharePartition) await(f *Fetch, version int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.version != version || p.ended != nil {
		return false
	}
	p.waiters = append(p.waiters, f)
	return true
}

// unawait takes a fetch out of the list.
func (p *sharePartition) unawait(f *Fetch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.waiters {
		if w == f {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			return
		}
	}
}

// wake has those look again who wait, on a goroutine that ends when there is nothing left to do.
func (p *sharePartition) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.waiters) == 0:
	case p.waking:
		p.again = true
	default:
		p.waking = true
		p.node.start(p.wakeAll)
	}
}

// wakeAll has waiting fetches look again as long as somebody says that there is news.
func (p *sharePartition) wakeAll() {
	for {
		p.wakeSome()
		p.mu.Lock()
		if !p.again {
			p.waking = false
			p.mu.Unlock()
			return
		}
		p.again = false
		p.mu.Unlock()
	}
}

// wakeSome has waiting fetches look again, one after the other, as long as they find something.
func (p *sharePartition) wakeSome() {
	p.mu.Lock()
	most := len(p.waiters)
	p.mu.Unlock()
	for range most {
		p.mu.Lock()
		if len(p.waiters) == 0 {
			p.mu.Unlock()
			return
		}
		first := p.waiters[0]
		p.waiters = append(p.waiters[:0], p.waiters[1:]...)
		p.mu.Unlock()
		if !first.again() {
			return
		}
	}
}

// fatal reports whether a share partition cannot go on after an error of its durable state: others own it now, or nobody does.
func fatal(err error) bool {
	for _, kind := range []error{kerr.FencedStateEpoch, kerr.FencedLeaderEpoch, kerr.GroupIDNotFound, kerr.UnknownTopicOrPartition, kerr.InvalidRequest} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// isolation is up to where the group reads.
func (p *sharePartition) isolation() storage.Isolation {
	return p.node.cfg.Group(p.key.Group).Isolation
}
