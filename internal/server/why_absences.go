package server

import (
	"slices"
	"sync"
	"time"

	"leat/internal/metadata"
	"leat/internal/why"
)

// absences is how often brokers were fenced lately and came back by themselves, as the images show it: each is over when somebody asks why, and only
// that they come again and again is wrong.
//
// A broker that stops in order, or whose process comes back as another, is not away in this sense.
type absences struct {
	mu      sync.Mutex
	brokers map[int32]*absent // guarded by mu
}

// absent is one run of a broker.
type absent struct {
	epoch int64
	there bool      // it was not fenced in the last image
	since time.Time // when it was fenced; zero: it is there, or has not been yet
	past  []why.Absence
}

// absencesFrom is since when absences count.
func (n *node) absencesFrom() time.Time { return time.Now().Add(-why.AbsenceWindows * n.whyWindow()) }

// mostAbsences are kept of one broker, the last ones.
const mostAbsences = 20

// publish takes an image in whose brokers may differ from those of the one before. Absences that ended before a time are forgotten.
func (a *absences) publish(im *metadata.Image, now, since time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.brokers
	a.brokers = make(map[int32]*absent, len(before))
	for _, b := range im.Brokers() {
		x := before[b.ID]
		switch {
		case x == nil || x.epoch != b.Epoch: // fenced or not, it has just begun
			x = &absent{epoch: b.Epoch}
		case b.InControlledShutdown:
			x.since = time.Time{}
		case b.Fenced && x.since.IsZero() && x.there:
			x.since = now
		case !b.Fenced && !x.since.IsZero():
			x.past = append(x.past, why.Absence{Began: x.since, Ended: now})
			x.since = time.Time{}
		}
		x.there = !b.Fenced
		x.forget(since)
		a.brokers[b.ID] = x
	}
}

func (x *absent) forget(since time.Time) {
	x.past = slices.DeleteFunc(x.past, func(p why.Absence) bool { return p.Ended.Before(since) })
	if n := len(x.past); n > mostAbsences {
		x.past = slices.Delete(x.past, 0, n-mostAbsences)
	}
}

// facts are the brokers that were away since a time.
func (a *absences) facts(since time.Time) []why.Absent {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []why.Absent
	for id, x := range a.brokers {
		if x.forget(since); len(x.past) > 0 && len(all) < mostFacts {
			all = append(all, why.Absent{Node: id, Past: slices.Clone(x.past), Since: x.since})
		}
	}
	slices.SortFunc(all, func(a, b why.Absent) int { return int(a.Node - b.Node) })
	return all
}
