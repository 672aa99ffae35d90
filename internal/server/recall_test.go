package server

import (
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/uplink"
	"leat/internal/wire"
)

// What one voter has, another lacks because it is down, and the third had before it lost its disk. The two that are up are a majority, but no safe one:
// had the roles of the first two been the other way round, they would go on without what was decided.
func TestAVoterWithoutMemoryIsNoMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, map[string]string{"min.insync.replicas": "1"})
		c.start(0, 1, 2)
		c.create("orders", 3, 3)
		c.write("orders", 0, 20)
		c.kill(1)
		c.create("later", 1, 2) // which node 2 does not hear of
		c.kill(0)
		c.kill(2)
		c.files[2] = fs.NewMem()
		last, ready := bubbleLaunch(t, c.hosts[2], c.files[2], c.how(2), threeLogs(2))
		c.nodes[2] = last
		older, olderReady := bubbleLaunch(t, c.hosts[1], c.files[1], c.how(1), threeLogs(1))
		c.nodes[1] = older
		time.Sleep(30 * time.Second)
		select {
		case <-ready:
			t.Error("the voter without memory serves, beside one that lacks what was decided")
		case <-olderReady:
			t.Error("the voter that lacks what was decided serves, beside one without memory")
		default:
		}
		c.start(0)
		<-ready
		<-olderReady
		c.inSync("orders", 3)
		c.inSync("later", 2)
		c.read("orders", 20)
		c.stop()
	})
}

func TestWhoHasVotedBeforeIsToldByAMajorityOfOthers(t *testing.T) {
	for _, x := range []struct {
		voters int
		epochs []int32
		forgot int32
		clear  bool
	}{
		{3, nil, 0, false},
		{3, []int32{0}, 0, true},
		{3, []int32{0, 0}, 0, true},
		{3, []int32{4}, 0, false},
		{3, []int32{4, 0}, 0, false},
		{3, []int32{4, wire.EpochUnknown}, 0, false},
		{3, []int32{wire.EpochUnknown}, 0, false},
		{3, []int32{4, 6}, 7, true},
		{5, []int32{0}, 0, false},
		{5, []int32{4, 6}, 0, false},
		{5, []int32{4, 6, 5, 0}, 7, true},
	} {
		var heard []heardOf
		for _, epoch := range x.epochs {
			heard = append(heard, heardOf{uplink.Address{}, &wire.IdentityResponse{Epoch: epoch}})
		}
		if forgot, clear := recalled(heard, x.voters); forgot != x.forgot || clear != x.clear {
			t.Errorf("%d voters, others at %v: %d, %v; want %d, %v", x.voters, x.epochs, forgot, clear, x.forgot, x.clear)
		}
	}
}
