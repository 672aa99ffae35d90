package streams

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/field"
)

// Topology is what a streams application is made of.
type Topology struct {
	Epoch         int32
	Subtopologies []Subtopology
}

// Subtopology is a part of a topology whose tasks do not exchange anything in memory with other parts.
type Subtopology struct {
	ID                string
	SourceTopics      []string
	SourceTopicRegex  []string
	Changelogs        []InternalTopic
	RepartitionSinks  []string
	RepartitionSource []InternalTopic
	Copartitioned     []CopartitionGroup
}

// InternalTopic is a topic that belongs to the application and is made for it.
type InternalTopic struct {
	Name              string
	Partitions        int32 // 0: to be decided
	ReplicationFactor int16 // 0: the broker's default
	Configs           []Pair
}

// CopartitionGroup is topics that must have equally many partitions, as indexes into the topics of the subtopology.
type CopartitionGroup struct {
	SourceTopics, SourceTopicRegex, RepartitionSource []int16
}

// sources lists the topics that the subtopology reads: the application's own and the repartition topics.
func (s *Subtopology) sources() []string {
	all := slices.Clone(s.SourceTopics)
	for i := range s.RepartitionSource {
		all = append(all, s.RepartitionSource[i].Name)
	}
	return all
}

// required lists the topics without which the topology cannot run, in order.
func (t *Topology) required() []string {
	var all []string
	for i := range t.Subtopologies {
		s := &t.Subtopologies[i]
		all = append(all, s.sources()...)
		for j := range s.Changelogs {
			all = append(all, s.Changelogs[j].Name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// reader finds the subtopology that reads a topic.
func (t *Topology) reader(topic string) *Subtopology {
	for i := range t.Subtopologies {
		s := &t.Subtopologies[i]
		if slices.Contains(s.SourceTopics, topic) || slices.ContainsFunc(s.RepartitionSource, func(r InternalTopic) bool { return r.Name == topic }) {
			return s
		}
	}
	return nil
}

// equal compares topologies; the order of the subtopologies does not matter.
func (t *Topology) equal(o *Topology) bool {
	return t.Epoch == o.Epoch && reflect.DeepEqual(t.byID(), o.byID())
}

func (t *Topology) byID() []Subtopology {
	return slices.SortedStableFunc(slices.Values(t.Subtopologies), func(a, b Subtopology) int { return cmp.Compare(a.ID, b.ID) })
}

// topologyOf copies the topology of a request. Absent lists become nil, so that topologies can be compared.
func topologyOf(rq *kmsg.StreamsGroupHeartbeatRequestTopology) *Topology {
	t := &Topology{Epoch: rq.Epoch}
	for i := range rq.Subtopologies {
		q := &rq.Subtopologies[i]
		s := Subtopology{
			ID: q.SubtopologyID, SourceTopics: copied(q.SourceTopics), SourceTopicRegex: copied(q.SourceTopicRegex),
			RepartitionSinks: copied(q.RepartitionSinkTopics), Changelogs: internalTopics(q.StateChangelogTopics),
			RepartitionSource: internalTopics(q.RepartitionSourceTopics),
		}
		for j := range q.CopartitionGroups {
			c := &q.CopartitionGroups[j]
			s.Copartitioned = append(s.Copartitioned, CopartitionGroup{
				SourceTopics: copied(c.SourceTopics), SourceTopicRegex: copied(c.SourceTopicRegex), RepartitionSource: copied(c.RepartitionSourceTopics),
			})
		}
		t.Subtopologies = append(t.Subtopologies, s)
	}
	return t
}

func copied[E any](s []E) []E {
	if len(s) == 0 {
		return nil
	}
	return slices.Clone(s)
}

func internalTopics(infos []kmsg.TopicInfo) (all []InternalTopic) {
	for i := range infos {
		in := &infos[i]
		t := InternalTopic{Name: in.Topic, Partitions: in.NumPartitions, ReplicationFactor: in.ReplicationFactor}
		for _, c := range in.Configs {
			t.Configs = append(t.Configs, Pair{c.Key, c.Value})
		}
		all = append(all, t)
	}
	return all
}

// Encode gives the key and value.
func (r *TopologyRecord) Encode() (key, val []byte) {
	key = keyOf(topologyKey, r.Group)
	if r.Topology == nil {
		return key, nil
	}
	w := value()
	w.Int32(r.Topology.Epoch)
	w.Length(len(r.Topology.Subtopologies), 4)
	for i := range r.Topology.Subtopologies {
		s := &r.Topology.Subtopologies[i]
		w.String(s.ID)
		w.Strings(s.SourceTopics)
		w.Strings(s.SourceTopicRegex)
		writeInternal(w, s.Changelogs)
		w.Strings(s.RepartitionSinks)
		writeInternal(w, s.RepartitionSource)
		w.Length(len(s.Copartitioned), 4)
		for _, c := range s.Copartitioned {
			for _, indexes := range [][]int16{c.SourceTopics, c.SourceTopicRegex, c.RepartitionSource} {
				w.Length(len(indexes), 4)
				for _, i := range indexes {
					w.Int16(i)
				}
			}
			w.NoTags()
		}
		w.NoTags()
	}
	w.NoTags()
	return key, w.B
}

func writeInternal(w *field.Writer, topics []InternalTopic) {
	w.Length(len(topics), 4)
	for i := range topics {
		t := &topics[i]
		w.String(t.Name)
		w.Int32(t.Partitions)
		w.Int16(t.ReplicationFactor)
		writePairs(w, t.Configs)
		w.NoTags()
	}
}

func readTopology(r *field.Reader) *Topology {
	t := &Topology{Epoch: r.Int32()}
	for n := r.Array(8); n > 0 && r.Err == nil; n-- {
		s := Subtopology{ID: r.String(), SourceTopics: copied(r.Strings()), SourceTopicRegex: copied(r.Strings()), Changelogs: readInternal(r)}
		s.RepartitionSinks, s.RepartitionSource = copied(r.Strings()), readInternal(r)
		for c := r.Array(4); c > 0 && r.Err == nil; c-- {
			g := CopartitionGroup{SourceTopics: readIndexes(r), SourceTopicRegex: readIndexes(r), RepartitionSource: readIndexes(r)}
			r.Tags(nil)
			s.Copartitioned = append(s.Copartitioned, g)
		}
		r.Tags(nil)
		t.Subtopologies = append(t.Subtopologies, s)
	}
	r.Tags(nil)
	return t
}

func readInternal(r *field.Reader) (all []InternalTopic) {
	for n := r.Array(9); n > 0 && r.Err == nil; n-- {
		all = append(all, InternalTopic{Name: r.String(), Partitions: r.Int32(), ReplicationFactor: r.Int16(), Configs: readPairs(r)})
		r.Tags(nil)
	}
	return all
}

func readIndexes(r *field.Reader) (all []int16) {
	for n := r.Array(2); n > 0 && r.Err == nil; n-- {
		all = append(all, r.Int16())
	}
	return all
}
