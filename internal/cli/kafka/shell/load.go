package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"leat/internal/cli/kafka/tool"
	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
)

// metadataDir is where a log directory has the metadata log.
const metadataDir = "__cluster_metadata-0"

// loaded is what the files of a metadata log came to, and what of them could not be taken in.
type loaded struct {
	image *metadata.Image
	notes []string
}

// load reads a file of the metadata log or a checkpoint. Of a directory it reads the newest checkpoint and the log that comes behind it.
func load(fsys fs.FS, path string) (*loaded, error) {
	info, err := fsys.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &tool.Exception{Class: "java.nio.file.NoSuchFileException", Message: "java.nio.file.NoSuchFileException: " + path}
	}
	if err != nil {
		return nil, err
	}
	files := []string{path}
	if info.IsDir() {
		if files, err = newest(fsys, path); err != nil {
			return nil, err
		}
	}
	lock, err := hold(fsys, filepath.Dir(filepath.Dir(files[0])))
	if err != nil {
		return nil, err
	}
	defer lock()
	r := &replay{delta: metadata.NewDelta(metadata.Empty), offset: -1, epoch: -1, timestamp: -1}
	for _, name := range files {
		if err := r.file(fsys, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if info.IsDir() && filepath.Ext(name) == ".checkpoint" {
			r.covered(name)
		}
	}
	if r.delta.InTransaction() { // nobody knows how it ends
		if err := r.delta.Replay(&metadata.AbortTransactionRecord{}); err != nil {
			return nil, err
		}
	}
	return &loaded{r.delta.Image(r.offset, r.epoch, r.timestamp), r.notes}, nil
}

// hold keeps nodes from the log directory as long as it is read. One that has never had a node has nothing to hold.
func hold(fsys fs.FS, dir string) (release func(), err error) {
	name := filepath.Join(dir, ".lock")
	if _, err := fsys.Stat(name); err != nil {
		return func() {}, nil //nolint:nilerr // no lock, no node
	}
	lock, err := fsys.Lock(name)
	if errors.Is(err, fs.ErrLocked) {
		return nil, fmt.Errorf("Unable to lock %s. Please ensure that no broker or controller process is using this directory before proceeding.", dir) //nolint:staticcheck // the tool's words
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = lock.Close() }, nil // nothing was written
}

// newest are the files of a directory that make up its metadata: the newest checkpoint, and the segments of the log that go on behind it.
func newest(fsys fs.FS, dir string) ([]string, error) {
	if inside := filepath.Join(dir, metadataDir); exists(fsys, inside) {
		dir = inside
	}
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var checkpoint string
	var logs []string
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".checkpoint":
			checkpoint = max(checkpoint, e.Name())
		case ".log":
			logs = append(logs, e.Name())
		}
	}
	slices.Sort(logs)
	if checkpoint == "" && len(logs) == 0 {
		return nil, fmt.Errorf("%s: neither a metadata log nor a checkpoint is there: name a log directory of a controller, or the file itself", dir)
	}
	end, _, _ := strings.Cut(checkpoint, "-")
	var files []string
	if checkpoint != "" && (strings.Trim(end, "0") != "" || len(logs) == 0) { // that at offset 0 is what formatting left, and in the log as well
		files = append(files, checkpoint)
	}
	for i, name := range logs { // a segment whose successor begins at or before the checkpoint's end is in it
		if len(files) > 0 && i+1 < len(logs) && strings.TrimSuffix(logs[i+1], ".log") <= end {
			continue
		}
		files = append(files, name)
	}
	for i := range files {
		files[i] = filepath.Join(dir, files[i])
	}
	return files, nil
}

func exists(fsys fs.FS, name string) bool {
	_, err := fsys.Stat(name)
	return err == nil
}

// replay takes in the records of files.
type replay struct {
	delta     *metadata.Delta
	offset    int64
	epoch     int32
	timestamp int64
	notes     []string
	behind    int64 // offsets below it are known from a checkpoint
}

// file takes in a file batch by batch, up to what is not whole.
func (r *replay) file(fsys fs.FS, name string) error {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	for at := int64(0); at < size; {
		b, err := batchAt(f, at, size)
		if err != nil {
			r.notes = append(r.notes, fmt.Sprintf("%s: position %d: %v: what comes behind it is not shown", name, at, err))
			return nil
		}
		if err := r.batch(b); err != nil {
			return err
		}
		at += int64(len(b))
	}
	return nil
}

// covered goes on behind what a checkpoint covers, which its name says: the offsets of its records are its own.
func (r *replay) covered(name string) {
	text, _, _ := strings.Cut(filepath.Base(name), "-")
	if end, err := strconv.ParseInt(text, 10, 64); err == nil && end > 0 {
		r.behind, r.offset = end, end-1
	}
}

// batchAt reads a whole batch.
func batchAt(f io.ReaderAt, at, size int64) (record.Batch, error) {
	head := make([]byte, min(record.HeaderSize, size-at))
	if _, err := f.ReadAt(head, at); err != nil {
		return nil, err
	}
	length, _, err := record.Prefix(head)
	if err != nil {
		return nil, err
	}
	if int64(length) > size-at {
		return nil, record.ErrIncomplete
	}
	data := make([]byte, length)
	if _, err := f.ReadAt(data, at); err != nil {
		return nil, err
	}
	b := record.Batch(data)
	return b, b.Check()
}

func (r *replay) batch(b record.Batch) error {
	if b.Control() || b.LastOffset() < r.behind {
		return nil
	}
	err := b.Records(0, func(rec *record.Record) bool {
		m, err := metadata.ParseRecord(rec.Value)
		if err == nil && rec.Offset >= r.behind {
			err = r.delta.Replay(m)
		}
		if err != nil {
			r.notes = append(r.notes, fmt.Sprintf("the record at offset %d is left out: %v", rec.Offset, err))
		}
		return true
	})
	r.offset, r.epoch, r.timestamp = b.LastOffset(), b.LeaderEpoch(), b.MaxTimestamp()
	return err
}
