package inspect

import (
	"fmt"
	"path/filepath"

	"leat/internal/storage"
)

// whole checks what can be told only when all segments of a log are known: that they follow each other, and that the checkpoints lie
// within the log.
func (p *partition) whole() {
	end, complete := int64(0), true
	for i, s := range p.segments {
		if i > 0 && complete {
			p.checkContinues(p.segments[i-1], s, end)
		}
		if !s.known {
			complete = false
		}
		end = max(s.next, s.base)
		if s.torn && i < len(p.segments)-1 {
			p.found(Repair, p.segments[i+1].path, -1, fmt.Sprintf("%d segments lie behind a torn one", len(p.segments)-1-i), "nothing: the next start removes them; they were never synced")
			complete = false
			break
		}
	}
	if complete && len(p.segments) > 0 {
		p.checkEnd(end)
	}
}

// checkContinues compares where a segment begins with where the one before it ends.
func (p *partition) checkContinues(before, s *segment, end int64) {
	switch {
	case s.base < end:
		p.found(p.severity(end), s.path, -1, fmt.Sprintf("begins at offset %d, %s ends at %d", s.base, filepath.Base(before.path), end), doRestore)
	case s.base > end && !p.compacted && before.size > 0:
		what := fmt.Sprintf("begins at offset %d, %s ends at %d: offsets between them are missing", s.base, filepath.Base(before.path), end)
		if severity := p.severity(end); severity == Repair {
			p.found(severity, s.path, -1, what, "nothing: the next start removes what lies behind the hole; it was never synced")
		} else {
			p.found(severity, s.path, -1, what, doRestore+"; if the topic is compacted this is as it should be")
		}
	}
}

// checkEnd holds the log's offsets against the checkpoints.
func (p *partition) checkEnd(end int64) {
	point, listed := p.directory.recoveryPoints[p.tp]
	path := filepath.Join(p.directory.path, storage.FileNames.RecoveryPoints)
	switch {
	case listed && end < point:
		p.found(Damage, p.segments[len(p.segments)-1].path, -1, fmt.Sprintf("the log ends at offset %d, but was synced up to %d: records are missing", end, point), doRestore)
	case listed && p.clean && end != point:
		p.found(Damage, path, -1, fmt.Sprintf("%s was closed at offset %d, but ends at %d: the files were changed meanwhile", p.name, point, end), doRestore)
	}
	if first := p.directory.logStarts[p.tp]; first > end {
		p.found(Repair, filepath.Join(p.directory.path, storage.FileNames.LogStarts), -1,
			fmt.Sprintf("%s begins at offset %d, but its log ends at %d", p.name, first, end), "the next start empties the log")
	}
	if hw := p.directory.highWatermarks[p.tp]; hw > end {
		p.found(Repair, filepath.Join(p.directory.path, storage.FileNames.HighWatermarks), -1,
			fmt.Sprintf("%s: high watermark %d, but the log ends at %d", p.name, hw, end), doNothing)
	}
	if cleaned := p.directory.cleans[p.tp]; cleaned > end {
		p.found(Repair, filepath.Join(p.directory.path, CleanerOffsets), -1, fmt.Sprintf("%s: compacted up to %d, but the log ends at %d", p.name, cleaned, end), doNothing)
	}
	if n := len(p.epochs); n > 0 && p.epochs[n-1].StartOffset > end {
		p.found(Repair, filepath.Join(p.path, storage.FileNames.Epochs), -1,
			fmt.Sprintf("epoch %d begins at offset %d, but the log ends at %d", p.epochs[n-1].Epoch, p.epochs[n-1].StartOffset, end), doNothing)
	}
	for name := range p.sizes {
		if offset, ok := storage.ParseOffsetName(name, snapshotSuffix); ok && offset > end {
			p.found(Repair, filepath.Join(p.path, name), -1, fmt.Sprintf("is of offset %d, but the log ends at %d", offset, end), "nothing: the next start removes it")
		}
	}
}
