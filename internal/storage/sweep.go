package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"leat/internal/fs"
)

// leftovers are the names in a log's directory that a deletion or a compaction left when the process stopped.
type leftovers struct {
	gone    []string // .deleted and temporary files
	cleaned []string
	swaps   []string
}

func sortLeftovers(entries []os.DirEntry) (lo leftovers) {
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasSuffix(name, cleanedSuffix):
			lo.cleaned = append(lo.cleaned, name)
		case strings.HasSuffix(name, swapSuffix):
			lo.swaps = append(lo.swaps, name)
		case leftover(name):
			lo.gone = append(lo.gone, name)
		}
	}
	return lo
}

// sweep finishes or undoes, by the names in the directory, what a compaction or deletion began, by Kafka's rules: .deleted and .cleaned files go,
// and .swap files take the place of the segments that they were made from, unless a .cleaned file of the same segment or an earlier one says
// that they are not complete. It reports whether names changed.
func (l *Log) sweep(entries []os.DirEntry) (changed bool, err error) {
	lo := sortLeftovers(entries)
	if err := l.removeNames(lo.gone); err != nil {
		return false, err
	}
	swaps, halfDone := lo.decideSwaps()
	if err := l.removeNames(halfDone); err != nil {
		return false, err
	}
	if len(halfDone) > 0 {
		if err := l.fsys.SyncDir(l.path); err != nil { // without the .cleaned files the rest would look complete
			return false, err
		}
	}
	if err := l.removeNames(lo.cleaned); err != nil {
		return false, err
	}
	if len(swaps) > 0 {
		if err := l.finishSwaps(entries, swaps); err != nil {
			return false, err
		}
	}
	return len(lo.gone)+len(lo.cleaned)+len(lo.swaps) > 0, nil
}

// decideSwaps separates the .swap files that are complete from those that are not.
func (lo leftovers) decideSwaps() (complete, halfDone []string) {
	least := int64(1<<63 - 1)
	for _, name := range lo.cleaned {
		if base, ok := offsetOfName(strings.TrimSuffix(name, cleanedSuffix)); ok {
			least = min(least, base)
		}
	}
	for _, name := range lo.swaps {
		if base, ok := offsetOfName(strings.TrimSuffix(name, swapSuffix)); ok && base >= least {
			halfDone = append(halfDone, name)
		} else {
			complete = append(complete, name)
		}
	}
	return complete, halfDone
}

// offsetOfName is the offset of any file of a segment.
func offsetOfName(name string) (int64, bool) {
	for _, suffix := range segmentSuffixes {
		if base, ok := parseOffsetName(name, suffix); ok {
			return base, true
		}
	}
	return 0, false
}

func (l *Log) removeNames(names []string) error {
	for _, name := range names {
		if err := l.fsys.Remove(l.name(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// finishSwaps removes the files of all segments that the compacted ones stand for, durably, and gives the .swap files their names, .log first:
// as long as a .log.swap stands, what lies in its range is old.
func (l *Log) finishSwaps(entries []os.DirEntry, swaps []string) error {
	first, last := int64(1<<63-1), int64(-1)
	for _, name := range swaps {
		base, ok := parseOffsetName(name, logSuffix+swapSuffix)
		if !ok {
			continue
		}
		end, err := lastOffsetOf(l.fsys, l.name(name))
		if err != nil {
			return err
		}
		first, last = min(first, base), max(last, base, end)
	}
	var old []string
	for _, e := range entries {
		if base, ok := offsetOfName(e.Name()); ok && base >= first && base <= last {
			old = append(old, e.Name())
		}
	}
	if err := l.removeNames(old); err != nil {
		return err
	}
	if err := l.fsys.SyncDir(l.path); err != nil {
		return err
	}
	for _, logs := range []bool{true, false} {
		for _, name := range swaps {
			final := strings.TrimSuffix(name, swapSuffix)
			if strings.HasSuffix(final, logSuffix) != logs {
				continue
			}
			if err := l.fsys.Rename(l.name(name), l.name(final)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return l.fsys.SyncDir(l.path)
}

// lastOffsetOf is the last offset in a .log file, -1 if it is empty.
func lastOffsetOf(fsys fs.FS, path string) (last int64, err error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	sc := newScanner(f, 0, size)
	defer sc.done()
	for last = -1; ; {
		h, _, err := sc.next()
		if err == io.EOF {
			return last, nil
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w: %w", path, err, ErrCorrupt)
		}
		last = h.lastOffset
	}
}
