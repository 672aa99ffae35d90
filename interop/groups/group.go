package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
)

// group is one group, and what is known of it.
type group struct {
	name, client, protocol string
	members                []*member

	mu        sync.Mutex
	read      [partitions]map[int64]bool
	committed [partitions]int64 // the furthest that was said or seen
	reads     int
}

func newGroup(client, protocol string) *group {
	g := &group{name: client + "-" + protocol, client: client, protocol: protocol}
	for p := range g.read {
		g.read[p] = make(map[int64]bool)
	}
	return g
}

// said is what a member says.
func (g *group) said(what string, partition int32, offset int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch what {
	case "read":
		g.read[partition][offset] = true
		g.reads++
	case "committed":
		g.committed[partition] = max(g.committed[partition], offset)
	}
}

// look fetches the committed offsets, none of which may be before one that was known already.
func (g *group) look(ctx context.Context, adm *kadm.Client) error {
	g.mu.Lock()
	known := g.committed
	g.mu.Unlock()
	offsets, err := adm.FetchOffsets(ctx, g.name)
	if err != nil {
		known = [partitions]int64{} // the coordinator moves
	}
	for p, least := range known {
		o, ok := offsets.Lookup(topic, int32(p))
		switch {
		case ok && o.Err != nil:
		case !ok && least > 0:
			return fmt.Errorf("group %s: the offset of partition %d is gone, it was %d", g.name, p, least)
		case ok && o.At < least:
			return fmt.Errorf("group %s: the offset of partition %d moved back from %d to %d", g.name, p, least, o.At)
		case ok:
			g.said("committed", int32(p), o.At)
		}
	}
	return nil
}

// behind is how many records the group has not committed.
func (g *group) behind(ends [partitions]int64) (n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p, end := range ends {
		n += end - g.committed[p]
	}
	return n
}

// missing lists what was sent and read by nobody in the group.
func (g *group) missing(sent [partitions]map[int64]bool) (all []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range sent {
		for _, offset := range slices.Sorted(maps.Keys(sent[p])) {
			if !g.read[p][offset] {
				all = append(all, fmt.Sprintf("%d:%d", p, offset))
			}
		}
	}
	return all
}

// delivered is how many records were read, also those that were read again.
func (g *group) delivered() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reads
}
