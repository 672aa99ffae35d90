package acl

import (
	"slices"
	"strings"
)

// node is a radix tree of values by name. It is never changed: with and without return a tree that shares all but the path to the name.
//
// Invariant: children have labels that begin with different bytes, in the order of firsts, and no label but the root's is empty.
type node[V comparable] struct {
	label    string
	value    V // the zero value: nothing has this name
	firsts   string
	children []*node[V]
}

// child is the child whose label begins with a byte, nil if there is none.
func (n *node[V]) child(first byte) *node[V] {
	if i := strings.IndexByte(n.firsts, first); i >= 0 {
		return n.children[i]
	}
	return nil
}

// get is the value of a name.
func (n *node[V]) get(name string) (value V) {
	for n != nil && strings.HasPrefix(name, n.label) {
		if name = name[len(n.label):]; name == "" {
			return n.value
		}
		n = n.child(name[0])
	}
	return value
}

// with is the tree in which a name has a value.
func (n *node[V]) with(name string, value V) *node[V] {
	if n == nil {
		return &node[V]{label: name, value: value}
	}
	same := commonPrefix(name, n.label)
	out := *n
	if same < len(n.label) { // the label parts
		lower := *n
		lower.label = n.label[same:]
		out = node[V]{label: n.label[:same], firsts: lower.label[:1], children: []*node[V]{&lower}}
	}
	rest := name[same:]
	if rest == "" {
		out.value = value
		return &out
	}
	if i := strings.IndexByte(out.firsts, rest[0]); i >= 0 {
		out.children = slices.Clone(out.children)
		out.children[i] = out.children[i].with(rest, value)
		return &out
	}
	out.children = append(slices.Clip(out.children), &node[V]{label: rest, value: value})
	out.firsts += rest[:1]
	return &out
}

// without is the tree in which a name has no value, nil if it is empty.
func (n *node[V]) without(name string) *node[V] {
	if n == nil || !strings.HasPrefix(name, n.label) {
		return n
	}
	var none V
	out := *n
	if rest := name[len(n.label):]; rest == "" {
		out.value = none
	} else if i := strings.IndexByte(n.firsts, rest[0]); i >= 0 {
		below := n.children[i].without(rest)
		switch below {
		case n.children[i]:
			return n
		case nil:
			out.children = slices.Delete(slices.Clone(out.children), i, i+1)
			out.firsts = out.firsts[:i] + out.firsts[i+1:]
		default:
			out.children = slices.Clone(out.children)
			out.children[i] = below
		}
	}
	if out.value != none {
		return &out
	}
	switch len(out.children) {
	case 0:
		return nil
	case 1:
		only := *out.children[0]
		only.label = out.label + only.label
		return &only
	}
	return &out
}

// each calls fn with all names and their values, until it returns false.
func (n *node[V]) each(before string, fn func(name string, value V) bool) bool {
	if n == nil {
		return true
	}
	var none V
	name := before + n.label
	if n.value != none && !fn(name, n.value) {
		return false
	}
	for _, c := range n.children {
		if !c.each(name, fn) {
			return false
		}
	}
	return true
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
