package telemetry

import (
	"iter"
	"strconv"
)

// Partition is what is shown of one partition on this node.
type Partition struct {
	Topic                    string
	Partition                int32
	Size, LogStart, LogEnd   int64
	Readable                 int64 // the high watermark
	Segments, Producers      int
	Leads, LateTransaction   bool
	Replicas, InSync, MinISR int
}

// Partitions yields the partitions of this node. It is called once in a scrape; the yielded value may be used again for the next.
type Partitions = iter.Seq[*Partition]

// ofPartitions are the labels of what there is of partitions. The label partition is there on request only: without it a line is the sum over the
// partitions of a topic on this node.
var ofPartitions = []string{"topic", "partition"}

// partitionMetrics are of this node's replicas. Led ones are shown by the leader only.
var partitionMetrics = []struct {
	*Metric
	value func(*Partition) int64
	led   bool
}{
	{&Metric{"kafka_log_log_size", Gauge, ofPartitions, "Bytes of the log."}, func(p *Partition) int64 { return p.Size }, false},
	{&Metric{"kafka_log_log_logstartoffset", Gauge, ofPartitions, "Log start offset."}, func(p *Partition) int64 { return p.LogStart }, false},
	{&Metric{"kafka_log_log_logendoffset", Gauge, ofPartitions, "Log end offset."}, func(p *Partition) int64 { return p.LogEnd }, false},
	{&Metric{"kafka_log_log_numlogsegments", Gauge, ofPartitions, "Segments of the log."}, func(p *Partition) int64 { return int64(p.Segments) }, false},
	{&Metric{"kafka_cluster_partition_replicascount", Gauge, ofPartitions, "Replicas, if this node leads the partition."},
		func(p *Partition) int64 { return flag(p.Leads) * int64(p.Replicas) }, false},
	{&Metric{"kafka_cluster_partition_insyncreplicascount", Gauge, ofPartitions, "In-sync replicas, if this node leads the partition."},
		func(p *Partition) int64 { return flag(p.Leads) * int64(p.InSync) }, false},
	{&Metric{"kafka_cluster_partition_underreplicated", Gauge, ofPartitions, "1 if this node leads the partition and not all replicas are in sync."},
		func(p *Partition) int64 { return flag(p.Leads && p.InSync < p.Replicas) }, false},
	{&Metric{"kafka_cluster_partition_underminisr", Gauge, ofPartitions, "1 if this node leads the partition and fewer replicas than min.insync.replicas are in sync."},
		func(p *Partition) int64 { return flag(p.Leads && p.InSync < p.MinISR) }, false},
	{&Metric{"kafka_cluster_partition_atminisr", Gauge, ofPartitions, "1 if this node leads the partition and just min.insync.replicas are in sync."},
		func(p *Partition) int64 { return flag(p.Leads && p.InSync == p.MinISR) }, false},
	{&Metric{"kafka_topic_partition_current_offset", Gauge, ofPartitions, "High watermark, told by the leader: where the next record will be that consumers see."},
		func(p *Partition) int64 { return p.Readable }, true},
	{&Metric{"kafka_topic_partition_oldest_offset", Gauge, ofPartitions, "Log start offset, told by the leader."}, func(p *Partition) int64 { return p.LogStart }, true},
}

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

// ClusterPartition is what the active controller knows of a partition.
type ClusterPartition struct {
	Topic             string
	Partition         int32
	Leader, Preferred int32 // -1: none
	Replicas, InSync  int
}

// ClusterBroker is a broker that is registered and not fenced.
type ClusterBroker struct {
	ID      int32
	Address string
}

// ClusterStats is what the active controller tells of the cluster, under the names of kafka_exporter, which asks the brokers for the same. Partitions
// is called several times.
type ClusterStats struct {
	Brokers    []ClusterBroker
	Partitions iter.Seq[*ClusterPartition]
}

var (
	clusterBrokers = &Metric{"kafka_brokers", Gauge, nil, "Brokers that are registered and not fenced, told by the active controller."}
	clusterBroker  = &Metric{"kafka_broker_info", Gauge, []string{"id", "address"}, "1 for each broker that is registered and not fenced."}
	exporterInfo   = &Metric{"kafka_exporter_build_info", Gauge, []string{"version"}, "1; by this the dashboards of kafka_exporter find the clusters that there are."}
	topicSize      = &Metric{"kafka_topic_partitions", Gauge, []string{"topic"}, "Partitions of a topic, told by the active controller."}
	topicLeader    = &Metric{"kafka_topic_partition_leader", Gauge, ofPartitions,
		"Id of the leader, -1 if there is none, told by the active controller; there is no sum of it, so it is shown for single partitions only."}
)

// clusterMetrics are of the partitions of the cluster.
var clusterMetrics = []struct {
	*Metric
	value func(*ClusterPartition) int64
	least bool // the least value is told of a topic, not the sum
}{
	{&Metric{"kafka_topic_partition_leader_is_preferred", Gauge, ofPartitions, "1 if the first replica leads; of a topic: if it does so in all partitions."},
		func(p *ClusterPartition) int64 { return flag(p.Leader >= 0 && p.Leader == p.Preferred) }, true},
	{&Metric{"kafka_topic_partition_replicas", Gauge, ofPartitions, "Replicas, told by the active controller."}, func(p *ClusterPartition) int64 { return int64(p.Replicas) }, false},
	{&Metric{"kafka_topic_partition_in_sync_replica", Gauge, ofPartitions, "In-sync replicas, told by the active controller."}, func(p *ClusterPartition) int64 { return int64(p.InSync) }, false},
	{&Metric{"kafka_topic_partition_under_replicated_partition", Gauge, ofPartitions, "1 if not all replicas are in sync, told by the active controller."},
		func(p *ClusterPartition) int64 { return flag(p.InSync < p.Replicas) }, false},
}

// partitionRows lists the rows of this file in the order of /metrics.
func partitionRows() []Metric {
	all := []Metric{*clusterBrokers, *clusterBroker, *exporterInfo, *topicSize, *topicLeader}
	for _, m := range clusterMetrics {
		all = append(all, *m.Metric)
	}
	for _, m := range partitionMetrics {
		all = append(all, *m.Metric)
	}
	return all
}

// writePartitions writes the series per partition, of topics that may have series of their own. Each partition is asked once and kept until all its
// lines are written: asking takes the locks of its log, and the lines of a metric must stand together.
func (s *Source) writePartitions(w *writer) {
	var all []Partition
	topic, shown := "", false
	for p := range s.Partitions {
		if p.Topic != topic || topic == "" {
			topic, shown = p.Topic, s.Broker.Shows(p.Topic)
		}
		if shown {
			all = append(all, *p)
		}
	}
	for _, m := range partitionMetrics {
		w.family(m.Metric)
		for i := range all {
			if p := &all[i]; p.Leads || !m.led {
				w.partition(m.Name, m.value(p), p.Topic, p.Partition)
			}
		}
	}
}

// topicSums are the values of a topic, added up or the least.
type topicSums struct {
	topic  string
	values [16]int64
	leads  bool
	count  int64
}

// sums has one entry per topic that may have series, in the order in which the topics came. Partitions of a topic need not stand together.
type sums struct {
	shows   func(string) bool
	all     []topicSums
	byTopic map[string]int // -1: it has no series
	last    int
}

// of finds the entry of a topic, nil if it has no series.
func (s *sums) of(topic string) *topicSums {
	if s.last < len(s.all) && s.all[s.last].topic == topic {
		return &s.all[s.last]
	}
	at, known := s.byTopic[topic]
	if !known {
		at = -1
		if s.shows(topic) {
			at = len(s.all)
			s.all = append(s.all, topicSums{topic: topic})
		}
		s.byTopic[topic] = at
	}
	if at < 0 {
		return nil
	}
	s.last = at
	return &s.all[at]
}

// writeTopicSums writes the same as writePartitions, one line for each topic.
func (s *Source) writeTopicSums(w *writer) {
	topics := sums{shows: s.Broker.Shows, byTopic: map[string]int{}}
	for p := range s.Partitions {
		t := topics.of(p.Topic)
		if t == nil {
			continue
		}
		t.leads = t.leads || p.Leads
		for i := range partitionMetrics {
			if m := &partitionMetrics[i]; p.Leads || !m.led {
				t.values[i] += m.value(p)
			}
		}
	}
	for i, m := range partitionMetrics {
		w.family(m.Metric)
		for at := range topics.all {
			if t := &topics.all[at]; t.leads || !m.led {
				w.partition(m.Name, t.values[i], t.topic, -1)
			}
		}
	}
}

// writeCluster writes what the active controller knows; others have nothing to say.
func (s *Source) writeCluster(w *writer, each bool) {
	if s.Cluster == nil {
		return
	}
	c := s.Cluster()
	if c == nil {
		return
	}
	w.family(clusterBrokers)
	w.value(clusterBrokers.Name, int64(len(c.Brokers)))
	w.family(clusterBroker)
	for _, b := range c.Brokers {
		w.value(clusterBroker.Name, 1, "id", strconv.Itoa(int(b.ID)), "address", b.Address)
	}
	w.family(exporterInfo)
	w.value(exporterInfo.Name, 1, "version", "leat")
	topics := sums{shows: s.Broker.Shows, byTopic: map[string]int{}}
	for p := range c.Partitions {
		t := topics.of(p.Topic)
		if t == nil {
			continue
		}
		for i, m := range clusterMetrics {
			if v := m.value(p); !m.least {
				t.values[i] += v
			} else if t.count == 0 || v < t.values[i] {
				t.values[i] = v
			}
		}
		t.count++
	}
	w.family(topicSize)
	for i := range topics.all {
		w.partition(topicSize.Name, topics.all[i].count, topics.all[i].topic, -1)
	}
	if each {
		s.writeClusterPartitions(w, c, &topics)
		return
	}
	for i, m := range clusterMetrics {
		w.family(m.Metric)
		for at := range topics.all {
			w.partition(m.Name, topics.all[at].values[i], topics.all[at].topic, -1)
		}
	}
}

func (s *Source) writeClusterPartitions(w *writer, c *ClusterStats, topics *sums) {
	w.family(topicLeader)
	for p := range c.Partitions {
		if topics.of(p.Topic) != nil {
			w.partition(topicLeader.Name, int64(p.Leader), p.Topic, p.Partition)
		}
	}
	for _, m := range clusterMetrics {
		w.family(m.Metric)
		for p := range c.Partitions {
			if topics.of(p.Topic) != nil {
				w.partition(m.Name, m.value(p), p.Topic, p.Partition)
			}
		}
	}
}

// partition is value for the labels of a partition; -1: of a topic.
func (w *writer) partition(name string, n int64, topic string, partition int32) {
	w.line = append(append(w.line[:0], name...), `{topic="`...)
	w.line = appendEscaped(w.line, topic)
	if partition >= 0 {
		w.line = append(w.line, `",partition="`...)
		w.line = strconv.AppendInt(w.line, int64(partition), 10)
	}
	w.line = append(w.line, `"} `...)
	w.line = append(strconv.AppendInt(w.line, n, 10), '\n')
	_, _ = w.out.Write(w.line) // Flush tells
}
