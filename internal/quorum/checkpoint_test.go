package quorum_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/quorum"
)

// A checkpoint that somebody needs and that could not be written is written later.
func TestACheckpointThatCouldNotBeWrittenIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, quorum.LogSettings{})
		for id := int32(1); id <= 3; id++ {
			c.start(id, static(1, 2, 3))
		}
		c.know(0, 0)
		c.agree()
		leader, _ := c.leader()
		slow := leader%3 + 1
		c.isolate(slow, true)
		time.Sleep(5 * time.Second)
		var failed atomic.Int32
		for _, id := range c.ids() {
			c.disks[id].Inject(func(op fs.Op, name string) error {
				if op == fs.OpCreate && strings.Contains(name, ".checkpoint") && id != slow && failed.Add(1) == 1 {
					return errors.New("the disk does not like this file")
				}
				return nil
			})
		}
		for n := range 20 {
			c.know(n, 100_000)
		}
		c.isolate(slow, false)
		time.Sleep(2 * time.Minute)
		c.agree()
		if failed.Load() == 0 {
			t.Error("no checkpoint was wanted")
		}
		if start := c.get(slow).Log().Offsets().LogStart; start == 0 {
			t.Error("no checkpoint was installed")
		}
		c.stopAll()
	})
}
