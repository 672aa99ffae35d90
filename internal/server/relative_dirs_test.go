package server

import (
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestRelativeLogDirsAreNamedFromTheRoot: clients do not know where the node was started, and name a directory by its whole path.
func TestRelativeLogDirsAreNamedFromTheRoot(t *testing.T) {
	at := t.TempDir()
	t.Chdir(at)
	n := start(t, "data", nil)
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	want := filepath.Join(at, "data")
	described, err := kmsg.NewPtrDescribeLogDirsRequest().RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if len(described.Dirs) != 1 || described.Dirs[0].Dir != want {
		t.Errorf("described: %+v, want %s", described.Dirs, want)
	}
	for dir, code := range map[string]int16{
		want: kerr.UnknownTopicOrPartition.Code, filepath.Join(at, "elsewhere"): kerr.LogDirNotFound.Code,
	} {
		rq := kmsg.NewPtrAlterReplicaLogDirsRequest()
		d, topic := kmsg.NewAlterReplicaLogDirsRequestDir(), kmsg.NewAlterReplicaLogDirsRequestDirTopic()
		topic.Topic, topic.Partitions, d.Dir = "nobody", []int32{0}, dir
		d.Topics = append(d.Topics, topic)
		rq.Dirs = append(rq.Dirs, d)
		altered, err := rq.RequestWith(t.Context(), cl.Broker(1)) // the client itself would look for the partition first
		if err != nil {
			t.Fatal(err)
		}
		if got := altered.Topics[0].Partitions[0].ErrorCode; got != code {
			t.Errorf("moved into %s: %v, want %v", dir, kerr.ErrorForCode(got), kerr.ErrorForCode(code))
		}
	}
}
