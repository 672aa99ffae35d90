package storage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"leat/internal/fs"
	"leat/internal/record"
)

// formatPartitionMetadata is the content of partition.metadata: which topic, by id, the directory belongs to.
func formatPartitionMetadata(topicID record.UUID) []byte {
	return []byte("version: 0\ntopic_id: " + topicID.String())
}

// parsePartitionMetadata is its inverse.
func parsePartitionMetadata(b []byte) (record.UUID, error) {
	var id record.UUID
	var version string
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return id, fmt.Errorf("line %.80q: expected a key, a colon and a value", line)
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "version":
			version = value
		case "topic_id":
			var err error
			if id, err = record.ParseUUID(value); err != nil {
				return id, err
			}
		}
	}
	if version != "0" {
		return id, fmt.Errorf("version %.20q: known is 0", version)
	}
	return id, nil
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
	if len(b) < len(formatPartitionMetadata(record.UUID{})) || bytes.IndexByte(b, 0) >= 0 {
		return record.UUID{}, nil
	}
	id, err := parsePartitionMetadata(b)
	if err != nil {
		return record.UUID{}, fmt.Errorf("%s: %w: %w", path, err, ErrCorrupt)
	}
	return id, nil
}
