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

// Run formats the directories of the request and says on out what it does.
func Run(fsys fs.FS, out io.Writer, r Request) error {
	p, err := r.plan()
	if err != nil {
		return err
	}
	fresh, err := r.fresh(fsys, p)
	if err != nil {
		return err
	}
	if len(fresh) == 0 {
		fmt.Fprintln(out, "All of the log directories are already formatted.")
		return nil
	}
	fmt.Fprintln(out, describe(p.records, r.Release.Level))
	release, _ := LevelName(r.Release.Level)
	for _, dir := range fresh {
		own := dir == p.dirs[len(p.dirs)-1]
		fmt.Fprintf(out, "Formatting %s %s with metadata.version %s.\n", p.kind(own), dir, release)
		if err := r.format(fsys, p, dir, own); err != nil {
			return err
		}
	}
	return nil
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
