package voter_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/quorum/consensus"
	"leat/internal/quorum/voter"
	"leat/internal/sim"
)

func TestAFullDiskRefusesAppendsUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, net: sim.NewNetwork(sim.Config{})}
		m := newMember(t, c.net, 1)
		m.start(consensus.Dynamic(consensus.Member{Replica: replica(1)}))
		c.up = []*member{m}
		defer m.stop(false)
		c.append(3)
		m.fsys.SetCapacity(1)
		outcomes := make(chan error, 100)
		for range 50 { // until the journal has used up the page it ends in
			_, next, err := m.v.Append(m.leads(), oneRecord(t))
			if errors.Is(err, voter.ErrNoRoom) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			m.v.WhenCommitted(m.leads(), next, func(err error) { outcomes <- err })
			synctest.Wait()
		}
		if _, _, err := m.v.Append(m.leads(), oneRecord(t)); !errors.Is(err, voter.ErrNoRoom) {
			t.Fatalf("an append to a full disk: %v", err)
		}
		m.fsys.SetCapacity(0)
		time.Sleep(2 * time.Second)
		c.append(3)
		synctest.Wait()
		close(outcomes)
		for err := range outcomes {
			if err != nil {
				t.Errorf("what was accepted before was not committed: %v", err)
			}
		}
	})
}
