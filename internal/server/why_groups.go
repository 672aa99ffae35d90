package server

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"leat/internal/record"
	"leat/internal/telemetry"
	"leat/internal/why"
)

// standings is what this node watches for whoever asks why, since nothing else remembers it: looks at the lag of groups, heartbeats of brokers, and when they
// were fenced.
type standings struct {
	beats    beats    // of brokers, on the active controller
	absences absences // of brokers

	mu      sync.Mutex // guards what follows
	history why.History
	seen    *telemetry.GroupStats
	at      time.Time
	groups  map[string]*why.Group
}

// watchStandings takes each new look in, as long as the node runs.
func (n *node) watchStandings() {
	quit := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		timer := time.NewTimer(n.lagPause())
		defer timer.Stop()
		for {
			select {
			case <-quit:
				return
			case <-timer.C:
			}
			n.standings.take(n.lag.Stats(), time.Now(), n.whyWindow())
			timer.Reset(n.lagPause())
		}
	})
	n.onClose("watch over groups", func() error { close(quit); work.Wait(); return nil })
}

// lagPause is how long to wait between two glances: looks that come meanwhile are not missed by much.
func (n *node) lagPause() time.Duration {
	const glances = 2
	return n.settings.now().values.Millis("leat.group.lag.interval.ms") / glances
}

// take takes in a look, unless it is the last one again.
func (s *standings) take(stats *telemetry.GroupStats, now time.Time, window time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stats == nil || stats == s.seen {
		return
	}
	s.seen, s.at, s.groups = stats, now, map[string]*why.Group{}
	s.history.Begin()
	for i := range stats.Lags {
		l := &stats.Lags[i]
		g := s.groups[l.Group]
		if g == nil {
			g = &why.Group{Group: l.Group, Window: window}
			s.groups[l.Group] = g
		}
		place := why.Standing{Topic: l.Topic, Partition: l.Partition, Committed: l.Offset, HighWatermark: l.Offset + l.Records, LastStable: l.Offset + l.StableRecords, Seconds: l.Seconds}
		s.history.See(now, window, l.Group, &place)
		g.Partitions = append(g.Partitions, place)
	}
	s.history.End()
}

// waiting reports whether a group has had something to read in one of these partitions since a time.
func (s *standings) waiting(group string, partitions []record.TopicPartition, since time.Time) bool {
	these := make(map[record.TopicPartition]bool, len(partitions))
	for _, tp := range partitions {
		these[tp] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[group]
	return g != nil && slices.ContainsFunc(g.Partitions, func(p why.Standing) bool {
		return p.Lag() > 0 && !p.Since.After(since) && these[record.TopicPartition{Topic: p.Topic, Partition: p.Partition}]
	})
}

// chosen are copies of the groups that are worth telling of: the one that is asked about, or those that have something to read, furthest behind first.
func (s *standings) chosen(about why.About) (list []why.Group, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lag := map[string]int64{}
	for name, g := range s.groups {
		for i := range g.Partitions {
			lag[name] += g.Partitions[i].Lag()
		}
		if about.Kind == "group" && about.Name != name || about.Kind != "group" && about.Kind != "client" && lag[name] == 0 {
			continue
		}
		one := *g
		one.Partitions = slices.Clone(g.Partitions)
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b why.Group) int {
		return cmp.Or(cmp.Compare(lag[b.Group], lag[a.Group]), cmp.Compare(a.Group, b.Group))
	})
	if len(list) > mostGroups {
		list, left = list[:mostGroups], len(list)-mostGroups
	}
	return list, left
}

// factsOfGroups tells where groups stand, and who their members are.
func (n *node) factsOfGroups(ctx context.Context, f *why.Facts, about why.About) {
	if about.Kind == "group" {
		n.lookNow(ctx)
	}
	groups, left := n.standings.chosen(about)
	f.Left += left
	places := 0
	for i := range groups {
		g := &groups[i]
		if room := max(0, mostPlaces-places); len(g.Partitions) > room {
			slices.SortFunc(g.Partitions, func(a, b why.Standing) int { return cmp.Compare(b.Lag(), a.Lag()) })
			f.Left += len(g.Partitions) - room
			g.Partitions = g.Partitions[:room]
		}
		places += len(g.Partitions)
	}
	n.describeMembers(ctx, groups)
	f.Groups = groups
}

// lookNow has groups looked at now: who asks about one may have seen a lag that is younger than the last look. Half the time is left for the rest.
func (n *node) lookNow(ctx context.Context) {
	if n.lag == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, whyOwn/2)
	defer cancel()
	n.lag.Look(ctx)
	n.standings.take(n.lag.Stats(), time.Now(), n.whyWindow())
}
