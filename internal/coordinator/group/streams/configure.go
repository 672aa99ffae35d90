package streams

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// The status codes of a heartbeat's answer.
const (
	statusStaleTopology          int8 = 0
	statusMissingSourceTopics    int8 = 1
	statusIncorrectlyPartitioned int8 = 2
	statusMissingInternalTopics  int8 = 3
	statusShutdownApplication    int8 = 4
	statusAssignmentDelayed      int8 = 5
	statusMissingClientTags      int8 = 6
)

// configured is a topology against the topics that there are.
type configured struct {
	// subtopologies is nil if source topics are missing or numbers of partitions do not fit.
	subtopologies map[string]*configuredSubtopology
	create        []InternalTopic // what is missing, with numbers of partitions, by name
	problem       int8            // a status code
	detail        string          // "": the topology is ready
}

// configuredSubtopology is a subtopology with all numbers decided.
type configuredSubtopology struct {
	tasks             int32
	source            *Subtopology
	changelogs        []InternalTopic
	repartitionSource []InternalTopic
}

func (c *configured) ready() bool { return c.detail == "" }

// counts finds numbers of partitions: of topics that exist, and of those that are yet to be made once they are decided; 0 till then.
type counts struct {
	image   *metadata.Image
	decided map[string]int32
}

func (c *counts) of(topic string) int32 {
	if t, ok := c.image.Topic(topic); ok {
		return int32(len(t.Partitions))
	}
	return c.decided[topic]
}

// largest is the most partitions that any of the topics has.
func (c *counts) largest(topics []string) (most int32) {
	for _, topic := range topics {
		most = max(most, c.of(topic))
	}
	return most
}

// misfit is a topology that cannot run with the topics there are.
type misfit struct {
	status int8
	detail string
}

func (m *misfit) Error() string { return m.detail }

// configure decides how many partitions each internal topic has, and says what is missing. A refusal is a topology that is wrong in
// itself, whatever topics there are.
func configure(t *Topology, image *metadata.Image) (*configured, *refusal) {
	c := &counts{image: image, decided: make(map[string]int32)}
	if missing := c.missingSources(t); len(missing) > 0 {
		return &configured{problem: statusMissingSourceTopics, detail: "Source topics " + summary(missing) + " are missing."}, nil
	}
	if bad := c.repartition(t); bad != nil {
		return nil, bad
	}
	if bad := c.copartition(t); bad != nil {
		return misfits(bad)
	}
	out := &configured{subtopologies: make(map[string]*configuredSubtopology)}
	tasks := 0
	for i := range t.Subtopologies {
		s := &t.Subtopologies[i]
		n := c.largest(s.sources())
		if n == 0 {
			return nil, refuse(codeInvalidTopology, "No source topics found for subtopology "+s.ID)
		}
		if tasks += int(n); tasks > maxTasks {
			return nil, refuse(codeInvalidTopology, fmt.Sprintf("The topology has more than %d tasks.", maxTasks))
		}
		out.subtopologies[s.ID] = &configuredSubtopology{
			tasks: n, source: s, changelogs: decide(s.Changelogs, func(string) int32 { return n }),
			repartitionSource: decide(s.RepartitionSource, func(topic string) int32 { return c.decided[topic] }),
		}
	}
	return out.missing(image)
}

// missingSources lists the application's own topics that do not exist, in order.
func (c *counts) missingSources(t *Topology) (missing []string) {
	for i := range t.Subtopologies {
		for _, topic := range t.Subtopologies[i].SourceTopics {
			if _, ok := c.image.Topic(topic); !ok {
				missing = append(missing, topic)
			}
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// misfits turns what went wrong in a configured topology that is not ready, or a refusal.
func misfits(err error) (*configured, *refusal) {
	var m *misfit
	if errors.As(err, &m) {
		return &configured{problem: m.status, detail: m.detail}, nil
	}
	var bad *refusal
	if errors.As(err, &bad) {
		return nil, bad
	}
	return nil, refuse(codeUnknownServerError, err.Error())
}

// decide fills in the numbers of partitions that the topology leaves open.
func decide(topics []InternalTopic, n func(topic string) int32) []InternalTopic {
	out := slices.Clone(topics)
	for i := range out {
		if out[i].Partitions == 0 {
			out[i].Partitions = n(out[i].Name)
		}
	}
	return out
}

// repartition decides for repartition topics: what the topology asks for, or as many as the widest source of the subtopologies that
// write them. Subtopologies can follow one another, so this takes as many rounds as the longest chain.
func (c *counts) repartition(t *Topology) *refusal {
	for i := range t.Subtopologies {
		for _, topic := range t.Subtopologies[i].RepartitionSource {
			if topic.Partitions != 0 {
				c.decided[topic.Name] = topic.Partitions
			}
		}
	}
	for open, progress := true, true; open; {
		if !progress {
			return refuse(codeInvalidTopology, "Failed to compute number of partitions for all repartition topics. There may be loops in the topology that cannot be resolved.")
		}
		open, progress = false, false
		for i := range t.Subtopologies {
			s := &t.Subtopologies[i]
			n := c.widest(s)
			for _, sink := range s.RepartitionSinks {
				if _, ok := c.decided[sink]; ok {
					continue
				}
				if n == 0 {
					open = true
				} else {
					c.decided[sink], progress = n, true
				}
			}
		}
	}
	for i := range t.Subtopologies {
		for _, topic := range t.Subtopologies[i].RepartitionSource {
			if _, ok := c.decided[topic.Name]; !ok {
				return refuse(codeInvalidTopology, "Failed to compute number of partitions for all repartition topics, because a repartition source topic is never used as a sink topic.")
			}
		}
	}
	return nil
}

// widest is the most partitions among the sources whose number is known; 0: none is.
func (c *counts) widest(s *Subtopology) (n int32) {
	for _, topic := range s.RepartitionSource {
		n = max(n, c.decided[topic.Name])
	}
	for _, topic := range s.SourceTopics {
		n = max(n, c.of(topic))
	}
	return n
}

// copartition makes topics that are joined have equally many partitions, or says which cannot.
func (c *counts) copartition(t *Topology) error {
	fixed, flexible := make(map[string]bool), make(map[string]bool)
	for i := range t.Subtopologies {
		for _, topic := range t.Subtopologies[i].RepartitionSource {
			if topic.Partitions != 0 {
				fixed[topic.Name] = true
			} else {
				flexible[topic.Name] = true
			}
		}
	}
	for i := range t.Subtopologies {
		s := &t.Subtopologies[i]
		for _, g := range s.Copartitioned {
			topics, bad := s.named(g)
			if bad != nil {
				return bad
			}
			if err := c.enforce(topics, fixed, flexible); err != nil {
				return err
			}
		}
	}
	return nil
}

// named turns indexes into names, in order.
func (s *Subtopology) named(g CopartitionGroup) ([]string, *refusal) {
	names := make(map[string]bool)
	for _, i := range g.SourceTopics {
		if i < 0 || int(i) >= len(s.SourceTopics) {
			return nil, refuse(codeInvalidTopology, fmt.Sprintf("Copartition group of subtopology %s names source topic %d of %d.", s.ID, i, len(s.SourceTopics)))
		}
		names[s.SourceTopics[i]] = true
	}
	for _, i := range g.RepartitionSource {
		if i < 0 || int(i) >= len(s.RepartitionSource) {
			return nil, refuse(codeInvalidTopology, fmt.Sprintf("Copartition group of subtopology %s names repartition source topic %d of %d.", s.ID, i, len(s.RepartitionSource)))
		}
		names[s.RepartitionSource[i].Name] = true
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// enforce gives the repartition topics of one group the same number of partitions: that of the topics which exist, or else that of
// those with a fixed number, or else the largest.
func (c *counts) enforce(topics []string, fixed, flexible map[string]bool) error {
	own, others := make(map[string]int32), make(map[string]int32)
	for _, topic := range topics {
		n := c.of(topic)
		if fixed[topic] || flexible[topic] {
			own[topic] = n
		} else {
			others[topic] = n
		}
	}
	var n int32
	switch {
	case len(topics) == 0:
		return nil
	case len(others) > 0:
		for _, k := range others {
			n = k
		}
		if !equal(others, n) {
			return unequal(others)
		}
	case len(fixed) > 0:
		all := make(map[string]int32)
		for topic := range fixed {
			n = c.of(topic)
			all[topic] = n
		}
		if !equal(all, n) {
			return unequal(own)
		}
	default:
		n = slices.Max(slices.Collect(maps.Values(own)))
	}
	for _, topic := range slices.Sorted(maps.Keys(own)) {
		if c.decided[topic] = n; fixed[topic] && own[topic] != n {
			return &misfit{statusIncorrectlyPartitioned, fmt.Sprintf(
				"Number of partitions [%d] of repartition topic [%s] doesn't match number of partitions [%d] of the source topic.", own[topic], topic, n)}
		}
	}
	return nil
}

func equal(counts map[string]int32, n int32) bool {
	for _, k := range counts {
		if k != n {
			return false
		}
	}
	return true
}

func unequal(counts map[string]int32) error {
	var all []string
	for _, topic := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%s=%d", topic, counts[topic]))
	}
	return &misfit{statusIncorrectlyPartitioned, "Following topics do not have the same number of partitions: [{" + strings.Join(all, ", ") + "}]"}
}

// missing looks which internal topics are there, and whether they are as they must be.
func (c *configured) missing(image *metadata.Image) (*configured, *refusal) {
	expected := make(map[string]InternalTopic)
	for _, s := range c.subtopologies {
		for _, topics := range [][]InternalTopic{s.repartitionSource, s.changelogs} {
			for _, topic := range topics {
				expected[topic.Name] = topic
			}
		}
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		want := expected[name]
		have, ok := image.Topic(name)
		if ok && int32(len(have.Partitions)) != want.Partitions {
			return misfits(&misfit{statusIncorrectlyPartitioned, fmt.Sprintf(
				"Existing topic %s has different number of partitions: expected %d, found %d", name, want.Partitions, len(have.Partitions))})
		} else if !ok {
			c.create, names = append(c.create, want), append(names, name)
		}
	}
	if len(names) > 0 {
		c.problem, c.detail = statusMissingInternalTopics, "Internal topics are missing: "+summary(names)
	}
	return c, nil
}

// summary names the first three topics.
func summary(topics []string) string {
	if n := len(topics); n > 3 {
		return fmt.Sprintf("%s and %d additional topics", strings.Join(topics[:3], ", "), n-3)
	}
	return strings.Join(topics, ", ")
}

// creatable is the topic as the controller is asked for it.
func (t *InternalTopic) creatable() kmsg.CreateTopicsRequestTopic {
	out := kmsg.NewCreateTopicsRequestTopic()
	out.Topic, out.NumPartitions, out.ReplicationFactor = t.Name, t.Partitions, t.ReplicationFactor
	if t.ReplicationFactor == 0 {
		out.ReplicationFactor = -1
	}
	for _, p := range t.Configs {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = p.Key, new(p.Value)
		out.Configs = append(out.Configs, c)
	}
	return out
}
