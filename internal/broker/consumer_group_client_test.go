package broker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// TestANewProtocolGroupOfFranzGoClients has members of the new protocol join, commit and leave.
func TestANewProtocolGroupOfFranzGoClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newGroupNode(t)
		defer n.stop()
		n.publish(&metadata.FeatureLevelRecord{Name: metadata.FeatureGroupVersion, FeatureLevel: 1})
		n.makeTopic("orders", 4)
		n.produceNumbers(0, 40)
		served := []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.CooperativeStickyBalancer())}

		first := n.member(served...)
		expectOnce(t, read(t, 10*time.Second, first), 0, 40)
		if err := first.CommitUncommittedOffsets(context.Background()); err != nil {
			t.Fatal(err)
		}
		second := n.member(served...)
		if seen := read(t, 20*time.Second, first, second); len(seen) != 0 {
			t.Errorf("read again: %v", seen)
		}
		n.produceNumbers(40, 40)
		expectOnce(t, read(t, 5*time.Second, first, second), 40, 40)

		rq := kmsg.NewPtrConsumerGroupDescribeRequest()
		rq.Groups = []string{"readers"}
		resp, err := rq.RequestWith(context.Background(), second)
		if err != nil {
			t.Fatal(err)
		}
		if g := resp.Groups[0]; g.ErrorCode != 0 || g.State != "Stable" || len(g.Members) != 2 {
			t.Errorf("described as %s with %d members: %v, want Stable with 2", g.State, len(g.Members), kerr.ErrorForCode(g.ErrorCode))
		}
		for _, cl := range []*kgo.Client{first, second} {
			if err := cl.CommitUncommittedOffsets(context.Background()); err != nil {
				t.Error(err)
			}
			cl.Close()
		}
	})
}
