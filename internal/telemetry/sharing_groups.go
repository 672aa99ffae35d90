package telemetry

import (
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// mostShareGroups is how many share groups have series.
	mostShareGroups = 100
	// silentShareGroup is after how long without a fetch a group gives its series to another one.
	silentShareGroup = 10 * time.Minute
)

// fetchesByGroup counts the fetches of share groups.
type fetchesByGroup struct {
	mu     sync.Mutex
	groups map[string]*groupFetches
}

// groupFetches is what is counted of one group.
type groupFetches struct {
	acquires quantiles
	ratios   quantiles // a millisecond is a percent
	last     time.Time // guarded by fetchesByGroup.mu
}

// of is where to count a group's fetch, nil if too many others have series.
func (f *fetchesByGroup) of(group string, now time.Time) *groupFetches {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.groups[group]
	if g == nil {
		if len(f.groups) >= mostShareGroups {
			maps.DeleteFunc(f.groups, func(_ string, g *groupFetches) bool { return now.Sub(g.last) > silentShareGroup })
		}
		if len(f.groups) >= mostShareGroups {
			return nil
		}
		if f.groups == nil {
			f.groups = make(map[string]*groupFetches)
		}
		g = &groupFetches{}
		f.groups[group] = g
	}
	g.last = now
	return g
}

// write writes what was counted, by group.
func (f *fetchesByGroup) write(w *writer, now time.Time) {
	f.mu.Lock()
	groups := maps.Clone(f.groups)
	f.mu.Unlock()
	names := slices.Sorted(maps.Keys(groups))
	for _, of := range []struct {
		count, high *Metric
		quantiles   func(*groupFetches) *quantiles
	}{
		{shareAcquires, shareAcquire, func(g *groupFetches) *quantiles { return &g.acquires }},
		{shareRatios, shareRatio, func(g *groupFetches) *quantiles { return &g.ratios }},
	} {
		w.family(of.count)
		for _, name := range names {
			w.value(of.count.Name, of.quantiles(groups[name]).count.Load(), "group", name)
		}
		w.family(of.high)
		for _, name := range names {
			w.float(of.high.Name, of.quantiles(groups[name]).high(now), "group", name)
		}
	}
}

// high is the 99th percentile.
func (q *quantiles) high(now time.Time) float64 {
	var high [1]float64
	q.readAt(now, []float64{0.99}, high[:])
	return high[0]
}
