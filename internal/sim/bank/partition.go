package bank

import "leat/internal/coordinator/txn"

// identity is a producer id with its epoch.
type identity struct {
	id    int64
	epoch int16
}

// partition is a model of what storage promises about producers.
type partition struct {
	w         *world
	index     int
	log       []entry
	read      int // where readers are: the last stable offset
	producers map[int64]*producer
}

// entry is one record of a partition.
type entry struct {
	of     identity
	t      *transfer // nil: a marker
	side   int
	closed bool // its transaction has ended
	commit bool
}

// producer is what a partition knows of a producer id.
type producer struct {
	epoch            int16
	coordinatorEpoch int32
	sequence         int // of the last record with this epoch; -1: none
	first            int // offset at which its open transaction begins; -1: none
	leave            int // the leave to begin one that it was given last; a marker takes it back
}

func newPartition(w *world, index int) *partition {
	return &partition{w: w, index: index, producers: make(map[int64]*producer)}
}

func (p *partition) producer(id int64) *producer {
	x := p.producers[id]
	if x == nil {
		x = &producer{epoch: -1, coordinatorEpoch: -1, sequence: -1, first: -1}
		p.producers[id] = x
	}
	return x
}

// answer says how a produce request ended.
type answer int8

const (
	taken answer = iota
	tryAgain
	fenced
	abortable
)

// produce is a request of a producer. A transaction begins on a partition only after the coordinator said that it is open and
// that the partition is part of it (KIP-890).
func (p *partition) produce(c *client, t *transfer, side int, who identity, sequence int, done func(answer)) {
	x := p.producer(who.id)
	switch {
	case who.epoch < x.epoch:
		done(fenced)
	case who.epoch == x.epoch && sequence <= x.sequence:
		done(taken) // a repetition
	case x.first >= 0 && who.epoch != x.epoch:
		done(tryAgain) // the marker of the one before is on its way
	case x.first >= 0 || p.w.fault == NoVerification:
		p.append(x, t, side, who, sequence, done)
	default:
		p.w.last++
		leave := int(p.w.last)
		x.leave = leave
		p.w.askLeader(c, p.index, who, func(a answer) {
			x := p.producer(who.id)
			switch {
			case a != taken:
				done(a)
			case x.leave != leave || who.epoch < x.epoch:
				done(tryAgain)
			default:
				p.append(x, t, side, who, sequence, done)
			}
		})
	}
}

func (p *partition) append(x *producer, t *transfer, side int, who identity, sequence int, done func(answer)) {
	if who.epoch == x.epoch && sequence <= x.sequence {
		done(taken)
		return
	}
	if expected := x.sequence + 1; who.epoch == x.epoch && sequence != expected || who.epoch > x.epoch && x.epoch >= 0 && sequence != 0 {
		done(abortable) // out of order
		return
	}
	if t.halves[side].fate != absent && t.halves[side].fate != aborted {
		p.w.fail("transfer %d is written twice", t.number)
	}
	x.epoch, x.sequence, x.leave = who.epoch, sequence, 0
	if x.first < 0 {
		x.first = len(p.log)
	}
	p.log = append(p.log, entry{of: who, t: t, side: side})
	p.w.bank.change(t, side, open)
	done(taken)
}

// mark ends a transaction. It reports false to a coordinator that is no longer the one.
func (p *partition) mark(m txn.WriteMarkers) bool {
	x := p.producer(m.ProducerID)
	late := m.ProducerEpoch < x.epoch
	if m.TransactionVersion >= 2 && p.w.fault != LateMarkers {
		late = late || m.ProducerEpoch == x.epoch && x.first >= 0
	}
	if m.CoordinatorEpoch < x.coordinatorEpoch {
		return false
	}
	if late {
		return true // the transaction has its marker, and a newer one has begun
	}
	x.coordinatorEpoch = m.CoordinatorEpoch
	if m.ProducerEpoch > x.epoch {
		x.epoch, x.sequence = m.ProducerEpoch, -1
	}
	if x.first >= 0 {
		for i := x.first; i < len(p.log); i++ {
			if e := &p.log[i]; e.t != nil && e.of.id == m.ProducerID && !e.closed {
				e.closed, e.commit = true, m.Commit
			}
		}
	}
	x.first, x.leave = -1, 0
	p.log = append(p.log, entry{of: identity{m.ProducerID, m.ProducerEpoch}, closed: true})
	p.advance()
	return true
}

// advance lets readers go on up to the first record that is not decided.
func (p *partition) advance() {
	for ; p.read < len(p.log) && p.log[p.read].closed; p.read++ {
		if e := p.log[p.read]; e.t != nil {
			to := aborted
			if e.commit {
				to = visible
			}
			p.w.bank.change(e.t, e.side, to)
		}
	}
}
