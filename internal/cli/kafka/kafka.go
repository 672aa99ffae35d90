// Package kafka knows Kafka's command-line tools by their names: those that the program is when it is called by one of them, and why it is not the others.
//
// A tool costs nothing until it is called: the list holds functions.
package kafka

import (
	"context"
	"slices"
	"strings"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// Version is what the tools say that they are of.
const Version = tool.Version

// entry is one of Kafka's tools, under its name without .sh.
type entry struct {
	name    string
	build   func() *tool.Tool // nil: leat has no such tool
	instead string            // why not, and the way to do it
}

func find(name string) (entry, bool) {
	name = strings.TrimSuffix(name, ".sh")
	i := slices.IndexFunc(entries[:], func(e entry) bool { return e.name == name })
	if i < 0 {
		return entry{}, false
	}
	return entries[i], true
}

// Has tells whether a name, with or without .sh, is one of Kafka's tools.
func Has(name string) bool {
	_, ok := find(name)
	return ok
}

// Names are all tools, in alphabetical order.
func Names() []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.name
	}
	slices.Sort(names)
	return names
}

// Main runs a tool and returns its exit status.
func Main(ctx context.Context, name string, args []string, s run.Streams) int {
	e, ok := find(name)
	if !ok {
		return refuse(s, name, "it is not one of Kafka's tools")
	}
	if e.build == nil {
		return refuse(s, e.name, e.instead)
	}
	return e.build().Main(ctx, args, s)
}
