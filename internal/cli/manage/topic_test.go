package manage

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// write puts records into a topic.
func write(t *testing.T, at, topic string, n int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for range n {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTopicsAreMadeShownAlteredAndDeleted(t *testing.T) {
	at := startNode(t)
	if out := does(t, at, "topic", "create", "orders", "-p", "3", "-c", "retention.ms=86400000", "--plan"); !strings.Contains(out, "topic orders  create  -     -       3 partitions, replication factor 1, retention.ms=86400000") {
		t.Error(out)
	}
	if out := does(t, at, "topic", "list"); out != "TOPIC  PARTITIONS  REPLICAS  STATE\n" {
		t.Errorf("--plan made something: %s", out)
	}
	does(t, at, "topic", "create", "orders", "payments", "-p", "3", "-c", "retention.ms=86400000")
	fails(t, at, 1, "topic orders: ", "topic", "create", "orders")
	does(t, at, "topic", "create", "orders", "--if-not-exists")
	fails(t, at, 1, "topic big: ", "topic", "create", "big", "-r", "3")
	if out := does(t, at, "topic", "list", "ord*", "-o", "template={{.name}} {{.partitions}} {{.state}}"); out != "orders 3 ok\n" {
		t.Errorf("%q", out)
	}
	write(t, at, "orders", 4)
	out := does(t, at, "topic", "describe", "orders")
	if !strings.Contains(out, "topic orders: 3 partitions, replication factor 1, id ") || !strings.Contains(out, "0          1       0      1         1        0      4    ok") ||
		!strings.Contains(out, "retention.ms         86400000  topic        changes") {
		t.Error(out)
	}
	var described []describedTopic
	if err := json.Unmarshal([]byte(does(t, at, "topic", "describe", "orders", "-o", "json")), &described); err != nil || len(described) != 1 || *described[0].Partitions[0].End != 4 || len(described[0].Configs) != 2 {
		t.Errorf("%v %+v", err, described)
	}
	fails(t, at, 1, "topic orders: it has 3 partitions, which can become more only", "topic", "alter", "orders", "--partitions", "2")
	fails(t, at, 1, "no other node can take a replica", "topic", "alter", "orders", "--replicas", "2")
	fails(t, at, 1, "topic orders: ", "topic", "alter", "orders", "--set", "retention.msx=1")
	out = does(t, at, "topic", "alter", "orders", "--partitions", "5", "--set", "cleanup.policy=compact", "--unset", "retention.ms", "--plan")
	if !strings.Contains(out, "topic orders  unset   retention.ms    86400000  -") || !strings.Contains(out, "topic orders  set     partitions      3         5") {
		t.Error(out)
	}
	does(t, at, "topic", "alter", "orders", "--partitions", "5", "--set", "cleanup.policy=compact", "--unset", "retention.ms")
	if out := does(t, at, "topic", "describe", "orders"); !strings.Contains(out, "5 partitions") || !strings.Contains(out, "compact") || strings.Contains(out, "retention.ms") {
		t.Error(out)
	}
	fails(t, at, 2, "nobody is there to ask", "topic", "delete", "orders")
	if out := does(t, at, "topic", "delete", "orders", "--plan"); !strings.Contains(out, "5 partitions, up to 4 records") {
		t.Error(out)
	}
	does(t, at, "topic", "delete", "orders", "--yes")
	fails(t, at, 1, "topic orders: UNKNOWN_TOPIC_OR_PARTITION: This server does not host this topic-partition: leat topic list", "topic", "describe", "orders")
	if out := does(t, at, "topic", "list", "-o", "yaml"); !strings.Contains(out, "- name: payments\n") {
		t.Error(out)
	}
}

func TestTopicsAreMovedBetweenNodes(t *testing.T) {
	at := startCluster(t, 3)
	does(t, at, "topic", "create", "orders", "-p", "4", "-r", "2")
	write(t, at, "orders", 3)
	if out := does(t, at, "topic", "plan", "orders", "--off", "2"); !strings.Contains(out, "topic orders: 4 partitions, replication factor 2") || !strings.Contains(out, "move    replicas") {
		t.Error(out)
	}
	on := func() (replicas [4]int) {
		t.Helper()
		var placed []placedTopic
		if err := json.Unmarshal([]byte(does(t, at, "topic", "plan", "orders", "-o", "json")), &placed); err != nil || len(placed) != 1 || len(placed[0].Nodes) != 3 {
			t.Fatalf("%v %+v", err, placed)
		}
		for _, n := range placed[0].Nodes {
			if n.InSync != n.Replicas {
				t.Errorf("node %d has %d of %d in sync", n.Node, n.InSync, n.Replicas)
			}
			replicas[n.Node] = n.Replicas
		}
		return replicas
	}
	before := on()
	does(t, at, "topic", "move", "orders", "--off", "2", "--plan")
	if now := on(); now != before {
		t.Errorf("--plan moved something: %v %v", before, now)
	}
	does(t, at, "topic", "move", "orders", "--off", "2")
	if now := on(); now != [4]int{0, 4, 0, 4} {
		t.Errorf("%v", now)
	}
	if out := does(t, at, "topic", "move", "orders", "--off", "2"); out != "nothing to change\n" {
		t.Error(out)
	}
	does(t, at, "topic", "alter", "orders", "--replicas", "3")
	if now := on(); now != [4]int{0, 4, 4, 4} {
		t.Errorf("%v", now)
	}
	does(t, at, "topic", "alter", "orders", "--replicas", "1")
	does(t, at, "topic", "move", "orders", "--to", "2,3")
	if now := on(); now[1] != 0 || now[2]+now[3] != 4 {
		t.Errorf("%v", now)
	}
	fails(t, at, 1, "node 7: there is no broker of this id", "topic", "move", "orders", "--to", "7")
	fails(t, at, 1, "orders-0: no other node can take a replica", "topic", "alter", "orders", "--replicas", "4")
	fails(t, at, 1, "no broker is up that could take replicas", "topic", "move", "orders", "--off", "1,2,3")
	if status, out, problems := leat("cluster", "health", "-b", at, "--wait", "2m", "--max-disk", "100"); status != 0 || !strings.Contains(out, "3 of 3 are up") {
		t.Errorf("status %d: %s %s", status, out, problems)
	}
}

func TestWrongTopicCommandsAreTold(t *testing.T) {
	for _, args := range []string{"topic create a -p 0", "topic create", "topic create a -c x", "topic create a -c x=1 -c x=2", "topic alter a", "topic alter a --set x",
		"topic alter a --set x=1 --unset x", "topic alter a -p -3", "topic move a", "topic move a --off 1 --to 2", "topic move a --off x", "topic list [", "topic list -o xml", "topic plan a --off 1 --replicas 2"} {
		if status, _, problems := leat(strings.Fields(args)...); status != 2 || problems == "" {
			t.Errorf("%s: status %d: %s", args, status, problems)
		}
	}
	if status, _, problems := leat("topic", "list", "-b", "127.0.0.1:1"); status != 1 || !strings.Contains(problems, "leat topic list: 127.0.0.1:1: no broker answers: ") ||
		!strings.Contains(problems, "is it running? --bootstrap-server or --profile name another") {
		t.Errorf("status %d: %s", status, problems)
	}
}

func TestPlacementMovesOnlyWhatIsAskedFor(t *testing.T) {
	p := &placement{nodes: []node{{id: 1, rack: "a", holding: 5}, {id: 2, rack: "b", holding: 1}, {id: 3, rack: "b"}, {id: 4, rack: "c", holding: 9}, {id: 5, rack: "d", barred: true}}}
	if got, err := p.off([]int32{1, 2}, []int32{1}); err != nil || got[0] != 4 || got[1] != 2 {
		t.Errorf("%v %v: a rack of its own comes first", got, err)
	}
	if got, err := p.resize([]int32{1, 2, 3}, []int32{1, 3}, 2); err != nil || len(got) != 2 || got[0] != 1 || got[1] != 3 {
		t.Errorf("%v %v: what is not in sync goes first", got, err)
	}
	if got, err := p.resize([]int32{1}, []int32{1}, 4); err != nil || len(got) != 4 || got[0] != 1 {
		t.Errorf("%v %v", got, err)
	}
	if _, err := p.resize([]int32{1}, []int32{1}, 5); err == nil {
		t.Error("a barred node got a replica")
	}
	if got, err := p.onto([]int32{1, 2}, []int32{2, 3, 4}, 1); err != nil || got[0] != 2 || got[1] != 3 {
		t.Errorf("%v %v", got, err)
	}
}
