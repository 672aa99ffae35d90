package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/record"
)

// resetting is what `leat group reset` was told.
type resetting struct {
	topics                   []string
	all                      bool
	earliest, latest         bool
	offset, shift            int64
	at, file                 string
	ago                      time.Duration
	execute                  bool
	wanted                   map[string][]int32 // by topic: partitions; none: all of them
	moment                   time.Time
	fromFile                 map[record.TopicPartition]int64
	toOffset, byShift, byAgo bool
}

func (r *resetting) add(c *command) {
	f := c.Command.Flags()
	f.StringArrayVar(&r.topics, "topic", nil, "`TOPIC[:PARTITION,...]` to reset; may be repeated")
	f.BoolVar(&r.all, "all-topics", false, "reset all partitions that the group has committed offsets for")
	f.BoolVar(&r.earliest, "to-earliest", false, "to the first record that is there")
	f.BoolVar(&r.latest, "to-latest", false, "to the end: nothing of what is there is read")
	f.Int64Var(&r.offset, "to-offset", 0, "to an offset")
	f.StringVar(&r.at, "to-time", "", "to the first record of or after a `TIME`: 2026-11-22T10:00:00Z, 2026-11-22 10:00 (here), or milliseconds since 1970")
	f.DurationVar(&r.ago, "by-duration", 0, "to the first record that is no older, such as 1h30m")
	f.Int64Var(&r.shift, "shift-by", 0, "so many records forth, or back if negative")
	f.StringVar(&r.file, "from-file", "", "to the offsets in a `FILE` with lines TOPIC,PARTITION,OFFSET")
	f.BoolVar(&r.execute, "execute", false, "do it: without this flag only what would be done is shown")
	c.MarkFlagsMutuallyExclusive("to-earliest", "to-latest", "to-offset", "to-time", "by-duration", "shift-by", "from-file")
	c.MarkFlagsOneRequired("to-earliest", "to-latest", "to-offset", "to-time", "by-duration", "shift-by", "from-file")
	c.MarkFlagsMutuallyExclusive("topic", "all-topics", "from-file")
	c.MarkFlagsOneRequired("topic", "all-topics", "from-file")
	c.MarkFlagsMutuallyExclusive("plan", "execute")
	_ = c.RegisterFlagCompletionFunc("topic", completeTopics)
}

func (r *resetting) check(c *command) (err error) {
	r.toOffset, r.byShift, r.byAgo = c.Command.Flags().Changed("to-offset"), c.Command.Flags().Changed("shift-by"), c.Command.Flags().Changed("by-duration")
	if r.wanted, err = parseTopics(r.topics); err != nil {
		return err
	}
	switch {
	case r.at != "":
		r.moment, err = parseMoment(r.at)
	case r.byAgo && r.ago < 0:
		err = fmt.Errorf("--by-duration=%v: it is less than nothing", r.ago)
	case r.toOffset && r.offset < 0:
		err = fmt.Errorf("--to-offset=%d: offsets begin at 0", r.offset)
	case r.file != "":
		r.fromFile, err = readOffsets(r.file)
	}
	if r.byAgo {
		r.moment = time.Now().Add(-r.ago)
	}
	return err
}

func groupResetCommand(s run.Streams) *cobra.Command {
	r := &resetting{}
	c := newCommand(s, &cobra.Command{
		Use: "reset GROUP", Short: "Have a group read again, or skip, from an offset, a time or a file",
		Long: `Have a group read again, or skip, from an offset, a time or a file. Without --execute only what would be done is shown.

The group must have no members: those would go on where they are. That holds for groups of all kinds (classic, consumer, share, streams); of a share group it is
the offset that is set below which all records are done.`,
		Example: "  leat group reset billing --topic orders --to-time '2026-11-22 10:00'\n  leat group reset billing --all-topics --by-duration 1h --execute\n" +
			"  leat group reset billing --topic orders:0,3 --shift-by -100",
		Args: cobra.ExactArgs(1), ValidArgsFunction: completeGroups,
	}).changes()
	r.add(c)
	c.check = func([]string) error { return r.check(c) }
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		g, err := groupOrNew(ctx, cl, args[0], r.execute)
		if err != nil {
			return err
		}
		steps, err := r.steps(ctx, cl, &g)
		if err != nil {
			return of("group "+g.Group, err)
		}
		if !r.execute && !c.Planning() {
			if err := c.Show(steps, steps.Planned()); err != nil {
				return err
			}
			c.Note("nothing was changed: --execute does it")
			return nil
		}
		return c.Carry(ctx, steps, "")
	}
	return c.Command
}

// groupOrNew is a group that has no members, if they matter. One that is not there yet will begin with the offsets that it is given.
func groupOrNew(ctx context.Context, cl *cluster, name string, matters bool) (listedGroup, error) {
	listed, err := listGroups(ctx, cl.Client)
	if err != nil {
		return listedGroup{}, err
	}
	if _, err := findGroup(listed, name); err != nil {
		return listedGroup{Group: name, Type: "classic", State: "Dead"}, nil //nolint:nilerr // it is not there yet
	}
	return groupAtRest(ctx, cl, name, matters)
}

// groupAtRest is a group that has no members, if they matter.
func groupAtRest(ctx context.Context, cl *cluster, name string, matters bool) (listedGroup, error) {
	listed, err := listGroups(ctx, cl.Client)
	if err != nil {
		return listedGroup{}, err
	}
	g, err := findGroup(listed, name)
	if err != nil {
		return g, err
	}
	if g.State != "Empty" && g.State != "Dead" && matters {
		return g, fmt.Errorf("group %s: it is %s, its members would go on where they are: stop them first", name, g.State)
	}
	return g, nil
}

// parseTopics reads TOPIC and TOPIC:PARTITION,...
func parseTopics(texts []string) (map[string][]int32, error) {
	all := map[string][]int32{}
	for _, text := range texts {
		name, list, some := strings.Cut(text, ":")
		if name == "" {
			return nil, fmt.Errorf("--topic=%s: write TOPIC, or TOPIC: and partitions with commas", text)
		}
		all[name] = append([]int32{}, all[name]...)
		if !some {
			continue
		}
		for number := range strings.SplitSeq(list, ",") {
			n, err := strconv.ParseInt(number, 10, 32)
			if err != nil || n < 0 {
				return nil, fmt.Errorf("--topic=%s: %q is not a partition", text, number)
			}
			all[name] = append(all[name], int32(n))
		}
	}
	return all, nil
}

// parseMoment reads a time as a person writes it.
func parseMoment(text string) (time.Time, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(ms), nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--to-time=%s: it is not a time such as 2026-11-22T10:00:00Z, 2026-11-22 10:00, or milliseconds since 1970", text)
}

// steps are the offsets that change.
func (r *resetting) steps(ctx context.Context, cl *cluster, g *listedGroup) (present.Steps, error) {
	committed, err := committedOffsets(ctx, cl, g)
	if err != nil {
		return nil, err
	}
	targets, err := r.targets(ctx, cl, committed)
	if err != nil {
		return nil, err
	}
	var steps present.Steps
	var offsets kadm.Offsets
	for _, tp := range slices.SortedFunc(mapKeys(targets), comparePartitions) {
		step := present.Step{Object: "group " + g.Group, Action: "reset", What: fmt.Sprintf("%s-%d", tp.Topic, tp.Partition), After: strconv.FormatInt(targets[tp], 10)}
		before, had := committed[tp]
		if had && before == targets[tp] {
			continue
		}
		if had && before >= 0 {
			step.Before = strconv.FormatInt(before, 10)
		}
		offsets.AddOffset(tp.Topic, tp.Partition, targets[tp], -1)
		steps = append(steps, step)
	}
	if len(steps) > 0 {
		steps[len(steps)-1].Do = func(ctx context.Context) error { return setOffsets(ctx, cl, g, offsets) }
	}
	return steps, nil
}

func mapKeys[V any](m map[record.TopicPartition]V) func(func(record.TopicPartition) bool) {
	return func(yield func(record.TopicPartition) bool) {
		for tp := range m {
			if !yield(tp) {
				return
			}
		}
	}
}

func comparePartitions(a, b record.TopicPartition) int {
	return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}

// committedOffsets are where a group is; -1: not known.
func committedOffsets(ctx context.Context, cl *cluster, g *listedGroup) (map[record.TopicPartition]int64, error) {
	from := committedBy
	if g.Type == "share" {
		from = startsOf
	}
	parts, err := from(ctx, cl.admin, g.Group)
	if err != nil {
		return nil, err
	}
	all := map[record.TopicPartition]int64{}
	for i := range parts {
		all[record.TopicPartition{Topic: parts[i].Topic, Partition: parts[i].Partition}] = parts[i].from()
	}
	return all, nil
}

// setOffsets gives a group offsets. A share group has state instead of commits.
func setOffsets(ctx context.Context, cl *cluster, g *listedGroup, offsets kadm.Offsets) error {
	if g.Type == "share" {
		resp, err := cl.admin.AlterShareGroupOffsets(ctx, g.Group, offsets)
		if err == nil {
			err = resp.Error()
		}
		return err
	}
	resp, err := cl.admin.CommitOffsets(ctx, g.Group, offsets)
	if err != nil {
		return err
	}
	var wrong []error
	resp.Each(func(o kadm.OffsetResponse) {
		if o.Err != nil {
			wrong = append(wrong, fmt.Errorf("%s-%d: %w", o.Topic, o.Partition, o.Err))
		}
	})
	return errors.Join(wrong...)
}
