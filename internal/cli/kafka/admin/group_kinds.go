package admin

import (
	"context"
	"errors"
	"strings"

	"leat/internal/cli/kafka/tool"
)

// groupKind is a type of groups that has a tool of its own beside the one for consumers.
type groupKind struct {
	name, title string   // as it is said within a sentence, and at its beginning
	states      []string // of its groups
	none        string   // what is said of a group that is of another type
}

var (
	shareKind   = &groupKind{"share", "Share", []string{"Stable", "Dead", "Empty"}, "is not a share group."}
	streamsKind = &groupKind{"streams", "Streams", []string{"Stable", "Dead", "Empty", "Assigning", "Reconciling", "NotReady"}, "does not exist or is not a streams group."}
)

// list lists the groups of a type, with their states if these are asked for.
func (k *groupKind) list(ctx context.Context, g *groupCall) error {
	if !g.Has("state") {
		groups, err := k.all(ctx, g)
		for _, name := range groups {
			g.Println(name)
		}
		return err
	}
	states, err := g.stateFilter(k.states)
	if err != nil {
		return err
	}
	groups, err := listGroups(ctx, g.cluster, []string{k.name}, states)
	if err != nil {
		return tool.Executed(err)
	}
	width := 15
	for _, l := range groups {
		width = max(width, len(l.Group))
	}
	g.Println(tool.Pad("GROUP", width) + " STATE")
	for _, l := range groups {
		g.Println(tool.Pad(l.Group, width) + " " + l.GroupState)
	}
	return nil
}

// all are the names of the groups of a type.
func (k *groupKind) all(ctx context.Context, g *groupCall) ([]string, error) {
	groups, err := listGroups(ctx, g.cluster, []string{k.name}, nil)
	if err != nil {
		return nil, tool.Executed(tool.Executed(err))
	}
	var all []string
	for _, l := range groups {
		all = append(all, l.Group)
	}
	return all, nil
}

// chosen are the groups that the options name, or all of the type.
func (k *groupKind) chosen(ctx context.Context, g *groupCall) ([]string, error) {
	if g.Has("all-groups") {
		return k.all(ctx, g)
	}
	return g.Values("group"), nil
}

// undeletable are those of some groups that are no groups of the type at rest, and what the tool says of them without asking a broker to delete them.
func (k *groupKind) undeletable(ctx context.Context, g *groupCall, groups []string) (map[string]error, error) {
	listed, err := listGroups(ctx, g.cluster, []string{k.name}, nil)
	if err != nil {
		return nil, tool.Executed(tool.Executed(err))
	}
	states := make(map[string]string, len(listed))
	for _, l := range listed {
		states[l.Group] = l.GroupState
	}
	failed := make(map[string]error)
	for _, name := range groups {
		state, ok := states[name]
		switch {
		case !ok:
			failed[name] = tool.Illegal("Group '%s' %s", name, k.none)
		case state == "Dead":
			failed[name] = &tool.Exception{Class: "java.lang.IllegalStateException", Message: k.title + " group '" + name + "' group state is DEAD."}
		case state != "Empty":
			text := k.title + " group '" + name + "' is not EMPTY."
			failed[name] = tool.Refused(groupNotEmpty, &text)
		}
	}
	return failed, nil
}

// checkShown finds what does not go together when groups are described.
func checkShown(c *tool.Call, aspects ...string) error {
	if !c.Has("describe") {
		return nil
	}
	if c.Count("group", "all-groups") == 0 {
		return tool.Usage("Option [describe] takes one of these options: " + bracketed("all-groups", "group"))
	}
	if c.Count(aspects...) > 1 {
		return tool.Usage("Option [describe] takes at most one of these options: " + bracketed(aspects...))
	}
	if c.Value("state") != "" {
		return tool.Usage("Option [describe] does not take a value for [state]")
	}
	return nil
}

// excludeEachOther is nil unless two of some options are there.
func excludeEachOther(c *tool.Call, options ...string) error {
	for i, one := range options {
		others := append(append([]string(nil), options[:i]...), options[i+1:]...)
		if err := c.Exclude(one, others...); err != nil {
			return err
		}
	}
	return nil
}

// connect reaches the cluster; what is wrong with a file of properties is said as Kafka's tools for groups say it.
func connect(c *tool.Call) (*tool.Cluster, error) {
	cluster, err := c.Connect()
	var e *tool.Exception
	if errors.As(err, &e) && strings.HasPrefix(e.Class, "java.nio.file.") {
		err = tool.Executed(err)
	}
	return cluster, err
}
