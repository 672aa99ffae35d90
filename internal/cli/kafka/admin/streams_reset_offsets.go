package admin

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"leat/internal/cli/kafka/tool"
)

// moveOffsets sets the offsets of input topics and those of intermediate ones, and tells whether all topics are there.
func (r *resetCall) moveOffsets(ctx context.Context) (bool, error) {
	r.input = r.Values("input-topics")
	if r.Has("intermediate-topics") {
		r.Println("WARN: `--intermediate-topics` is deprecated and will be removed in a future release")
	}
	r.middle = r.Values("intermediate-topics")
	if len(r.input) == 0 && len(r.middle) == 0 {
		r.Println("No input or intermediate topics specified. Skipping seek.")
		return true, nil
	}
	if len(r.input) > 0 {
		r.Println("Reset-offsets for input topics " + javaList(r.input))
	}
	if len(r.middle) > 0 {
		r.Println("Seek-to-end for intermediate topics " + javaList(r.middle))
	}
	there := r.existing("input", "Topic: ", r.input) + r.existing("intermediate", "Topic:", r.middle)
	all := there == len(r.input)+len(r.middle)
	if there == 0 {
		return all, nil
	}
	if err := r.seek(ctx); err != nil {
		return all, err
	}
	r.Println("Done.")
	return all, nil
}

// existing tells how many of some topics are there, and says which are not.
func (r *resetCall) existing(kind, mark string, topics []string) int {
	missing := slices.DeleteFunc(slices.Clone(topics), func(topic string) bool { return has(r.topics, topic) })
	if len(missing) > 0 {
		r.Println("Following " + kind + " topics are not found, skipping them")
	}
	for _, topic := range missing {
		r.Println(mark + topic)
	}
	return len(topics) - len(missing)
}

// seek finds the new offsets and commits them.
func (r *resetCall) seek(ctx context.Context) error {
	if strings.TrimSpace(r.application) == "" {
		return &tool.Exception{Class: "org.apache.kafka.common.KafkaException", Message: "Failed to construct kafka consumer"}
	}
	input, err := r.partitions(ctx, r.input)
	if err != nil {
		return err
	}
	middle, err := r.partitions(ctx, slices.DeleteFunc(slices.Clone(r.middle), func(topic string) bool { return has(r.input, topic) }))
	if err != nil {
		return err
	}
	offsets := make(map[partition]int64)
	if len(input) > 0 {
		r.Println("Following input topics offsets will be reset to (for consumer group " + r.application + ")")
		if offsets, err = r.newOffsets(ctx, input); err != nil {
			return err
		}
		for _, p := range input {
			r.Println("Topic: " + p.topic + " Partition: " + number(p.index) + " Offset: " + number(offsets[p]))
		}
	}
	if len(middle) > 0 {
		r.Println("Following intermediate topics offsets will be reset to end (for consumer group " + r.application + ")")
		for _, p := range middle {
			r.Println("Topic: " + p.topic)
		}
		ends, err := r.at(ctx, middle, atLatest)
		if err != nil {
			return err
		}
		maps.Copy(offsets, ends)
	}
	if r.Has("dry-run") {
		return nil
	}
	return r.commit(ctx, offsets)
}

// partitions are those of the topics that are there, in the order of a Java set.
func (r *resetCall) partitions(ctx context.Context, topics []string) ([]partition, error) {
	all, err := partitionsOf(ctx, r.cluster, slices.DeleteFunc(slices.Clone(topics), func(topic string) bool { return !has(r.topics, topic) }))
	return hashPartitions(all), err
}

// newOffsets are what the options ask for.
func (r *resetCall) newOffsets(ctx context.Context, input []partition) (map[partition]int64, error) {
	r.Int("to-offset", 64)
	r.Int("shift-by", 64)
	r.Value("to-datetime")
	r.Value("by-duration")
	if r.Value("from-file"); r.Wrong() != nil {
		return nil, r.Wrong()
	}
	switch {
	case r.Has("to-offset"):
		wanted := make(map[partition]int64)
		for _, p := range input {
			wanted[p] = r.Int("to-offset", 64)
		}
		return r.withinLog(ctx, input, wanted)
	case r.Has("shift-by"):
		wanted, err := r.positions(ctx, input)
		if err != nil {
			return nil, err
		}
		for p := range wanted {
			wanted[p] += r.Int("shift-by", 64)
		}
		return r.withinLog(ctx, input, wanted)
	case r.Has("to-datetime"):
		at, err := parseDateTime(r.Value("to-datetime"))
		if err != nil {
			return nil, r.notReset(err)
		}
		return r.atTime(ctx, input, at)
	case r.Has("by-duration"):
		back, err := parseDuration(r.Value("by-duration"))
		if err != nil {
			return nil, err
		}
		return r.atTime(ctx, input, time.Now().Add(-back).UnixMilli())
	case r.Has("from-file"):
		return r.fromFile(ctx, input)
	case r.Has("to-latest"):
		return r.at(ctx, input, atLatest)
	}
	return r.at(ctx, input, atEarliest)
}

// notReset says what did not work before the error itself is told.
func (r *resetCall) notReset(err error) error {
	r.Warnln("ERROR: Resetting offsets failed.")
	return err
}

func (r *resetCall) at(ctx context.Context, partitions []partition, at int64) (map[partition]int64, error) {
	list, err := listOffsets(ctx, r.cluster, partitions, at)
	if err != nil {
		return nil, err
	}
	offsets := make(map[partition]int64, len(list))
	for p, f := range list {
		if f.err != nil {
			return nil, f.err
		}
		offsets[p] = f.offset
	}
	return offsets, nil
}

// atTime are the offsets at a time; where nothing came later, at the end.
func (r *resetCall) atTime(ctx context.Context, input []partition, at int64) (map[partition]int64, error) {
	if at < 0 {
		return nil, tool.Illegal("The target time for partition %s is %d. The target time cannot be negative.", input[0], at)
	}
	offsets, err := r.at(ctx, input, at)
	if err != nil {
		return nil, err
	}
	var none []partition
	for _, p := range input {
		if offsets[p] < 0 {
			none = append(none, p)
			r.Println("Partition " + number(p.index) + " from topic " + p.topic + " is empty, without a committed record. Falling back to latest known offset.")
		}
	}
	ends, err := r.at(ctx, none, atLatest)
	maps.Copy(offsets, ends)
	return offsets, err
}

// positions are where the application is; where it has not been, at the end of the log, or where auto.offset.reset says.
func (r *resetCall) positions(ctx context.Context, input []partition) (map[partition]int64, error) {
	old, err := committed(ctx, r.cluster, r.application)
	if err != nil {
		return nil, err
	}
	offsets := make(map[partition]int64)
	var none []partition
	for _, p := range input {
		if o, ok := old[p]; ok {
			offsets[p] = o.offset
		} else {
			none = append(none, p)
		}
	}
	at := int64(atLatest)
	if strings.EqualFold(r.cluster.Properties["auto.offset.reset"], "earliest") {
		at = atEarliest
	}
	found, err := r.at(ctx, none, at)
	maps.Copy(offsets, found)
	return offsets, err
}

// fromFile are the offsets of a file of CSV.
func (r *resetCall) fromFile(ctx context.Context, input []partition) (map[partition]int64, error) {
	text, err := readFile(r.Value("from-file"))
	if err != nil {
		return nil, r.notReset(err)
	}
	wanted, err := parsePlan(string(text))
	var e *tool.Exception
	if errors.As(err, &e) && e.Class == parseException {
		return nil, r.notReset(err)
	}
	if err != nil {
		return nil, err
	}
	for p := range wanted {
		if !slices.Contains(input, p) {
			return nil, tool.Saidf("%s: %s: it is no partition of an input topic", r.Value("from-file"), p)
		}
	}
	for _, p := range input {
		if _, ok := wanted[p]; !ok {
			return nil, tool.Saidf("%s: it has no offset for %s", r.Value("from-file"), p)
		}
	}
	return r.withinLog(ctx, input, wanted)
}

// withinLog moves offsets that are beyond the log to its ends, and says so. Kafka's tool says it of offsets at the ends, too.
func (r *resetCall) withinLog(ctx context.Context, input []partition, wanted map[partition]int64) (map[partition]int64, error) {
	ends, err := r.at(ctx, input, atLatest)
	if err != nil {
		return nil, err
	}
	starts, err := r.at(ctx, input, atEarliest)
	if err != nil {
		return nil, err
	}
	for _, p := range r.order(input) {
		switch offset := wanted[p]; {
		case offset >= ends[p]:
			r.Println("New offset (" + number(offset) + ") is higher than latest offset. Value will be set to " + number(ends[p]))
			wanted[p] = ends[p]
		case offset <= starts[p]:
			r.Println("New offset (" + number(offset) + ") is lower than earliest offset. Value will be set to " + number(starts[p]))
			wanted[p] = starts[p]
		}
	}
	return wanted, nil
}

// order is that of the map that Kafka's tool has the wanted offsets in: one made for as many as there are, unless they come from a file.
func (r *resetCall) order(input []partition) []partition {
	if r.Has("from-file") {
		return input
	}
	return tool.SizedHashOrderFunc(input, func(p partition) int32 { return tool.PartitionHash(p.topic, p.index) })
}

// commit sets the offsets, as a consumer does that is no member of the group.
func (r *resetCall) commit(ctx context.Context, offsets map[partition]int64) error {
	codes, err := commitCodes(ctx, r.cluster, r.application, offsets)
	if err != nil {
		return err
	}
	for _, p := range hashPartitions(slices.SortedFunc(maps.Keys(codes), comparePartitions)) {
		if codes[p] == unknownMember {
			return &tool.Exception{Class: "org.apache.kafka.clients.consumer.CommitFailedException", Message: "group " + r.application + " has members: stop all instances of the application first"}
		}
		if err := tool.Refused(codes[p], nil); err != nil {
			return err
		}
	}
	return nil
}

// parsePlan reads lines of TOPIC,PARTITION,OFFSET.
func parsePlan(text string) (map[partition]int64, error) {
	wrong := func(why string) error { return &tool.Exception{Class: parseException, Message: why} }
	if text == "" {
		return nil, wrong("Error parsing reset plan CSV file. It is empty,")
	}
	wanted := make(map[partition]int64)
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		parts := strings.Split(strings.TrimRight(line, ","), ",")
		if len(parts) != 3 {
			return nil, wrong("Reset plan CSV file is not following the format `TOPIC,PARTITION,OFFSET`.")
		}
		index, err := parseInt32(parts[1])
		if err != nil {
			return nil, err
		}
		if wanted[partition{parts[0], index}], err = parseInt(parts[2], 64); err != nil {
			return nil, err
		}
	}
	return wanted, nil
}
