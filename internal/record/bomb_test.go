package record

import (
	"errors"
	"testing"
)

// bomb is a batch of a single record that is many times as large as the batch.
func bomb(t *testing.T, c Codec, size int) Batch {
	t.Helper()
	return build(t, withCodec(c), Record{Value: make([]byte, size)})
}

// TestARecordThatIsTooLargeIsNotDecompressed: its length stands before it.
func TestARecordThatIsTooLargeIsNotDecompressed(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes allocations larger, so their sizes say nothing")
	}
	allCodecs(t, func(t *testing.T, c Codec) {
		batch := bomb(t, c, 20<<20)
		switch c {
		case Snappy, Uncompressed: // neither can hold much in little
			batch = bomb(t, c, 2<<20)
		case Zstd: // a larger frame is decompressed as a whole, two at a time
			batch = bomb(t, c, maxStreamedWindow-100)
		}
		for name, rules := range map[string]Rules{"the record": {MaxRecordBytes: 100 << 10}, "the batch": {MaxBytes: 1 << 20}} {
			if name == "the batch" && c == Uncompressed {
				continue
			}
			var err error
			_, _ = batch.Validate(rules) // what is pooled is there now
			cost := allocated(func() { _, err = batch.Validate(rules) })
			if !errors.Is(err, ErrInvalidRecord) && !errors.Is(err, ErrTooLarge) || cost > 2<<20 {
				t.Errorf("the bound of %s: %d bytes allocated, %v", name, cost, err)
			}
		}
	})
}

// TestVeryLargeRecordsAreReadFewAtATime: a third one waits until one of two is done.
func TestVeryLargeRecordsAreReadFewAtATime(t *testing.T) {
	batch := bomb(t, Gzip, 2*largeRecord)
	var open []*window
	for range largeRecords {
		w, err := openWindow(batch, 0)
		if err == nil {
			_, err = w.next()
		}
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, w)
	}
	done := make(chan error, 1)
	go func() { _, err := batch.Validate(Rules{}); done <- err }()
	select {
	case largeRecordSlots <- struct{}{}:
		t.Error("a place was free although two very large records are held")
	default:
	}
	for _, w := range open {
		w.close()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(largeRecordSlots) > 0 {
		t.Errorf("%d places are still taken", len(largeRecordSlots))
	}
}

// TestLargeFramesOfZstdAreReadFewAtATime: also those that are decompressed as a whole.
func TestLargeFramesOfZstdAreReadFewAtATime(t *testing.T) {
	batch := bomb(t, Zstd, 2*maxStreamedWindow)
	d, err := openDecoder(Zstd, batch.Payload())
	if err != nil {
		t.Fatal(err)
	}
	if len(largeSlots) != 1 {
		t.Errorf("%d places are taken by a frame of 16 MiB, want 1", len(largeSlots))
	}
	d.release()
	if len(largeSlots) != 0 {
		t.Errorf("%d places are taken when nothing is read", len(largeSlots))
	}
}
