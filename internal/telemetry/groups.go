package telemetry

import "strconv"

// GroupStats is what a node knows of the groups that it coordinates, as of its last look.
type GroupStats struct {
	Groups        map[GroupState]int
	Offsets       int
	OffsetChanges *Offsets // nil: not known
	// Rebalances counts by type how often groups moved to a new epoch.
	Rebalances map[string]int64
	Lags       []GroupLag // by group, topic and partition
	Members    []GroupMembers
	Most       int     // how many of them have series
	Seconds    float64 // that the look took
}

// GroupState is a type and state of groups, as listings name them.
type GroupState struct{ Type, State string }

// GroupLag is how far a group is behind one partition: behind the high watermark, and behind the last stable offset. Seconds are the age
// of the first record that it has not read; 0 if it has read all.
type GroupLag struct {
	Group, Topic           string
	Partition              int32
	Offset                 int64 // committed
	Records, StableRecords int64
	Seconds, StableSeconds float64
}

// GroupMembers is how many members a group has.
type GroupMembers struct {
	Group   string
	Members int
}

// groupStates are the states of groups by type, as Kafka counts them.
var groupStates = []struct {
	groupType string
	states    []string
}{
	{"classic", []string{"PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty"}},
	{"consumer", []string{"Empty", "Assigning", "Reconciling", "Stable", "Dead"}},
	{"share", []string{"Empty", "Stable", "Dead"}},
	{"streams", []string{"Empty", "NotReady", "Assigning", "Reconciling", "Stable", "Dead"}},
}

var (
	groupCount  = &Metric{"kafka_server_group_coordinator_metrics_group_count", Gauge, []string{"protocol"}, "Groups that this node coordinates."}
	offsetCount = &Metric{"kafka_server_group_coordinator_metrics_offset_count", Gauge, nil, "Committed offsets that this node keeps."}

	lagLabels  = []string{"group", "topic", "partition", "isolation"}
	lagRecords = &Metric{"leat_coordinator_group_lag_records", Gauge, lagLabels,
		"Offsets between what the group has committed and the end of the partition, which is the last stable offset for read_committed."}
	lagSeconds = &Metric{"leat_coordinator_group_lag_seconds", Gauge, lagLabels,
		"Age of the first record that the group has not committed; 0 if there is none."}
	lagWithout = &Metric{"leat_coordinator_group_lag_without_series", Gauge, nil,
		"Committed offsets whose lag has no series, because leat.metrics.group.partitions.max others have some."}
	lagLook = &Metric{"leat_coordinator_group_look_seconds", Gauge, nil, "What the last look at all groups and their lag took."}
)

// rebalanceCount counts rebalances of the newer types of groups.
func rebalanceCount(groupType string) *Metric {
	return &Metric{"kafka_server_group_coordinator_metrics_" + groupType + "_group_rebalance_count", Counter, nil,
		"Rebalances of groups of this type that this node began."}
}

func stateCount(groupType string) *Metric {
	return &Metric{"kafka_server_group_coordinator_metrics_" + groupType + "_group_count", Gauge, []string{"state"},
		"Groups of this type that this node coordinates."}
}

// groupRows lists the rows of this file in the order of /metrics.
func groupRows() []Metric {
	all := []Metric{*groupCount}
	for _, state := range managerStates {
		all = append(all, *managerCount(state))
	}
	for _, t := range groupStates {
		all = append(all, *stateCount(t.groupType))
	}
	for _, t := range groupStates[1:] {
		all = append(all, *rebalanceCount(t.groupType))
	}
	all = append(all, *offsetCount)
	for _, c := range offsetChanges {
		all = append(all, *c.Metric)
	}
	for _, m := range exporterMetrics {
		all = append(all, *m.Metric)
	}
	for _, m := range exporterSums {
		all = append(all, *m.Metric)
	}
	return append(all, *exporterMembers, *lagRecords, *lagSeconds, *lagWithout, *lagLook)
}

// writeGroups writes what there is to tell of groups.
func (s *Source) writeGroups(w *writer) {
	if s.Groups == nil {
		return
	}
	g := s.Groups()
	if g == nil {
		return
	}
	w.family(groupCount)
	for _, t := range groupStates {
		n := 0
		for of, count := range g.Groups {
			if of.Type == t.groupType {
				n += count
			}
		}
		w.value(groupCount.Name, int64(n), "protocol", t.groupType)
	}
	g.writeManager(w)
	for _, t := range groupStates {
		m := stateCount(t.groupType)
		w.family(m)
		for _, state := range t.states {
			w.value(m.Name, int64(g.Groups[GroupState{t.groupType, state}]), "state", state)
		}
	}
	for _, t := range groupStates[1:] { // the newer types
		m := rebalanceCount(t.groupType)
		w.family(m)
		w.value(m.Name, g.Rebalances[t.groupType])
	}
	w.family(offsetCount)
	w.value(offsetCount.Name, int64(g.Offsets))
	if g.OffsetChanges != nil {
		for _, c := range offsetChanges {
			w.family(c.Metric)
			w.value(c.Name, c.of(g.OffsetChanges).Load())
		}
	}
	shown := g.Lags[:min(len(g.Lags), g.Most)]
	g.writeExporter(w, shown)
	w.family(lagRecords)
	for i := range shown {
		w.lag(lagRecords.Name, &shown[i], float64(shown[i].Records), float64(shown[i].StableRecords))
	}
	w.family(lagSeconds)
	for i := range shown {
		w.lag(lagSeconds.Name, &shown[i], shown[i].Seconds, shown[i].StableSeconds)
	}
	w.family(lagWithout)
	w.value(lagWithout.Name, int64(len(g.Lags)-len(shown)))
	w.family(lagLook)
	w.float(lagLook.Name, g.Seconds)
}

// lag writes the lines of a group and partition, one for each isolation level.
func (w *writer) lag(name string, l *GroupLag, uncommitted, committed float64) {
	for i, n := range [...]float64{uncommitted, committed} {
		w.line = append(append(w.line[:0], name...), `{group="`...)
		w.line = append(appendEscaped(w.line, l.Group), `",topic="`...)
		w.line = append(appendEscaped(w.line, l.Topic), `",partition="`...)
		w.line = append(strconv.AppendInt(w.line, int64(l.Partition), 10), `",isolation="`...)
		w.line = append(append(w.line, [...]string{"read_uncommitted", "read_committed"}[i]...), `"} `...)
		w.line = append(strconv.AppendFloat(w.line, n, 'f', -1, 64), '\n')
		_, _ = w.out.Write(w.line) // Flush tells
	}
}
