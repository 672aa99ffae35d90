package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
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
	stopped := time.Since(at)
	if err := c.handOver(); err != nil {
		return err
	}
	for _, n := range c.Controllers() {
		n.Kind = kind
	}
	if err := c.start(c.Controllers()...); err != nil {
		return err
	}
	started := time.Since(at)
	c.cutovers++
	name := fmt.Sprintf("made-by-%s-%d", kind, c.cutovers)
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
	fmt.Printf("replace    controllers stopped in %.1f s, up after %.1f s, topic created after %.1f s, longest wait for an acknowledgement %.2f s\n",
		stopped.Seconds(), started.Seconds(), served.Seconds(), c.load.Worst().Seconds())
	return nil
}

// handOver is what an administrator does between two implementations: compares the controllers' logs, copies the longest to who is behind, and lets
// all go on.
func (c *cluster) handOver() error {
	positions := map[int32]string{}
	for _, n := range c.Controllers() {
		out, err := n.Leat(c.ctx, "quorum", "position", "--config", n.Properties())
		if err != nil {
			return err
		}
		positions[n.ID] = strings.TrimSpace(out)
	}
	args := slices.Sorted(maps.Values(positions))
	fmt.Printf("replace    positions %s\n", strings.Join(args, " "))
	for _, n := range c.Controllers() {
		take := append([]string{"quorum", "takeover", "--config", n.Properties()}, args...)
		out, err := n.Leat(c.ctx, take...)
		if err == nil {
			continue
		}
		from := regexp.MustCompile(`copy of node (\d+)'s`).FindStringSubmatch(out)
		if from == nil {
			return err
		}
		id, err := strconv.ParseInt(from[1], 10, 32)
		if err != nil {
			return err
		}
		fmt.Printf("replace    the metadata log of controller %d is copied to %d\n", id, n.ID)
		if err := copyLog(c.Node(int32(id)), n); err != nil {
			return err
		}
		return c.handOver() // from the beginning, as the command says
	}
	return nil
}

func copyLog(from, to *fleet.Node) error {
	const log = "__cluster_metadata-0"
	target := filepath.Join(to.LogDirs()[0], log)
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.CopyFS(target, os.DirFS(filepath.Join(from.LogDirs()[0], log)))
}
