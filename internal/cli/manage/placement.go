package manage

import (
	"cmp"
	"fmt"
	"slices"
)

// node is a broker that replicas can be on.
type node struct {
	id      int32
	rack    string
	barred  bool // fenced, drained, or to be left: it takes no more
	holding int  // replicas
}

// placement decides where replicas go, when a person asks for a number of them or wants them away from a node. What balances a cluster by itself is the
// controller's; this moves no more than what was asked for.
//
// Invariant: the replicas of a partition are on different nodes, and one that stays keeps its place in the order, so that the preferred leader changes only if
// it is moved.
type placement struct {
	nodes []node
}

func (p *placement) find(id int32) *node {
	for i := range p.nodes {
		if p.nodes[i].id == id {
			return &p.nodes[i]
		}
	}
	return nil
}

// best is the node for one more replica: of a rack that the others are not in, if there is one, then the one with the fewest replicas, then the first.
func (p *placement) best(others []int32) (*node, error) {
	used := map[string]bool{}
	for _, id := range others {
		if n := p.find(id); n != nil && n.rack != "" {
			used[n.rack] = true
		}
	}
	var best *node
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.barred || slices.Contains(others, n.id) {
			continue
		}
		if best == nil || cmp.Or(less(used[n.rack], used[best.rack]), cmp.Compare(n.holding, best.holding), cmp.Compare(n.id, best.id)) < 0 {
			best = n
		}
	}
	if best == nil {
		return nil, fmt.Errorf("no other node can take a replica: all that are up have one")
	}
	return best, nil
}

func less(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// place gives a replica to a node.
func (p *placement) place(others []int32) (int32, error) {
	n, err := p.best(others)
	if err != nil {
		return 0, err
	}
	n.holding++
	return n.id, nil
}

// off replaces the replicas of a partition that are on nodes which are to be left.
func (p *placement) off(replicas []int32, leave []int32) ([]int32, error) {
	after := slices.Clone(replicas)
	for i, id := range after {
		if !slices.Contains(leave, id) {
			continue
		}
		to, err := p.place(after)
		if err != nil {
			return nil, err
		}
		if n := p.find(id); n != nil {
			n.holding--
		}
		after[i] = to
	}
	return after, nil
}

// resize gives a partition another number of replicas. Those that are not in sync go first, then the last.
func (p *placement) resize(replicas, inSync []int32, want int) ([]int32, error) {
	after := slices.Clone(replicas)
	for len(after) > want {
		drop := len(after) - 1
		for i := len(after) - 1; i >= 0; i-- {
			if !slices.Contains(inSync, after[i]) {
				drop = i
				break
			}
		}
		if n := p.find(after[drop]); n != nil {
			n.holding--
		}
		after = slices.Delete(after, drop, drop+1)
	}
	for len(after) < want {
		id, err := p.place(after)
		if err != nil {
			return nil, err
		}
		after = append(after, id)
	}
	return after, nil
}

// onto puts a partition on given nodes, as many as it has replicas, keeping those that are there already; which one leads goes round.
func (p *placement) onto(replicas []int32, to []int32, turn int) ([]int32, error) {
	if len(to) < len(replicas) {
		return nil, fmt.Errorf("%s are too few for %s", plural(len(to), "node"), plural(len(replicas), "replica"))
	}
	after := slices.DeleteFunc(slices.Clone(replicas), func(id int32) bool { return !slices.Contains(to, id) })
	for i := range to {
		if id := to[(i+turn)%len(to)]; len(after) < len(replicas) && !slices.Contains(after, id) {
			after = append(after, id)
		}
	}
	return after, nil
}
