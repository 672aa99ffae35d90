package server

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What idle things cost in the whole node: the rooms' own tests measure their share, and here nothing is left out.

// footprint is what a node in this process costs now.
type footprint struct {
	bytes      int64
	goroutines int
}

func measure() footprint {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{int64(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()}
}

// wantAtMost checks what n things more than before cost.
func wantAtMost(t *testing.T, before footprint, n, budget int64) {
	t.Helper()
	after := measure()
	each := (after.bytes - before.bytes) / n
	t.Logf("%d bytes each", each)
	if each > budget {
		t.Errorf("%d bytes each, want at most %d", each, budget)
	}
	if more := after.goroutines - before.goroutines; more > 20 {
		t.Errorf("%d goroutines more, for %d idle things", more, n)
	}
}

func budgetNode(t *testing.T) *kadm.Client {
	t.Helper()
	node := start(t, t.TempDir(), map[string]string{"offsets.topic.num.partitions": "4"})
	client, err := kgo.NewClient(kgo.SeedBrokers(node.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "committed"); err != nil {
		t.Fatal(err)
	}
	if err := commitFor(t, admin, "first"); err != nil { // makes __consumer_offsets, and connections
		t.Fatal(err)
	}
	return admin
}

func commitFor(t *testing.T, admin *kadm.Client, group string) error {
	t.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset("committed", 0, 1, -1)
	return admin.CommitAllOffsets(t.Context(), group, offsets)
}

func TestIdlePartitionsAreSmall(t *testing.T) {
	const n, budget = 4000, 2500
	admin := budgetNode(t)
	before := measure()
	if _, err := admin.CreateTopic(t.Context(), n, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	wantAtMost(t, before, n, budget)
}

func TestIdleGroupsAreSmall(t *testing.T) {
	const n, budget = 1000, 4 << 10
	admin := budgetNode(t)
	before := measure()
	for i := range n {
		if err := commitFor(t, admin, fmt.Sprintf("group-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	wantAtMost(t, before, n, budget)
}
