package fs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Crash returns the file system as the machine would find it if it lost power now: what was not synced is gone. m itself goes on
// as it is, for those who do not know yet that they are dead; locks, injector and capacity do not carry over.
//
// Space that was reserved is not.
//
// With a rng, chance decides what else had reached the disk: how many of the last changes of directories, in the order they were
// made; how much of each file's growth; and which of its pages. A page that did not is what it was at the last sync, or zeros.
func (m *Mem) Crash(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &cloner{dst: NewMem(), nodes: map[*node]*node{}, rng: rng, crash: true}
	if rng != nil {
		first := m.lastOp
		m.root.each(func(n *node) {
			if len(n.pending) > 0 {
				first = min(first, n.pending[0].number-1)
			}
		})
		c.reached = first + rng.Uint64N(m.lastOp-first+1)
	}
	return c.tree(m)
}

// Kill returns the file system as the next process would find it if this one were killed now: everything written is there, locks
// are free, and what was not synced is still in danger. m itself goes on as it is.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &cloner{dst: NewMem(), nodes: map[*node]*node{}}
	return c.tree(m)
}

// each calls fn for n and everything below it.
func (n *node) each(fn func(*node)) {
	fn(n)
	for _, child := range n.children {
		child.each(fn)
	}
}

// cloner copies what is left of a tree.
type cloner struct {
	dst     *Mem
	nodes   map[*node]*node // a node that two directories know is copied once
	crash   bool
	rng     *rand.Rand
	reached uint64 // the last change of a directory that reached the disk by itself
}

func (c *cloner) tree(m *Mem) *Mem {
	c.dst.root = c.clone(m.root)
	c.dst.lastOp = m.lastOp
	for _, n := range c.nodes {
		if n.names > 0 {
			c.dst.used += n.pageBytes()
		}
	}
	return c.dst
}

func (c *cloner) clone(n *node) *node {
	if done, ok := c.nodes[n]; ok {
		return done
	}
	out := &node{mode: n.mode, changed: n.changed}
	c.nodes[n] = out
	if n.isDir() {
		c.dir(out, n)
	} else {
		c.file(out, n)
	}
	return out
}

// children copies a map of entries in a fixed order, so that one seed gives one outcome.
func (c *cloner) children(from map[string]*node) map[string]*node {
	out := make(map[string]*node, len(from))
	for _, name := range slices.Sorted(maps.Keys(from)) {
		out[name] = c.clone(from[name])
	}
	return out
}

func (c *cloner) dir(out, n *node) {
	if !c.crash {
		out.children, out.synced = c.children(n.children), c.children(n.synced)
		for _, p := range n.pending {
			if p.node != nil {
				p.node = c.clone(p.node)
			}
			out.pending = append(out.pending, p)
		}
		c.count(out)
		return
	}
	left := &node{synced: maps.Clone(n.synced), pending: slices.Clone(n.pending)}
	left.settle(c.reached)
	out.children = c.children(left.synced)
	out.synced = maps.Clone(out.children)
	c.count(out)
}

func (c *cloner) count(dir *node) {
	for _, child := range dir.children {
		child.names++
	}
}

func (c *cloner) file(out, n *node) {
	out.saved = map[int64]*page{}
	if !c.crash {
		out.size, out.syncedSize, out.reserved = n.size, n.syncedSize, n.reserved
		out.pages = copyPages(n.pages)
		for i, p := range n.saved {
			out.saved[i] = copyPage(p)
		}
		return
	}
	out.size = n.syncedSize
	if c.rng != nil && n.size != n.syncedSize {
		low, high := min(n.size, n.syncedSize), max(n.size, n.syncedSize)
		out.size = low + c.rng.Int64N(high-low+1)
	}
	for i := range pagesOf(out.size) {
		out.pages = append(out.pages, copyPage(c.survivor(n, i)))
	}
	if at := out.size % pageSize; at != 0 && out.page(out.size/pageSize) != nil {
		clear(out.pages[out.size/pageSize][at:])
	}
	out.sync()
}

// survivor is the version of a page that the disk has.
func (c *cloner) survivor(n *node, i int64) *page {
	old, changed := n.saved[i]
	if !changed && i < pagesOf(n.syncedSize) {
		return n.page(i)
	}
	if c.rng != nil && c.rng.IntN(2) == 0 {
		return n.page(i)
	}
	return old
}

func copyPages(pages []*page) []*page {
	out := make([]*page, len(pages))
	for i, p := range pages {
		out[i] = copyPage(p)
	}
	return out
}

func copyPage(p *page) *page {
	if p == nil {
		return nil
	}
	copied := *p
	return &copied
}
