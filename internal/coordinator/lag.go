package coordinator

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/telemetry"
)

// LagConfig is what NewLag needs.
type LagConfig struct {
	NodeID   int32
	Groups   *Groups
	Replicas func() *replication.Node
	// Ask sends a request to another node.
	Ask    func(ctx context.Context, nodeID int32, rq kmsg.Request) (kmsg.Response, error)
	Every  func() time.Duration // between two looks, at least
	Most   func() int           // how many offsets have series
	Logger *slog.Logger
}

// Lag looks from time to time at the groups that this node coordinates, and at how far they are behind.
//
// Where this node has a replica in sync, it reads the end of the partition and the time of the first unread record from its own log.
// Ends of other partitions are asked of their leaders, and times estimated from when the ends were seen. Where share groups stand is asked of the
// share coordinator: what counts is the first record that is not done with.
type Lag struct {
	cfg    LagConfig
	stats  atomic.Pointer[telemetry.GroupStats] // of the last look, nil before the first
	cancel context.CancelFunc
	work   sync.WaitGroup
	wanted chan chan struct{} // looks that somebody waits for

	// What follows belongs to the goroutine that looks.
	partitions map[record.TopicPartition]*lagPartition
}

// share is which part of a processor the looks may take: one in this many.
const lookShare = 200

// wantedShare is the same for looks that somebody waits for.
const wantedShare = 20

// NewLag begins to look.
func NewLag(cfg LagConfig) *Lag {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Lag{cfg: cfg, cancel: cancel, wanted: make(chan chan struct{}), partitions: make(map[record.TopicPartition]*lagPartition)}
	l.work.Go(func() { l.run(ctx) })
	return l
}

// Close stops looking.
func (l *Lag) Close() {
	l.cancel()
	l.work.Wait()
}

// Stats is what the last look found, nil before the first.
func (l *Lag) Stats() *telemetry.GroupStats { return l.stats.Load() }

func (l *Lag) run(ctx context.Context) {
	timer := time.NewTimer(l.cfg.Every())
	defer timer.Stop()
	var took time.Duration
	var last time.Time
	for {
		var done chan struct{} // nil: nobody waits
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case done = <-l.wanted:
		}
		if done == nil || time.Since(last) >= wantedShare*took {
			took = l.look(ctx)
			last = time.Now()
			timer.Reset(max(l.cfg.Every(), lookShare*took))
		}
		if done != nil {
			close(done)
		}
	}
}

// Look has a look taken now instead of later, and waits for it as long as the context lasts. While looks cost too much for that, the last one has to do.
func (l *Lag) Look(ctx context.Context) {
	done := make(chan struct{})
	select {
	case <-ctx.Done():
		return
	case l.wanted <- done:
	}
	select {
	case <-ctx.Done():
	case <-done:
	}
}

// look looks once, and returns what it took apart from waiting for others.
func (l *Lag) look(ctx context.Context) time.Duration {
	began := time.Now()
	groups, ok := l.survey(ctx)
	if !ok {
		return 0
	}
	surveyed := time.Now()
	l.askShares(ctx, groups)
	now := time.Now()
	away := l.findPartitions(groups)
	found := time.Now()
	l.askEnds(ctx, away)
	asked := time.Now()
	stats := l.compare(groups, now)
	took := time.Since(began) - asked.Sub(found) - now.Sub(surveyed)
	stats.Seconds = took.Seconds()
	l.stats.Store(stats)
	return took
}

// survey asks all machines for their groups, by name. It reports false if the end came before their answers.
func (l *Lag) survey(ctx context.Context) ([]group.Surveyed, bool) {
	answered := make(chan []any, 1)
	l.cfg.Groups.Each(func(t machine.Ticket) group.Event { return group.Event{Ticket: t, Survey: true} },
		func(answers []any, _ int16) { answered <- answers })
	select {
	case <-ctx.Done():
		return nil, false
	case answers := <-answered:
		var all []group.Surveyed
		for _, a := range answers {
			all = append(all, a.([]group.Surveyed)...)
		}
		slices.SortFunc(all, func(a, b group.Surveyed) int { return strings.Compare(a.Group, b.Group) })
		return all, true
	}
}

// findPartitions learns the ends of what this node has, and lists by leader what it has not. Partitions without offsets are forgotten.
func (l *Lag) findPartitions(groups []group.Surveyed) map[int32][]record.TopicPartition {
	image, replicas := l.cfg.Groups.Image(), l.cfg.Replicas()
	away := make(map[int32][]record.TopicPartition)
	before := l.partitions
	l.partitions = make(map[record.TopicPartition]*lagPartition, len(before))
	for i := range groups {
		for _, o := range groups[i].Offsets {
			tp := record.TopicPartition{Topic: o.Topic, Partition: o.Partition}
			if l.partitions[tp] != nil {
				continue
			}
			p := before[tp]
			if p == nil {
				p = &lagPartition{}
			}
			l.partitions[tp] = p
			p.known, p.log = false, nil
			if leader := p.findLocal(tp, l.cfg.NodeID, image, replicas); leader >= 0 {
				away[leader] = append(away[leader], tp)
			}
		}
	}
	return away
}

// findLocal learns the ends of a partition if this node has a replica in sync. Otherwise it returns the leader to ask, -1 if there is none.
func (p *lagPartition) findLocal(tp record.TopicPartition, nodeID int32, image *metadata.Image, replicas *replication.Node) int32 {
	t, ok := image.Topic(tp.Topic)
	if !ok || int(tp.Partition) >= len(t.Partitions) || tp.Partition < 0 {
		return -1
	}
	part := t.Partitions[tp.Partition]
	if !slices.Contains(part.ISR, nodeID) {
		return part.Leader
	}
	replica, err := replicas.Replica(tp)
	if err != nil || replica.Log() == nil {
		return -1
	}
	p.log = replica.Log()
	o := p.log.Offsets()
	p.start, p.highWatermark, p.lastStable, p.known = o.LogStart, o.HighWatermark, o.LastStable, true
	return -1
}

// compare works out the lags.
func (l *Lag) compare(groups []group.Surveyed, now time.Time) *telemetry.GroupStats {
	stats := &telemetry.GroupStats{Groups: make(map[telemetry.GroupState]int), Most: l.cfg.Most()}
	for i := range groups {
		stats.Offsets += len(groups[i].Offsets)
	}
	stats.Lags = make([]telemetry.GroupLag, 0, stats.Offsets)
	for i := range groups {
		g := &groups[i]
		stats.Groups[telemetry.GroupState{Type: g.Type, State: g.State}]++
		stats.Members = append(stats.Members, telemetry.GroupMembers{Group: g.Group, Members: g.Members})
		for _, o := range g.Offsets {
			p := l.partitions[record.TopicPartition{Topic: o.Topic, Partition: o.Partition}]
			if !p.known {
				continue
			}
			lag := telemetry.GroupLag{Group: g.Group, Topic: o.Topic, Partition: o.Partition, Offset: o.Offset}
			p.lag(o.Offset, now, &lag)
			lag.Records, lag.StableRecords = max(0, lag.Records-o.Done), max(0, lag.StableRecords-o.Done)
			stats.Lags = append(stats.Lags, lag)
		}
	}
	for _, p := range l.partitions {
		p.turn()
	}
	return stats
}
