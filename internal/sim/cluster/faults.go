package cluster

import (
	"fmt"
	"slices"
	"time"
)

// startFaults has things go wrong from time to time, in spells of their own length.
func (w *world) startFaults() {
	w.later(w.between(100*time.Millisecond, 1500*time.Millisecond), "fault", func() {
		if w.healing {
			return
		}
		if len(w.parts) > 0 {
			w.fault()
		}
		w.startFaults()
	})
}

// fault lets one thing go wrong.
func (w *world) fault() {
	h := w.hosts[1+w.rng.IntN(len(w.hosts)-1)]
	switch pick := w.rng.IntN(100); {
	case pick < 8:
		w.storm()
	case pick < 28:
		w.crash(h, w.oneIn(3))
	case pick < 35:
		if h.broker != nil {
			w.shutDown(h)
		}
	case pick < 60:
		w.cut(h)
	case pick < 72:
		w.stats.Pauses++
		h.pausedUntil = w.now + w.between(100*time.Millisecond, 5*time.Second)
	case pick < 82:
		h.disk = 1 + w.rng.Int64N(300)
		w.later(w.between(500*time.Millisecond, 6*time.Second), "disk is fast again", func() { h.disk = 1 })
	case pick < 86:
		w.mistake(h)
	case pick < 90:
		w.stats.Jumps++
		h.skew += w.between(-4*time.Second, 6*time.Second)
	default:
		w.net.loss, w.net.again, w.net.slow = 0.2*w.rng.Float64(), 0.1*w.rng.Float64(), 1+w.rng.Int64N(20)
		w.later(w.between(500*time.Millisecond, 4*time.Second), "network is well again", w.calm)
	}
}

func (w *world) calm() { w.net.loss, w.net.again, w.net.slow = 0.002, 0.005, 1 }

// crash ends a process without warning; it comes back after a while.
func (w *world) crash(h *host, power bool) {
	if !h.up || h.broker != nil && w.strict && !w.whole() {
		return
	}
	w.kill(h, power)
	w.startLater(h)
}

func (w *world) kill(h *host, power bool) {
	w.stats.Kills++
	if power {
		w.stats.PowerLosses++
	}
	h.stop(power)
}

// startLater has a process come back after a while: now and then so soon that nobody has missed it.
func (w *world) startLater(h *host) {
	if w.oneIn(4) {
		w.later(w.between(time.Millisecond, 20*time.Millisecond), "start", h.start)
		return
	}
	w.later(w.between(50*time.Millisecond, 5*time.Second), "start", h.start)
}

// storm has the leader of the quorum end and be back at once, the others ask for votes at the same time, over a bad network and with slow disks, and
// the one who was leader end again while it answers them.
func (w *world) storm() {
	victim := w.voters[w.rng.IntN(len(w.voters))].h
	for _, v := range w.voters {
		if v.h.up && v.active != nil {
			victim = v.h
		}
	}
	if !victim.up || victim.broker != nil && w.strict && !w.whole() {
		return
	}
	w.net.again, w.net.slow = 0.3, 1+w.rng.Int64N(20)
	w.later(w.between(300*time.Millisecond, 2*time.Second), "network is well again", w.calm)
	w.kill(victim, w.oneIn(2))
	w.later(w.between(time.Millisecond, 20*time.Millisecond), "start", victim.start)
	begin := w.between(20*time.Millisecond, 50*time.Millisecond)
	for _, v := range w.voters {
		v.h.disk = 1 + w.rng.Int64N(300)
		w.later(w.between(300*time.Millisecond, 2*time.Second), "disk is fast again", func() { v.h.disk = 1 })
		if v.h != victim && !w.oneIn(4) {
			v.h.after(begin+w.between(0, 5*time.Millisecond), "campaign", func() {
				v.suspect(victim.id)
				v.check(v.node.Campaign())
				v.collect()
			})
		}
	}
	w.later(begin+w.between(2*time.Millisecond, 50*time.Millisecond), "storm", func() {
		if victim.up {
			w.kill(victim, w.oneIn(2))
		}
		w.later(w.between(time.Millisecond, 30*time.Millisecond), "start", victim.start)
	})
}

// whole reports whether every broker is up and every partition's replicas are in sync: one of them may end uncleanly, and nothing is lost.
func (w *world) whole() bool {
	for _, b := range w.brokers {
		if !b.h.up || b.image == nil {
			return false
		}
	}
	for _, p := range w.parts {
		s := p.in(w.meta.newest)
		if len(s.ISR) < len(s.Replicas) {
			return false
		}
	}
	return true
}

// shutDown asks a process to end properly. If it does not within some seconds, it is left alone and goes on.
func (w *world) shutDown(h *host) {
	b := h.broker
	if !h.up || b.epoch < 0 || b.leaving {
		return
	}
	b.leaving = true
	h.after(int64(8*time.Second), "gives up to stop", func() {
		if h.broker.leaving && (!w.strict || w.whole()) {
			w.crash(h, false)
		}
	})
}

// cut cuts a link one way, both ways, or all links of a host.
func (w *world) cut(h *host) {
	w.stats.Cuts++
	other := w.hosts[w.rng.IntN(len(w.hosts))]
	set := func(a, b *host, cut bool) {
		if a != b {
			w.net.cut[a.index][b.index] = cut
		}
	}
	var links [][2]*host
	switch w.rng.IntN(5) {
	case 0, 1:
		links = append(links, [2]*host{h, other})
	case 2:
		links = append(links, [2]*host{h, other}, [2]*host{other, h})
	default:
		in, out := !w.oneIn(4), !w.oneIn(4)
		for _, o := range w.hosts {
			if in {
				links = append(links, [2]*host{o, h})
			}
			if out {
				links = append(links, [2]*host{h, o})
			}
		}
	}
	for _, l := range links {
		set(l[0], l[1], true)
	}
	w.later(w.between(200*time.Millisecond, 7*time.Second), "links heal", func() {
		for _, l := range links {
			set(l[0], l[1], false)
		}
	})
}

// Limits of the end of a run.
const (
	restAtMost = 150 * time.Second
	restSteps  = 500_000
)

// settle heals everything and waits until the cluster has come to rest.
func (w *world) settle() {
	w.healing = true
	w.calm()
	for _, row := range w.net.cut {
		clear(row)
	}
	for _, h := range w.hosts[1:] {
		h.pausedUntil, h.disk = 0, 1
	}
	until, steps := w.now+int64(restAtMost), w.steps+restSteps
	next := w.now
	for w.now < until && w.steps < steps {
		if w.now >= next {
			next = w.now + int64(500*time.Millisecond)
			if w.unrest() == "" {
				w.checkAll()
				return
			}
		}
		w.step()
	}
	w.fail("the cluster does not come to rest: %s", w.unrest())
}

// unrest is why the cluster is not at rest, "" if it is.
func (w *world) unrest() string {
	if len(w.parts) == 0 {
		return "no topics"
	}
	for _, h := range w.hosts {
		if !h.up {
			return "a host is down"
		}
	}
	for _, r := range w.meta.newest.Brokers() {
		if !r.Active() {
			b := w.brokers[r.ID-1]
			return fmt.Sprintf("broker %d is not active: fenced %v, in controlled shutdown %v, epoch %d; it knows epoch %d, stops %v, and the metadata log up to %d",
				r.ID, r.Fenced, r.InControlledShutdown, r.Epoch, b.epoch, b.leaving, b.metadataEnd)
		}
	}
	for _, p := range w.parts {
		if why := w.unrestOf(p); why != "" {
			return p.topic + ": " + why
		}
	}
	for _, c := range w.clients {
		if c.count > 0 {
			return fmt.Sprintf("%s-%d: producer %d waits for its records from %d on", c.partition.topic, c.partition.number, c.producer, c.next)
		}
	}
	return ""
}

func (w *world) unrestOf(p *partition) string {
	s := p.in(w.meta.newest)
	switch {
	case s.Leader < 0:
		return "no leader"
	case len(s.ISR) < len(s.Replicas):
		return "a replica is not in sync"
	case len(s.Adding)+len(s.Removing) > 0:
		return "a reassignment goes on"
	}
	first := w.brokers[s.Leader-1].logs[p.index]
	for _, id := range s.Replicas {
		l := w.brokers[id-1].logs[p.index]
		switch {
		case l == nil:
			return "a replica is missing"
		case l.mark != l.end():
			return "not everything is committed"
		case !slices.Equal(l.entries, first.entries):
			return "replicas differ"
		}
	}
	if !p.lossy && len(p.chain) != len(first.entries) {
		w.fail("%s-%d: %d records are committed, the logs hold %d", p.topic, p.number, len(p.chain), len(first.entries))
	}
	return ""
}
