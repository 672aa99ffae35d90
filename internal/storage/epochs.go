package storage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"

	"leat/internal/fs"
)

// epochStart says that the records from startOffset on were written by the leader of epoch, up to where the next one starts.
type epochStart struct {
	epoch       int32
	startOffset int64
}

// epochHistory is the content of leader-epoch-checkpoint (KIP-101).
//
// Invariant: epochs and start offsets both rise strictly.
type epochHistory struct {
	starts []epochStart
	dirty  bool // differs from the file
	// unwritten: the last epoch is not in the file. That is a difference only once it has records: loading drops one without.
	unwritten bool
}

// changed reports whether the file should be written, for a log that ends at logEnd.
func (h *epochHistory) changed(logEnd int64) bool {
	return h.dirty || h.unwritten && len(h.starts) > 0 && h.starts[len(h.starts)-1].startOffset < logEnd
}

// latest is the last epoch, -1 if there is none.
func (h *epochHistory) latest() int32 {
	if len(h.starts) == 0 {
		return -1
	}
	return h.starts[len(h.starts)-1].epoch
}

// assign notes that epoch begins at offset. An epoch without records gives way to the next one that begins at the same offset.
func (h *epochHistory) assign(epoch int32, offset int64) {
	if epoch < 0 || epoch <= h.latest() {
		return
	}
	n := len(h.starts)
	for n > 0 && h.starts[n-1].startOffset >= offset {
		n--
	}
	if h.unwritten && n == len(h.starts) {
		h.dirty = true // the one before has records
	}
	h.starts = append(h.starts[:n:n], epochStart{epoch, offset})
	h.unwritten = true
}

// truncateEnd drops what begins at or above offset.
func (h *epochHistory) truncateEnd(offset int64) {
	n := len(h.starts)
	for n > 0 && h.starts[n-1].startOffset >= offset {
		n--
	}
	if n < len(h.starts) {
		h.starts, h.dirty = h.starts[:n:n], true
	}
}

// truncateStart drops epochs that ended at or below offset and lets the one that covers it begin there.
func (h *epochHistory) truncateStart(offset int64) {
	n := sort.Search(len(h.starts), func(i int) bool { return h.starts[i].startOffset > offset })
	if n == 0 || (n == 1 && h.starts[0].startOffset == offset) {
		return
	}
	kept := append([]epochStart{}, h.starts[n-1:]...)
	kept[0].startOffset = offset
	h.starts, h.dirty = kept, true
}

// endOffset returns the largest known epoch that is at most epoch, and where it ends.
func (h *epochHistory) endOffset(epoch int32, logEnd int64) (int32, int64) {
	if epoch < 0 || len(h.starts) == 0 {
		return -1, -1
	}
	if epoch == h.latest() {
		return epoch, logEnd
	}
	n := sort.Search(len(h.starts), func(i int) bool { return h.starts[i].epoch > epoch })
	switch n {
	case len(h.starts): // newer than everything known here
		return -1, -1
	case 0: // older than everything known: whatever it wrote ends before the first known epoch
		return epoch, h.starts[0].startOffset
	}
	return h.starts[n-1].epoch, h.starts[n].startOffset
}

// epochOf returns the epoch that covers offset, -1 if none does.
func (h *epochHistory) epochOf(offset int64) int32 {
	n := sort.Search(len(h.starts), func(i int) bool { return h.starts[i].startOffset > offset })
	if n == 0 {
		return -1
	}
	return h.starts[n-1].epoch
}

// written is what belongs in the file of a log that ends at logEnd: all but a last epoch without records, which loading would drop.
func (h *epochHistory) written(logEnd int64) []epochStart {
	n := len(h.starts)
	if n > 0 && h.starts[n-1].startOffset >= logEnd {
		n--
	}
	return h.starts[:n:n]
}

func formatEpochs(starts []epochStart) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "0\n%d\n", len(starts))
	for _, s := range starts {
		fmt.Fprintf(&out, "%d %d\n", s.epoch, s.startOffset)
	}
	return out.Bytes()
}

// parseEpochs is the inverse of formatEpochs. A close writes the file without syncing it at once, so a loss of power may leave its beginning
// only: a last number that was cut short must not be taken for a smaller one.
func parseEpochs(b []byte) (epochHistory, error) {
	var h epochHistory
	if len(b) > 0 && b[len(b)-1] != '\n' {
		return h, errors.New("the last line is cut short")
	}
	err := parseCheckpoint(b, func(fields []string) error {
		if len(fields) != 2 {
			return errFields
		}
		epoch, err := strconv.ParseInt(fields[0], 10, 32)
		if err != nil {
			return err
		}
		offset, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return err
		}
		if n := len(h.starts); n > 0 && (int32(epoch) <= h.starts[n-1].epoch || offset <= h.starts[n-1].startOffset) {
			return errors.New("epochs and offsets must rise")
		}
		h.starts = append(h.starts, epochStart{int32(epoch), offset})
		return nil
	})
	return h, err
}

// readEpochs reads the file, which need not exist.
func readEpochs(fsys fs.FS, path string) (epochHistory, error) {
	b, err := fs.ReadFile(fsys, path)
	if errors.Is(err, os.ErrNotExist) {
		return epochHistory{}, nil
	}
	if err != nil {
		return epochHistory{}, err
	}
	h, err := parseEpochs(b)
	if err != nil {
		return epochHistory{}, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}
