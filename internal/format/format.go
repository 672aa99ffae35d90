package format

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"leat/internal/fs"
	"leat/internal/metalog"
	"leat/internal/record"
	"leat/internal/storage"
)

// Formatted is what was done.
type Formatted struct {
	ClusterID   string      `json:"cluster_id"`
	NodeID      int32       `json:"node_id"`
	Release     string      `json:"release"` // of metadata.version
	Directories []Directory `json:"directories"`

	bootstrap string // with what the cluster begins, in Kafka's words
}

// Directory is one that was formatted.
type Directory struct {
	Path string `json:"path"`
	Kind string `json:"kind"` // in Kafka's words
}

// Write says it as Kafka does.
func (f *Formatted) Write(out io.Writer) {
	if len(f.Directories) == 0 {
		fmt.Fprintln(out, "All of the log directories are already formatted.")
		return
	}
	fmt.Fprintln(out, f.bootstrap)
	for _, d := range f.Directories {
		fmt.Fprintf(out, "Formatting %s %s with metadata.version %s.\n", d.Kind, d.Path, f.Release)
	}
}

// Run formats the directories of the request that are not formatted. With an error there is what was done until then, if anything was; the directory
// in which it failed is the last.
func Run(fsys fs.FS, r Request) (*Formatted, error) {
	p, err := r.plan()
	if err != nil {
		return nil, err
	}
	fresh, err := r.fresh(fsys, p)
	if err != nil {
		return nil, err
	}
	done := &Formatted{ClusterID: r.ClusterID, NodeID: p.nodeID, Directories: []Directory{}, bootstrap: describe(p.records, r.Release.Level)}
	done.Release, _ = LevelName(r.Release.Level)
	for _, dir := range fresh {
		own := dir == p.dirs[len(p.dirs)-1]
		done.Directories = append(done.Directories, Directory{dir, p.kind(own)})
		if err := r.format(fsys, p, dir, own); err != nil {
			return done, err
		}
	}
	return done, nil
}

// fresh lists the directories that are not formatted, and refuses those that are, unless they may be passed over and are this node's.
func (r *Request) fresh(fsys fs.FS, p *plan) ([]string, error) {
	var fresh, formatted []string
	for _, dir := range p.dirs {
		id, ok, err := storage.ReadIdentity(fsys, dir)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			fresh = append(fresh, dir)
			continue
		case id.ClusterID != r.ClusterID:
			return nil, Refuse("Invalid cluster.id in: %s. Expected %s, but read %s", properties(dir), r.ClusterID, id.ClusterID)
		case id.NodeID != p.nodeID:
			return nil, Refuse("Stored node id %d doesn't match previous node id %d in %s. If you moved your data, make sure your configured node id matches. "+
				"If you intend to create a new node, you should remove all data in your data directories.", id.NodeID, p.nodeID, properties(dir))
		}
		formatted = append(formatted, dir)
	}
	if len(formatted) > 0 && !r.IgnoreFormatted {
		return nil, Refuse("Log directory %s is already formatted. Use --ignore-formatted to ignore this directory and format the others.", formatted[0])
	}
	return fresh, nil
}

func properties(dir string) string { return filepath.Join(dir, "meta.properties") }

// kind is what Kafka calls a directory while it formats it.
func (p *plan) kind(own bool) string {
	switch {
	case !own:
		return "data directory"
	case p.dynamic && !p.metadataID.IsZero():
		return "dynamic metadata voter directory"
	case p.dynamic && len(p.voters) > 1:
		return "dynamic metadata directory"
	}
	return "metadata directory"
}

// format writes the files of one directory. A broker that is no controller gets its metadata from the controllers.
func (r *Request) format(fsys fs.FS, p *plan, dir string, own bool) error {
	id := record.UUID{}
	if own {
		id = p.metadataID
	}
	if id.IsZero() {
		id = r.NewID()
	}
	if err := storage.MakeLogDir(fsys, dir); err != nil {
		return err
	}
	if own && r.Values.HasRole("controller") {
		if err := metalog.WriteBootstrap(fsys, dir, p.voters, p.records, time.Now()); err != nil {
			return err
		}
	}
	return storage.WriteIdentity(fsys, dir, storage.Identity{ClusterID: r.ClusterID, NodeID: p.nodeID, DirID: id})
}
