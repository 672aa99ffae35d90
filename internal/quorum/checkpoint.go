package quorum

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
)

const (
	checkpointSuffix = ".checkpoint"
	// bootstrapFile is where Kafka before 4.4 left what formatting chose; later ones leave a checkpoint at offset 0.
	bootstrapFile = "bootstrap.checkpoint"
	// snapshotBatch is how many records go into one batch of a checkpoint.
	snapshotBatch = 1024
)

// checkpoint names a checkpoint file: everything below end is in it, and epoch is that of the last record.
type checkpoint struct {
	end   int64
	epoch int32
	size  int64
	mtime time.Time
}

func (c checkpoint) name() string {
	return fmt.Sprintf("%020d-%010d%s", c.end, c.epoch, checkpointSuffix)
}

// parseCheckpoint reads a file name; ok is false for other files.
func parseCheckpoint(name string) (checkpoint, bool) {
	base, ok := strings.CutSuffix(name, checkpointSuffix)
	if !ok || len(base) != 31 || base[20] != '-' {
		return checkpoint{}, false
	}
	end, err1 := strconv.ParseInt(base[:20], 10, 64)
	epoch, err2 := strconv.ParseInt(base[21:], 10, 32)
	return checkpoint{end: end, epoch: int32(epoch)}, err1 == nil && err2 == nil && end >= 0 && epoch >= 0
}

// checkpoints lists the checkpoints of a directory, the oldest first. The one at offset 0 is what formatting left, and no snapshot.
func checkpoints(fsys fs.FS, dir string) ([]checkpoint, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []checkpoint
	for _, e := range entries {
		c, ok := parseCheckpoint(e.Name())
		if !ok || c.end == 0 {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		c.size, c.mtime = info.Size(), info.ModTime()
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b checkpoint) int { return strings.Compare(a.name(), b.name()) })
	return out, nil
}

// newestCheckpoint loads the newest checkpoint; without one the image is empty and ends at offset 0.
func newestCheckpoint(fsys fs.FS, dir string) (*metadata.Image, checkpoint, error) {
	all, err := checkpoints(fsys, dir)
	if err != nil || len(all) == 0 {
		return metadata.Empty, checkpoint{}, err
	}
	c := all[len(all)-1]
	records, timestamp, err := readCheckpoint(fsys, filepath.Join(dir, c.name()))
	if err != nil {
		return nil, c, err
	}
	d := metadata.NewDelta(metadata.Empty)
	for _, r := range records {
		if err := d.Replay(r); err != nil {
			return nil, c, fmt.Errorf("%s: %w", filepath.Join(dir, c.name()), err)
		}
	}
	return d.Image(c.end-1, c.epoch, timestamp), c, nil
}

// readBootstrap returns the records that formatting the directory left, nil if there are none.
func readBootstrap(fsys fs.FS, logDir string) ([]metadata.Record, error) {
	for _, name := range []string{filepath.Join(dirOf(logDir), checkpoint{}.name()), filepath.Join(logDir, bootstrapFile)} {
		records, _, err := readCheckpoint(fsys, name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		return records, err
	}
	return nil, nil
}

// readCheckpoint reads a whole checkpoint file and the time of the last record in it. A file without its footer is not whole.
func readCheckpoint(fsys fs.FS, name string) ([]metadata.Record, int64, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, 0, err
	}
	var c checkpointReader
	for {
		b, rest, err := record.Split(data)
		if err == io.EOF {
			break
		}
		if err == nil {
			err = b.Check()
		}
		if err == nil {
			err = c.batch(b)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w: delete it if an older checkpoint and the log after that are there", name, err)
		}
		data = rest
	}
	if !c.footer {
		return nil, 0, fmt.Errorf("%s: it ends without a footer: delete it if an older checkpoint and the log after that are there", name)
	}
	return c.records, c.timestamp, nil
}

type checkpointReader struct {
	records   []metadata.Record
	timestamp int64
	footer    bool
}

func (c *checkpointReader) batch(b record.Batch) error {
	if b.Control() {
		return c.control(b)
	}
	var failed error
	err := b.Records(0, func(rec *record.Record) bool {
		var m metadata.Record
		if m, failed = metadata.ParseRecord(rec.Value); failed == nil {
			c.records = append(c.records, m)
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}

func (c *checkpointReader) control(b record.Batch) error {
	t, value, err := b.ControlRecord()
	if err != nil {
		return err
	}
	switch t {
	case record.ControlSnapshotFooter:
		c.footer = true
	case record.ControlSnapshotHeader:
		if len(value) < 10 {
			return fmt.Errorf("header of %d bytes, not at least 10", len(value))
		}
		for _, x := range value[2:10] {
			c.timestamp = c.timestamp<<8 | int64(x)
		}
	}
	return nil
}

// formatCheckpoint is the content of the checkpoint of an image.
func formatCheckpoint(image *metadata.Image, now time.Time) ([]byte, error) {
	at := stamp{0, image.Epoch, now.UnixMilli()}
	data, err := appendControl(nil, at, record.ControlSnapshotHeader, snapshotHeader(image.Timestamp))
	if err != nil {
		return nil, err
	}
	at.offset++
	var enc encoder
	var group []metadata.Record
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		data, err = enc.batches(data, at, group)
		at.offset += int64(len(group))
		group = group[:0]
		return err
	}
	for r := range image.Snapshot() {
		if group = append(group, r); len(group) == snapshotBatch {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return appendControl(data, at, record.ControlSnapshotFooter, snapshotFooter)
}

// takeSnapshot writes a checkpoint in the background, and then drops what it makes superfluous.
func (q *Quorum) takeSnapshot(image *metadata.Image) {
	q.background.Go(func() {
		if err := q.writeCheckpoint(image); err != nil {
			q.cfg.Logger.Error("metadata checkpoint not written, the log is kept instead", "dir", q.path, "offset", image.Offset+1, "err", err)
		}
	})
}

func (q *Quorum) writeCheckpoint(image *metadata.Image) error {
	data, err := formatCheckpoint(image, time.Now())
	if err != nil {
		return err
	}
	c := checkpoint{end: image.Offset + 1, epoch: image.Epoch}
	if err := fs.WriteFile(q.cfg.FS, filepath.Join(q.path, c.name()), data, 0o644); err != nil {
		return err
	}
	q.cfg.Logger.Info("metadata checkpoint written", "offset", c.end, "leader_epoch", c.epoch, "bytes", len(data))
	return q.retain(time.Now())
}

// retain removes the oldest checkpoints while there are too many bytes of them and of the log, or they are too old, and then the log before
// the oldest that stays. The newest always stays.
func (q *Quorum) retain(now time.Time) error {
	all, err := checkpoints(q.cfg.FS, q.path)
	if err != nil || len(all) == 0 {
		return err
	}
	total := q.log.Size()
	for _, c := range all {
		total += c.size
	}
	for len(all) > 1 {
		s := q.cfg.Log
		tooMany := s.RetentionBytes >= 0 && total > s.RetentionBytes
		tooOld := s.RetentionMs >= 0 && now.Sub(all[0].mtime) > s.RetentionMs
		if !tooMany && !tooOld {
			break
		}
		if err := q.cfg.FS.Remove(filepath.Join(q.path, all[0].name())); err != nil {
			return err
		}
		total -= all[0].size
		all = all[1:]
	}
	if err := q.log.AdvanceLogStart(min(all[0].end, q.log.Offsets().HighWatermark)); err != nil {
		return err
	}
	_, err = q.log.Retain(now)
	return err
}
