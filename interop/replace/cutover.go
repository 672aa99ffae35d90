package main

import (
	"fmt"
	"time"

	"leat/interop/fleet"
	"leat/interop/target"
)

// cutover stops all controllers and starts the other implementation on their directories. Brokers and clients go on meanwhile with what they know.
func (c *cluster) cutover(kind target.Kind) error {
	c.load.Worst()
	at := time.Now()
	if err := all(c.Controllers(), (*fleet.Node).Stop); err != nil {
		return err
	}
	for _, n := range c.Controllers() {
		n.Kind = kind
	}
	stopped := time.Since(at)
	if err := c.start(c.Controllers()...); err != nil {
		return err
	}
	started := time.Since(at)
	name := fmt.Sprintf("made-by-%s", kind)
	if err := c.admin.CreateOn(c.ctx, name, [][]int32{{1, 2, 3}}); err != nil {
		return err
	}
	served := time.Since(at)
	if err := c.admin.InSync(c.ctx, name); err != nil {
		return err
	}
	if err := c.healthy(); err != nil {
		return err
	}
	fmt.Printf("replace    stopped in %.1f s, up after %.1f s, topic created after %.1f s, longest wait for an acknowledgement %.2f s\n",
		stopped.Seconds(), started.Seconds(), served.Seconds(), c.load.Worst().Seconds())
	return nil
}
