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

// Info says on out what the directories of a node are, and tells whether there is nothing wrong with them.
func Info(fsys fs.FS, out io.Writer, v *config.Values) (well bool) {
	dirs := Directories(v)
	slices.Sort(dirs)
	var found, problems []string
	var first *storage.Identity
	for _, dir := range dirs {
		info, err := fsys.Stat(dir)
		switch {
		case err != nil:
			problems = append(problems, dir+" does not exist")
			continue
		case !info.IsDir():
			problems = append(problems, dir+" is not a directory")
			continue
		}
		found = append(found, dir)
		id, ok, err := storage.ReadIdentity(fsys, dir)
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("Error loading %s: %v", filepath.Join(dir, "meta.properties"), err))
		case !ok:
			problems = append(problems, dir+" is not formatted.")
		case first == nil:
			first = &id
		case first.ClusterID != id.ClusterID:
			problems = append(problems, "Mismatched cluster IDs between storage directories.")
		case first.NodeID != id.NodeID:
			problems = append(problems, "Mismatched node IDs between storage directories.")
		}
	}
	list(out, "Found log directory:", "Found log directories:", found)
	if first != nil {
		fmt.Fprintf(out, "Found metadata: {cluster.id=%s, directory.id=%s, node.id=%d, version=1}\n\n", first.ClusterID, first.DirID, first.NodeID)
	}
	list(out, "Found problem:", "Found problems:", problems)
	return len(problems) == 0
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
