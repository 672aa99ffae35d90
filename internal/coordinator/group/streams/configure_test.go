package streams

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"leat/internal/metadata"
)

// part makes a subtopology: what it reads, what repartition topics it reads ("topic" or "topic:partitions"), and what it writes.
func part(id, sources, repartition, sinks string, joined ...CopartitionGroup) Subtopology {
	s := Subtopology{ID: id, SourceTopics: strings.Fields(sources), RepartitionSinks: strings.Fields(sinks), Copartitioned: joined}
	for _, name := range strings.Fields(repartition) {
		t := InternalTopic{}
		_, _ = fmt.Sscanf(strings.Replace(name, ":", " ", 1), "%s %d", &t.Name, &t.Partitions)
		s.RepartitionSource = append(s.RepartitionSource, t)
	}
	return s
}

// store adds a changelog.
func store(s Subtopology, changelog string) Subtopology {
	s.Changelogs = []InternalTopic{{Name: changelog}}
	return s
}

func TestConfigureDecidesNumbersOfPartitions(t *testing.T) {
	both := CopartitionGroup{SourceTopics: []int16{0}, RepartitionSource: []int16{0}}
	for _, c := range []struct {
		name   string
		topics map[string]int32
		parts  []Subtopology
		tasks  string // of each subtopology
		create string // what is to be made
		detail string // why it is not ready
		bad    string // why it can never be
	}{
		{"ready", map[string]int32{"in": 3}, []Subtopology{part("0", "in", "", "")}, "0=3", "", "", ""},
		{"no sources yet", map[string]int32{"b": 1}, []Subtopology{part("0", "a b c d e", "", "")}, "", "", "Source topics a, c, d and 1 additional topics are missing.", ""},
		{"a repartition topic is as wide as what feeds it", map[string]int32{"in": 3, "wide": 5},
			[]Subtopology{part("0", "in wide", "", "r"), store(part("1", "", "r", ""), "c")}, "0=5 1=5", "c:5 r:5", "Internal topics are missing: c, r", ""},
		{"or as the topology asks for", map[string]int32{"in": 3}, []Subtopology{part("0", "in", "", "r"), store(part("1", "", "r:7", ""), "c")},
			"0=3 1=7", "c:7 r:7", "Internal topics are missing: c, r", ""},
		{"a chain, last one first", map[string]int32{"in": 2}, []Subtopology{part("2", "", "r2", ""), part("1", "", "r1", "r2"), part("0", "in", "", "r1")},
			"0=2 1=2 2=2", "r1:2 r2:2", "Internal topics are missing: r1, r2", ""},
		{"a loop", map[string]int32{"in": 2}, []Subtopology{part("0", "", "r1", "r2"), part("1", "", "r2", "r1")}, "", "", "",
			"Failed to compute number of partitions for all repartition topics. There may be loops in the topology that cannot be resolved."},
		{"read but never written", map[string]int32{"in": 2}, []Subtopology{part("0", "in", "r", "")}, "", "", "",
			"Failed to compute number of partitions for all repartition topics, because a repartition source topic is never used as a sink topic."},
		{"nothing to read", nil, []Subtopology{part("0", "", "", "")}, "", "", "", "No source topics found for subtopology 0"},
		{"joined with a topic that exists", map[string]int32{"in": 6, "table": 2}, []Subtopology{part("0", "in", "", "r"), part("1", "table", "r", "", both)},
			"0=6 1=2", "r:2", "Internal topics are missing: r", ""},
		{"joined with a fixed number", map[string]int32{"in": 6, "table": 2}, []Subtopology{part("0", "in", "", "r"), part("1", "table", "r:4", "", both)},
			"", "", "Number of partitions [4] of repartition topic [r] doesn't match number of partitions [2] of the source topic.", ""},
		{"joined topics that do not fit", map[string]int32{"a": 6, "b": 2},
			[]Subtopology{part("0", "a b", "", "", CopartitionGroup{SourceTopics: []int16{0, 1}})},
			"", "", "Following topics do not have the same number of partitions: [{a=6, b=2}]", ""},
		{"joined repartition topics", map[string]int32{"a": 6, "b": 2}, []Subtopology{part("0", "a", "", "r1"), part("1", "b", "", "r2"),
			part("2", "", "r1 r2", "", CopartitionGroup{RepartitionSource: []int16{0, 1}})}, "0=6 1=2 2=6", "r1:6 r2:6", "Internal topics are missing: r1, r2", ""},
		{"joined with what is not there", map[string]int32{"in": 2}, []Subtopology{part("0", "in", "", "", CopartitionGroup{SourceTopics: []int16{1}})},
			"", "", "", "Copartition group of subtopology 0 names source topic 1 of 1."},
		{"an internal topic is another one", map[string]int32{"in": 3, "c": 2}, []Subtopology{store(part("0", "in", "", ""), "c")},
			"", "", "Existing topic c has different number of partitions: expected 3, found 2", ""},
		{"too many tasks", map[string]int32{"in": 3}, []Subtopology{part("0", "in", "", "r"), part("1", "", "r:2000000000", "")}, "", "", "",
			"The topology has more than 100000 tasks."},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, bad := configure(&Topology{Subtopologies: c.parts}, imageOf(t, c.topics))
			if c.bad != "" {
				if bad == nil || bad.message != c.bad || bad.code != codeInvalidTopology {
					t.Fatalf("refused with %v, want %s", bad, c.bad)
				}
				return
			}
			if bad != nil {
				t.Fatalf("refused: %v", bad)
			}
			var tasks, create []string
			for _, id := range slices.Sorted(maps.Keys(conf.subtopologies)) {
				tasks = append(tasks, fmt.Sprintf("%s=%d", id, conf.subtopologies[id].tasks))
			}
			for _, topic := range conf.create {
				create = append(create, fmt.Sprintf("%s:%d", topic.Name, topic.Partitions))
			}
			if got := strings.Join(tasks, " "); got != c.tasks {
				t.Errorf("tasks are %s, want %s", got, c.tasks)
			}
			if got := strings.Join(create, " "); got != c.create {
				t.Errorf("to be made: %s, want %s", got, c.create)
			}
			if conf.detail != c.detail {
				t.Errorf("detail is %q, want %q", conf.detail, c.detail)
			}
		})
	}
}

func TestSettingsOfAGroupStayWithinTheBrokers(t *testing.T) {
	a := newAlone().(*alone)
	image := func(pairs ...string) *metadata.Image {
		d := metadata.NewDelta(metadata.Empty)
		for i := 0; i < len(pairs); i += 2 {
			r := &metadata.ConfigRecord{ResourceType: int8(metadata.GroupResource), ResourceName: "app", Name: pairs[i], Value: &pairs[i+1]}
			if err := d.Replay(r); err != nil {
				t.Fatal(err)
			}
		}
		return d.Image(1, 1, 1)
	}
	if got, want := fmt.Sprint(settingsOf(a, "app")), fmt.Sprint(a.set.Streams); got != want {
		t.Errorf("without configs: %v, want %v", got, want)
	}
	a.image = image("streams.session.timeout.ms", "1000", "streams.heartbeat.interval.ms", "60000", "streams.assignment.interval.ms", "0",
		"streams.task.offset.interval.ms", "1", "streams.initial.rebalance.delay.ms", "0", "streams.num.standby.replicas", "9",
		"streams.acceptable.recovery.lag", "7", "streams.rack.aware.assignment.tags", "zone, rack")
	s := settingsOf(a, "app")
	got := fmt.Sprint(s.SessionTimeout, s.HeartbeatInterval, s.AssignmentInterval, s.TaskOffsetInterval, s.InitialRebalanceDelay, s.StandbyReplicas, s.AcceptableRecoveryLag, s.RackAwareTags)
	if want := "45s 15s 0s 15s 0s 2 7 [zone rack]"; got != want {
		t.Errorf("settings are %s, want %s", got, want)
	}
	if got := fmt.Sprint(assignmentConfigs(&s)); got != "[{num.standby.replicas 2} {rack.aware.assignment.tags zone,rack}]" {
		t.Errorf("kept as %s", got)
	}
	if got := fmt.Sprint(settingsOf(a, "other")); got != fmt.Sprint(a.set.Streams) {
		t.Errorf("another group has %v", got)
	}
}
