package bank

import (
	"math"
	"math/rand/v2"
	"time"

	"leat/internal/coordinator/txn"
)

const (
	partitions = 4
	producers  = 3
	// settling is how long the world has to come to rest.
	settling = 3 * time.Minute
)

// Run runs one seed.
func Run(o Options) Outcome {
	w := &world{rand: rand.New(rand.NewPCG(o.Seed, 2)), fault: o.Fault, now: time.UnixMilli(1_700_000_000_000),
		orderly: o.Seed%4 == 3 && o.Fault == NoFault}
	w.log.given = make(map[string]identity)
	for i := range partitions {
		w.partitions = append(w.partitions, newPartition(w, i))
	}
	if o.Seed%3 == 1 {
		w.age()
	}
	w.elect()
	for i := range producers {
		w.hire(string(rune('a' + i)))
	}
	for range o.Rounds {
		if !w.run(10 + w.rand.IntN(150)) {
			break
		}
		w.crash()
	}
	w.healed = true
	for end := w.now.Add(settling); len(w.queue) > 0 && w.queue[0].at.Before(end) && w.step(); {
	}
	w.settle()
	w.out.Steps = w.steps
	return w.out
}

// age begins with transactional ids whose epochs soon run out.
func (w *world) age() {
	for i := range producers {
		pid := w.newProducerID()
		key, value := (&txn.TransactionRecord{TransactionalID: string(rune('a' + i)), Transaction: &txn.Transaction{
			ValueVersion: 1, ProducerID: pid, PreviousProducerID: pid, NextProducerID: -1, ProducerEpoch: math.MaxInt16 - int16(2+w.rand.IntN(60)),
			TimeoutMillis: int32(transactionTimeout.Milliseconds()), UpdateTimestamp: w.now.UnixMilli(), StartTimestamp: -1,
		}}).Encode()
		w.log.keys, w.log.values = append(w.log.keys, key), append(w.log.values, value)
	}
	w.log.committed = len(w.log.keys)
}

func (w *world) run(steps int) bool {
	for range steps {
		if !w.step() {
			return false
		}
	}
	return true
}

// crash takes the coordinator away, and another one comes. The old one may not know for a while, and go on sending markers.
func (w *world) crash() {
	c := w.coordinator
	if c.gone {
		return
	}
	c.gone = true
	if w.chance(2) {
		c.fades = w.now.Add(time.Second)
	}
	w.after(time.Duration(w.rand.IntN(300))*time.Millisecond, w.elect)
}

// settle checks what is left when everything came to rest.
func (w *world) settle() {
	if w.out.Violation != "" {
		return
	}
	for _, p := range w.partitions {
		if p.read != len(p.log) {
			w.fail("partition %d has a transaction open for ever: readers are at %d of %d, %+v", p.index, p.read, len(p.log), p.log[p.read].of)
		}
	}
	states := make(map[string]txn.State)
	for i := range w.log.keys {
		r, err := txn.Decode(w.log.keys[i], w.log.values[i])
		if err != nil {
			w.fail("the coordinator's log cannot be read: %v", err)
			return
		}
		if t := r.(*txn.TransactionRecord); t.Transaction != nil {
			states[t.TransactionalID] = t.Transaction.State
			if t.Transaction.ProducerID != t.Transaction.PreviousProducerID {
				w.out.Rotated++
			}
		}
	}
	for i := range producers {
		switch s := states[string(rune('a'+i))]; s {
		case txn.Empty, txn.CompleteCommit, txn.CompleteAbort:
		default:
			w.fail("transactional id %c is %v at the end", 'a'+i, s)
		}
	}
	w.bank.settle(w)
}
