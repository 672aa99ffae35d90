package server

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"

	"leat/internal/fs"
)

// Records are not synced before they are acknowledged, as in Kafka: replicas are what keeps them. So what is acknowledged outlives the loss of power on any
// machine while another that has it stays, and may be lost only if all lose power.

// losePower takes nodes away at the same moment; chance decides what of the unsynced had reached their disks.
func (c *three) losePower(rng *rand.Rand, which ...int) {
	var left [3]*fs.Mem
	for _, i := range which {
		left[i] = c.files[i].Crash(rng)
	}
	for _, i := range which {
		c.kill(i)
		c.files[i] = left[i]
	}
}

// sameLogs checks that the replicas of a topic hold the same bytes. All nodes are stopped.
func (c *three) sameLogs(topic string, partitions int) {
	c.t.Helper()
	for p := range partitions {
		var first []byte
		for i := range c.nodes {
			data, err := fs.ReadFile(c.files[i], fmt.Sprintf("data/%s-%d/00000000000000000000.log", topic, p))
			switch {
			case err != nil && !errors.Is(err, os.ErrNotExist): // it may never have been written to
				c.t.Error(err)
			case i == 0:
				first = data
			case !bytes.Equal(first, data):
				c.t.Errorf("%s-%d: node %d has other bytes than node 1: %d of them, and %d", topic, p, i+1, len(data), len(first))
			}
		}
	}
}

func TestClusterOfThreeThatLostPowerAtOnceAgreesAndServes(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			var rng *rand.Rand // nil: nothing that was not synced is left
			if seed > 0 {
				rng = rand.New(rand.NewPCG(seed, 1))
			}
			c := newThree(t, nil)
			c.start(0, 1, 2)
			c.create("orders", 3, 3)
			c.create("later", 3, 3)
			c.write("orders", 0, 60)
			c.losePower(rng, 0, 1, 2)
			c.start(0, 1, 2)
			c.inSync("orders", 3)
			c.inSync("later", 3)
			c.write("later", 0, 30)
			c.write("orders", 60, 30)
			c.read("later", 30)
			c.stop()
			c.sameLogs("orders", 3)
			c.sameLogs("later", 3)
		})
	}
}

func TestClusterOfThreeLosesNothingWhenTwoLosePowerOneAfterTheOther(t *testing.T) {
	for seed := range uint64(4) {
		for first := range 3 {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				c := newThree(t, nil)
				c.start(0, 1, 2)
				c.create("orders", 3, 3)
				c.write("orders", 0, 30)
				second := (first + 1) % 3
				c.losePower(rng, first)
				c.write("orders", 30, 30)
				if seed%2 == 0 { // back in between
					c.start(first)
					c.inSync("orders", 3)
					c.write("orders", 60, 30)
					c.losePower(rng, second)
					c.start(second)
				} else { // both away, so nothing is taken that one machine alone has
					c.losePower(rng, second)
					c.start(first, second)
					c.inSync("orders", 3)
					c.write("orders", 60, 30)
				}
				c.inSync("orders", 3)
				c.read("orders", 90)
				c.stop()
				c.sameLogs("orders", 3)
			})
		}
	}
}
