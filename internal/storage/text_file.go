package storage

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strconv"
	"strings"

	"leat/internal/fs"
	"leat/internal/record"
)

// Kafka's checkpoint files are text: a line with the version 0, a line with the number of entries, one line per entry. In files of offsets the
// last entry is a checksum of all before it, written as the offset of a partition that cannot exist: Kafka reads it and finds no such log.

// parseCheckpoint calls line for the fields of each entry.
func parseCheckpoint(b []byte, line func(fields []string) error) error {
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	if v, err := strconv.ParseInt(strings.TrimSpace(lines[0]), 10, 32); err == nil && v > 0 {
		return &newerForm{"version", v, "0"}
	}
	if len(lines) < 2 || strings.TrimSpace(lines[0]) != "0" {
		return fmt.Errorf("first line %.20q: expected version 0", lines[0])
	}
	n, err := strconv.Atoi(strings.TrimSpace(lines[1]))
	if err != nil || n != len(lines)-2 {
		return fmt.Errorf("second line %.20q: expected the number of entries, which are %d", lines[1], len(lines)-2)
	}
	for i, l := range lines[2:] {
		if err := line(strings.Fields(l)); err != nil {
			return fmt.Errorf("line %d %.300q: %w", i+3, l, err)
		}
	}
	return nil
}

var errFields = errors.New("wrong number of fields")

// checksumTopic cannot be the name of a topic.
const checksumTopic = "#crc32c"

// checkSum compares the checksum of a file of offsets, if it has one: Kafka's have none.
func checkSum(b []byte) error {
	last := bytes.LastIndexByte(bytes.TrimRight(b, "\n"), '\n') + 1
	text, ok := strings.CutPrefix(strings.TrimSpace(string(b[last:])), checksumTopic+" 0 ")
	if !ok {
		return nil
	}
	if sum := crc32.Checksum(b[:last], castagnoli); text != strconv.FormatUint(uint64(sum), 10) {
		return fmt.Errorf("the checksum in its last line is %.20q, of what is there it is %d: the file was damaged", text, sum)
	}
	return nil
}

// parseOffsets reads one of the files with an offset per partition.
func parseOffsets(b []byte) (map[record.TopicPartition]int64, error) {
	offsets := make(map[record.TopicPartition]int64)
	err := parseCheckpoint(b, func(fields []string) error {
		if len(fields) != 3 {
			return errFields
		}
		partition, err := strconv.ParseInt(fields[1], 10, 32)
		if err != nil {
			return err
		}
		offset, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return err
		}
		if fields[0] != checksumTopic {
			offsets[record.TopicPartition{Topic: fields[0], Partition: int32(partition)}] = offset
		}
		return nil
	})
	if sumErr := checkSum(b); sumErr != nil && !errors.Is(err, ErrNewer) {
		err = sumErr
	}
	return offsets, err
}

// partitionOffset is one line of an offset checkpoint.
type partitionOffset struct {
	tp     record.TopicPartition
	offset int64
}

// formatOffsets is the inverse of parseOffsets, sorted by topic and partition.
func formatOffsets(list []partitionOffset) []byte {
	slices.SortFunc(list, func(a, b partitionOffset) int {
		return cmp.Or(strings.Compare(a.tp.Topic, b.tp.Topic), cmp.Compare(a.tp.Partition, b.tp.Partition))
	})
	if len(list) == 0 {
		return []byte("0\n0\n")
	}
	out := append([]byte("0\n"), strconv.Itoa(len(list)+1)...)
	for _, x := range list {
		out = append(append(append(out, '\n'), x.tp.Topic...), ' ')
		out = append(strconv.AppendInt(out, int64(x.tp.Partition), 10), ' ')
		out = strconv.AppendInt(out, x.offset, 10)
	}
	out = append(out, '\n')
	return fmt.Appendf(out, "%s 0 %d\n", checksumTopic, crc32.Checksum(out, castagnoli))
}

// readOffsets reads an offset checkpoint; a missing file is an empty one, and so is one without a byte, which Kafka makes when it starts.
func readOffsets(fsys fs.FS, path string) (map[record.TopicPartition]int64, error) {
	b, err := fs.ReadFile(fsys, path)
	if errors.Is(err, os.ErrNotExist) {
		return map[record.TopicPartition]int64{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrDisk)
	}
	if len(b) == 0 {
		return map[record.TopicPartition]int64{}, nil
	}
	offsets, err := parseOffsets(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, err, ErrCorrupt)
	}
	return offsets, nil
}
