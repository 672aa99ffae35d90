package cluster

import (
	"math/rand"
	"time"
)

// host is a computer with one process on it.
type host struct {
	w     *world
	index int
	id    int32
	up    bool
	life  uint32 // counts its processes

	skew        int64 // of its clock
	disk        int64 // how many times slower than usual it is
	pausedUntil int64
	guess       int // voter that is asked next as the active controller

	voter  *voter
	broker *broker
}

// clock is the time that the host believes in.
func (h *host) clock() time.Time {
	return time.UnixMilli(1_700_000_000_000).Add(time.Duration(h.w.now + h.skew))
}

// after has something happen in this process, unless it is gone by then.
func (h *host) after(d int64, what string, do func()) {
	h.w.queue.add(event{at: h.w.now + d, host: h, life: h.life, what: what, do: do})
}

// unless is after for what is not wanted any more if something else came first: the end of a wait.
func (h *host) unless(ended *bool, d int64, what string, do func()) {
	h.w.queue.add(event{at: h.w.now + d, host: h, life: h.life, off: ended, what: what, do: do})
}

// chance is a generator for a core that wants one of its own.
func (h *host) chance() *rand.Rand { return rand.New(rand.NewSource(h.w.rng.Int64())) }

// writeTime is how long the disk takes for a small write with a sync.
func (h *host) writeTime() int64 {
	return h.disk * h.w.between(50*time.Microsecond, 500*time.Microsecond)
}

func (h *host) start() {
	if h.up {
		return
	}
	h.up, h.pausedUntil = true, 0
	h.life++
	h.w.note(h, "starts", int64(h.life), 0, 0)
	if h.voter != nil {
		h.voter.start()
	}
	if h.broker != nil {
		h.broker.start()
	}
}

// stop ends the process in the middle of what it does. With a loss of power, what was not synced may be gone.
func (h *host) stop(power bool) {
	if !h.up {
		return
	}
	h.w.note(h, "ends", bit(power), 0, 0)
	h.up = false
	h.w.brokerEnds(h)
	if h.voter != nil {
		h.voter.stop(power)
	}
	if h.broker != nil {
		h.broker.stop(power)
	}
	h.w.hungUp(h)
}

// finish is the end of a process that may end.
func (h *host) finish() {
	h.w.note(h, "finishes", 0, 0, 0)
	h.up = false
	h.w.brokerEnds(h)
	if h.voter != nil {
		h.voter.stop(false)
	}
	h.broker.close()
	h.w.hungUp(h)
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// network is the links between hosts, one way each.
type network struct {
	cut   [][]bool
	loss  float64
	again float64
	slow  int64 // factor of delays
}

func newNetwork(hosts int) network {
	n := network{loss: 0.002, again: 0.005, slow: 1}
	for range hosts {
		n.cut = append(n.cut, make([]bool, hosts))
	}
	return n
}

// delay is how long a message is on its way: mostly short, now and then overtaken by many others.
func (w *world) delay() int64 {
	d := w.between(100*time.Microsecond, 2*time.Millisecond) * w.net.slow
	if w.oneIn(50) {
		d += w.between(0, 150*time.Millisecond)
	}
	return d
}

// send has something happen at another host: a message of a connection, which ends with the processes at both ends.
func (w *world) send(from, to *host, what string, do func()) { w.transmit(from, to, to.life, what, do) }

// cast is send without a connection: whoever runs at the receiver gets it.
func (w *world) cast(from, to *host, what string, do func()) { w.transmit(from, to, anyLife, what, do) }

// call is send for a request. What the receiver says with back is its answer: it comes from the process that was asked, and reaches only the one that
// asked, not the next one on the same host.
func (w *world) call(from, to *host, what string, do func(back func(what string, do func()))) {
	asker, asked := from.life, to.life
	w.send(from, to, what, func() {
		do(func(what string, do func()) {
			if to.up && to.life == asked {
				w.transmit(to, from, asker, what, do)
			}
		})
	})
}

func (w *world) transmit(from, to *host, life uint32, what string, do func()) {
	if from == to {
		w.queue.add(event{at: w.now + 20_000, host: to, life: life, what: what, do: do})
		return
	}
	times := 1
	if !w.healing {
		switch chance := w.rng.Float64(); {
		case chance < w.net.loss:
			times = 0
		case chance < w.net.loss+w.net.again:
			times = 2
		}
	}
	sender := from.life
	arrive := func() {
		if !w.net.cut[from.index][to.index] && (life == anyLife || from.life == sender && from.up) {
			do()
		}
	}
	for range times {
		w.queue.add(event{at: w.now + w.delay(), host: to, life: life, what: what, do: arrive})
	}
}

// hungUp lets some of those notice who had a connection to a process that ended.
func (w *world) hungUp(gone *host) {
	if gone.voter == nil {
		return
	}
	for _, v := range w.voters {
		if v.h != gone && w.oneIn(2) {
			w.cast(gone, v.h, "hung up", func() { v.suspect(gone.id) })
		}
	}
}
