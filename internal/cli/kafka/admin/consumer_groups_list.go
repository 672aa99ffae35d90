package admin

import (
	"context"
	"strings"

	"leat/internal/cli/kafka/tool"
)

// consumerStates are what the state of a group that consumes can be.
var consumerStates = []string{"PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty", "Assigning", "Reconciling"}

// list lists groups, perhaps with their types and states.
func (g *groupCall) list(ctx context.Context) error {
	types, err := g.typeFilter()
	if err != nil {
		return err
	}
	states, err := g.stateFilter(consumerStates)
	if err != nil {
		return err
	}
	if len(types) == 0 {
		types = []string{"classic", "consumer"}
	}
	groups, err := listGroups(ctx, g.cluster, types, states)
	if err != nil {
		return tool.Executed(err)
	}
	withType, withState := g.Has("type"), g.Has("state")
	width := 15
	var rows [][]string
	for _, l := range groups {
		if l.ProtocolType != "" && l.ProtocolType != "consumer" {
			continue
		}
		width = max(width, len(l.Group))
		row := []string{l.Group}
		if withType {
			row = append(row, groupType(l.GroupType))
		}
		if withState {
			row = append(row, l.GroupState)
		}
		rows = append(rows, row)
	}
	if !withType && !withState {
		for _, row := range rows {
			g.Println(row[0])
		}
		return nil
	}
	head := []string{"GROUP"}
	if withType {
		head = append(head, "TYPE")
	}
	if withState {
		head = append(head, "STATE")
	}
	for _, row := range append([][]string{head}, rows...) {
		line := tool.Pad(row[0], width+10)
		for _, word := range row[1:] {
			line += " " + tool.Pad(word, 20)
		}
		g.Println(line)
	}
	return nil
}

func (g *groupCall) typeFilter() ([]string, error) {
	text := g.Value("type")
	if text == "" {
		return nil, nil
	}
	var types []string
	for word := range strings.SplitSeq(strings.ToLower(text), ",") {
		word = strings.TrimSpace(word)
		if word != "classic" && word != "consumer" {
			return nil, tool.Illegal("Invalid types list '%s'. Valid types are: Consumer, Classic", text)
		}
		types = append(types, word)
	}
	return types, nil
}

func (g *groupCall) stateFilter(valid []string) ([]string, error) {
	text := g.Value("state")
	if text == "" {
		return nil, nil
	}
	var states []string
words:
	for word := range strings.SplitSeq(strings.TrimRight(text, ","), ",") {
		if word == "" && strings.Trim(text, ",") == "" {
			break
		}
		for _, state := range valid {
			if strings.EqualFold(strings.TrimSpace(word), state) {
				states = append(states, state)
				continue words
			}
		}
		return nil, tool.Illegal("Invalid state list '%s'. Valid states are: %s", text, strings.Join(valid, ", "))
	}
	return states, nil
}

// chosen are the groups that the options name, all if they say so.
func (g *groupCall) chosen(ctx context.Context) ([]string, error) {
	if !g.Has("all-groups") {
		return g.Values("group"), nil
	}
	groups, err := listGroups(ctx, g.cluster, []string{"classic", "consumer"}, nil)
	if err != nil {
		return nil, tool.Executed(err)
	}
	var all []string
	for _, l := range groups {
		if l.ProtocolType == "" || l.ProtocolType == "consumer" {
			all = append(all, l.Group)
		}
	}
	return all, nil
}

// delete deletes groups.
func (g *groupCall) delete(ctx context.Context) error {
	groups, err := g.chosen(ctx)
	if err != nil {
		return err
	}
	return g.deleteAll(ctx, groups)
}
