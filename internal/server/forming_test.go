package server

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/storage"
)

// byAddresses are settings under which controllers only know each other's addresses, so that those who are there when the cluster forms vote.
func (c *three) byAddresses(i int) map[string]string {
	set := c.settings(i)
	delete(set, "controller.quorum.voters")
	set["controller.quorum.bootstrap.servers"] = c.addresses()
	return set
}

// dies lets nothing reach a node's files from the operation with a number on, counting those that change something.
func dies(files *fs.Mem, at int) (reached func() bool) {
	var mu sync.Mutex
	count := 0
	files.Inject(func(op fs.Op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		switch op {
		case fs.OpCreate, fs.OpWrite, fs.OpSync, fs.OpRename, fs.OpMkdir, fs.OpSyncDir, fs.OpTruncate:
			count++
		case fs.OpClose, fs.OpRemove:
			return nil
		}
		if count >= at {
			return fmt.Errorf("%s %s: %w", op, name, errors.ErrUnsupported)
		}
		return nil
	})
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return count >= at
	}
}

// Whoever draws the cluster's id may be killed between any two steps of writing down what it drew. Started again, it goes on with the others.
func TestClusterFormsThoughTheFirstControllerIsKilledMeanwhile(t *testing.T) {
	for name, how := range map[string]func(c *three) func(int) map[string]string{
		"static":  func(c *three) func(int) map[string]string { return c.settings },
		"dynamic": func(c *three) func(int) map[string]string { return c.byAddresses },
	} {
		t.Run(name, func(t *testing.T) {
			for at := 1; ; at++ {
				if !killedAt(t, how, at) || t.Failed() {
					t.Log("operations until it is formed:", at)
					break
				}
			}
		})
	}
}

// killedAt forms a cluster whose first controller dies at an operation; reached is false if it was formed before.
func killedAt(t *testing.T, how func(c *three) func(int) map[string]string, at int) (reached bool) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.how = how(c)
		died := dies(c.files[0], at)
		ended := make(chan error, 1)
		first, ready := bubbleLaunch(t, c.hosts[0], c.files[0], c.how(0), threeLogs(0))
		go func() {
			errs := make(chan error, 2)
			for _, i := range []int{1, 2} {
				go func() {
					n, err := bubbleTry(t, c.hosts[i], c.files[i], c.how(i), threeLogs(i))
					c.nodes[i] = n
					errs <- err
				}()
			}
			ended <- errors.Join(<-errs, <-errs)
		}()
		select {
		case <-ready:
			c.files[0].Inject(nil)
			first.shutDown(t)
		case err := <-first.done:
			if !died() {
				t.Errorf("first controller ended: %v", err)
			}
			reached = true
		}
		c.hosts[0].Stop()
		c.files[0] = c.files[0].Kill()
		again, ready := bubbleLaunch(t, c.hosts[0], c.files[0], c.how(0), threeLogs(0))
		select {
		case <-ready:
		case err := <-again.done:
			t.Fatalf("killed at operation %d, it does not start again: %v", at, err)
		case <-time.After(time.Minute):
			t.Fatalf("killed at operation %d, the cluster does not form any more", at)
		}
		if err := <-ended; err != nil {
			t.Fatalf("killed at operation %d: the others did not start: %v", at, err)
		}
		c.nodes[0] = again
		c.stop()
	})
	return reached
}

// A metadata log of its own directory has an identity of its own, by which the controller votes.
func TestClusterFormsWithMetadataInADirectoryOfItsOwn(t *testing.T) {
	for name, how := range map[string]func(c *three) func(int) map[string]string{
		"static":  func(c *three) func(int) map[string]string { return c.settings },
		"dynamic": func(c *three) func(int) map[string]string { return c.byAddresses },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newThree(t, map[string]string{"metadata.log.dir": "meta"})
				c.how = how(c)
				ready := make(chan struct{})
				go func() {
					c.start(0, 1, 2)
					close(ready)
				}()
				select {
				case <-ready:
				case <-time.After(time.Minute):
					t.Fatal("the cluster does not form")
				}
				c.create("orders", 3, 3)
				c.write("orders", 0, 20)
				if _, err := storage.Open(t.Context(), storage.StoreConfig{FS: c.files[0], Dirs: []string{"meta"}}); !errors.Is(err, storage.ErrDirLocked) {
					t.Errorf("the directory of a running node was opened: %v", err)
				}
				for i := range c.nodes {
					c.kill(i)
				}
				c.start(2, 1, 0)
				c.read("orders", 20)
				c.stop()
			})
		})
	}
}
