package format

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"leat/internal/config"
	"leat/internal/fs"
	"leat/internal/storage"
)

// Found is what the directories of a node are.
type Found struct {
	Directories []string `json:"directories"` // that are there
	ClusterID   string   `json:"cluster_id,omitempty"`
	NodeID      *int32   `json:"node_id,omitempty"`
	DirectoryID string   `json:"directory_id,omitempty"` // of the first that is formatted
	Problems    []string `json:"problems"`
}

// Info finds out what the directories of a node are, and what is wrong with them.
func Info(fsys fs.FS, v *config.Values) *Found {
	dirs := Directories(v)
	slices.Sort(dirs)
	found := &Found{Directories: []string{}, Problems: []string{}}
	problem := func(format string, args ...any) {
		found.Problems = append(found.Problems, fmt.Sprintf(format, args...))
	}
	for _, dir := range dirs {
		info, err := fsys.Stat(dir)
		switch {
		case err != nil:
			problem("%s does not exist", dir)
			continue
		case !info.IsDir():
			problem("%s is not a directory", dir)
			continue
		}
		found.Directories = append(found.Directories, dir)
		id, ok, err := storage.ReadIdentity(fsys, dir)
		switch {
		case err != nil:
			problem("Error loading %s: %v", filepath.Join(dir, "meta.properties"), err)
		case !ok:
			problem("%s is not formatted.", dir)
		case found.NodeID == nil:
			found.ClusterID, found.NodeID, found.DirectoryID = id.ClusterID, &id.NodeID, id.DirID.String()
		case found.ClusterID != id.ClusterID:
			problem("Mismatched cluster IDs between storage directories.")
		case *found.NodeID != id.NodeID:
			problem("Mismatched node IDs between storage directories.")
		}
	}
	return found
}

// Write says it as Kafka does.
func (f *Found) Write(out io.Writer) {
	list(out, "Found log directory:", "Found log directories:", f.Directories)
	if f.NodeID != nil {
		fmt.Fprintf(out, "Found metadata: {cluster.id=%s, directory.id=%s, node.id=%d, version=1}\n\n", f.ClusterID, f.DirectoryID, *f.NodeID)
	}
	list(out, "Found problem:", "Found problems:", f.Problems)
}

// list writes lines under a title for one or for many, and nothing if there are none.
func list(out io.Writer, one, many string, lines []string) {
	if len(lines) == 0 {
		return
	}
	title := many
	if len(lines) == 1 {
		title = one
	}
	fmt.Fprintln(out, title)
	for _, line := range lines {
		fmt.Fprintln(out, "  "+line)
	}
	fmt.Fprintln(out)
}
