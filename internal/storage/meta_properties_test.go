package storage

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"leat/internal/fs"
)

// Kafka takes what stands in meta.properties for granted, and so operators change it. Only another id of the directory, which nothing else tells, is refused.
func TestMetaPropertiesChangedByHand(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(text string) string
		cluster      string
		node         int32
		err          error
		says, warned string
	}{
		"nothing":           {change: func(s string) string { return s }},
		"node":              {change: swap("node.id=1", "node.id=2"), node: 2, warned: "changed by hand or damaged"},
		"node, not told so": {change: swap("node.id=1", "node.id=2"), err: ErrForeignDir, says: "node.id=1"},
		"cluster":           {change: swap("cluster.id=", "cluster.id=New-"), cluster: "New-", warned: "changed by hand or damaged"},
		"a comment more":    {change: func(s string) string { return s + "# moved in June\n" }, warned: "changed by hand or damaged"},
		"directory":         {change: swap("directory.id=A", "directory.id=B"), err: ErrCorrupt, says: "delete the line #crc32c="},
		"directory gone":    {change: swap("directory.id=", "#"), err: ErrCorrupt, says: "delete the line #crc32c="},
		"directory, on purpose": {change: func(s string) string {
			return strings.NewReplacer("directory.id=A", "directory.id=B", "#crc32c=", "#").Replace(s)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			mem, log := fs.NewMem(), bytes.Buffer{}
			cfg := testStoreConfig(t, mem, "/data")
			m := metaProperties{clusterID: cfg.ClusterID, nodeID: 1, hasNode: true}
			m.dirID[5] = 7
			if err := errors.Join(mem.MkdirAll("/data", 0o755), fs.WriteFile(mem, "/data/meta.properties", []byte(c.change(string(m.format()))), 0o644)); err != nil {
				t.Fatal(err)
			}
			cfg.NodeID, cfg.ClusterID = max(c.node, 1), c.cluster+cfg.ClusterID
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			s, err := openAlone(cfg)
			if err == nil {
				err = errors.Join(s.dirs[0].offline(), closeAlone(s))
			}
			if c.err == nil && err != nil || c.err != nil && (!errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "meta.properties")) {
				t.Errorf("%v, expected %v", err, c.err)
			}
			if c.err == nil && strings.Contains(log.String(), "level=WARN") != (c.warned != "") || !strings.Contains(log.String(), c.warned) {
				t.Errorf("told: %s", &log)
			}
		})
	}
}

func swap(from, to string) func(string) string {
	return func(s string) string { return strings.Replace(s, from, to, 1) }
}
