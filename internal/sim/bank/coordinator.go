package bank

import (
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/txn"
	"leat/internal/machine"
	"leat/internal/record"
)

// stateLog is the log of the coordinator, as its replicas have it.
type stateLog struct {
	keys, values [][]byte
	committed    int
	lastID       int64 // producer id given out
	given        map[string]identity
}

// coordinator is one term of a leader: the machine, and what a shell does for it.
type coordinator struct {
	w       *world
	epoch   int32
	gone    bool
	fades   time.Time // until then it sends markers although it is gone
	machine *txn.Machine
	parked  []parked // effects that wait for their records to be committed
	waiting map[machine.Ticket]func(any)
	last    machine.Ticket
	ticking time.Time
}

type parked struct {
	end     int
	effects []machine.Effect
}

// elect makes a new coordinator from what the log has kept.
func (w *world) elect() {
	epoch := int32(1)
	if old := w.coordinator; old != nil {
		old.gone = true
		epoch = old.epoch + 1
		// Some of what was not committed may be on the replica that takes over.
		keep := w.log.committed + w.rand.IntN(len(w.log.keys)-w.log.committed+1)
		w.log.keys, w.log.values = w.log.keys[:keep], w.log.values[:keep]
		w.log.committed = keep
	}
	settings := txn.DefaultSettings
	if w.orderly {
		settings.TransactionVersion = 1
	}
	c := &coordinator{w: w, epoch: epoch, waiting: make(map[machine.Ticket]func(any))}
	c.machine = txn.New(txn.Config{Settings: func() txn.Settings { return settings }, CoordinatorEpoch: epoch,
		Rand: rand.New(rand.NewPCG(w.rand.Uint64(), 1))})
	for i := range w.log.keys {
		c.apply(i)
	}
	w.coordinator = c
	c.handle(txn.Event{Loaded: true})
}

func (c *coordinator) apply(offset int) {
	r, err := txn.Decode(c.w.log.keys[offset], c.w.log.values[offset])
	if err != nil {
		c.w.fail("the coordinator cannot read its log: %v", err)
		return
	}
	c.machine.Apply(machine.Entry[txn.Record]{Offset: int64(offset), ProducerID: -1, Record: r})
}

func (c *coordinator) handle(e txn.Event) {
	if !c.gone {
		c.take(c.machine.Handle(c.w.now, e))
	}
}

// take appends what was decided, and lets the effects wait until it is committed.
func (c *coordinator) take(res machine.Result[txn.Record]) {
	for _, r := range res.Records {
		key, value := r.Encode()
		c.w.log.keys, c.w.log.values = append(c.w.log.keys, key), append(c.w.log.values, value)
		c.apply(len(c.w.log.keys) - 1)
	}
	end := len(c.w.log.keys)
	effects := res.Effects
	if c.w.fault == HastyMarkers {
		effects = nil
		for _, e := range res.Effects {
			if m, ok := e.(txn.WriteMarkers); ok {
				c.perform(m)
				continue
			}
			effects = append(effects, e)
		}
	}
	c.parked = append(c.parked, parked{end, effects})
	if end > c.w.log.committed {
		c.w.after(time.Duration(c.w.rand.IntN(10_000))*time.Microsecond, func() { c.commit(end) })
	} else {
		c.commit(end)
	}
	if due := c.machine.Due(); !due.IsZero() && (c.ticking.IsZero() || due.Before(c.ticking)) {
		c.ticking = due
		c.w.at(later(due, c.w.now), c.tick)
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (c *coordinator) tick() {
	if c.gone {
		return
	}
	c.ticking = time.Time{}
	c.take(c.machine.Tick(c.w.now))
}

// commit releases effects in order.
func (c *coordinator) commit(end int) {
	if c.gone {
		return
	}
	c.w.log.committed = max(c.w.log.committed, end)
	for len(c.parked) > 0 && c.parked[0].end <= c.w.log.committed {
		p := c.parked[0]
		c.parked = c.parked[1:]
		for _, e := range p.effects {
			c.perform(e)
		}
	}
}

func (c *coordinator) perform(e machine.Effect) {
	switch e := e.(type) {
	case machine.Reply:
		answer := c.waiting[e.To]
		delete(c.waiting, e.To)
		if answer != nil {
			answer(e.Response)
		}
	case txn.WriteMarkers:
		for _, p := range e.Partitions {
			c.mark(e, p)
		}
	case txn.NeedProducerID:
		c.w.after(time.Millisecond, func() { c.handle(txn.Event{NewProducerID: c.w.newProducerID()}) })
	case txn.Notice:
		c.w.out.TimedOut++
	}
}

func (w *world) newProducerID() int64 {
	w.log.lastID++
	return w.log.lastID
}

// mark has one marker written: again and again, until word of it comes back.
func (c *coordinator) mark(m txn.WriteMarkers, at record.TopicPartition) {
	done := false
	var ask func()
	ask = func() {
		if done || c.gone && !c.w.now.Before(c.fades) {
			return
		}
		c.w.send(func() {
			if !c.w.partitions[at.Partition].mark(m) {
				return
			}
			c.w.send(func() {
				if !done {
					done = true
					c.handle(txn.Event{Written: &txn.MarkersWritten{TransactionalID: m.TransactionalID, Token: m.Token,
						Partitions: []record.TopicPartition{at}}})
				}
			})
		})
		c.w.after(askAgain, ask)
	}
	ask()
}

// ask sends a request to whoever coordinates when it arrives; the answer may never come.
func (w *world) ask(rq kmsg.Request, done func(any)) {
	w.send(func() {
		c := w.coordinator
		if c.gone || w.forgetFencing(rq, done) {
			return
		}
		c.last++
		c.waiting[c.last] = func(resp any) { w.send(func() { done(resp) }) }
		e := txn.Event{Ticket: c.last, Request: rq}
		if _, ok := rq.(*kmsg.InitProducerIDRequest); ok {
			e.NewProducerID = w.newProducerID()
		}
		c.handle(e)
	})
}

// forgetFencing is the fault NoFencing: who comes gets what the one before has.
func (w *world) forgetFencing(rq kmsg.Request, done func(any)) bool {
	start, ok := rq.(*kmsg.InitProducerIDRequest)
	if !ok || w.fault != NoFencing {
		return false
	}
	who, known := w.log.given[*start.TransactionalID]
	if !known {
		return false
	}
	resp := kmsg.NewPtrInitProducerIDResponse()
	resp.ProducerID, resp.ProducerEpoch = who.id, who.epoch
	w.send(func() { done(resp) })
	return true
}

// topic holds the accounts.
const topic = "accounts"

// askLeader is the question of a partition's leader whether a transaction may begin there. From a client of transaction version 2 it adds the
// partition too.
func (w *world) askLeader(c *client, partition int, who identity, done func(answer)) {
	rq := kmsg.NewPtrAddPartitionsToTxnRequest()
	rq.Version = 5
	rq.Transactions = []kmsg.AddPartitionsToTxnRequestTransaction{{TransactionalID: c.id, ProducerID: who.id, ProducerEpoch: who.epoch,
		VerifyOnly: w.orderly, Topics: []kmsg.AddPartitionsToTxnRequestTransactionTopic{{Topic: topic, Partitions: []int32{int32(partition)}}}}}
	w.ask(rq, func(resp any) {
		switch code := resp.(*kmsg.AddPartitionsToTxnResponse).Transactions[0].Topics[0].Partitions[0].ErrorCode; code {
		case 0:
			done(taken)
		case kerr.ProducerFenced.Code, kerr.InvalidProducerIDMapping.Code:
			done(fenced)
		case kerr.TransactionAbortable.Code:
			done(abortable)
		default:
			done(tryAgain)
		}
	})
}
