package inspect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"leat/internal/fs"
)

// VerifyConfig says what is checked, and how.
type VerifyConfig struct {
	FS      fs.FS
	Dirs    []string
	Deep    bool // decompress and decode every record
	Workers int  // segments checked at once; 0: as many as there are processors
}

// Report is what Verify found.
type Report struct {
	Dirs       []string  `json:"directories"`
	Findings   []Finding `json:"findings"`
	NotListed  int64     `json:"findings_not_listed"`
	Damage     int64     `json:"damage"`
	Repairs    int64     `json:"repairs"`
	Notes      int64     `json:"notes"`
	Partitions int64     `json:"partitions"`
	Segments   int64     `json:"segments"`
	Encrypted  int64     `json:"encrypted_segments_without_key"`
	Batches    int64     `json:"batches"`
	Records    int64     `json:"records"`
	Bytes      int64     `json:"bytes"` // of .log files that were read
	Deep       bool      `json:"deep"`
}

// verifier is one run of Verify.
type verifier struct {
	cfg      VerifyConfig
	findings findings
	group    *errgroup.Group

	partitions, segments, encrypted, batches, records, bytes atomic.Int64
}

// Verify checks log directories of a node that is stopped. The error says that a directory could not be looked at; what is wrong inside one
// is in the report.
func Verify(ctx context.Context, cfg VerifyConfig) (*Report, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	v := &verifier{cfg: cfg}
	for _, dir := range cfg.Dirs {
		if err := v.directory(ctx, dir); err != nil {
			return nil, err
		}
	}
	r := &Report{
		Dirs: cfg.Dirs, Findings: v.findings.sorted(), NotListed: v.findings.more, Deep: cfg.Deep,
		Damage: v.findings.counts[Damage], Repairs: v.findings.counts[Repair], Notes: v.findings.counts[Note],
		Partitions: v.partitions.Load(), Segments: v.segments.Load(), Encrypted: v.encrypted.Load(),
		Batches: v.batches.Load(), Records: v.records.Load(), Bytes: v.bytes.Load(),
	}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	return r, nil
}

// readFile reads a small file; ok is false if there is none. One that cannot be read is a finding.
func (v *verifier) readFile(path, partition string) (b []byte, ok bool) {
	b, err := fs.ReadFile(v.cfg.FS, path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		v.findings.add(unreadable(path, partition, err))
		return nil, false
	}
	return b, true
}

func unreadable(path, partition string, err error) Finding {
	return Finding{Damage, partition, path, -1, fmt.Sprintf("cannot be read: %v", cause(err)), "look at the disk"}
}

// cause is the error without the operation and the path, which the finding names.
func cause(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// directory checks one log directory.
func (v *verifier) directory(ctx context.Context, dir string) error {
	entries, err := v.cfg.FS.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("log directory %s: %w", dir, cause(err))
	}
	d := &directory{verifier: v, path: dir}
	d.readCheckpoints()
	d.readMetaProperties()
	v.group, ctx = errgroup.WithContext(ctx)
	v.group.SetLimit(v.cfg.Workers)
	for _, e := range entries {
		if ctx.Err() != nil {
			break
		}
		if e.IsDir() {
			d.visit(ctx, e.Name())
		} else if filepath.Ext(e.Name()) == ".tmp" {
			d.finding(Note, filepath.Join(dir, e.Name()), "was being written when the node stopped", "nothing: it is written over")
		}
	}
	if err := v.group.Wait(); err != nil {
		return err
	}
	d.checkUnused()
	return nil
}
