package admin

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// refused is the first line that a tool says of a wrong command line, with its status.
func refused(t *testing.T, of *tool.Tool, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	status := of.Main(t.Context(), args, run.Streams{Out: &out, Err: &out})
	line, _, _ := strings.Cut(out.String(), "\n")
	return fmt.Sprint(status, " ", line)
}

func TestWhatDoesNotGoTogetherIsSaidAsKafkaSaysIt(t *testing.T) {
	for _, one := range []struct {
		of         func() *tool.Tool
		args, want string
	}{
		{ShareGroups, "--list", `1 Missing required argument "[bootstrap-server]"`},
		{ShareGroups, "--bootstrap-server a:1 --list --members", "1 Option(s) [members] are unavailable given other options on the command line"},
		{ShareGroups, "--bootstrap-server a:1", "1 Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets."},
		{ShareGroups, "--bootstrap-server a:1 --delete", "1 Option [delete] takes the options [group] or [all-groups]"},
		{ShareGroups, "--bootstrap-server a:1 --delete-offsets --group g", "1 Option [delete-offsets] takes the following options: [group], [topic]"},
		{ShareGroups, "--bootstrap-server a:1 --reset-offsets --group g --topic t", "1 Option [reset-offsets] takes the option: [execute] or [dry-run]"},
		{ShareGroups, "--bootstrap-server a:1 --reset-offsets --group g --topic t --dry-run --to-earliest --to-latest", `1 Option "[to-earliest]" can't be used with option "[to-latest]"`},
		{StreamsGroups, "--bootstrap-server a:1 --describe --group g --state Empty", "1 Option [describe] does not take a value for [state]"},
		{StreamsGroups, "--bootstrap-server a:1 --describe --group g --state --topology", "1 Option [describe] takes at most one of these options: [members], [offsets], [state], [topology]"},
		{StreamsGroups, "--bootstrap-server a:1 --delete-offsets --group g --group h --input-topic t", "1 Option [delete-offsets] supports only one [group] at a time, but found: [g, h]"},
		{StreamsGroups, "--bootstrap-server a:1 --delete --group g --delete-internal-topic t", "1 Option [delete-internal-topic] takes [reset-offsets] when [execute] is used."},
		{StreamsGroups, "--bootstrap-server a:1 --list --execute", "1 Only Option [reset-offsets] accepts [execute] or [dry-run]"},
		{StreamsGroups, "--bootstrap-server a:1 --list --to-offset five", "1 Cannot parse argument 'five' of option to-offset"},
		{StreamsReset, "--bootstrap-server a:1", "1 Missing required option(s) [application-id]"},
		{StreamsReset, "--application-id a --shift-by 1 --to-latest", `1 Option "[to-latest]" can't be used with option "[shift-by]"`},
		{StreamsReset, "--application-id a --bootstrap-server nowhere", "1 ERROR: org.apache.kafka.common.KafkaException: Failed to create new KafkaAdminClient"},
	} {
		if got := refused(t, one.of(), strings.Fields(one.args)...); got != one.want {
			t.Errorf("%s:\n%s\nwant\n%s", one.args, got, one.want)
		}
	}
}

// shown is what a tool prints of a group, without asking a broker.
func shown(t *testing.T, of *tool.Tool, show func(*groupCall) error, args ...string) string {
	t.Helper()
	return printed(t, of, func(c *tool.Call) {
		if err := show(newGroupCall(c, nil)); err != nil {
			t.Error(err)
		}
	}, args...)
}

func TestShareGroupsArePrintedAsKafkaPrintsThem(t *testing.T) {
	d := &sharedGroup{GroupID: "couriers", GroupState: "Stable", Members: []kmsg.ShareGroupDescribeResponseGroupMember{
		{MemberID: "b", ClientID: "taker", ClientHost: "/10.0.0.1", MemberEpoch: 3},
		{MemberID: "a", ClientID: "taker", ClientHost: "/10.0.0.2", MemberEpoch: 3, Assignment: kmsg.ShareGroupDescribeResponseGroupMemberAssignment{
			TopicPartitions: []kmsg.ShareGroupDescribeResponseGroupMemberAssignmentTopicPartition{{Topic: "parcels", Partitions: []int32{2, 0}}}}},
	}}
	offsets := []shareOffset{{partition{"parcels", 0}, 5, 1, 7}, {partition{"parcels", 1}, -1, 0, -1}, {partition{"parcels", 2}, 0, 0, -1}}
	members := func(g *groupCall) error { return (&shareCall{g}).showMembers(t.Context(), d) }
	starts := func(g *groupCall) error {
		(&shareCall{g}).printShareOffsets("couriers", offsets)
		return nil
	}
	for _, one := range []struct {
		show       func(*groupCall) error
		args, want string
	}{
		{members, "--describe", `
GROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS  ASSIGNMENT
couriers        a               /10.0.0.2       taker           2            parcels:0,2
couriers        b               /10.0.0.1       taker           0            
`},
		{members, "--describe --verbose", `
GROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS  MEMBER-EPOCH  ASSIGNMENT
couriers        a               /10.0.0.2       taker           2            3             parcels:0,2
couriers        b               /10.0.0.1       taker           0            3             
`},
		{starts, "--describe", `
GROUP           TOPIC           PARTITION  START-OFFSET  LAG
couriers        parcels         0          5             7
couriers        parcels         1          -             -
couriers        parcels         2          0             -
`},
		{starts, "--describe --verbose", `
GROUP           TOPIC           PARTITION  LEADER-EPOCH  START-OFFSET  LAG
couriers        parcels         0          1             5             7
couriers        parcels         1          -             -             -
couriers        parcels         2          0             0             -
`},
	} {
		if got := shown(t, ShareGroups(), one.show, strings.Fields(one.args)...); got != one.want {
			t.Errorf("%s:%s\nwant%s", one.args, got, one.want)
		}
	}
}

func TestStreamsGroupsArePrintedAsKafkaPrintsThem(t *testing.T) {
	tasks := kmsg.StreamsAssignment{ActiveTasks: []kmsg.TaskIDs{{SubtopologyID: "0", Partitions: []int32{0, 1}}, {SubtopologyID: "1", Partitions: []int32{2}}},
		WarmupTasks: []kmsg.TaskIDs{{SubtopologyID: "1", Partitions: []int32{3}}}}
	d := &streamsGroup{&kmsg.StreamsGroupDescribeResponseGroup{Group: "counter", State: "Stable", Epoch: 4, AssignmentEpoch: 3,
		Topology: &kmsg.StreamsGroupDescribeResponseGroupTopology{Epoch: 1},
		Members:  []kmsg.StreamsGroupDescribeResponseGroupMember{{MemberID: "w1", ProcessID: "p1", ClientID: "app", MemberEpoch: 3, Assignment: tasks, TargetAssignment: kmsg.StreamsAssignment{StandbyTasks: tasks.WarmupTasks}}},
	}, lookingAfter{"h", 9092, 2}}
	members := func(g *groupCall) error { return (&streamsCall{g}).showMembers(t.Context(), d) }
	state := func(g *groupCall) error { return (&streamsCall{g}).showState(t.Context(), d) }
	for _, one := range []struct {
		show       func(*groupCall) error
		args, want string
	}{
		{members, "--describe", `GROUP           MEMBER          PROCESS         CLIENT-ID       ASSIGNMENTS
counter         w1              p1              app             ACTIVE: 0:[0,1]; 1:[2]; WARMUP: 1:[3]; 
`},
		{members, "--describe --verbose", `GROUP           TARGET-ASSIGNMENT-EPOCH   TOPOLOGY-EPOCH MEMBER          MEMBER-PROTOCOL MEMBER-EPOCH    PROCESS         CLIENT-ID       ASSIGNMENTS
counter         3                         1              w1              streams         3               p1              app             ACTIVE: 0:[0,1]; 1:[2]; WARMUP: 1:[3]; TARGET-STANDBY: 1:[3]; 
`},
		{state, "--describe --verbose", `GROUP           COORDINATOR (ID)          STATE                     GROUP-EPOCH     TARGET-ASSIGNMENT-EPOCH   #MEMBERS
counter         h:9092 (2)                Stable                    4               3                         1
`},
	} {
		if got := shown(t, StreamsGroups(), one.show, strings.Fields(one.args)...); got != one.want {
			t.Errorf("%s:\n%s\nwant\n%s", one.args, got, one.want)
		}
	}
	all := plan{"counter": {{"lines", 1}: 7}}
	const want = "\nGROUP                          TOPIC                          PARTITION  NEW-OFFSET     \ncounter                        lines                          1          7              \n"
	if got := printed(t, StreamsGroups(), func(c *tool.Call) { all.print(c, "\n%-30s %-30s %-10s %-15s") }, "--list"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTopologiesAreDrawnAsKafkaStreamsDrawsThem(t *testing.T) {
	out := "counts"
	d := &kmsg.StreamsGroupDescribeResponseGroupTopologyDescription{
		Subtopologies: []kmsg.TopologyDescriptionSubtopology{{SubtopologyID: "0", Nodes: []kmsg.TopologyDescriptionNode{
			{Name: "source", NodeType: sourceNode, SourceTopics: []string{"words", "lines"}, Successors: []string{"count"}},
			{Name: "count", NodeType: processorNode, Stores: []string{"store"}, Successors: []string{"sink", "drawn"}},
			{Name: "sink", NodeType: sinkNode, SinkTopic: &out},
			{Name: "drawn", NodeType: sinkNode},
		}}},
		GlobalStores: []kmsg.TopologyDescriptionGlobalStore{{
			Source:    kmsg.TopologyDescriptionNode{Name: "all", NodeType: sourceNode, SourceTopics: []string{"prices"}, Successors: []string{"keep"}},
			Processor: kmsg.TopologyDescriptionNode{Name: "keep", NodeType: processorNode},
		}},
	}
	const want = `Topologies:
   Sub-topology: 0
    Source: source (topics: [lines, words])
      --> count
    Processor: count (stores: [store])
      --> drawn, sink
      <-- source
    Sink: sink (topic: counts)
      <-- count
    Sink: drawn (topic: null)
      <-- count

   Sub-topology: 1 for global store (will not generate tasks)
    Source: all (topics: [prices])
      --> keep
    Processor: keep (stores: [])
      --> none
      <-- all

`
	if got := topologyText(d); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestOffsetsThatWereNotSetAreAllNamed(t *testing.T) {
	codes := map[partition]int16{{"parcels", 0}: groupNotEmpty, {"parcels", 1}: 0, {"parcels", 2}: groupNotEmpty}
	if err := notAltered(codes, nil); !tool.IsRefused(err, groupNotEmpty) || err.Error() != "Failed altering group offsets for the following partitions: [parcels-2, parcels-0]" {
		t.Error(err)
	}
	why := map[partition]string{{"parcels", 0}: "Somebody is there.", {"parcels", 2}: "Somebody is there."}
	if err := notAltered(codes, why); err == nil || err.Error() != "Somebody is there. Failed altering group offsets for the following partitions: [parcels-2, parcels-0]" {
		t.Error(err)
	}
	if err := notAltered(map[partition]int16{{"parcels", 1}: 0}, nil); err != nil {
		t.Error(err)
	}
}

func TestInternalTopicsOfAnApplication(t *testing.T) {
	for topic, want := range map[string]bool{"app-counts-changelog": true, "app-words-repartition": true, "app-a-subscription-registration-topic": true, "app-a-subscription-response-topic": true,
		"app-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-0000000007-topic": true, "app-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-x-topic": false, "app2-counts-changelog": false, "app-output": false, "changelog": false} {
		if internalOf("app", topic) != want {
			t.Errorf("%s: %v", topic, !want)
		}
	}
}

func TestPlansOfAnApplicationAreRead(t *testing.T) {
	got, err := parsePlan("lines,0,3\nwords,12,0\n")
	if err != nil || len(got) != 2 || got[partition{"lines", 0}] != 3 || got[partition{"words", 12}] != 0 {
		t.Error(got, err)
	}
	for text, want := range map[string]string{"": "It is empty,", "lines,0": "not following the format", "lines,0,": "not following the format", "lines,x,1": `For input string: "x"`, "lines,1,y": `For input string: "y"`} {
		if _, err := parsePlan(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMembersThatAreInTheWayAreNamed(t *testing.T) {
	epoch, upgraded := int32(4), true
	got := membersText([]describedMember{{id: "m1", client: "app", host: "/10.0.0.1", has: []partition{{"lines", 0}, {"lines", 1}}},
		{id: "m2", instance: "i", client: "app", host: "/10.0.0.2", target: []partition{{"lines", 2}}, epoch: &epoch, upgraded: &upgraded}})
	const want = "[(memberId=m1, groupInstanceId=null, rackId=null, clientId=app, host=/10.0.0.1, assignment=(topicPartitions=lines-0,lines-1), targetAssignment=Optional.empty, memberEpoch=null, upgraded=null), " +
		"(memberId=m2, groupInstanceId=i, rackId=null, clientId=app, host=/10.0.0.2, assignment=(topicPartitions=), targetAssignment=Optional[(topicPartitions=lines-2)], memberEpoch=4, upgraded=true)]"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
