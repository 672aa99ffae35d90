package cluster

import (
	"time"

	"leat/internal/controller"
)

// brokerEnds lets controllers notice that the connection of a broker's heartbeats closed, and some of them a moment later that nobody listens any more
// where it did. If its next process registers before, that one takes its place at once.
func (w *world) brokerEnds(h *host) {
	if h.broker == nil || h.broker.epoch < 0 {
		return
	}
	for _, v := range w.voters {
		if v.h != h && !w.net.cut[h.index][v.h.index] && !w.oneIn(4) {
			w.suspected(v, h, !w.oneIn(3))
		}
	}
}

// mistake has a controller believe that a broker's process has ended that has not: its connection closed, and something else refuses others in its name.
func (w *world) mistake(h *host) {
	if h.broker == nil || !h.up || h.broker.epoch < 0 {
		return
	}
	w.stats.Mistakes++
	for _, v := range w.voters {
		w.suspected(v, h, true)
	}
}

// suspected tells a controller what its shell would.
func (w *world) suspected(v *voter, of *host, proven bool) {
	s := controller.Suspicion{BrokerID: of.id, BrokerEpoch: of.broker.epoch}
	first := w.between(0, time.Millisecond)
	v.h.after(first, "connection closed", func() { v.toldOf(s) })
	if proven {
		s.Proof = "connections are refused"
		v.h.after(first+w.between(time.Millisecond, 50*time.Millisecond), "connections refused", func() { v.toldOf(s) })
	}
}

func (v *voter) toldOf(s controller.Suspicion) {
	if a := v.active; a != nil {
		a.ticket++
		a.accept(a.machine.Handle(a.v.h.clock(), controller.Event{Ticket: a.ticket, Suspicion: &s}))
		a.schedule()
	}
}
