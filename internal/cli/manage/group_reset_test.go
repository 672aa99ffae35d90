package manage

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetOf is where a group is in partition 0 of orders, in words.
func offsetOf(t *testing.T, at, group string) string {
	t.Helper()
	out := does(t, at, "group", "describe", group, "-o", "template={{range .partitions}}{{if eq .topic `orders`}}{{if eq .partition 0}}{{.committed_offset}}{{.start_offset}}{{end}}{{end}}{{end}}")
	return strings.ReplaceAll(strings.TrimSpace(out), "<no value>", "")
}

func TestGroupsAreReset(t *testing.T) {
	at := startNode(t)
	does(t, at, "topic", "create", "orders", "-p", "2")
	cl, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	began := time.Now().Add(-10 * time.Hour).Truncate(time.Second)
	for i := range 10 {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("v"), Timestamp: began.Add(time.Duration(i) * time.Hour)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var offsets kadm.Offsets
	offsets.AddOffset("orders", 0, 7, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(t.Context(), "billing", offsets); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "offsets")
	if err := os.WriteFile(file, []byte("# kept\norders,0,6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := does(t, at, "group", "reset", "billing", "--all-topics", "--to-earliest")
	if !strings.Contains(out, "group billing  reset   orders-0  7       0") || offsetOf(t, at, "billing") != "7" {
		t.Errorf("without --execute: %s", out)
	}
	for _, c := range []struct{ flags, want string }{
		{"--topic orders:0 --to-earliest", "0"},
		{"--topic orders --to-latest", "10"},
		{"--all-topics --to-offset 4", "4"},
		{"--all-topics --to-offset 400", "10"},
		{"--all-topics --shift-by -3", "7"},
		{"--all-topics --shift-by -100", "0"},
		{"--all-topics --shift-by 9223372036854775807", "10"},
		{"--topic orders:0 --to-time " + began.Add(150*time.Minute).UTC().Format(time.RFC3339), "3"},
		{"--topic orders:0 --to-time " + strconv.FormatInt(began.UnixMilli(), 10), "0"},
		{"--topic orders:0 --by-duration 90m", "9"},
		{"--topic orders:0 --by-duration 1s", "10"},
		{"--from-file " + file, "6"},
	} {
		does(t, at, append(append([]string{"group", "reset", "billing"}, strings.Fields(c.flags)...), "--execute")...)
		if got := offsetOf(t, at, "billing"); got != c.want {
			t.Errorf("%s: at %s, want %s", c.flags, got, c.want)
		}
	}
	does(t, at, "group", "reset", "fresh", "--topic", "orders", "--to-offset", "2", "--execute")
	if got := offsetOf(t, at, "fresh"); got != "2" {
		t.Errorf("a new group is at %s", got)
	}
	fails(t, at, 1, "orders-9: there is no such partition", "group", "reset", "billing", "--topic", "orders:9", "--to-earliest")
	fails(t, at, 1, "group none: it has committed no offsets", "group", "reset", "none", "--all-topics", "--to-earliest")
	fails(t, at, 1, "group none: there is none", "group", "delete", "none", "--yes")

	fails(t, at, 1, "it has committed no such offsets", "group", "delete-offsets", "billing", "--topic", "other", "--yes")
	does(t, at, "group", "delete-offsets", "billing", "--topic", "orders:1", "--yes")
	if out := does(t, at, "group", "describe", "billing"); strings.Contains(out, "orders  1 ") {
		t.Error(out)
	}
	fails(t, at, 2, "nobody is there", "group", "delete", "billing", "fresh")
	does(t, at, "group", "delete", "billing", "fresh", "--yes")
	if out := does(t, at, "group", "list", "-o", "json"); out != "[]\n" {
		t.Error(out)
	}
}

// The member keeps its group busy, and once it is gone the group can be reset, of both newer kinds.
func TestGroupsWithMembersAreNotReset(t *testing.T) {
	at := startNode(t)
	does(t, at, "topic", "create", "orders", "-p", "1")
	write(t, at, "orders", 5)
	does(t, at, "config", "set", "group", "workers", "share.auto.offset.reset=earliest")
	share, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.ShareGroup("workers"), kgo.ConsumeTopics("orders"), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer share.Close()
	for left := 5; left > 0; {
		share.PollFetches(t.Context()).EachRecord(func(r *kgo.Record) { left--; r.Ack(kgo.AckAccept) })
	}
	fails(t, at, 1, "its members would go on where they are: stop them first", "group", "reset", "workers", "--topic", "orders", "--to-earliest", "--execute")
	fails(t, at, 1, "stop them first", "group", "delete", "workers", "--yes")
	share.Close()
	awaitEmpty(t, at, "workers")
	does(t, at, "group", "reset", "workers", "--topic", "orders", "--to-offset", "2", "--execute")
	if got := offsetOf(t, at, "workers"); got != "-12" { // -1: nothing committed; 2: the start
		t.Errorf("at %s", got)
	}
	does(t, at, "group", "delete-offsets", "workers", "--topic", "orders", "--yes")
	does(t, at, "group", "delete", "workers", "--yes")
}

// consumerBeat is a heartbeat of a member of a consumer group: epoch 0 joins, -1 leaves.
func consumerBeat(t *testing.T, cl *kgo.Client, group, topic string, epoch int32) {
	t.Helper()
	rq := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	rq.Group, rq.MemberID, rq.MemberEpoch, rq.RebalanceTimeoutMillis = group, streamsMember, epoch, -1
	if epoch == 0 {
		rq.RebalanceTimeoutMillis, rq.SubscribedTopicNames, rq.Topics = 60_000, []string{topic}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	if resp, err := rq.RequestWith(t.Context(), cl); err != nil || resp.ErrorCode != 0 {
		t.Fatalf("%+v, %v", resp, err)
	}
}

// Groups of the newer protocols stay of their kind when they are reset, and are not reset while somebody is in them; what would be done is always shown.
func TestConsumerAndStreamsGroupsAreReset(t *testing.T) {
	at := startNode(t)
	does(t, at, "topic", "create", "orders", "-p", "1")
	write(t, at, "orders", 5)
	cl, err := kgo.NewClient(kgo.SeedBrokers(at))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, kind := range []struct {
		name        string
		join, leave func(group string)
	}{
		{"consumer", func(group string) { consumerBeat(t, cl, group, "orders", 0) }, func(group string) { consumerBeat(t, cl, group, "orders", -1) }},
		{"streams", func(group string) { joinStreams(t, cl, group, "orders") }, func(group string) { leaveStreams(t, cl, group) }},
	} {
		group := kind.name + "-group"
		kind.join(group)
		out := does(t, at, "group", "reset", group, "--topic", "orders", "--to-offset", "2")
		if want := "group " + group + "  reset   orders-0  -       2"; !strings.Contains(strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("%s, while it has a member: %s", group, out)
		}
		fails(t, at, 1, "group "+group+": it is ", "group", "reset", group, "--topic", "orders", "--to-offset", "2", "--execute")
		fails(t, at, 1, "stop them first", "group", "delete", group, "--yes")
		kind.leave(group)
		for _, c := range []struct{ flags, want string }{{"--to-offset 2", "2"}, {"--shift-by 2", "4"}, {"--to-latest", "5"}, {"--to-earliest", "0"}} {
			does(t, at, append([]string{"group", "reset", group, "--topic", "orders", "--execute"}, strings.Fields(c.flags)...)...)
			if got := offsetOf(t, at, group); got != c.want {
				t.Errorf("%s %s: at %s, want %s", group, c.flags, got, c.want)
			}
		}
		if out := does(t, at, "group", "list", "-o", "template={{.group}} is {{.type}}"); !strings.Contains(out, group+" is "+kind.name+"\n") {
			t.Errorf("it became another kind: %s", out)
		}
		does(t, at, "group", "delete-offsets", group, "--topic", "orders", "--yes")
		fails(t, at, 2, "nobody is there", "group", "delete", group)
		does(t, at, "group", "delete", group, "--yes")
		if out := does(t, at, "group", "list", "-o", "template={{.group}}"); strings.Contains(out, group) {
			t.Errorf("it is still there: %s", out)
		}
	}
}

func awaitEmpty(t *testing.T, at, group string) {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		out := does(t, at, "group", "list", "-o", "template={{.group}} {{.state}}")
		if strings.Contains(out, group+" Empty") {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("it never became empty: %s", out)
		}
	}
}

func TestWrongGroupCommandsAreTold(t *testing.T) {
	for _, args := range []string{"group reset", "group reset g", "group reset g --to-earliest", "group reset g --topic t", "group reset g --topic t --to-earliest --to-latest",
		"group reset g --topic t:x --to-earliest", "group reset g --topic t --to-time soon", "group reset g --topic t --by-duration -1h", "group reset g --topic t --to-offset -1",
		"group reset g --from-file /nowhere/offsets", "group reset g --topic t --to-latest --plan --execute", "group delete-offsets g", "group delete", "group describe"} {
		if status, _, problems := leat(strings.Fields(args)...); status != 2 || problems == "" {
			t.Errorf("%s: status %d: %s", args, status, problems)
		}
	}
}

func TestTimesAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]time.Time{
		"1700000000000":        time.UnixMilli(1700000000000),
		"2026-11-22T10:00:00Z": time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
		"2026-11-22 10:00":     time.Date(2026, 11, 22, 10, 0, 0, 0, time.Local),
		"2026-11-22":           time.Date(2026, 11, 22, 0, 0, 0, 0, time.Local),
	} {
		if got, err := parseMoment(text); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
}
