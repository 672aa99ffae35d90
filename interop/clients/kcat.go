package clients

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"leat/interop/record"
)

// kcat drives Debian's kcat. It sends lines of text; its headers are the same for all records of one call.
type kcat struct{}

func (kcat) Version(ctx context.Context) (string, error) {
	lines, err := run(ctx, "", "", "kcat", "-V")
	if err != nil {
		return "", err
	}
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, "Version "); ok {
			version, more, _ := strings.Cut(rest, " ")
			_, library, _ := strings.Cut(more, "librdkafka ")
			library, _, _ = strings.Cut(library, " ")
			return version + " (librdkafka " + library + ")", nil
		}
	}
	return "", fmt.Errorf("kcat -V names no version: %q", lines)
}

// Create makes the broker create the topic by itself, as the suite's brokers do with three partitions.
func (kcat) Create(ctx context.Context, bootstrap, topic string, partitions int) error {
	lines, err := run(ctx, "", "", "kcat", "-b", bootstrap, "-L", "-m", "120", "-t", topic, "-X", "allow.auto.create.topics=true")
	if err != nil {
		return err
	}
	_ = lines // the first answer may still say that the topic has no leader
	return nil
}

func (kcat) Produce(ctx context.Context, bootstrap, topic string, records []record.Record) ([]record.Ack, error) {
	for _, batch := range byCodec(records) {
		args := []string{"kcat", "-P", "-b", bootstrap, "-t", topic, "-K", "\t", "-z", batch[0].Codec,
			"-X", "enable.idempotence=true", "-X", "linger.ms=50"}
		for _, h := range batch[0].Headers {
			args = append(args, "-H", h.Name+"="+string(h.Value))
		}
		var input strings.Builder
		for _, r := range batch {
			fmt.Fprintf(&input, "%s\t%s\n", r.Key, r.Value)
		}
		if _, err := run(ctx, "", input.String(), args...); err != nil {
			return nil, err
		}
	}
	return unplaced(len(records)), nil
}

func (kcat) Consume(ctx context.Context, bootstrap, topic, group string, count int) ([]record.Placed, error) {
	// -c ends the program after that many records; it commits what it read and leaves the group.
	lines, err := run(ctx, "", "", "kcat", "-b", bootstrap, "-X", "auto.offset.reset=earliest", "-c", strconv.Itoa(count), "-q",
		"-f", "%p\t%o\t%T\t%K\t%k\t%S\t%s\t%h\n", "-G", group, topic)
	if err != nil {
		return nil, err
	}
	got := make([]record.Placed, 0, len(lines))
	for _, line := range lines {
		f := strings.Split(line, "\t")
		if len(f) != 8 {
			return nil, fmt.Errorf("kcat: %q: %d fields, not 8", line, len(f))
		}
		var p record.Placed
		if _, err := fmt.Sscan(f[0]+" "+f[1]+" "+f[2], &p.Partition, &p.Offset, &p.Timestamp); err != nil {
			return nil, fmt.Errorf("kcat: %q: %w", line, err)
		}
		p.Key, p.Value = sized(f[3], f[4]), sized(f[5], f[6])
		for _, pair := range strings.Split(f[7], ",") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				p.Headers = append(p.Headers, record.Header{Name: name, Value: []byte(value)})
			}
		}
		got = append(got, p)
	}
	return got, nil
}

// sized tells null from empty by the length that kcat prints.
func sized(length, text string) []byte {
	if length == "-1" {
		return nil
	}
	return []byte(text)
}

// byCodec cuts the records where the codec changes.
func byCodec(records []record.Record) [][]record.Record {
	var batches [][]record.Record
	for i, r := range records {
		if i == 0 || r.Codec != records[i-1].Codec {
			batches = append(batches, nil)
		}
		last := len(batches) - 1
		batches[last] = append(batches[last], r)
	}
	return batches
}

// unplaced is the answer of a producer that ends with status 0 only if all was acknowledged, and does not say where.
func unplaced(n int) []record.Ack {
	acks := make([]record.Ack, n)
	for i := range acks {
		acks[i] = record.Ack{Partition: -1, Offset: -1}
	}
	return acks
}
