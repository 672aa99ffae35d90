package machine

import (
	"errors"
	"fmt"
	"time"
)

// round is what the draining goroutine has in hand: the batch being filled, and the effects that wait for a commit.
//
// Invariant: parked is ordered by offset, and effects leave in the order in which they were decided.
type round[R any] struct {
	nextOffset int64 // where the log will go on; -1: not known before the first append
	records    []R   // applied, not yet appended
	effects    []Effect
	bytes      int
	at         time.Time
	parked     []parked
}

// parked is effects that wait until everything below the offset is committed.
type parked struct {
	nextOffset int64
	effects    []Effect
	at         time.Time // of the append
}

// accept takes one decision: its records go to the log and to the machine, its effects wait for the commit.
func (r *Runner[E, R]) accept(now time.Time, res Result[R]) error {
	if res.Control != nil {
		return r.mark(now, res)
	}
	if len(res.Records) == 0 {
		r.park(res.Effects)
		return nil
	}
	b := r.cfg.Batching
	if b == nil {
		return r.append(now, res)
	}
	size := 0
	for _, rec := range res.Records {
		size += b.Size(rec)
	}
	if max := b.MaxBytes(); size > max {
		return r.refuse(now, res, fmt.Errorf("%w: %d bytes, at most %d: %w", ErrTooLarge, size, max, ErrRefused))
	} else if r.round.bytes+size > max || res.Transactional != nil {
		if err := r.flush(); err != nil {
			return err
		}
	}
	if res.Transactional != nil || r.round.nextOffset < 0 {
		return r.append(now, res)
	}
	if len(r.round.records) == 0 && b.Ready != nil {
		if err := b.Ready(); errors.Is(err, ErrRefused) {
			return r.refuse(now, res, err)
		} else if err != nil {
			return err
		}
	}
	return r.gather(now, res, size)
}

// gather applies a decision and adds it to the batch being filled.
func (r *Runner[E, R]) gather(now time.Time, res Result[R], size int) error {
	rd := &r.round
	if len(rd.records) == 0 {
		rd.at = now
	}
	if err := r.apply(rd.at, rd.nextOffset+int64(len(rd.records)), res); err != nil {
		return err
	}
	rd.records = append(rd.records, res.Records...)
	rd.effects = append(rd.effects, res.Effects...)
	rd.bytes += size
	if r.cfg.Batching.linger() == 0 {
		return r.flush()
	}
	return nil
}

// settle appends the batch being filled, unless it waits for more.
func (r *Runner[E, R]) settle() error {
	if until := r.lingers(); !until.IsZero() && time.Now().Before(until) {
		return nil
	}
	return r.flush()
}

// lingers is until when the batch being filled waits for more; the zero time: it does not.
func (r *Runner[E, R]) lingers() time.Time {
	if len(r.round.records) == 0 {
		return time.Time{}
	}
	if d := r.cfg.Batching.linger(); d > 0 {
		return r.round.at.Add(d)
	}
	return time.Time{}
}

// flush appends the batch being filled.
func (r *Runner[E, R]) flush() error {
	rd := &r.round
	if len(rd.records) == 0 {
		return nil
	}
	began := time.Now()
	base, next, err := r.cfg.Log.Append(rd.at, rd.records, nil, nil)
	if err != nil {
		return err
	}
	r.meter.Flushed(began.Sub(rd.at), time.Since(began))
	if base != rd.nextOffset {
		return fmt.Errorf("batch was appended at offset %d, not at %d: somebody else writes to this log", base, rd.nextOffset)
	}
	effects := rd.effects
	clear(rd.records)
	rd.records, rd.effects, rd.bytes = rd.records[:0], nil, 0
	r.written(next, effects)
	return nil
}

// append writes one decision as a batch of its own.
func (r *Runner[E, R]) append(now time.Time, res Result[R]) error {
	began := time.Now()
	base, next, err := r.cfg.Log.Append(now, res.Records, res.Transactional, res.Leave)
	if errors.Is(err, ErrRefused) {
		return r.refuse(now, res, err)
	} else if err != nil {
		return err
	}
	r.meter.Flushed(began.Sub(now), time.Since(began))
	if err := r.apply(now, base, res); err != nil {
		return err
	}
	r.written(next, res.Effects)
	return nil
}

// mark writes the end of a transaction as a batch of its own, behind what was decided before it.
func (r *Runner[E, R]) mark(now time.Time, res Result[R]) error {
	log, ok := r.cfg.Log.(MarkerLog)
	if !ok || len(res.Records) > 0 {
		return &Fault{Value: "a decision with a marker that this log cannot take, or with records beside it"}
	}
	if err := r.flush(); err != nil {
		return err
	}
	base, next, err := log.AppendMarker(now, *res.Control)
	if errors.Is(err, ErrRefused) {
		return r.refuse(now, res, err)
	} else if err != nil {
		return err
	}
	if err := r.applyMarker(now, base, res.Control); err != nil {
		return err
	}
	r.written(next, res.Effects)
	return nil
}

// applyMarker makes the end of a transaction part of the machine's hard state.
func (r *Runner[E, R]) applyMarker(now time.Time, base int64, c *Control) (err error) {
	defer Catch(&err)
	r.cfg.Machine.Apply(Entry[R]{Offset: base, Timestamp: now.UnixMilli(), ProducerID: c.ID, ProducerEpoch: c.Epoch, Marker: c.Marker})
	return nil
}

// apply makes the records part of the machine's hard state.
func (r *Runner[E, R]) apply(now time.Time, base int64, res Result[R]) (err error) {
	defer Catch(&err)
	entry := Entry[R]{Offset: base, Timestamp: now.UnixMilli(), ProducerID: -1, ProducerEpoch: -1}
	if t := res.Transactional; t != nil {
		entry.ProducerID, entry.ProducerEpoch = t.ID, t.Epoch
	}
	for _, rec := range res.Records {
		entry.Record = rec
		r.cfg.Machine.Apply(entry)
		entry.Offset++
	}
	return nil
}

// written parks effects behind the batch that was just appended.
func (r *Runner[E, R]) written(next int64, effects []Effect) {
	r.round.nextOffset = next
	r.round.parked = append(r.round.parked, parked{next, effects, time.Now()})
	r.cfg.Log.WhenCommitted(next, func(err error) { r.commit(next, err) })
	r.releaseCommitted()
}

// commit is the log's word that everything below nextOffset is committed, or will not be.
func (r *Runner[E, R]) commit(nextOffset int64, err error) {
	r.mu.Lock()
	if err != nil && r.failure == nil {
		r.failure = err
	} else if err == nil {
		r.committed = max(r.committed, nextOffset)
	}
	r.wake()
}

// park keeps effects of a decision without records until the last record written is committed: nobody is told what may still be lost.
func (r *Runner[E, R]) park(effects []Effect) {
	rd := &r.round
	switch {
	case len(effects) == 0:
	case len(rd.records) > 0:
		rd.effects = append(rd.effects, effects...)
	case len(rd.parked) > 0:
		last := &rd.parked[len(rd.parked)-1]
		last.effects = append(last.effects, effects...)
	default:
		r.release(effects)
	}
}

// refuse drops a decision and answers those whom it would have answered.
func (r *Runner[E, R]) refuse(now time.Time, res Result[R], err error) error {
	r.refusals++
	for _, e := range res.Effects {
		if reply, ok := e.(Reply); ok {
			r.answer(reply.To, nil, err)
		}
	}
	m, ok := r.cfg.Machine.(Refuser[R])
	if !ok {
		return nil
	}
	effects, err := r.refused(m, now, res.Records)
	r.park(effects)
	return err
}

// releasable reports whether a commit has come for the first parked effects. mu is held.
func (r *Runner[E, R]) releasable() bool {
	return r.failure != nil || len(r.round.parked) > 0 && r.round.parked[0].nextOffset <= r.committed
}

// releaseCommitted performs the effects whose records are committed.
func (r *Runner[E, R]) releaseCommitted() {
	r.mu.Lock()
	committed := r.committed
	r.mu.Unlock()
	p := r.round.parked
	n := 0
	for n < len(p) && p[n].nextOffset <= committed {
		r.meter.Committed(time.Since(p[n].at))
		r.release(p[n].effects)
		n++
	}
	if n > 0 {
		rest := copy(p, p[n:])
		clear(p[rest:])
		r.round.parked = p[:rest]
	}
}

// release performs effects.
func (r *Runner[E, R]) release(effects []Effect) {
	for _, e := range effects {
		if reply, ok := e.(Reply); ok {
			r.answer(reply.To, reply.Response, nil)
		} else if r.cfg.Perform != nil {
			r.cfg.Perform(e)
		}
	}
}

// answer calls the one who waits with the ticket, once; later replies to the same ticket are dropped.
func (r *Runner[E, R]) answer(t Ticket, response any, err error) {
	r.mu.Lock()
	done := r.waiting[t]
	delete(r.waiting, t)
	r.mu.Unlock()
	if done != nil {
		done(response, err)
	}
}
