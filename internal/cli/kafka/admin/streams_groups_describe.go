package admin

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// describe shows groups: offsets, members, states or topologies.
func (g *streamsCall) describe(ctx context.Context) error {
	groups, err := streamsKind.chosen(ctx, g.groupCall)
	if err != nil {
		return err
	}
	show := g.showOffsets
	switch {
	case g.Has("members"):
		show = g.showMembers
	case g.Has("state"):
		show = g.showState
	case g.Has("topology"):
		show = g.showTopology
	}
	for _, name := range groups {
		d, err := describeStreamsGroup(ctx, g.cluster, name, g.Has("topology"))
		if err != nil {
			return tool.Executed(err)
		}
		if err := show(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// tellEmpty says that a group is not there or has no members.
func (g *streamsCall) tellEmpty(d *streamsGroup) {
	switch d.State {
	case "Dead":
		g.Println("\nError: Streams group '" + d.Group + "' does not exist.")
	case "Empty":
		g.Println("\nError: Streams group '" + d.Group + "' has no active members.")
	}
}

// hasRows tells whether there is something to show of the members of a group.
func (d *streamsGroup) hasRows() bool { return d.State != "Dead" && len(d.Members) > 0 }

// showOffsets shows how far a group has come in what its members read.
func (g *streamsCall) showOffsets(ctx context.Context, d *streamsGroup) error {
	read, err := d.tasksOf()
	if err != nil {
		return err
	}
	starts, err := g.ends(ctx, read, atEarliest)
	if err != nil {
		return err
	}
	ends, err := g.ends(ctx, read, atLatest)
	if err != nil {
		return err
	}
	offsets, err := g.committed(ctx, d.Group)
	if err != nil || !d.hasRows() {
		return err
	}
	g.tellEmpty(d)
	group, topic := max(15, len(d.Group)), 15
	for _, p := range read {
		topic = max(topic, len(p.topic))
	}
	line := func(name, of, index, current, epoch, end, lag string) {
		text := tool.Pad(name, group) + " " + tool.Pad(of, topic) + " " + tool.Pad(index, 10) + " "
		if g.Has("verbose") {
			g.Printf("%s%-15s %-15s %-15s %-15s\n", text, current, epoch, end, lag)
			return
		}
		g.Println(text + lag)
	}
	line("GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LEADER-EPOCH", "LOG-END-OFFSET", "OFFSET-LAG")
	for _, p := range hashPartitions(read) {
		current, epoch, lag := "-", "-", ends[p]-starts[p]
		if o, ok := offsets[p]; ok {
			current, lag = number(o.offset), ends[p]-o.offset
			if o.leaderEpoch >= 0 {
				epoch = number(o.leaderEpoch)
			}
		}
		line(d.Group, p.topic, number(p.index), current, epoch, number(ends[p]), number(lag))
	}
	return nil
}

// ends are offsets of partitions, all of which have to have one.
func (g *streamsCall) ends(ctx context.Context, partitions []partition, at int64) (map[partition]int64, error) {
	list, err := listOffsets(ctx, g.cluster, partitions, at)
	if err != nil {
		return nil, tool.Executed(err)
	}
	offsets := make(map[partition]int64, len(list))
	for p, f := range list {
		if f.err != nil {
			return nil, tool.Executed(f.err)
		}
		offsets[p] = f.offset
	}
	return offsets, nil
}

func (g *streamsCall) showState(_ context.Context, d *streamsGroup) error {
	g.tellEmpty(d)
	at := d.node.text(" ")
	group, where := max(15, len(d.Group)), max(25, len(at))
	line := func(name, at, state, epoch, targetEpoch, members string) {
		g.Printf("%s %s %-25s ", tool.Pad(name, group), tool.Pad(at, where), state)
		if g.Has("verbose") {
			g.Printf("%-15s %-25s ", epoch, targetEpoch)
		}
		g.Println(members)
	}
	line("GROUP", "COORDINATOR (ID)", "STATE", "GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH", "#MEMBERS")
	line(d.Group, at, d.State, number(d.Epoch), number(d.AssignmentEpoch), number(len(d.Members)))
	return nil
}

func (g *streamsCall) showMembers(_ context.Context, d *streamsGroup) error {
	if !d.hasRows() {
		return nil
	}
	g.tellEmpty(d)
	group, id, process, client := max(15, len(d.Group)), 15, 15, 15
	for _, m := range d.Members {
		id, process, client = max(id, len(m.MemberID)), max(process, len(m.ProcessID)), max(client, len(m.ClientID))
	}
	line := func(name, targetEpoch, topologyEpoch, member, protocol, epoch, of, at, tasks string) {
		text := tool.Pad(name, group) + " "
		if g.Has("verbose") {
			text += fmt.Sprintf("%-25s %-15s", targetEpoch, topologyEpoch) // Kafka's tool has no blank here
		}
		text += tool.Pad(member, id) + " "
		if g.Has("verbose") {
			text += fmt.Sprintf("%-15s %-15s ", protocol, epoch)
		}
		g.Println(text + tool.Pad(of, process) + " " + tool.Pad(at, client) + " " + tasks)
	}
	line("GROUP", "TARGET-ASSIGNMENT-EPOCH", "TOPOLOGY-EPOCH", "MEMBER", "MEMBER-PROTOCOL", "MEMBER-EPOCH", "PROCESS", "CLIENT-ID", "ASSIGNMENTS")
	for _, m := range d.Members {
		protocol, tasks := "streams", tasksText("", m.Assignment)
		if m.IsClassic {
			protocol = "classic"
		}
		if g.Has("verbose") {
			tasks += tasksText("TARGET-", m.TargetAssignment)
		}
		line(d.Group, number(d.AssignmentEpoch), number(d.Topology.Epoch), m.MemberID, protocol, number(m.MemberEpoch), m.ProcessID, m.ClientID, tasks)
	}
	return nil
}

// tasksText is what a member has to do: ACTIVE: 0:[0,1]; 1:[2]; and so on.
func tasksText(prefix string, a kmsg.StreamsAssignment) string {
	var text strings.Builder
	for _, of := range []struct {
		name  string
		tasks []kmsg.TaskIDs
	}{{"ACTIVE", a.ActiveTasks}, {"STANDBY", a.StandbyTasks}, {"WARMUP", a.WarmupTasks}} {
		if len(of.tasks) == 0 {
			continue
		}
		text.WriteString(prefix + of.name + ": ")
		for _, t := range of.tasks {
			text.WriteString(t.SubtopologyID + ":[" + ids(t.Partitions, ",") + "]; ")
		}
	}
	return text.String()
}
