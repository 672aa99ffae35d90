package manage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/present"
	"leat/internal/cli/reach"
	"leat/internal/cli/run"
	"leat/internal/record"
)

// describedGroup is what `leat group describe -o json` prints of each.
type describedGroup struct {
	listedGroup
	Isolation  string           `json:"isolation_level"`
	Partitions []groupPartition `json:"partitions"`
	Members    []groupMember    `json:"members"`
}

// groupPartition is how far a group is behind one partition.
type groupPartition struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Committed int64    `json:"committed_offset"`       // -1: none
	Start     *int64   `json:"start_offset,omitempty"` // of share groups, which commit none: below it everything is done; -1: not known yet
	End       int64    `json:"end_offset"`             // -1: not known
	Lag       *int64   `json:"lag"`
	Seconds   *float64 `json:"lag_seconds"`
	Member    string   `json:"member,omitempty"` // not of share groups, where several may read
	ClientID  string   `json:"client_id,omitempty"`
	Host      string   `json:"host,omitempty"`
}

func groupDescribeCommand(s run.Streams) *cobra.Command {
	var isolation string
	c := newCommand(s, &cobra.Command{
		Use:   "describe GROUP...",
		Short: "Show what groups have committed, how far they are behind in records and seconds, and who reads",
		Long: `Show what groups have committed, how far they are behind in records and seconds, and who reads.

Seconds are the age of the first record that the group has not committed; it is read for that, so the right to read the topic is needed. Consumers that
read committed records only wait for the ends of transactions: --isolation-level=read_committed shows how far they are behind what they can read.
Share groups commit no offsets: shown is the offset below which all records are done, and as lag how many records past it are not. Of share and streams groups
it also shows each member with the partitions or tasks that it has.`,
		Example:           "  leat group describe billing\n  leat group describe billing -o template='{{range .partitions}}{{.topic}}-{{.partition}} {{.lag}}\\n{{end}}'",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeGroups,
	})
	c.Command.Flags().StringVar(&isolation, "isolation-level", "read_uncommitted", "what counts as the end of a partition: read_uncommitted or read_committed")
	_ = c.RegisterFlagCompletionFunc("isolation-level", cobra.FixedCompletions([]string{"read_uncommitted", "read_committed"}, cobra.ShellCompDirectiveNoFileComp))
	c.check = func([]string) error {
		if isolation != "read_uncommitted" && isolation != "read_committed" {
			return fmt.Errorf("--isolation-level=%s: neither read_uncommitted nor read_committed", isolation)
		}
		return nil
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		groups, err := describeGroups(ctx, cl.Client, &c.Flags, args, isolation)
		if err != nil {
			return err
		}
		var tables []*present.Table
		for i := range groups {
			tables = append(tables, groupTables(&groups[i])...)
		}
		return c.Show(groups, tables...)
	}
	return c.Command
}

// describeGroups gathers what there is to say of groups.
func describeGroups(ctx context.Context, cl *kgo.Client, flags *reach.Flags, names []string, isolation string) ([]describedGroup, error) {
	listed, err := listGroups(ctx, cl)
	if err != nil {
		return nil, err
	}
	out := []describedGroup{}
	for _, name := range names {
		known, err := findGroup(listed, name)
		if err != nil {
			return nil, err
		}
		g := describedGroup{listedGroup: known, Isolation: isolation}
		if g.Partitions, err = groupPartitions(ctx, cl, &g); err != nil {
			return nil, of("group "+name, err)
		}
		if err := addAges(ctx, flags, g.Partitions, isolation); err != nil {
			return nil, of("group "+name, err)
		}
		out = append(out, g)
	}
	return out, nil
}

func findGroup(listed []listedGroup, name string) (listedGroup, error) {
	i := slices.IndexFunc(listed, func(g listedGroup) bool { return g.Group == name })
	if i < 0 {
		return listedGroup{}, fmt.Errorf("group %s: there is none: leat group list shows which there are", name)
	}
	return listed[i], nil
}

// groupPartitions lists the partitions in which a group has committed offsets, or which its members read.
func groupPartitions(ctx context.Context, cl *kgo.Client, g *describedGroup) ([]groupPartition, error) {
	admin := kadm.NewClient(cl)
	var err error
	if g.Members, err = membersOf(ctx, cl, &g.listedGroup); err != nil {
		return nil, err
	}
	readers := readersOf(g.Members)
	from := startsOf
	if g.Type != "share" {
		from = committedBy
	}
	all, err := from(ctx, admin, g.Group)
	if err != nil {
		return nil, err
	}
	for tp := range readers {
		if !slices.ContainsFunc(all, func(p groupPartition) bool { return p.Topic == tp.Topic && p.Partition == tp.Partition }) {
			p := groupPartition{Topic: tp.Topic, Partition: tp.Partition, Committed: -1, End: -1}
			if g.Type == "share" {
				p.Start = new(int64(-1))
			}
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b groupPartition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return all, addEnds(ctx, admin, g.Isolation, all, readers)
}

// committedBy lists the partitions in which a group has committed offsets.
func committedBy(ctx context.Context, admin *kadm.Client, group string) ([]groupPartition, error) {
	offsets, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return nil, fmt.Errorf("fetch offsets: %w", err)
	}
	all := []groupPartition{}
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.Err == nil {
			all = append(all, groupPartition{Topic: o.Topic, Partition: o.Partition, Committed: o.At, End: -1})
		}
	})
	return all, nil
}

// startsOf lists the partitions of which a share group has state, with the lag as its brokers know it.
func startsOf(ctx context.Context, admin *kadm.Client, group string) ([]groupPartition, error) {
	offsets, err := admin.DescribeShareGroupOffsets(ctx, group)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("describe offsets: %w", err)
	}
	all := []groupPartition{}
	for _, topic := range offsets[group].Offsets {
		for _, o := range topic {
			if o.Err != nil {
				continue
			}
			p := groupPartition{Topic: o.Topic, Partition: o.Partition, Committed: -1, Start: new(o.StartOffset), End: -1}
			if o.Lag >= 0 {
				p.Lag = new(o.Lag)
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// addEnds adds the ends of partitions, the lag, and who reads.
func addEnds(ctx context.Context, admin *kadm.Client, isolation string, all []groupPartition, readers map[record.TopicPartition][]*groupMember) error {
	var topics []string
	for i := range all {
		if len(topics) == 0 || topics[len(topics)-1] != all[i].Topic {
			topics = append(topics, all[i].Topic)
		}
	}
	if len(topics) == 0 { // none would mean all
		return nil
	}
	list := admin.ListEndOffsets
	if isolation == "read_committed" {
		list = admin.ListCommittedOffsets
	}
	ends, err := list(ctx, topics...)
	if err != nil {
		return fmt.Errorf("list offsets: %w", err)
	}
	for i := range all {
		p := &all[i]
		if r := readers[record.TopicPartition{Topic: p.Topic, Partition: p.Partition}]; len(r) > 0 && p.Start == nil {
			p.Member, p.ClientID, p.Host = r[0].Member, r[0].ClientID, r[0].Host
		}
		end, ok := ends.Lookup(p.Topic, p.Partition)
		if !ok || end.Err != nil {
			continue
		}
		if p.End = end.Offset; p.Committed >= 0 {
			p.Lag = new(max(0, p.End-p.Committed))
		}
	}
	return nil
}

// groupTables are what people see of a group.
func groupTables(g *describedGroup) []*present.Table {
	head := []string{"TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "BEHIND", "MEMBER", "HOST"}
	if g.Type == "share" {
		head = []string{"TOPIC", "PARTITION", "START", "END", "LAG", "BEHIND", "MEMBERS"}
	}
	t := present.NewTable(head...)
	t.Title = fmt.Sprintf("group %s: %s, %s, coordinator %d", g.Group, orDash(g.Type), orDash(g.State), g.Coordinator)
	readers := readersOf(g.Members)
	for i := range g.Partitions {
		part := &g.Partitions[i]
		cells := []any{part.Topic, part.Partition, known(part.from()), known(part.End), nil, nil}
		if part.Lag != nil {
			cells[4] = *part.Lag
		}
		if part.Seconds != nil {
			cells[5] = (time.Duration(*part.Seconds*1000) * time.Millisecond).Round(100 * time.Millisecond)
		}
		if part.Start != nil {
			cells = append(cells, len(readers[record.TopicPartition{Topic: part.Topic, Partition: part.Partition}]))
		} else {
			cells = append(cells, part.Member, part.Host)
		}
		t.Add(cells...)
	}
	if (g.Type == "share" || g.Type == "streams") && len(g.Members) > 0 {
		return []*present.Table{t, membersTable(g.Members)}
	}
	return []*present.Table{t}
}

// from is the first offset that the group has not done.
func (p *groupPartition) from() int64 {
	if p.Start != nil {
		return *p.Start
	}
	return p.Committed
}

// known is an offset, if it is one.
func known(offset int64) any {
	if offset < 0 {
		return nil
	}
	return offset
}

func orDash(text string) string { return cmp.Or(text, "-") }
