package manage

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"leat/internal/record"
)

// targets are the offsets that are wanted. They lie in what the partitions have: past an end nothing would ever be read again by mistake.
func (r *resetting) targets(ctx context.Context, cl *cluster, committed map[record.TopicPartition]int64) (map[record.TopicPartition]int64, error) {
	wanted := r.wanted
	switch {
	case r.fromFile != nil:
		wanted = topicsOf(r.fromFile)
	case r.all:
		wanted = topicsOf(committed)
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("it has committed no offsets: --topic names what it shall read")
	}
	names := slices.Sorted(maps.Keys(wanted))
	topics, err := readTopics(ctx, cl, names...)
	if err != nil {
		return nil, err
	}
	starts, ends, sought, err := r.bounds(ctx, cl, names)
	if err != nil {
		return nil, err
	}
	out := map[record.TopicPartition]int64{}
	for i := range topics {
		list := wanted[topics[i].Name]
		if len(list) == 0 {
			for j := range topics[i].Partitions {
				list = append(list, topics[i].Partitions[j].Partition)
			}
		}
		for _, p := range list {
			tp := record.TopicPartition{Topic: topics[i].Name, Partition: p}
			start, ok := starts.Lookup(tp.Topic, p)
			end, known := ends.Lookup(tp.Topic, p)
			if !ok || !known {
				return nil, fmt.Errorf("%s-%d: there is no such partition", tp.Topic, p)
			}
			if start.Err != nil || end.Err != nil {
				return nil, fmt.Errorf("%s-%d: its offsets cannot be asked for: %w", tp.Topic, p, firstOf(start.Err, end.Err))
			}
			to, err := r.target(tp, start.Offset, end.Offset, committed, sought)
			if err != nil {
				return nil, err
			}
			out[tp] = min(max(to, start.Offset), end.Offset)
		}
	}
	return out, nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// bounds asks where partitions begin and end, and for a time where it is.
func (r *resetting) bounds(ctx context.Context, cl *cluster, names []string) (starts, ends, sought kadm.ListedOffsets, err error) {
	if starts, err = cl.admin.ListStartOffsets(ctx, names...); err != nil {
		return nil, nil, nil, err
	}
	if ends, err = cl.admin.ListEndOffsets(ctx, names...); err != nil {
		return nil, nil, nil, err
	}
	if !r.moment.IsZero() {
		sought, err = cl.admin.ListOffsetsAfterMilli(ctx, r.moment.UnixMilli(), names...)
	}
	return starts, ends, sought, err
}

// target is the offset that is wanted of one partition.
func (r *resetting) target(tp record.TopicPartition, start, end int64, committed map[record.TopicPartition]int64, sought kadm.ListedOffsets) (int64, error) {
	switch {
	case r.earliest:
		return start, nil
	case r.latest:
		return end, nil
	case r.toOffset:
		return r.offset, nil
	case r.fromFile != nil:
		return r.fromFile[tp], nil
	case r.byShift:
		at, ok := committed[tp]
		if !ok || at < 0 {
			return 0, fmt.Errorf("%s-%d: it has committed no offset that could be shifted: --to-offset sets one", tp.Topic, tp.Partition)
		}
		if r.shift > 0 && at > end-r.shift { // also where the sum would not fit
			return end, nil
		}
		return max(at+r.shift, start), nil
	}
	o, ok := sought.Lookup(tp.Topic, tp.Partition)
	if !ok || o.Err != nil {
		return 0, fmt.Errorf("%s-%d: the offset of the time cannot be asked for: %w", tp.Topic, tp.Partition, o.Err)
	}
	if o.Offset < 0 {
		return end, nil // nothing is as new
	}
	return o.Offset, nil
}

// topicsOf lists partitions by topic.
func topicsOf[V any](all map[record.TopicPartition]V) map[string][]int32 {
	out := map[string][]int32{}
	for tp := range all {
		out[tp.Topic] = append(out[tp.Topic], tp.Partition)
	}
	return out
}

const maxOffsetsFile = 64 << 20

// readOffsets reads lines TOPIC,PARTITION,OFFSET.
func readOffsets(path string) (map[record.TopicPartition]int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--from-file: %w", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > maxOffsetsFile {
		return nil, fmt.Errorf("--from-file=%s: %d bytes are too many for offsets", path, info.Size())
	}
	all := map[record.TopicPartition]int64{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		fields := strings.Split(text, ",")
		if len(fields) != 3 {
			return nil, fmt.Errorf("--from-file=%s: line %d: %q is not TOPIC,PARTITION,OFFSET", path, n, text)
		}
		p, err := strconv.ParseInt(strings.TrimSpace(fields[1]), 10, 32)
		o, wrong := strconv.ParseInt(strings.TrimSpace(fields[2]), 10, 64)
		if err != nil || wrong != nil || p < 0 || o < 0 {
			return nil, fmt.Errorf("--from-file=%s: line %d: %q is not TOPIC,PARTITION,OFFSET", path, n, text)
		}
		all[record.TopicPartition{Topic: strings.TrimSpace(fields[0]), Partition: int32(p)}] = o
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--from-file=%s: %w", path, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("--from-file=%s: it has no offsets", path)
	}
	return all, nil
}
