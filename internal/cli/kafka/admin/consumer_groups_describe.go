package admin

import (
	"context"
	"slices"
	"sort"
	"strings"

	"leat/internal/cli/kafka/tool"
)

// describe shows groups: offsets, members or states.
func (g *groupCall) describe(ctx context.Context) error {
	groups, err := g.chosen(ctx)
	if err != nil {
		return err
	}
	described, err := describeConsumerGroups(ctx, g.cluster, groups)
	if err != nil {
		return tool.Executed(err)
	}
	for _, name := range tool.HashOrder(slices.Compact(slices.Sorted(slices.Values(groups)))) {
		if err := described[name].err; err != nil {
			return tool.Executed(err)
		}
	}
	show := g.showOffsets
	if g.Has("members") {
		show = g.showMembers
	} else if g.Has("state") {
		show = g.showState
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(groups))) {
		d := described[name]
		if err := show(ctx, name, &d); err != nil {
			return err
		}
	}
	return nil
}

// isShown says what there is to say about the state of a group, and tells whether rows of it follow.
func (g *groupCall) isShown(name, state string, rows int) bool {
	switch state {
	case "Dead":
		g.Println("\nError: Consumer group '" + name + "' does not exist.")
	case "Empty":
		g.Warnln("\nConsumer group '" + name + "' has no active members.")
	case "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling":
		g.Warnln("\nWarning: Consumer group '" + name + "' is rebalancing.")
	}
	return state != "Dead" && rows > 0
}

// offsetRow is a line of the offsets of a group.
type offsetRow struct {
	at                       partition
	epoch, current, end, lag string
	member, host, client     string
}

func (g *groupCall) showOffsets(ctx context.Context, name string, d *describedGroup) error {
	offsets, err := committed(ctx, g.cluster, name)
	if err != nil {
		return tool.Executed(tool.Executed(err))
	}
	var rows []offsetRow
	assigned := make(map[partition]bool)
	members := slices.DeleteFunc(slices.Clone(d.members), func(m describedMember) bool { return len(m.has) == 0 })
	sort.SliceStable(members, func(i, j int) bool { return len(members[i].has) > len(members[j].has) })
	for _, m := range members {
		for _, p := range m.has {
			assigned[p] = true
		}
		some, err := g.offsetRows(ctx, m.has, offsets, offsetRow{member: m.id, host: m.host, client: m.client})
		if err != nil {
			return err
		}
		rows = append(rows, some...)
	}
	var rest []partition
	for p := range offsets {
		if !assigned[p] {
			rest = append(rest, p)
		}
	}
	some, err := g.offsetRows(ctx, rest, offsets, offsetRow{member: "-", host: "-", client: "-"})
	if err != nil {
		return err
	}
	if rows = append(rows, some...); g.isShown(name, d.state, len(rows)) {
		g.printOffsets(name, rows)
	}
	return nil
}

// offsetRows are the lines of some partitions, in order, with the ends of their logs.
func (g *groupCall) offsetRows(ctx context.Context, partitions []partition, offsets map[partition]committedOffset, row offsetRow) ([]offsetRow, error) {
	ends, err := listOffsets(ctx, g.cluster, partitions, atLatest)
	if err != nil {
		return nil, tool.Executed(tool.Executed(err))
	}
	var rows []offsetRow
	for _, p := range slices.SortedFunc(slices.Values(partitions), comparePartitions) {
		r := row
		r.at, r.epoch, r.current, r.end, r.lag = p, "-", "-", "-", "-"
		end, hasEnd := ends[p]
		if hasEnd = hasEnd && end.err == nil; hasEnd {
			r.end = number(end.offset)
		}
		if o, ok := offsets[p]; ok {
			r.current = number(o.offset)
			if o.leaderEpoch >= 0 {
				r.epoch = number(o.leaderEpoch)
			}
			if hasEnd {
				r.lag = number(end.offset - o.offset)
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func (g *groupCall) printOffsets(name string, rows []offsetRow) {
	group, topic, member, host := max(15, len(name)), 15, 15, 15
	for _, r := range rows {
		topic, member, host = max(topic, len(r.at.topic)), max(member, len(r.member)), max(host, len(r.host))
	}
	line := func(name, of, index, epoch, current, end, lag, id, at, client string) {
		text := "\n" + tool.Pad(name, group) + " " + tool.Pad(of, topic) + " " + tool.Pad(index, 10)
		if g.Has("verbose") {
			text += " " + tool.Pad(epoch, 15)
		}
		g.Printf("%s %-15s %-15s %-15s %s %s %s", text, current, end, lag, tool.Pad(id, member), tool.Pad(at, host), client)
	}
	line("GROUP", "TOPIC", "PARTITION", "LEADER-EPOCH", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID")
	for _, r := range rows {
		line(name, r.at.topic, number(r.at.index), r.epoch, r.current, r.end, r.lag, r.member, r.host, r.client)
	}
	g.Println()
}

// assignmentText is what a member has: TOPIC:0,1;OTHER:2.
func assignmentText(partitions []partition) string {
	if len(partitions) == 0 {
		return "-"
	}
	var parts []string
	for _, t := range byTopic(partitions) {
		parts = append(parts, t.name+":"+ids(t.partitions, ","))
	}
	slices.Sort(parts)
	return strings.Join(parts, ";")
}

func orDash[N int32 | int64 | bool](v *N, text func(N) string) string {
	if v == nil {
		return "-"
	}
	return text(*v)
}

func (g *groupCall) showMembers(_ context.Context, name string, d *describedGroup) error {
	width := map[string]int{"group": 15, "id": 15, "instance": 17, "host": 15, "client": 15, "has": 20, "target": 20}
	instances, classic, modern := false, false, false
	if g.isShown(name, d.state, len(d.members)) {
		for _, m := range d.members {
			for column, text := range map[string]string{"group": name, "id": m.id, "instance": m.instance, "host": m.host, "client": m.client,
				"has": assignmentText(m.has), "target": assignmentText(m.target)} {
				width[column] = max(width[column], len(text))
			}
			instances = instances || m.instance != ""
			if m.upgraded != nil {
				classic, modern = classic || !*m.upgraded, modern || *m.upgraded
			}
		}
	}
	line := func(group, id, instance, host, client, count string) {
		text := tool.Pad(group, width["group"]) + " " + tool.Pad(id, width["id"]) + " "
		if instances {
			text += tool.Pad(instance, width["instance"]) + " "
		}
		g.Printf("%s%s %s %-15s ", text, tool.Pad(host, width["host"]), tool.Pad(client, width["client"]), count)
	}
	more := func(epoch, has, targetEpoch, target, upgraded string) {
		if !g.Has("verbose") {
			return
		}
		g.Printf("%-15s %s %-15s %s", epoch, tool.Pad(has, width["has"]), targetEpoch, tool.Pad(target, width["target"]))
		if classic && modern {
			g.Printf(" %s", upgraded)
		}
	}
	g.Printf("\n")
	line("GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS")
	more("CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT", "UPGRADED")
	g.Println()
	for _, m := range d.members {
		line(name, m.id, m.instance, m.host, m.client, number(len(m.has)))
		more(orDash(m.epoch, number[int32]), assignmentText(m.has), orDash(d.targetEpoch, number[int32]), assignmentText(m.target),
			orDash(m.upgraded, truth))
		g.Println()
	}
	return nil
}

func (g *groupCall) showState(ctx context.Context, name string, d *describedGroup) error {
	if !g.isShown(name, d.state, 1) {
		return nil
	}
	node, err := coordinator(ctx, g.cluster, name)
	if err != nil {
		return tool.Executed(err)
	}
	if strings.Contains(node.host, ":") {
		node.host = "[" + node.host + "]"
	}
	at := node.text("  ")
	assignor := d.assignor
	if assignor == "" {
		assignor = "-"
	}
	group, where := max(15, len(name)), max(25, len(at))
	line := func(name, at, assignor, state, epoch, targetEpoch, members string) {
		g.Printf("\n%s %s %-20s %-20s ", tool.Pad(name, group), tool.Pad(at, where), assignor, state)
		if g.Has("verbose") {
			g.Printf("%-15s %-25s ", epoch, targetEpoch)
		}
		g.Printf("%s", members)
	}
	line("GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH", "#MEMBERS")
	line(name, at, assignor, d.state, orDash(d.epoch, number[int32]), orDash(d.targetEpoch, number[int32]), number(len(d.members)))
	g.Println()
	return nil
}
