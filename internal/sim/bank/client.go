package bank

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// client is one producer: a process that has a transactional id. Another one may have it too, and think that it is the only one.
type client struct {
	w         *world
	id        string
	dead      bool
	paused    time.Time // it does nothing before this time
	who       identity
	attempt   int // of the request to the coordinator that is under way; answers to others come too late
	sequences []int

	t     *transfer // under way; nil: none
	acked [2]bool
	tries int
}

const (
	// transactionTimeout is short, so that transactions time out while their producers still believe in them.
	transactionTimeout = 2 * time.Second
	// maxTries is how often a producer tries to write before it gives a transfer up.
	maxTries = 12
)

func (w *world) hire(id string) {
	c := &client{w: w, id: id, who: identity{-1, -1}, sequences: make([]int, len(w.partitions))}
	w.clients = append(w.clients, c)
	c.start()
	w.after(time.Duration(w.rand.IntN(6000))*time.Millisecond, func() { w.upset(c) })
}

// upset lets something happen to a producer.
func (w *world) upset(c *client) {
	if c.dead || w.healed {
		return
	}
	switch w.rand.IntN(3) {
	case 0: // it crashes, and is started again
		c.dead = true
		w.after(time.Duration(w.rand.IntN(500))*time.Millisecond, func() { w.hire(c.id) })
	case 1: // it is taken for dead, and is not
		w.hire(c.id)
	case 2:
		c.paused = w.now.Add(time.Duration(w.rand.IntN(4000)) * time.Millisecond)
		w.after(time.Duration(w.rand.IntN(6000))*time.Millisecond, func() { w.upset(c) })
	}
}

// do goes on, unless the producer is dead or sleeps.
func (c *client) do(f func()) {
	switch {
	case c.dead:
	case c.w.now.Before(c.paused):
		c.w.at(c.paused, func() { c.do(f) })
	default:
		f()
	}
}

// stop ends a producer that was told that it is fenced. Another takes its place if none did.
func (c *client) stop() {
	c.dead = true
	c.w.out.Fenced++
	for _, other := range c.w.clients {
		if other.id == c.id && !other.dead {
			return
		}
	}
	if !c.w.healed {
		c.w.after(askAgain, func() { c.w.hire(c.id) })
	}
}

// ask asks the coordinator until there is an answer.
func (c *client) ask(rq kmsg.Request, answered func(any)) {
	c.attempt++
	attempt := c.attempt
	c.w.ask(rq, func(resp any) {
		c.do(func() {
			if c.attempt == attempt {
				c.attempt++
				answered(resp)
			}
		})
	})
	c.w.after(askAgain, func() {
		c.do(func() {
			if c.attempt == attempt {
				c.ask(rq, answered)
			}
		})
	})
}

// again does something once more after a while.
func (c *client) again(f func()) {
	c.w.after(time.Duration(5+c.w.rand.IntN(40))*time.Millisecond, func() { c.do(f) })
}

// retriable reports whether an error goes away by waiting.
func retriable(code int16) bool {
	return code == kerr.ConcurrentTransactions.Code || code == kerr.CoordinatorLoadInProgress.Code
}

// start gets the producer its identity; one that has an identity says so.
func (c *client) start() {
	rq := kmsg.NewPtrInitProducerIDRequest()
	rq.Version, rq.TransactionalID, rq.TransactionTimeoutMillis = 5, &c.id, int32(transactionTimeout.Milliseconds())
	rq.ProducerID, rq.ProducerEpoch = c.who.id, c.who.epoch
	c.ask(rq, func(resp any) {
		switch r := resp.(*kmsg.InitProducerIDResponse); {
		case r.ErrorCode == 0:
			c.become(identity{r.ProducerID, r.ProducerEpoch})
			c.begin()
		case retriable(r.ErrorCode):
			c.again(c.start)
		default:
			c.stop()
		}
	})
}

// become takes an identity; sequences begin anew with it.
func (c *client) become(who identity) {
	if who != c.who {
		clear(c.sequences)
	}
	c.who = who
	c.w.log.given[c.id] = who
}

// begin begins the next transfer.
func (c *client) begin() {
	c.t = nil
	if c.w.healed {
		return
	}
	w := c.w
	from := w.rand.IntN(len(w.partitions))
	to := (from + 1 + w.rand.IntN(len(w.partitions)-1)) % len(w.partitions)
	amount := 1 + w.rand.IntN(100)
	t := &transfer{number: len(w.bank.transfers), halves: [2]half{{partition: from, amount: -amount}, {partition: to, amount: amount}}}
	w.bank.transfers = append(w.bank.transfers, t)
	c.t, c.acked, c.tries = t, [2]bool{}, maxTries
	if !w.orderly {
		c.write(t)
		return
	}
	rq := kmsg.NewPtrAddPartitionsToTxnRequest()
	rq.Version, rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch = 3, c.id, c.who.id, c.who.epoch
	rq.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: topic, Partitions: []int32{int32(from), int32(to)}}}
	c.add(rq, t)
}

// add makes the partitions known first, as clients below transaction version 2 do.
func (c *client) add(rq *kmsg.AddPartitionsToTxnRequest, t *transfer) {
	c.ask(rq, func(resp any) {
		switch code := resp.(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode; {
		case code == 0:
			c.write(t)
		case retriable(code):
			c.again(func() { c.add(rq, t) })
		default:
			c.stop()
		}
	})
}

func (c *client) write(t *transfer) {
	c.produce(t, 0)
	c.produce(t, 1)
}

// produce writes one half, and the same once more if no answer comes.
func (c *client) produce(t *transfer, side int) {
	if c.t != t || c.acked[side] {
		return
	}
	if c.tries--; c.tries < 0 {
		c.end(t, false)
		return
	}
	at, who, answered := t.halves[side].partition, c.who, false
	sequence := c.sequences[at]
	c.w.send(func() {
		c.w.partitions[at].produce(c, t, side, who, sequence, func(a answer) {
			c.w.send(func() {
				c.do(func() {
					if !answered {
						answered = true
						c.produced(t, side, a)
					}
				})
			})
		})
	})
	c.w.after(askAgain, func() {
		c.do(func() {
			if !answered {
				answered = !c.w.orderly // a late answer is as good, but not needed
				c.produce(t, side)
			}
		})
	})
}

func (c *client) produced(t *transfer, side int, a answer) {
	if c.t != t || c.acked[side] {
		return
	}
	switch a {
	case taken:
		c.acked[side] = true
		c.sequences[t.halves[side].partition]++
		if c.acked[0] && c.acked[1] {
			c.end(t, !c.w.chance(8))
		}
	case tryAgain:
		c.again(func() { c.produce(t, side) })
	case abortable:
		c.end(t, false)
	case fenced:
		c.stop()
	}
}

// end commits or aborts, and asks until it knows.
func (c *client) end(t *transfer, commit bool) {
	c.t = nil
	rq := kmsg.NewPtrEndTxnRequest()
	rq.Version, rq.TransactionalID, rq.Commit = 5, c.id, commit
	if c.w.orderly {
		rq.Version = 4
	}
	rq.ProducerID, rq.ProducerEpoch = c.who.id, c.who.epoch
	c.askEnd(rq, t)
}

func (c *client) askEnd(rq *kmsg.EndTxnRequest, t *transfer) {
	c.ask(rq, func(resp any) {
		r := resp.(*kmsg.EndTxnResponse)
		switch {
		case retriable(r.ErrorCode):
			c.again(func() { c.askEnd(rq, t) })
		case r.ErrorCode == 0:
			c.ended(rq, r, t)
		case r.ErrorCode == kerr.InvalidTxnState.Code && c.w.orderly && !rq.Commit:
			c.start() // it never began
		default:
			c.stop()
		}
	})
}

func (c *client) ended(rq *kmsg.EndTxnRequest, r *kmsg.EndTxnResponse, t *transfer) {
	if rq.Commit {
		t.told = visible
		c.w.out.Committed++
	} else {
		t.told = aborted
		c.w.out.Aborted++
	}
	switch {
	case !c.w.orderly:
		c.become(identity{r.ProducerID, r.ProducerEpoch})
		c.again(c.begin)
	case rq.Commit:
		c.again(c.begin)
	default:
		c.start() // what was written may still arrive, so the epoch must change
	}
}
