package storage

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"strings"

	"leat/internal/fs"
	"leat/internal/record"
)

// metadataLine begins the third line of partition.metadata, which Kafka does not read: a checksum of the two before it.
const metadataLine = "\ncrc32c: "

// formatPartitionMetadata is the content of partition.metadata: which topic, by id, the directory belongs to.
func formatPartitionMetadata(topicID record.UUID) []byte {
	b := []byte("version: 0\ntopic_id: " + topicID.String())
	return fmt.Appendf(b, "%s%08x", metadataLine, crc32.Checksum(b, castagnoli))
}

// parsePartitionMetadata is its inverse. Kafka's file has no checksum.
func parsePartitionMetadata(b []byte) (record.UUID, error) {
	var id record.UUID
	values := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return id, fmt.Errorf("line %.80q: expected a key, a colon and a value", line)
		}
		values[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	version := values["version"]
	if n, err := strconv.ParseInt(version, 10, 32); err == nil && n > 0 {
		return id, &newerForm{"version", n, "0"}
	}
	if text, stored, ok := bytes.Cut(b, []byte(metadataLine)); ok {
		if sum := fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli)); sum != string(stored) {
			return id, fmt.Errorf("its checksum is %.20q, of what is there it is %s: the file was damaged", stored, sum)
		}
	}
	if version != "0" {
		return id, fmt.Errorf("version %.20q: known is 0", version)
	}
	text, ok := values["topic_id"]
	if !ok {
		return id, errors.New("it has no topic_id")
	}
	return record.ParseUUID(text)
}

// shortestMetadata is as long as Kafka's file.
var shortestMetadata, _, _ = bytes.Cut(formatPartitionMetadata(record.UUID{}), []byte(metadataLine))

// tornMetadata reports whether only a part of a file reached the disk.
func tornMetadata(b []byte) bool {
	whole := len(shortestMetadata) + len(metadataLine) + 8
	return len(b) < len(shortestMetadata) || b[len(b)-1] == 0 || len(b) < whole && bytes.HasPrefix(b[len(shortestMetadata):], []byte(metadataLine[:2]))
}

// readPartitionMetadata reads the topic id of a partition's directory. A file that is missing, or torn because the machine stopped
// before it was synced, means that the id is not known; nothing in the log was synced then either.
func readPartitionMetadata(fsys fs.FS, path string) (record.UUID, error) {
	b, err := fs.ReadFile(fsys, path)
	if errors.Is(err, os.ErrNotExist) {
		return record.UUID{}, nil
	}
	if err != nil {
		return record.UUID{}, fmt.Errorf("%w: %w", err, ErrDisk)
	}
	if tornMetadata(b) {
		return record.UUID{}, nil
	}
	id, err := parsePartitionMetadata(b)
	if err != nil {
		return record.UUID{}, fmt.Errorf("%s: %w: %w", path, err, ErrCorrupt)
	}
	return id, nil
}
