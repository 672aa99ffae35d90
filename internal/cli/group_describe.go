package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

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

func (p *program) groupDescribeCommand() *cobra.Command {
	var flags clusterFlags
	var isolation string
	cmd := &cobra.Command{
		Use:   "describe GROUP...",
		Short: "Show what groups have committed, how far they are behind in records and seconds, and who reads",
		Long: `Show what groups have committed, how far they are behind in records and seconds, and who reads.

Seconds are the age of the first record that the group has not committed; it is read for that, so the right to read the topic is needed. Consumers that
read committed records only wait for the ends of transactions: --isolation-level=read_committed shows how far they are behind what they can read.
Share groups commit no offsets: shown is the offset below which all records are done, and as lag how many records past it are not. Of share and streams groups
it also shows each member with the partitions or tasks that it has.`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().StringVar(&isolation, "isolation-level", "read_uncommitted", "what counts as the end of a partition: read_uncommitted or read_committed")
	complete(cmd, "isolation-level", "read_uncommitted", "read_committed")
	return p.clusterCommandOf(cmd, &flags, func(ctx context.Context, args []string) error {
		if isolation != "read_uncommitted" && isolation != "read_committed" {
			return fmt.Errorf("--isolation-level=%s: neither read_uncommitted nor read_committed", isolation)
		}
		cl, err := flags.client()
		if err != nil {
			return err
		}
		defer cl.Close()
		groups, err := describeGroups(ctx, cl, &flags, args, isolation)
		if err != nil {
			return failure{err}
		}
		if flags.output == "json" {
			return p.printJSON(groups)
		}
		return p.printGroups(groups)
	})
}

// describeGroups gathers what there is to say of groups.
func describeGroups(ctx context.Context, cl *kgo.Client, flags *clusterFlags, names []string, isolation string) ([]describedGroup, error) {
	listed, err := listGroups(ctx, cl)
	if err != nil {
		return nil, err
	}
	out := []describedGroup{}
	for _, name := range names {
		i := slices.IndexFunc(listed, func(g listedGroup) bool { return g.Group == name })
		if i < 0 {
			return nil, fmt.Errorf("group %s: there is none: leat group list shows which there are", name)
		}
		g := describedGroup{listedGroup: listed[i], Isolation: isolation}
		if g.Partitions, err = groupPartitions(ctx, cl, &g); err != nil {
			return nil, fmt.Errorf("group %s: %w", name, err)
		}
		if err := flags.addAges(ctx, g.Partitions, isolation); err != nil {
			return nil, fmt.Errorf("group %s: %w", name, err)
		}
		out = append(out, g)
	}
	return out, nil
}

// groupPartitions lists the partitions in which a group has committed offsets, or which its members read.
func groupPartitions(ctx context.Context, cl *kgo.Client, g *describedGroup) ([]groupPartition, error) {
	admin := kadm.NewClient(cl)
	var err error
	if g.Members, err = membersOf(ctx, cl, &g.listedGroup); err != nil {
		return nil, err
	}
	readers := readersOf(g.Members)
	known := startsOf
	if g.Type != "share" {
		known = committedBy
	}
	all, err := known(ctx, admin, g.Group)
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

// printGroups prints groups as tables.
func (p *program) printGroups(groups []describedGroup) error {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for i, g := range groups {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "group %s: %s, %s, coordinator %d\n", g.Group, orDash(g.Type), orDash(g.State), g.Coordinator)
		printPartitions(w, &g)
		if g.Type == "share" || g.Type == "streams" {
			if err := w.Flush(); err != nil { // the columns of the members are others
				return failure{err}
			}
			printMembers(w, g.Members)
		}
	}
	if err := w.Flush(); err != nil {
		return failure{err}
	}
	return nil
}

// printPartitions prints how far a group is behind.
func printPartitions(w io.Writer, g *describedGroup) {
	from, reader := "COMMITTED", "MEMBER\tHOST"
	if g.Type == "share" {
		from, reader = "START", "MEMBERS"
	}
	fmt.Fprintf(w, "TOPIC\tPARTITION\t%s\tEND\tLAG\tBEHIND\t%s\n", from, reader)
	readers := readersOf(g.Members)
	for _, part := range g.Partitions {
		lag, behind := "-", "-"
		if part.Lag != nil {
			lag = strconv.FormatInt(*part.Lag, 10)
		}
		if part.Seconds != nil {
			behind = (time.Duration(*part.Seconds*1000) * time.Millisecond).Round(100 * time.Millisecond).String()
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t", part.Topic, part.Partition, orUnknown(part.from()), orUnknown(part.End), lag, behind)
		if part.Start != nil {
			fmt.Fprintf(w, "%d\n", len(readers[record.TopicPartition{Topic: part.Topic, Partition: part.Partition}]))
		} else {
			fmt.Fprintf(w, "%s\t%s\n", orDash(part.Member), orDash(part.Host))
		}
	}
}

// from is the first offset that the group has not done.
func (p *groupPartition) from() int64 {
	if p.Start != nil {
		return *p.Start
	}
	return p.Committed
}

func orUnknown(offset int64) string {
	if offset < 0 {
		return "-"
	}
	return strconv.FormatInt(offset, 10)
}
