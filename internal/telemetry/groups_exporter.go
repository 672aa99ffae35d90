package telemetry

// What kafka_exporter tells of groups, under its names. It is one process for the whole cluster; here each coordinator tells of its own groups, so that sums over
// the nodes are the same.
var (
	ofExporter      = []string{"consumergroup", "topic", "partition"}
	exporterMetrics = []struct {
		*Metric
		value func(*GroupLag) int64
	}{
		{&Metric{"kafka_consumergroup_current_offset", Gauge, ofExporter, "Offset that the group has committed."}, func(l *GroupLag) int64 { return l.Offset }},
		{&Metric{"kafka_consumergroup_lag", Gauge, ofExporter, "Offsets between what the group has committed and the high watermark."}, func(l *GroupLag) int64 { return l.Records }},
	}
	exporterSums = []struct {
		*Metric
		value func(*GroupLag) int64
	}{
		{&Metric{"kafka_consumergroup_current_offset_sum", Gauge, ofExporter[:2], "Sum over the partitions of a topic of the offsets that the group has committed."},
			func(l *GroupLag) int64 { return l.Offset }},
		{&Metric{"kafka_consumergroup_lag_sum", Gauge, ofExporter[:2], "Sum over the partitions of a topic of the group's lag."}, func(l *GroupLag) int64 { return l.Records }},
	}
	exporterMembers = &Metric{"kafka_consumergroup_members", Gauge, ofExporter[:1], "Members of the group."}
)

// managerStates are the states of classic groups, as the manager of groups counts them; "" is all.
var managerStates = []struct{ suffix, state string }{
	{"", ""}, {"preparingrebalance", "PreparingRebalance"}, {"completingrebalance", "CompletingRebalance"}, {"stable", "Stable"}, {"dead", "Dead"}, {"empty", "Empty"},
}

func managerCount(of struct{ suffix, state string }) *Metric {
	return &Metric{"kafka_coordinator_group_groupmetadatamanager_numgroups" + of.suffix, Gauge, nil, "Classic groups that this node coordinates" + inState(of.state) + "."}
}

func inState(state string) string {
	if state == "" {
		return ""
	}
	return " in state " + state
}

func (g *GroupStats) writeManager(w *writer) {
	for _, of := range managerStates {
		m, n := managerCount(of), 0
		for key, count := range g.Groups {
			if key.Type == "classic" && (of.state == "" || key.State == of.state) {
				n += count
			}
		}
		w.family(m)
		w.value(m.Name, int64(n))
	}
}

// writeExporter writes the lag of groups under kafka_exporter's names. Lags of a group and topic stand together.
func (g *GroupStats) writeExporter(w *writer, shown []GroupLag) {
	for _, m := range exporterMetrics {
		w.family(m.Metric)
		for i := range shown {
			l := &shown[i]
			w.exporter(m.Name, l.Group, l.Topic, l.Partition, m.value(l))
		}
	}
	for _, m := range exporterSums {
		w.family(m.Metric)
		for i := 0; i < len(shown); {
			first, sum := &shown[i], int64(0)
			for ; i < len(shown) && shown[i].Group == first.Group && shown[i].Topic == first.Topic; i++ {
				sum += m.value(&shown[i])
			}
			w.exporter(m.Name, first.Group, first.Topic, -1, sum)
		}
	}
	w.family(exporterMembers)
	for _, of := range g.Members[:min(len(g.Members), g.Most)] {
		w.value(exporterMembers.Name, int64(of.Members), "consumergroup", of.Group)
	}
}

func (w *writer) exporter(name, group, topic string, partition int32, n int64) {
	if partition < 0 {
		w.value(name, n, "consumergroup", group, "topic", topic)
		return
	}
	w.line = append(append(w.line[:0], name...), `{consumergroup="`...)
	w.line = append(appendEscaped(w.line, group), `",topic="`...)
	w.line = append(appendEscaped(w.line, topic), `",partition="`...)
	w.line = w.endLine(w.line, int64(partition), n)
	_, _ = w.out.Write(w.line) // Flush tells
}
