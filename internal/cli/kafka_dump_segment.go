package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"leat/internal/fs"
	"leat/internal/record"
	"leat/internal/storage/inspect"
	"leat/internal/storage/inspect/schema"
)

// openSized opens a file to read.
func openSized(fsys fs.FS, path string) (fs.File, int64, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, 0, err
	}
	size, err := f.Size()
	if err != nil {
		_ = f.Close() // the first error says more
		return nil, 0, err
	}
	return f, size, nil
}

// baseOf is the offset that a file is named by.
func baseOf(path string) (int64, error) {
	digits, _, _ := strings.Cut(filepath.Base(path), ".")
	base, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("not named by an offset")
	}
	return base, nil
}

// logTitle is the line before the batches.
func (d *kafkaDump) logTitle(path string) error {
	name := filepath.Base(path)
	switch {
	case strings.HasSuffix(name, ".log"):
		base, err := baseOf(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "Log starting offset: %d\n", base)
	case name == "bootstrap.checkpoint":
		fmt.Fprintln(d.out, "KRaft bootstrap snapshot")
	default:
		digits, epoch, ok := strings.Cut(strings.TrimSuffix(name, ".checkpoint"), "-")
		end, err1 := strconv.ParseInt(digits, 10, 64)
		number, err2 := strconv.ParseInt(epoch, 10, 32)
		if !ok || err1 != nil || err2 != nil {
			return fmt.Errorf("not named by an offset and an epoch")
		}
		fmt.Fprintf(d.out, "Snapshot end offset: %d, epoch: %d\n", end, number)
	}
	return nil
}

// log shows the batches of a segment or of a snapshot of the metadata log.
func (d *kafkaDump) log(path string) error {
	if err := d.logTitle(path); err != nil {
		return err
	}
	f, size, err := openSized(d.fs, path)
	if err != nil {
		return err
	}
	defer f.Close()
	shown := min(size, int64(d.flags.maxBytes))
	walk := inspect.NewWalk(f, 0, shown)
	gaps := gapFinder{last: -1}
	for {
		e, err := walk.Next()
		if broken, ok := errors.AsType[*inspect.Broken](err); err == io.EOF || ok && broken.Torn {
			break
		}
		if err != nil {
			return err
		}
		if err := d.batch(walk, e); err != nil {
			return err
		}
		if !d.flags.deep && !d.printData {
			continue
		}
		if err := walk.Rows(e, func(r *inspect.Row) error { gaps.see(r.Offset); return d.row(e, r) }); err != nil {
			return err
		}
	}
	if left := shown - walk.Position(); left > 0 && d.flags.maxBytes == math.MaxInt32 {
		fmt.Fprintf(d.out, "Found %d invalid bytes at the end of %s\n", left, filepath.Base(path))
	}
	if len(gaps.lines) > 0 {
		d.complaints = append(d.complaints, "Non-consecutive offsets in "+absolute(path))
		d.complaints = append(d.complaints, gaps.lines...)
	}
	return nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// gapFinder notes where offsets do not follow each other; before the first record Kafka takes -1 for the last one.
type gapFinder struct {
	last  int64
	lines []string
}

const maxGaps = 100_000

func (g *gapFinder) see(offset int64) {
	if offset != g.last+1 && len(g.lines) < maxGaps {
		g.lines = append(g.lines, fmt.Sprintf("  %d is followed by %d", g.last, offset))
	}
	g.last = offset
}

// batch writes the line of a batch.
func (d *kafkaDump) batch(walk *inspect.Walk, e inspect.Entry) error {
	stored, computed, err := walk.CRC(e)
	if err != nil {
		return err
	}
	if h := e.Header; e.Magic < 2 {
		fmt.Fprintf(d.out, "offset: %d", e.LastOffset())
	} else {
		horizon := "OptionalLong.empty"
		if h.HasDeleteHorizon() {
			horizon = fmt.Sprintf("OptionalLong[%d]", h.BaseTimestamp())
		}
		fmt.Fprintf(d.out, "baseOffset: %d lastOffset: %d count: %d baseSequence: %d lastSequence: %d producerId: %d producerEpoch: %d "+
			"partitionLeaderEpoch: %d isTransactional: %t isControl: %t deleteHorizonMs: %s",
			h.BaseOffset(), e.LastOffset(), h.Count(), h.BaseSequence(), e.LastSequence(), h.ProducerID(), h.ProducerEpoch(),
			h.LeaderEpoch(), h.Transactional(), h.Control(), horizon)
	}
	fmt.Fprintf(d.out, " position: %d %s: %d size: %d magic: %d compresscodec: %s crc: %d isvalid: %t\n",
		e.Position, e.TimestampType(), e.MaxTimestamp(), e.Size, e.Magic, codecName(e.Codec()), stored, stored == computed)
	return nil
}

// codecName is Kafka's name for a codec in its tools.
func codecName(c record.Codec) string {
	if c == record.Uncompressed {
		return "none"
	}
	return c.String()
}

func sizeOf(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}

// row writes the line of a record.
func (d *kafkaDump) row(e inspect.Entry, r *inspect.Row) error {
	control := e.Magic == 2 && e.Header.Control()
	prefix := "| "
	if !d.flags.skipMetadata {
		fmt.Fprintf(d.out, "| offset: %d %s: %d keySize: %d valueSize: %d", r.Offset, e.TimestampType(), r.Timestamp, sizeOf(r.Key), sizeOf(r.Value))
		if e.Magic == 2 {
			names := make([]string, len(r.Headers))
			for i, h := range r.Headers {
				names[i] = h.Key
			}
			fmt.Fprintf(d.out, " sequence: %d headerKeys: [%s]", r.Sequence, strings.Join(names, ","))
		}
		if r.Legacy {
			fmt.Fprintf(d.out, " isValid: %t crc: %d", r.Valid, r.CRC)
		}
		if control {
			text, err := controlText(r)
			if err != nil {
				return err
			}
			fmt.Fprint(d.out, text)
		}
		prefix = " "
	}
	if d.printData && !control {
		if r.Key == nil && d.flags.coordinator() {
			return fmt.Errorf("failed to decode message at offset %d using the specified decoder (message had a missing key)", r.Offset)
		}
		key, value := d.decode(r)
		if key != nil {
			fmt.Fprintf(d.out, "%skey: %s", prefix, *key)
			prefix = " "
		}
		if value != nil {
			fmt.Fprintf(d.out, "%spayload: %s", prefix, *value)
		}
	}
	return d.out.WriteByte('\n')
}

// controlNames are what Kafka's tool writes before the JSON of a control record.
var controlNames = map[record.ControlType]string{
	record.ControlLeaderChange: "LeaderChange:", record.ControlSnapshotHeader: "SnapshotHeader", record.ControlSnapshotFooter: "SnapshotFooter",
	record.ControlKRaftVersion: "KRaftVersion", record.ControlKRaftVoters: "KRaftVoters",
}

// controlText is what a control record says.
func controlText(r *inspect.Row) (string, error) {
	t, err := inspect.ControlTypeOf(r.Key)
	if err != nil {
		return "", fmt.Errorf("control record at offset %d: %w", r.Offset, err)
	}
	if t == record.ControlAbort || t == record.ControlCommit {
		epoch, err := inspect.CoordinatorEpoch(r.Value)
		if err != nil {
			return "", fmt.Errorf("control record at offset %d: %w", r.Offset, err)
		}
		name := "ABORT"
		if t == record.ControlCommit {
			name = "COMMIT"
		}
		return fmt.Sprintf(" endTxnMarker: %s coordinatorEpoch: %d", name, epoch), nil
	}
	text, ok, err := schema.Control(t, r.Value)
	if err != nil {
		return "", fmt.Errorf("control record at offset %d: %w", r.Offset, err)
	}
	if !ok {
		return fmt.Sprintf(" controlType: UNKNOWN(%d)", t), nil
	}
	return fmt.Sprintf(" %s %s", controlNames[t], text), nil
}
