package manage

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestGroupsAreListedAndDescribed(t *testing.T) {
	at := startNode(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	if _, err := admin.CreateTopic(t.Context(), 3, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	hourAgo := time.Now().Add(-time.Hour)
	for range 3 {
		for p := range int32(2) {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Partition: p, Value: []byte("v"), Timestamp: hourAgo}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var offsets kadm.Offsets
	offsets.AddOffset("orders", 0, 1, -1)
	offsets.AddOffset("orders", 1, 3, -1)
	offsets.AddOffset("orders", 2, 0, -1)
	if err := admin.CommitAllOffsets(t.Context(), "billing", offsets); err != nil {
		t.Fatal(err)
	}

	status, out, problems := leat("group", "list", "--bootstrap-server", at)
	if want := "GROUP    TYPE     PROTOCOL  STATE  COORDINATOR\nbilling  classic  -         Empty  1\n"; status != 0 || out != want {
		t.Errorf("status %d: %q %s, want %q", status, out, problems, want)
	}
	for _, isolation := range []string{"read_uncommitted", "read_committed"} {
		status, out, problems = leat("group", "describe", "billing", "--isolation-level", isolation, "--bootstrap-server", at, "-o", "json")
		var got []describedGroup
		if err := json.Unmarshal([]byte(out), &got); status != 0 || err != nil || len(got) != 1 || len(got[0].Partitions) != 3 {
			t.Fatalf("status %d: %v %s %s", status, err, out, problems)
		}
		for i, want := range []struct {
			committed, end, lag int64
			hours               bool
		}{{1, 3, 2, true}, {3, 3, 0, false}, {0, 0, 0, false}} {
			p := got[0].Partitions[i]
			if p.Topic != "orders" || p.Partition != int32(i) || p.Committed != want.committed || p.End != want.end || p.Lag == nil || *p.Lag != want.lag {
				t.Errorf("partition %d: %+v", i, p)
			}
			if p.Seconds == nil || want.hours != (*p.Seconds >= 3600 && *p.Seconds < 3700) || !want.hours && *p.Seconds != 0 {
				t.Errorf("partition %d is %v seconds behind", i, p.Seconds)
			}
		}
	}
	status, out, _ = leat("group", "describe", "billing", "--bootstrap-server", at)
	if status != 0 || !strings.Contains(out, "orders  0          1          3    2    1h") {
		t.Errorf("status %d: %s", status, out)
	}
}

func TestGroupsThatAreNotThereAreTold(t *testing.T) {
	at := startNode(t)
	if status, _, problems := leat("group", "describe", "nobody", "--bootstrap-server", at); status != 1 || !strings.Contains(problems, "group nobody: there is none") {
		t.Errorf("status %d: %s", status, problems)
	}
	if status, _, problems := leat("group", "list", "--bootstrap-controller", at); status != 2 || !strings.Contains(problems, "unknown flag: --bootstrap-controller") {
		t.Errorf("status %d: %s", status, problems)
	}
	if status, _, _ := leat("group", "describe", "g", "--isolation-level", "all", "--bootstrap-server", at); status != 2 {
		t.Errorf("status %d", status)
	}
}
