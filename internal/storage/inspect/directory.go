package inspect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"leat/internal/record"
	"leat/internal/storage"
)

// CleanerOffsets is the name of the checkpoint file that says how far each compacted log has been compacted.
const CleanerOffsets = "cleaner-offset-checkpoint"

// offsets are what a checkpoint file says.
type offsets map[record.TopicPartition]int64

// directory is one log directory that is being checked.
type directory struct {
	*verifier
	path                                              string
	clean                                             bool // stopped cleanly
	recoveryPoints, logStarts, highWatermarks, cleans offsets

	seen map[record.TopicPartition]bool
}

func (d *directory) finding(s Severity, path, what, do string) {
	d.findings.add(Finding{Severity: s, File: path, Position: -1, What: what, Do: do})
}

func (d *directory) readCheckpoints() {
	d.seen = make(map[record.TopicPartition]bool)
	_, err := d.cfg.FS.Stat(filepath.Join(d.path, storage.FileNames.CleanShutdown))
	d.clean = err == nil
	var ok bool
	d.recoveryPoints, ok = d.offsetFile(storage.FileNames.RecoveryPoints, Repair, "nothing: the next start checks all logs from their beginning")
	if d.clean && !ok {
		d.finding(Note, filepath.Join(d.path, storage.FileNames.RecoveryPoints), "missing after a clean stop", "nothing: the logs tell where they end")
	}
	d.logStarts, _ = d.offsetFile(storage.FileNames.LogStarts, Damage, "restore it from a backup; without it records that were deleted come back")
	d.highWatermarks, _ = d.offsetFile(storage.FileNames.HighWatermarks, Repair, "nothing: high watermarks are learned anew")
	d.cleans, _ = d.offsetFile(CleanerOffsets, Repair, "nothing: compaction begins at the start of the logs")
}

// offsetFile reads a checkpoint. A broken one is a finding of the given severity.
func (d *directory) offsetFile(name string, severity Severity, do string) (offsets, bool) {
	path := filepath.Join(d.path, name)
	b, ok := d.readFile(path, "")
	if !ok || name == CleanerOffsets && len(b) == 0 { // Kafka makes it empty
		return nil, false
	}
	list, err := storage.ParseOffsets(b)
	if err != nil {
		d.finding(severity, path, err.Error(), do)
		return nil, false
	}
	for tp, offset := range list {
		if offset < 0 {
			d.finding(Damage, path, fmt.Sprintf("%s: offset %d", tp, offset), doRestore)
			delete(list, tp)
		}
	}
	return list, true
}

func (d *directory) readMetaProperties() {
	path := filepath.Join(d.path, storage.FileNames.MetaProperties)
	b, ok := d.readFile(path, "")
	if !ok {
		d.finding(Note, path, "missing: the directory belongs to no node yet", "")
		return
	}
	m, err := storage.ParseMetaProperties(b)
	switch {
	case err != nil:
		d.finding(Damage, path, err.Error(), "restore the file from a backup, or use a release that knows the format")
	case m.ClusterID == "" || !m.HasNode:
		d.finding(Damage, path, "names no cluster or no node", "restore the file from a backup")
	case m.DirectoryID.IsZero():
		d.finding(Repair, path, "has no directory.id", doNothing)
	case m.Changed:
		d.finding(Note, path, "does not fit its checksum: changed by hand, or damaged", "")
	}
}

// visit checks a directory below the log directory, if it is a partition.
func (d *directory) visit(ctx context.Context, name string) {
	path := filepath.Join(d.path, name)
	tp, ok := storage.ParsePartitionDir(name)
	switch {
	case strings.HasSuffix(name, "-delete"):
		d.finding(Repair, path, "deleted topic whose files are not gone yet", doNothing)
	case strings.HasSuffix(name, "-stray"):
		d.finding(Note, path, "set aside, because the metadata log did not know its topic", "remove it if nobody needs it")
	case strings.HasSuffix(name, "-future"):
		d.finding(Note, path, "a replica that was being moved between directories; it is left alone", "")
	case !ok:
		d.finding(Note, path, "not a partition's directory; it is left alone", "")
	default:
		d.seen[tp] = true
		d.partitions.Add(1)
		d.partition(ctx, tp, path)
	}
}

// checkUnused looks for partitions in the checkpoints that are not in the directory.
func (d *directory) checkUnused() {
	for _, file := range []struct {
		name string
		list offsets
	}{{storage.FileNames.RecoveryPoints, d.recoveryPoints}, {storage.FileNames.LogStarts, d.logStarts}, {storage.FileNames.HighWatermarks, d.highWatermarks}, {CleanerOffsets, d.cleans}} {
		var gone []record.TopicPartition
		for tp := range maps.Keys(file.list) {
			if !d.seen[tp] {
				gone = append(gone, tp)
			}
		}
		if len(gone) == 0 {
			continue
		}
		slices.SortFunc(gone, func(a, b record.TopicPartition) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
		})
		d.finding(Note, filepath.Join(d.path, file.name),
			fmt.Sprintf("names %d partitions that are not in the directory, the first is %s", len(gone), gone[0]), "nothing, if they were deleted or moved")
	}
}
