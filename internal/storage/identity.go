package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"leat/internal/fs"
	"leat/internal/record"
)

// Identity is what the meta.properties of a log directory says: to which node of which cluster it belongs, and its own id.
type Identity struct {
	ClusterID string
	NodeID    int32
	DirID     record.UUID
}

// ReadIdentity reads the meta.properties of a directory without locking it; ok is false if it has none, or one without a node.
func ReadIdentity(fsys fs.FS, dir string) (id Identity, ok bool, err error) {
	m, found, err := readMetaProperties(fsys, dir)
	if err != nil || !found || !m.hasNode {
		return Identity{}, false, err
	}
	return Identity{m.clusterID, m.nodeID, m.dirID}, true, nil
}

// MakeLogDir makes a directory that outlives a crash, with those above it. One that is there stays as it is.
func MakeLogDir(fsys fs.FS, dir string) error {
	if err := makeDir(fsys, dir); err != nil {
		return fmt.Errorf("log directory %s: %w: %w", dir, err, ErrDisk)
	}
	return nil
}

// WriteIdentity writes the meta.properties of a directory that has none, and makes the directory if need be. Nobody may have it open.
func WriteIdentity(fsys fs.FS, dir string, id Identity) (err error) {
	if err := MakeLogDir(fsys, dir); err != nil {
		return err
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrLocked) {
		return fmt.Errorf("log directory %s: %w: stop the node that runs on it", dir, ErrDirLocked)
	} else if err != nil {
		return fmt.Errorf("log directory %s: %w: %w", dir, err, ErrDisk)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	m := metaProperties{clusterID: id.ClusterID, nodeID: id.NodeID, hasNode: true, dirID: id.DirID}
	if err := fs.WriteFile(fsys, filepath.Join(dir, metaPropertiesFile), m.format(), 0o644); err != nil {
		return fmt.Errorf("log directory %s: %w: %w", dir, err, ErrDisk)
	}
	return nil
}

// ClaimDir locks a directory that holds no partitions, as that of the metadata log may be one, until what it returns is closed. It makes and identifies
// the directory if need be; one that has an id keeps it.
func ClaimDir(fsys fs.FS, dir string, id Identity, logger *slog.Logger) (record.UUID, io.Closer, error) {
	d := &logDir{path: dir, store: &Store{logger: cmp.Or(logger, slog.New(slog.DiscardHandler)),
		cfg: StoreConfig{FS: fsys, NodeID: id.NodeID, ClusterID: id.ClusterID, NewDirIDs: map[string]record.UUID{dir: id.DirID}}}}
	err := d.open()
	if err == nil {
		err = d.identify()
	}
	if err != nil {
		d.unlock()
		return record.UUID{}, nil, err
	}
	return d.id, d.lock, nil
}

// NewID draws an id for a log directory, or for anything else that has one.
func NewID() record.UUID { return newUUID() }
