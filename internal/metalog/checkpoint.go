package metalog

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

// Checkpoint names a checkpoint file: everything below End is in it, and Epoch is that of the last record.
type Checkpoint struct {
	End   int64
	Epoch int32
	size  int64
	mtime time.Time
}

func (c Checkpoint) name() string {
	return fmt.Sprintf("%020d-%010d%s", c.End, c.Epoch, checkpointSuffix)
}

// parseCheckpoint reads a file name; ok is false for other files.
func parseCheckpoint(name string) (Checkpoint, bool) {
	base, ok := strings.CutSuffix(name, checkpointSuffix)
	if !ok || len(base) != 31 || base[20] != '-' {
		return Checkpoint{}, false
	}
	end, err1 := strconv.ParseInt(base[:20], 10, 64)
	epoch, err2 := strconv.ParseInt(base[21:], 10, 32)
	return Checkpoint{End: end, Epoch: int32(epoch)}, err1 == nil && err2 == nil && end >= 0 && epoch >= 0
}

// checkpoints lists the checkpoints of a directory, the oldest first. The one at offset 0 is what formatting left, and no snapshot.
func checkpoints(fsys fs.FS, dir string) ([]Checkpoint, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []Checkpoint
	for _, e := range entries {
		c, ok := parseCheckpoint(e.Name())
		if !ok || c.End == 0 {
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
	slices.SortFunc(out, func(a, b Checkpoint) int { return strings.Compare(a.name(), b.name()) })
	return out, nil
}

// newestCheckpoint loads the newest checkpoint; without one the image is empty and ends at offset 0.
func newestCheckpoint(fsys fs.FS, dir string) (*metadata.Image, Checkpoint, Voting, error) {
	all, err := checkpoints(fsys, dir)
	if err != nil || len(all) == 0 {
		return metadata.Empty, Checkpoint{}, Voting{}, err
	}
	c := all[len(all)-1]
	image, voting, err := loadCheckpoint(fsys, filepath.Join(dir, c.name()), c)
	return image, c, voting, err
}

// loadCheckpoint makes the image of a checkpoint file.
func loadCheckpoint(fsys fs.FS, name string, c Checkpoint) (*metadata.Image, Voting, error) {
	read, err := readCheckpoint(fsys, name)
	if err != nil {
		return nil, Voting{}, err
	}
	d := metadata.NewDelta(metadata.Empty)
	for _, r := range read.records {
		if err := d.Replay(r); err != nil {
			return nil, Voting{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return d.Image(c.End-1, c.Epoch, read.timestamp), read.voting, nil
}

// LoadCheckpoint makes the image of a checkpoint that lies in the directory of the log.
func (l *Log) LoadCheckpoint(c Checkpoint) (*metadata.Image, error) {
	image, _, err := loadCheckpoint(l.cfg.FS, filepath.Join(l.path, c.name()), c)
	return image, err
}

// ReadBootstrap returns the records that formatting the directory left, nil if there are none.
func ReadBootstrap(fsys fs.FS, logDir string) ([]metadata.Record, error) {
	for _, name := range []string{filepath.Join(dirOf(logDir), Checkpoint{}.name()), filepath.Join(logDir, bootstrapFile)} {
		c, err := readCheckpoint(fsys, name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		return c.records, err
	}
	return nil, nil
}

// readCheckpoint reads a whole checkpoint file. A file without its footer is not whole.
func readCheckpoint(fsys fs.FS, name string) (c checkpointReader, err error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return c, err
	}
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
			return c, fmt.Errorf("%s: %w: delete it if an older checkpoint and the log after that are there", name, err)
		}
		data = rest
	}
	if !c.footer {
		return c, fmt.Errorf("%s: it ends without a footer: delete it if an older checkpoint and the log after that are there", name)
	}
	return c, nil
}

// checkpointReader is what a checkpoint holds.
type checkpointReader struct {
	records   []metadata.Record
	timestamp int64 // of the last record
	voting    Voting
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
	return c.voting.take(b)
}

// FormatCheckpoint is the content of the checkpoint of an image. The control records that say who votes stand in its head (none: voters are static).
func FormatCheckpoint(image *metadata.Image, now time.Time, voters ...record.Record) ([]byte, error) {
	at := Stamp{0, image.Epoch, now.UnixMilli()}
	data, err := appendHead(at, image.Timestamp, voters)
	if err != nil {
		return nil, err
	}
	at.Offset += int64(1 + len(voters))
	var enc Encoder
	var group []metadata.Record
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		data, err = enc.Batches(data, at, group)
		at.Offset += int64(len(group))
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
	return AppendControl(data, at, record.ControlSnapshotFooter, snapshotFooter)
}

// appendHead begins a checkpoint.
func appendHead(at Stamp, lastTimestamp int64, voters []record.Record) ([]byte, error) {
	head := append([]record.Record{{Key: controlKey(record.ControlSnapshotHeader), Value: snapshotHeader(lastTimestamp)}}, voters...)
	for i := range head {
		head[i].Offset, head[i].Timestamp = int64(i), at.Timestamp
	}
	spec := record.NewSpec()
	spec.Control, spec.LeaderEpoch = true, at.Epoch
	return record.AppendBatch(nil, spec, head)
}

// Snapshot writes a checkpoint in the background, and then drops what it makes superfluous.
func (l *Log) Snapshot(image *metadata.Image) { l.SnapshotOf(image, nil, nil) }

// SnapshotOf is Snapshot for a log of which this node is a voter: voters returns the control records for the head of the checkpoint, and written is
// told of the file.
func (l *Log) SnapshotOf(image *metadata.Image, voters func() ([]record.Record, error), written func(Checkpoint)) {
	l.background.Go(func() {
		l.writing <- struct{}{}
		defer func() { <-l.writing }()
		if err := l.writeCheckpoint(image, voters, written); err != nil {
			l.cfg.Logger.Error("metadata checkpoint not written, the log is kept instead", "dir", l.path, "offset", image.Offset+1, "err", err)
		}
	})
}

func (l *Log) writeCheckpoint(image *metadata.Image, voters func() ([]record.Record, error), written func(Checkpoint)) error {
	var head []record.Record
	var err error
	if voters != nil {
		if head, err = voters(); err != nil {
			return err
		}
	}
	data, err := FormatCheckpoint(image, time.Now(), head...)
	if err != nil {
		return err
	}
	c := Checkpoint{End: image.Offset + 1, Epoch: image.Epoch}
	if err := fs.WriteFile(l.cfg.FS, filepath.Join(l.path, c.name()), data, 0o644); err != nil {
		return err
	}
	l.cfg.Logger.Info("metadata checkpoint written", "offset", c.End, "leader_epoch", c.Epoch, "bytes", len(data))
	if written != nil {
		written(c)
	}
	return l.retain(time.Now())
}

// retain removes the oldest checkpoints while there are too many bytes of them and of the log, or they are too old, and then the log before
// the oldest that stays. The newest always stays.
func (l *Log) retain(now time.Time) error {
	all, err := checkpoints(l.cfg.FS, l.path)
	if err != nil || len(all) == 0 {
		return err
	}
	total := l.Size()
	for _, c := range all {
		total += c.size
	}
	for len(all) > 1 {
		s := l.cfg.Settings
		tooMany := s.RetentionBytes >= 0 && total > s.RetentionBytes
		tooOld := s.RetentionMs >= 0 && now.Sub(all[0].mtime) > s.RetentionMs
		if !tooMany && !tooOld {
			break
		}
		if err := l.cfg.FS.Remove(filepath.Join(l.path, all[0].name())); err != nil {
			return err
		}
		total -= all[0].size
		all = all[1:]
	}
	if err := l.AdvanceLogStart(min(all[0].End, l.Offsets().HighWatermark)); err != nil {
		return err
	}
	_, err = l.Retain(now)
	return err
}
