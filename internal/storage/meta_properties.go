package storage

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"leat/internal/fs"
	"leat/internal/record"
)

// metaProperties is the content of meta.properties: to which node of which cluster a log directory belongs.
type metaProperties struct {
	clusterID string
	nodeID    int32
	hasNode   bool
	dirID     record.UUID
	changed   bool // since it was written, by hand or by damage
}

// parseMetaProperties reads version 1, and version 0 as Kafka did before KRaft (broker.id in place of node.id).
func parseMetaProperties(b []byte) (metaProperties, error) {
	var m metaProperties
	values := parseProperties(string(b))
	v := values["version"]
	if n, err := strconv.ParseInt(v, 10, 32); err == nil && n > 1 {
		return m, &newerForm{"version", n, "1"}
	}
	var err error
	if m.changed, err = checkProperties(b, values["directory.id"]); err != nil {
		return m, err
	}
	if v != "1" && v != "0" {
		return m, fmt.Errorf("version %.20q: known are 0 and 1", v)
	}
	m.clusterID = values["cluster.id"]
	node, ok := values["node.id"]
	if !ok {
		node, ok = values["broker.id"]
	}
	if ok {
		n, err := strconv.ParseInt(node, 10, 32)
		if err != nil {
			return m, fmt.Errorf("node.id=%.20s: not a number", node)
		}
		m.nodeID, m.hasNode = int32(n), true
	}
	if id, ok := values["directory.id"]; ok {
		if m.dirID, err = record.ParseUUID(id); err != nil {
			return m, fmt.Errorf("directory.id: %w", err)
		}
	}
	return m, nil
}

// parseProperties reads the plain form of Java's properties: comments, key=value, and a backslash before special characters.
func parseProperties(text string) map[string]string {
	values := make(map[string]string)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok {
			values[strings.TrimSpace(key)] = strings.ReplaceAll(strings.TrimSpace(value), `\`, "")
		}
	}
	return values
}

// propertiesSum begins a comment with the checksum of what follows it, and that of the directory's id. Whoever writes the file anew, as Kafka does,
// drops it.
const propertiesSum = "#crc32c="

func (m metaProperties) format() []byte {
	values := fmt.Sprintf("cluster.id=%s\ndirectory.id=%s\nnode.id=%d\nversion=1\n", m.clusterID, m.dirID, m.nodeID)
	return []byte("#\n#written by leat\n" + propertiesSum + textSum(values) + "," + textSum(m.dirID.String()) + "\n" + values)
}

func textSum(s string) string { return fmt.Sprintf("%08x", crc32.Checksum([]byte(s), castagnoli)) }

// checkProperties compares the checksums, if there are any. Cluster and node may be changed by hand, since both are compared with what the node was
// told. Nothing else tells a directory's id, and under another one its partitions would be set aside.
func checkProperties(b []byte, dirID string) (changed bool, err error) {
	_, rest, ok := strings.Cut(string(b), "\n"+propertiesSum)
	if !ok {
		return false, nil
	}
	stored, values, _ := strings.Cut(rest, "\n")
	all, ofID, _ := strings.Cut(strings.TrimSpace(stored), ",")
	if all == textSum(values) {
		return false, nil
	}
	if sum := textSum(dirID); sum != ofID {
		return true, fmt.Errorf("the checksum of its directory.id is %.20q, of what is there it is %s: put back the copy of a backup, or delete the line %s if the id was changed on purpose",
			ofID, sum, propertiesSum)
	}
	return true, nil
}

// readMetaProperties reads the file of a directory; ok is false if there is none.
func readMetaProperties(fsys fs.FS, dir string) (m metaProperties, ok bool, err error) {
	path := filepath.Join(dir, metaPropertiesFile)
	b, err := fs.ReadFile(fsys, path)
	if errors.Is(err, os.ErrNotExist) {
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("%w: %w", err, ErrDisk)
	}
	if m, err = parseMetaProperties(b); err != nil {
		return m, false, fmt.Errorf("%s: %w: %w", path, err, ErrCorrupt)
	}
	return m, true, nil
}

// newUUID returns a random UUID. Text that begins with a dash is avoided, as Kafka does: tools take it for an option.
func newUUID() record.UUID {
	for {
		var u record.UUID
		_, _ = rand.Read(u[:]) // crypto/rand never fails
		u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
		if u.String()[0] != '-' {
			return u
		}
	}
}

// ReadClusterID returns the cluster id and node id in the meta.properties of the given directories without locking them; ok is
// false if none is formatted. Directories that contradict each other are an ErrForeignDir.
func ReadClusterID(fsys fs.FS, dirs []string) (clusterID string, nodeID int32, ok bool, err error) {
	first := ""
	for _, dir := range dirs {
		m, found, err := readMetaProperties(fsys, dir)
		if errors.Is(err, ErrDisk) || err == nil && !found {
			continue
		}
		if err != nil {
			return "", 0, false, err
		}
		if ok && (m.clusterID != clusterID || m.hasNode && m.nodeID != nodeID) {
			return "", 0, false, fmt.Errorf("%s belongs to node %d of cluster %s, %s to node %d of cluster %s: use directories of one node: %w",
				first, nodeID, clusterID, dir, m.nodeID, m.clusterID, ErrForeignDir)
		}
		if !ok {
			clusterID, nodeID, ok, first = m.clusterID, m.nodeID, true, dir
		}
	}
	return clusterID, nodeID, ok, nil
}
