package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

type sharedGroup = kmsg.ShareGroupDescribeResponseGroup

// describe shows groups: offsets, members or states.
func (g *shareCall) describe(ctx context.Context) error {
	groups, err := shareKind.chosen(ctx, g.groupCall)
	if err != nil {
		return err
	}
	described, err := describeShareGroups(ctx, g.cluster, groups)
	if err != nil {
		return tool.Executed(err)
	}
	offsets := make(map[string][]shareOffset, len(described))
	show := func(_ context.Context, d *sharedGroup) error {
		g.printShareOffsets(d.GroupID, offsets[d.GroupID])
		return nil
	}
	switch {
	case g.Has("members"):
		show = g.showMembers
	case g.Has("state"):
		show = g.showState
	default: // nothing is shown unless everything is known
		for _, name := range tool.HashOrder(slices.Sorted(maps.Keys(described))) {
			if offsets[name], err = shareOffsets(ctx, g.cluster, name); err != nil {
				return tool.Executed(tool.Executed(err))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(described)) {
		if err := show(ctx, described[name]); err != nil {
			return err
		}
	}
	return nil
}

// describeShareGroups asks for share groups; one that is none is an error.
func describeShareGroups(ctx context.Context, cluster *tool.Cluster, groups []string) (map[string]*sharedGroup, error) {
	described := make(map[string]*sharedGroup, len(groups))
	if len(groups) == 0 {
		return described, nil
	}
	request := kmsg.NewPtrShareGroupDescribeRequest()
	request.GroupIDs = slices.Compact(slices.Sorted(slices.Values(groups)))
	answer, err := tool.Ask[*kmsg.ShareGroupDescribeResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	for i := range answer.Groups {
		described[answer.Groups[i].GroupID] = &answer.Groups[i]
	}
	for _, name := range tool.HashOrder(request.GroupIDs) {
		d := described[name]
		if d == nil {
			return nil, tool.Saidf("%s: no broker described it", name)
		}
		if err := tool.Refused(d.ErrorCode, d.ErrorMessage); err != nil {
			return nil, err
		}
	}
	return described, nil
}

// shareOffset is where a share group begins in a partition; below 0: it has not begun.
type shareOffset struct {
	at          partition
	start       int64
	leaderEpoch int32
	lag         int64 // -1: nobody knows
}

// shareOffsets are the partitions that a share group has read, in order.
func shareOffsets(ctx context.Context, cluster *tool.Cluster, group string) ([]shareOffset, error) {
	asked := kmsg.NewDescribeShareGroupOffsetsRequestGroup()
	asked.GroupID, asked.Topics = group, nil
	request := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	request.Groups = append(request.Groups, asked)
	answer, err := tool.Ask[*kmsg.DescribeShareGroupOffsetsResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	var all []shareOffset
	for _, found := range answer.Groups {
		if err := tool.Refused(found.ErrorCode, found.ErrorMessage); err != nil {
			return nil, err
		}
		for _, t := range found.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode == 0 {
					all = append(all, shareOffset{partition{t.Topic, p.Partition}, p.StartOffset, p.LeaderEpoch, p.Lag})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b shareOffset) int { return comparePartitions(a.at, b.at) })
	return all, nil
}

func (g *shareCall) printShareOffsets(name string, offsets []shareOffset) {
	if len(offsets) == 0 {
		g.Println("\nShare group '" + name + "' has no offset information.")
		return
	}
	group, topic := max(15, len(name)), 15
	for _, o := range offsets {
		topic = max(topic, len(o.at.topic))
	}
	line := func(name, of, index, epoch, start, lag string) {
		g.Printf("\n%s %s %-10s ", tool.Pad(name, group), tool.Pad(of, topic), index)
		if g.Has("verbose") {
			g.Printf("%-13s ", epoch)
		}
		g.Printf("%-13s %s", start, lag)
	}
	line("GROUP", "TOPIC", "PARTITION", "LEADER-EPOCH", "START-OFFSET", "LAG")
	for _, o := range offsets {
		epoch, start, lag := "-", "-", "-"
		if o.start >= 0 {
			epoch, start = number(o.leaderEpoch), number(o.start)
			if o.lag >= 0 {
				lag = number(o.lag)
			}
		}
		line(name, o.at.topic, number(o.at.index), epoch, start, lag)
	}
	g.Println()
}

// showEmpty says that a group is not there or has no members, and tells whether rows of it follow.
func (g *shareCall) showEmpty(d *sharedGroup, rows int) bool {
	switch d.GroupState {
	case "Dead":
		g.Println("\nError: Share group '" + d.GroupID + "' does not exist.")
	case "Empty":
		g.Warnln("\nShare group '" + d.GroupID + "' has no active members.")
	}
	return d.GroupState != "Dead" && rows > 0
}

func (g *shareCall) showState(ctx context.Context, d *sharedGroup) error {
	node, err := coordinator(ctx, g.cluster, d.GroupID)
	if err != nil {
		return tool.Executed(err)
	}
	g.showEmpty(d, 1)
	at := node.text("  ")
	group, where := max(15, len(d.GroupID)), max(25, len(at))
	line := func(name, at, state, epoch, assignmentEpoch, members string) {
		g.Printf("\n%s %s %-15s ", tool.Pad(name, group), tool.Pad(at, where), state)
		if g.Has("verbose") {
			g.Printf("%-12s %-17s ", epoch, assignmentEpoch)
		}
		g.Printf("%s", members)
	}
	line("GROUP", "COORDINATOR (ID)", "STATE", "GROUP-EPOCH", "ASSIGNMENT-EPOCH", "#MEMBERS")
	line(d.GroupID, at, d.GroupState, number(d.GroupEpoch), number(d.AssignmentEpoch), number(len(d.Members)))
	g.Println()
	return nil
}

func (g *shareCall) showMembers(_ context.Context, d *sharedGroup) error {
	if !g.showEmpty(d, len(d.Members)) {
		return nil
	}
	members := slices.Clone(d.Members)
	slices.SortFunc(members, func(a, b kmsg.ShareGroupDescribeResponseGroupMember) int { return cmp.Compare(a.MemberID, b.MemberID) })
	group, id, host, client := max(15, len(d.GroupID)), 15, 15, 15
	for _, m := range members {
		id, host, client = max(id, len(m.MemberID)), max(host, len(m.ClientHost)), max(client, len(m.ClientID))
	}
	line := func(name, member, at, of, count, epoch, assignment string) {
		g.Printf("\n%s %s %s %s %-12s ", tool.Pad(name, group), tool.Pad(member, id), tool.Pad(at, host), tool.Pad(of, client), count)
		if g.Has("verbose") {
			g.Printf("%-13s ", epoch)
		}
		g.Printf("%s", assignment)
	}
	line("GROUP", "CONSUMER-ID", "HOST", "CLIENT-ID", "#PARTITIONS", "MEMBER-EPOCH", "ASSIGNMENT")
	for _, m := range members {
		var has []partition
		for _, t := range m.Assignment.TopicPartitions {
			for _, p := range t.Partitions {
				has = append(has, partition{t.Topic, p})
			}
		}
		assignment := ""
		if len(has) > 0 {
			assignment = assignmentText(has)
		}
		line(d.GroupID, m.MemberID, m.ClientHost, m.ClientID, number(len(has)), number(m.MemberEpoch), assignment)
	}
	g.Println()
	return nil
}
