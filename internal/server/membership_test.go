package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/fs"
)

// open starts a node whose rooms the test can look into.
func open(t *testing.T, fsys fs.FS) *node {
	t.Helper()
	n := &node{Config: Config{Values: values(t, "data", nil), Logger: slog.New(slog.DiscardHandler), FS: fsys, Listen: net.Listen}, failed: make(chan error, 1)}
	if err := n.start(context.Background()); err != nil {
		t.Fatal(errors.Join(err, n.close()))
	}
	return n
}

// standing is what the cluster thinks of partition 0 of a topic.
type standing struct {
	leader, leaderEpoch int32
	recovering          bool
}

func (n *node) standing(t *testing.T, name string) standing {
	t.Helper()
	topic, ok := n.images.image().Topic(name)
	if !ok {
		t.Fatalf("topic %s is gone", name)
	}
	p := topic.Partitions[0]
	return standing{p.Leader, p.LeaderEpoch, p.LeaderRecovering}
}

// A controlled shutdown takes the leadership away (one epoch), and the broker gets it back when it is unfenced (the next one). After
// an unclean stop the controller knows that records may be missing at the end of the only replica (KIP-966).
func TestACleanRestartIsNoUncleanElection(t *testing.T) {
	mem := fs.NewMem()
	n := open(t, mem)
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.addresses().Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(context.Background(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	if got := n.standing(t, "orders"); got != (standing{leader: 1}) {
		t.Fatalf("after creation: %+v", got)
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}

	n = open(t, mem)
	if got := n.standing(t, "orders"); got != (standing{leader: 1, leaderEpoch: 2}) {
		t.Errorf("after a clean restart: %+v", got)
	}
	left := mem.Kill()
	if err := n.close(); err != nil {
		t.Log("closing what was killed:", err)
	}

	n = open(t, left)
	defer n.close()
	if got := n.standing(t, "orders"); got != (standing{leader: 1, leaderEpoch: 4, recovering: true}) {
		t.Errorf("after an unclean restart: %+v", got)
	}
}
