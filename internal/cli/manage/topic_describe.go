package manage

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

// describedTopic is what `leat topic describe -o json` prints of each.
type describedTopic struct {
	topic
	Configs []setting `json:"configs"` // that are not the defaults
}

func topicDescribeCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "describe TOPIC...", Short: "Show partitions of topics, where they are, what they hold, and configs that are not the defaults",
		Example: "  leat topic describe orders\n  leat topic describe orders -o json",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: completeTopics,
	})
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		topics, err := readTopics(ctx, cl, args...)
		if err != nil {
			return err
		}
		described, tables := []describedTopic{}, []*present.Table(nil)
		for i := range topics {
			d := describedTopic{topic: topics[i]}
			if err := addOffsets(ctx, cl, &d.topic); err != nil {
				return of("topic "+d.Name, err)
			}
			if d.Configs, err = readSettings(ctx, cl, entity{kmsg.ConfigResourceTypeTopic, d.Name}); err != nil {
				return err
			}
			d.Configs = notDefault(d.Configs)
			described = append(described, d)
			tables = append(tables, d.table())
			if len(d.Configs) > 0 {
				tables = append(tables, settingsTable(d.Configs))
			}
		}
		return c.Show(described, tables...)
	}
	return c.Command
}

// addOffsets adds where the logs of a topic begin and end, as far as their leaders say.
func addOffsets(ctx context.Context, cl *cluster, t *topic) error {
	starts, err := cl.admin.ListStartOffsets(ctx, t.Name)
	if err != nil {
		return err
	}
	ends, err := cl.admin.ListEndOffsets(ctx, t.Name)
	if err != nil {
		return err
	}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if o, ok := starts.Lookup(t.Name, p.Partition); ok && o.Err == nil {
			p.Start = new(o.Offset)
		}
		if o, ok := ends.Lookup(t.Name, p.Partition); ok && o.Err == nil {
			p.End = new(o.Offset)
		}
	}
	return nil
}

func (d *describedTopic) table() *present.Table {
	t := present.NewTable("PARTITION", "LEADER", "EPOCH", "REPLICAS", "IN-SYNC", "START", "END", "STATE")
	t.Title = fmt.Sprintf("topic %s: %s, replication factor %d, id %s", d.Name, plural(len(d.Partitions), "partition"), d.Replicas, d.ID)
	for i := range d.Partitions {
		p := &d.Partitions[i]
		var state any = present.Good("ok")
		if p.Leader < 0 {
			state = present.Bad("offline")
		} else if p.underReplicated() {
			state = present.Warn("under-replicated")
		}
		t.Add(p.Partition, known(int64(p.Leader)), p.Epoch, p.Replicas, p.InSync, offset(p.Start), offset(p.End), state)
	}
	return t
}

// offset is one that may not be known.
func offset(o *int64) any {
	if o == nil {
		return nil
	}
	return *o
}
