package timers

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/record"
)

// command takes the delayed records of a batch, or tells a producer's account.
func (m *Machine) command(c *Command) Outcome {
	t := m.hard.targets[c.Target]
	var a *account
	if t != nil {
		a = t.accounts[c.Producer.ID]
	}
	if len(c.Entries) == 0 {
		return a.outcome()
	}
	if c.Producer.ID >= 0 {
		code, repeated := a.admit(&c.Producer)
		if code != 0 || repeated {
			o := a.outcome()
			o.Code = code
			return o
		}
	}
	if !t.hasRoom(c) {
		o := a.outcome()
		o.Code = kerr.ThrottlingQuotaExceeded.Code
		return o
	}
	m.take(c, t)
	if c.Producer.ID < 0 {
		return Outcome{Last: record.NoSequence, Epoch: record.NoProducerEpoch}
	}
	next := a.with(&c.Producer, m.now.UnixMilli())
	m.write(&Account{Target: c.Target, ProducerID: c.Producer.ID, Epoch: next.epoch, At: next.at, Recent: next.recent})
	return next.outcome()
}

// hasRoom reports whether the records of a command may wait, too. What only cancels always may.
func (t *target) hasRoom(c *Command) bool {
	if c.MaxPending <= 0 {
		return true
	}
	var more int64
	for i := range c.Entries {
		more += int64(len(c.Entries[i].Payload))
	}
	if more == 0 || t.pending().Bytes+more <= c.MaxPending {
		return true
	}
	if t == nil || len(t.waiting.gone) == 0 {
		return false
	}
	t.waiting.sweep() // what was cancelled counts no more
	return t.pending().Bytes+more <= c.MaxPending
}

// take writes the timers of a command. Later entries see what earlier ones did.
func (m *Machine) take(c *Command, t *target) {
	number, fresh := m.hard.next, map[string]int64{}
	forget := func(id string) {
		n, ok := fresh[id]
		if !ok && t != nil {
			n, ok = t.ids[id]
		}
		if ok && n >= 0 {
			m.write(&Gone{c.Target, n})
		}
		fresh[id] = -1
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		if e.ID != "" {
			forget(e.ID)
		}
		if e.Payload == nil {
			continue
		}
		m.write(&Timer{Target: c.Target, N: number, Due: e.Due, ID: e.ID, Payload: e.Payload})
		if e.ID != "" {
			fresh[e.ID] = number
		}
		number++
	}
}

// admit applies the rules for sequences: a batch follows the last one that this account or the target's log has of the producer, or is one of
// the last ones again.
func (a *account) admit(p *Producer) (code int16, repeated bool) {
	newest := p.LogEpoch
	if a != nil {
		newest = max(newest, a.epoch)
	}
	switch {
	case newest < 0: // nobody knows the producer, which may begin with any sequence
		return 0, false
	case p.Epoch < newest:
		return kerr.InvalidProducerEpoch.Code, false
	case p.Epoch > newest:
		if p.Range.First != 0 {
			return kerr.OutOfOrderSequenceNumber.Code, false
		}
		return 0, false
	}
	if a != nil && a.epoch == p.Epoch {
		if slices.Contains(a.recent, p.Range) {
			return 0, true
		}
		if p.Range.First == record.AddSequence(a.last(), 1) {
			return 0, false
		}
	}
	if p.LogEpoch == p.Epoch && p.LogLast >= 0 && p.Range.First == record.AddSequence(p.LogLast, 1) {
		return 0, false
	}
	return kerr.OutOfOrderSequenceNumber.Code, false
}

func (a *account) last() int32 {
	if len(a.recent) == 0 {
		return record.NoSequence
	}
	return a.recent[len(a.recent)-1].Last
}

// with is the account after a batch.
func (a *account) with(p *Producer, now int64) *account {
	next := &account{epoch: p.Epoch, at: now}
	if a != nil && a.epoch == p.Epoch {
		next.recent = append(next.recent, a.recent[max(0, len(a.recent)+1-batchesKept):]...)
	}
	next.recent = append(next.recent, p.Range)
	return next
}

func (a *account) outcome() Outcome {
	if a == nil {
		return Outcome{Epoch: record.NoProducerEpoch, Last: record.NoSequence}
	}
	return Outcome{Epoch: a.epoch, Last: a.last()}
}
