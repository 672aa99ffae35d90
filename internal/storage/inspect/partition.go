package inspect

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"leat/internal/record"
	"leat/internal/storage"
)

// partition is one log that is being checked. Its segments are checked by several workers; the last one to end looks at the whole.
type partition struct {
	*directory
	tp   record.TopicPartition
	name string
	path string

	// recoveryPoint: what lies below was synced. After a clean stop everything was.
	recoveryPoint int64
	compacted     bool
	epochs        []storage.EpochStart // nil if the checkpoint tells nothing that must hold
	sizes         map[string]int64
	segments      []*segment
	left          atomic.Int32 // segments that are not checked yet
}

// allSynced is the recovery point after a clean stop.
const allSynced = math.MaxInt64

// compactedTopics are compacted whatever their directory says.
var compactedTopics = []string{"__consumer_offsets", "__transaction_state", "__share_group_state"}

func (p *partition) found(s Severity, file string, position int64, what, do string) {
	p.findings.add(Finding{s, p.name, file, position, what, do})
}

// partition lists the files of a log and hands its segments to the workers.
func (d *directory) partition(ctx context.Context, tp record.TopicPartition, path string) {
	p := &partition{directory: d, tp: tp, name: tp.String(), path: path, recoveryPoint: allSynced, sizes: make(map[string]int64)}
	_, compacted := d.cleans[tp]
	p.compacted = compacted || slices.Contains(compactedTopics, tp.Topic)
	if !d.clean && !p.isMetadataLog() {
		p.recoveryPoint = d.recoveryPoints[tp]
	}
	entries, err := d.cfg.FS.ReadDir(path)
	if err != nil {
		d.findings.add(unreadable(path, p.name, err))
		return
	}
	for _, e := range entries {
		p.file(e.Name(), func() (int64, error) {
			info, err := e.Info()
			if err != nil {
				return 0, err
			}
			return info.Size(), nil
		})
	}
	slices.SortFunc(p.segments, func(a, b *segment) int { return int(max(-1, min(1, a.base-b.base))) })
	p.checkMetadataFile()
	p.readEpochs()
	p.checkOrphans()
	p.left.Store(int32(len(p.segments)))
	if len(p.segments) == 0 {
		p.whole()
		return
	}
	for i, s := range p.segments {
		s.active = i == len(p.segments)-1
		d.group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.checkSegment(ctx, s)
			if p.left.Add(-1) == 0 {
				p.whole()
			}
			return ctx.Err()
		})
	}
}

// file sorts one name of the partition's directory.
func (p *partition) file(name string, size func() (int64, error)) {
	path := filepath.Join(p.path, name)
	switch {
	case strings.HasSuffix(name, ".deleted"), strings.HasSuffix(name, ".cleaned"), strings.HasSuffix(name, ".tmp"):
		p.found(Repair, path, -1, "left over: what it was made for did not end, or its removal did not", "nothing: the next start removes it")
		return
	case strings.HasSuffix(name, ".swap"):
		p.found(Repair, path, -1, "a compaction that ended just before the node stopped", "nothing: the next start puts it in its place")
		return
	case name == storage.FileNames.Epochs || name == storage.FileNames.PartitionMetadata || p.known(name):
		return
	}
	n, err := size()
	if err != nil {
		p.findings.add(unreadable(path, p.name, err))
		return
	}
	p.sizes[name] = n
	if base, ok := storage.ParseOffsetName(name, storage.SegmentSuffixes()[0]); ok {
		p.segments = append(p.segments, &segment{base: base, path: path})
		return
	}
	if offset, ok := storage.ParseOffsetName(name, snapshotSuffix); ok {
		p.checkSnapshot(path, offset)
		return
	}
	for _, suffix := range storage.SegmentSuffixes()[1:] {
		if _, ok := storage.ParseOffsetName(name, suffix); ok {
			return
		}
	}
	p.found(Note, path, -1, "not a file of a log; it is left alone", "")
}

const snapshotSuffix = ".snapshot"

// known are files of the metadata log's directory that this package does not check.
func (p *partition) known(name string) bool {
	return p.isMetadataLog() &&
		(name == "quorum-state" || strings.HasSuffix(name, ".checkpoint") || name == storage.FileNames.CleanShutdown ||
			name == storage.FileNames.RecoveryPoints || name == storage.FileNames.LogStarts)
}

func (p *partition) checkMetadataFile() {
	path := filepath.Join(p.path, storage.FileNames.PartitionMetadata)
	b, ok := p.readFile(path, p.name)
	if !ok {
		p.found(Note, path, -1, "missing: the topic's id is not known", "")
		return
	}
	if slices.Contains(b, 0) || len(b) < len("version: 0\ntopic_id: ")+22 {
		p.found(p.severity(0), path, -1, "torn: the topic's id is not known", "nothing, if the log is empty; otherwise restore it from a backup")
		return
	}
	if _, err := storage.ParsePartitionMetadata(b); err != nil {
		p.found(Damage, path, -1, err.Error(), "restore it from a backup")
	}
}

// severity tells damage from what the next start mends: something at offset that may never have been synced.
func (p *partition) severity(offset int64) Severity {
	if offset >= p.recoveryPoint {
		return Repair
	}
	return Damage
}

func (p *partition) readEpochs() {
	path := p.epochsPath()
	b, ok := p.readFile(path, p.name)
	if !ok {
		return
	}
	epochs, err := storage.ParseEpochs(b)
	if err != nil {
		p.found(Repair, path, -1, err.Error(), "nothing: leader epochs are found again in the log")
		return
	}
	p.epochs = epochs
}

// epochOf is the epoch that the checkpoint gives to an offset, -1 if it says nothing about it.
func (p *partition) epochOf(offset int64) int32 {
	n, _ := slices.BinarySearchFunc(p.epochs, offset+1, func(e storage.EpochStart, o int64) int { return int(max(-1, min(1, e.StartOffset-o))) })
	if n == 0 {
		return -1
	}
	return p.epochs[n-1].Epoch
}

// checkOrphans looks for indexes without their log, and the other way round.
func (p *partition) checkOrphans() {
	for _, suffix := range storage.SegmentSuffixes()[1:] {
		for name := range p.sizes {
			base, ok := storage.ParseOffsetName(name, suffix)
			if _, log := p.sizes[strings.TrimSuffix(name, suffix)+storage.SegmentSuffixes()[0]]; ok && !log {
				p.found(Repair, filepath.Join(p.path, name), -1, fmt.Sprintf("no segment begins at offset %d", base), "nothing: the next start removes it")
			}
		}
	}
}

func (p *partition) checkSnapshot(path string, offset int64) {
	b, ok := p.readFile(path, p.name)
	if !ok {
		return
	}
	entries, err := storage.ParseSnapshot(b)
	if err != nil {
		p.found(Repair, path, -1, err.Error(), "nothing: producers are found again in the log")
		return
	}
	for i := range entries {
		if entries[i].LastOffset >= offset {
			p.found(Repair, path, -1, fmt.Sprintf("producer %d wrote at offset %d, not below %d", entries[i].ProducerID, entries[i].LastOffset, offset), doNothing)
			return
		}
	}
}
