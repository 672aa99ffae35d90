package manage

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// describe is what `leat group describe` tells of one group.
func describe(t *testing.T, at, group string) (g describedGroup, text string) {
	t.Helper()
	status, out, problems := leat("group", "describe", group, "--bootstrap-server", at, "-o", "json")
	var got []describedGroup
	if err := json.Unmarshal([]byte(out), &got); status != 0 || err != nil || len(got) != 1 {
		t.Fatalf("status %d: %v %s %s", status, err, out, problems)
	}
	status, text, problems = leat("group", "describe", group, "--bootstrap-server", at)
	if status != 0 {
		t.Fatalf("status %d: %s", status, problems)
	}
	return got[0], text
}

func TestShareGroupsAreDescribed(t *testing.T) {
	at := startNode(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 2, 1, nil, "jobs"); err != nil {
		t.Fatal(err)
	}
	alter, set := kmsg.NewPtrIncrementalAlterConfigsRequest(), kmsg.NewIncrementalAlterConfigsRequestResource()
	set.ResourceType, set.ResourceName = kmsg.ConfigResourceTypeGroupConfig, "workers"
	set.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "share.auto.offset.reset", Value: new("earliest")}}
	alter.Resources = append(alter.Resources, set)
	if resp, err := alter.RequestWith(t.Context(), cl); err != nil || resp.Resources[0].ErrorCode != 0 {
		t.Fatalf("%+v: %v", resp, err)
	}
	var records []*kgo.Record
	for range 5 {
		records = append(records, &kgo.Record{Topic: "jobs", Value: []byte("v")})
	}
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	member, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.ShareGroup("workers"), kgo.ConsumeTopics("jobs"), kgo.ClientID("worker"), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	for left := 5; left > 0; {
		member.PollFetches(t.Context()).EachRecord(func(r *kgo.Record) {
			left--
			if r.Offset == 3 {
				r.Ack(kgo.AckRenew)
			} else {
				r.Ack(kgo.AckAccept)
			}
		})
	}
	if err := member.FlushAcks(t.Context()); err != nil {
		t.Fatal(err)
	}
	g, text := describe(t, at, "workers")
	if len(g.Partitions) != 2 || len(g.Members) != 1 {
		t.Fatalf("%+v", g)
	}
	if p := g.Partitions[0]; p.Start == nil || *p.Start != 3 || p.Lag == nil || *p.Lag != 1 || p.End != 5 || p.Committed != -1 || p.Seconds == nil {
		t.Errorf("%+v", p)
	}
	if p := g.Partitions[1]; p.Start == nil || *p.Start != -1 || p.Lag != nil || p.End != 0 || p.Seconds != nil { // of which nothing was acknowledged yet
		t.Errorf("%+v", p)
	}
	m := g.Members[0]
	if m.ClientID != "worker" || m.Epoch <= 0 || len(m.Assigned) != 1 || m.Assigned[0].Topic != "jobs" || len(m.Assigned[0].Partitions) != 2 {
		t.Errorf("%+v", m)
	}
	for _, want := range []string{"START", "jobs   0          3      5    1", "jobs   1          -      0    -", "jobs:0,1\n", m.Member} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

func TestStreamsGroupsAreDescribed(t *testing.T) {
	at := startNode(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	if _, err := admin.CreateTopic(t.Context(), 2, 1, nil, "words"); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "words", Partition: 1, Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	joinStreams(t, cl, "counting", "words")
	g, text := describe(t, at, "counting")
	if g.Type != "streams" || len(g.Members) != 1 || g.Members[0].Tasks == nil || strings.Join(g.Members[0].Tasks.Active, " ") != "0_0 0_1" || len(g.Members[0].Tasks.Standby) != 0 {
		t.Errorf("%+v", g)
	}
	if len(g.Partitions) != 2 || g.Partitions[1].Topic != "words" || g.Partitions[1].End != 1 || g.Partitions[1].Lag != nil || g.Partitions[1].Member != g.Members[0].Member {
		t.Errorf("%+v", g.Partitions)
	}
	for _, want := range []string{"ACTIVE", "0_0,0_1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

const streamsMember = "AAAAAAAAAAAAAAAAAAAAAQ"

// joinStreams has a member join a streams group that reads a topic, until it has something to do.
func joinStreams(t *testing.T, cl *kgo.Client, group, topic string) {
	t.Helper()
	epoch := int32(0)
	for assigned := 0; assigned == 0; {
		rq := kmsg.NewPtrStreamsGroupHeartbeatRequest()
		rq.Group, rq.MemberID, rq.MemberEpoch = group, streamsMember, epoch
		if rq.RebalanceTimeoutMillis = -1; epoch == 0 {
			rq.RebalanceTimeoutMillis, rq.ProcessID = 60_000, new("process")
			rq.Topology = &kmsg.StreamsGroupHeartbeatRequestTopology{Epoch: 1, Subtopologies: []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{{SubtopologyID: "0", SourceTopics: []string{topic}}}}
			rq.ActiveTasks, rq.StandbyTasks, rq.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
		}
		answer, err := cl.Broker(1).Request(t.Context(), rq)
		if err != nil {
			t.Fatal(err)
		}
		switch resp := answer.(*kmsg.StreamsGroupHeartbeatResponse); resp.ErrorCode {
		case 0:
			epoch, assigned = resp.MemberEpoch, len(resp.ActiveTasks)
		case 14, 15, 16: // whoever looks for the coordinator has its topic made, and then it loads
			find := kmsg.NewPtrFindCoordinatorRequest()
			find.CoordinatorKeys = []string{group}
			if _, err := find.RequestWith(t.Context(), cl); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("code %d: %v", resp.ErrorCode, resp.ErrorMessage)
		}
	}
}

// leaveStreams has that member leave.
func leaveStreams(t *testing.T, cl *kgo.Client, group string) {
	t.Helper()
	rq := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	rq.Group, rq.MemberID, rq.MemberEpoch, rq.RebalanceTimeoutMillis = group, streamsMember, -1, -1
	if answer, err := cl.Broker(1).Request(t.Context(), rq); err != nil || answer.(*kmsg.StreamsGroupHeartbeatResponse).ErrorCode != 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
}
