package shell

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A node is a file or a directory of the tree.
type node struct {
	names func() []string         // of a directory
	child func(name string) *node // nil: there is none of the name
	text  string                  // of a file
}

func (n *node) directory() bool { return n.names != nil }

func file(text string) *node { return &node{text: text} }

func filef(format string, args ...any) *node { return file(fmt.Sprintf(format, args...)) }

// directory is one whose entries are few: they are made when they are asked for.
func directory(entries map[string]func() *node) *node {
	return &node{
		names: func() []string {
			var names []string
			for name := range entries {
				names = append(names, name)
			}
			return names
		},
		child: func(name string) *node {
			if entry := entries[name]; entry != nil {
				return entry()
			}
			return nil
		},
	}
}

// sorted are the names in a directory, in the order of the alphabet.
func (n *node) sorted() []string {
	names := n.names()
	slices.Sort(names)
	return names
}

// print writes a file, or a directory with all that is below it, indented.
func (n *node) print(w io.Writer, level int) {
	indent := strings.Repeat("  ", level)
	if !n.directory() {
		fmt.Fprintln(w, indent+n.text)
		return
	}
	for _, name := range n.sorted() {
		fmt.Fprintln(w, indent+name+":")
		n.child(name).print(w, level+1)
	}
}

// find writes the paths of a node and of all that is below it.
func (n *node) find(w io.Writer, path string) {
	fmt.Fprintln(w, path)
	if !n.directory() {
		return
	}
	for _, name := range n.sorted() {
		n.child(name).find(w, strings.TrimSuffix(path, "/")+"/"+name)
	}
}

// components are the parts of a path without empty ones, with . and .. followed.
func components(path string) []string {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			parts = parts[:max(0, len(parts)-1)]
		default:
			parts = append(parts, part)
		}
	}
	return parts
}

// place is a node and where it is.
type place struct {
	path []string
	node *node
}

// last is the last part of the path.
func (p place) last() string {
	if len(p.path) == 0 {
		return "/"
	}
	return p.path[len(p.path)-1]
}

// matches are the places that a path with wildcards means.
func (n *node) matches(pattern []string) []place {
	found := []place{{node: n}}
	for _, part := range pattern {
		var next []place
		for _, p := range found {
			next = append(next, p.step(part)...)
		}
		found = next
	}
	return found
}

func (p place) step(part string) []place {
	if !p.node.directory() {
		return nil
	}
	names := []string{part}
	if expression := glob(part); expression != nil {
		names = slices.DeleteFunc(p.node.sorted(), func(name string) bool { return !expression.MatchString(name) })
	}
	var found []place
	for _, name := range names {
		if child := p.node.child(name); child != nil {
			found = append(found, place{append(slices.Clip(p.path), name), child})
		}
	}
	return found
}
