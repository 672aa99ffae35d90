package metalog

import (
	"fmt"
	"path/filepath"
	"time"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// WriteBootstrap leaves in a log directory the checkpoint at offset 0 with which a cluster begins: in its head the control records about the
// voters (none: they are static), then the records that ReadBootstrap will give.
func WriteBootstrap(fsys fs.FS, logDir string, voters []record.Record, records []metadata.Record, now time.Time) error {
	data, err := formatBootstrap(voters, records, now)
	if err != nil {
		return err
	}
	dir := dirOf(logDir)
	if err := storage.MakeLogDir(fsys, dir); err != nil {
		return err
	}
	if err := fs.WriteFile(fsys, filepath.Join(dir, Checkpoint{}.name()), data, 0o644); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// RemoveBootstrap removes what WriteBootstrap left.
func RemoveBootstrap(fsys fs.FS, logDir string) error {
	dir := dirOf(logDir)
	if err := fsys.Remove(filepath.Join(dir, Checkpoint{}.name())); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

func formatBootstrap(voters []record.Record, records []metadata.Record, now time.Time) ([]byte, error) {
	at := Stamp{0, 0, now.UnixMilli()}
	data, err := appendHead(at, now.UnixMilli(), voters)
	if err != nil {
		return nil, err
	}
	at.Offset = int64(1 + len(voters))
	var enc Encoder
	if data, err = enc.Batches(data, at, records); err != nil {
		return nil, err
	}
	at.Offset += int64(len(records))
	return AppendControl(data, at, record.ControlSnapshotFooter, snapshotFooter)
}
