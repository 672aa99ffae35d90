package record

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
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

// holdLane takes the lane until the function that it returns is called.
func holdLane(t *testing.T) (leave func()) {
	t.Helper()
	if err := heavy.enter(false); err != nil {
		t.Fatal(err)
	}
	return heavy.leave
}

// TestWhatExpandsVeryMuchWaitsForItsTurn: many are read one after the other, and meanwhile others are read that do not.
func TestWhatExpandsVeryMuchWaitsForItsTurn(t *testing.T) {
	allCodecs(t, func(t *testing.T, c Codec) {
		if c == Uncompressed {
			return
		}
		batch, small := bomb(t, c, largeRecord+1<<20), bomb(t, c, 1000)
		leave := holdLane(t)
		done := make(chan error, 1)
		go func() { _, err := batch.Validate(Rules{}); done <- err }()
		for deadline := time.Now().Add(time.Minute); heavy.waiting.Load() == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				leave()
				t.Fatalf("nobody waits for the lane; the batch was read: %v", <-done)
			}
		}
		if _, err := small.Validate(Rules{}); err != nil {
			t.Error(err)
		}
		if len(ordinary) > 0 {
			t.Error("who waits for the lane holds a decoder")
		}
		leave()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(ordinary) > 0 || len(largeSlots) > 0 || heavy.waiting.Load() > 0 {
			t.Error("places are still taken")
		}
	})
}

// TestTooManyThatExpandVeryMuchAreSentAway: who waits holds its batch, which is memory too. What lies in a log is waited for.
func TestTooManyThatExpandVeryMuchAreSentAway(t *testing.T) {
	batch := bomb(t, Zstd, 4<<20)
	leave := holdLane(t)
	heavy.waiting.Add(laneQueue)
	_, err := batch.Validate(Rules{})
	if !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	if _, err := batch.Transcode(LZ4, 0, 1<<20); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	heavy.waiting.Add(-laneQueue)
	leave()
	if _, err := batch.Validate(Rules{}); err != nil {
		t.Error(err)
	}
	if len(ordinary) > 0 || len(largeSlots) > 0 || heavy.waiting.Load() > 0 {
		t.Error("places are still taken")
	}
}

// TestRecordsComeOnceHoweverOftenTheyAreReadAnew: the way into the lane begins from the start.
func TestRecordsComeOnceHoweverOftenTheyAreReadAnew(t *testing.T) {
	var records []Record
	for i := range 3000 {
		size := 200
		if i%1000 == 500 {
			size = 1 << 20
		}
		records = append(records, Record{Timestamp: int64(i), Value: bytes.Repeat([]byte{byte(i)}, size)})
	}
	allCodecs(t, func(t *testing.T, c Codec) {
		batch := build(t, withCodec(c), records...)
		if s, err := batch.Validate(Rules{}); err != nil || s.PayloadSize < 3<<20 || s.MaxTimestamp != 2999 {
			t.Errorf("%+v, %v", s, err)
		}
		for step := range Codec(2) {
			target := (c + 3*step + 1) % (Zstd + 1)
			other, err := batch.Transcode(target, 0, 20<<20)
			if err != nil {
				t.Fatal(target, err)
			}
			if err := other.Check(); err != nil || other.Codec() != target {
				t.Fatal(target, other.Codec(), err)
			}
			next := 0
			err = other.Records(0, func(r *Record) bool {
				if r.Offset != int64(next) || r.Timestamp != int64(next) || !bytes.Equal(r.Value, records[next].Value) {
					t.Fatalf("%s: record %d is at offset %d, timestamp %d, %d bytes", target, next, r.Offset, r.Timestamp, len(r.Value))
				}
				next++
				return true
			})
			if err != nil || next != len(records) {
				t.Errorf("%s: %d records, %v", target, next, err)
			}
		}
		if _, err := batch.Transcode(Uncompressed, 0, 2<<20); !errors.Is(err, ErrTooLarge) {
			t.Errorf("larger than allowed: %v", err)
		}
	})
}

// TestLargeFramesOfZstdAreReadFewAtATime: also those that are decompressed as a whole.
func TestLargeFramesOfZstdAreReadFewAtATime(t *testing.T) {
	batch := bomb(t, Zstd, 2*maxStreamedWindow)
	d, err := openDecoder(Zstd, batch.Payload(), false)
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

// TestALargeFrameOfZstdTakesNoMoreThanItsWindow: what holds more than the window that it claims is a stream, whoever reads it.
func TestALargeFrameOfZstdTakesNoMoreThanItsWindow(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes allocations larger, so their sizes say nothing")
	}
	const window, content = 16 << 20, 150 << 20
	var frame bytes.Buffer
	zw, err := zstd.NewWriter(&frame, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	piece := make([]byte, 1<<20)
	for range content / len(piece) {
		if _, err := zw.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	var h zstd.Header
	if err := h.Decode(frame.Bytes()); err != nil || h.WindowSize != window || h.HasFCS {
		t.Fatalf("%+v, %v", h, err)
	}
	read := 0
	cost := allocated(func() {
		d, err := openDecoder(Zstd, frame.Bytes(), false)
		if err != nil {
			t.Fatal(err)
		}
		defer d.release()
		for err == nil {
			var n int
			n, err = readSome(d, piece)
			read += n
		}
		if err != io.EOF {
			t.Error(err)
		}
	})
	if read != content || cost > 8*window { // a buffer that grows up to it, and the stream
		t.Errorf("%d bytes read of %d, %d allocated for a window of %d", read, content, cost, window)
	}
}
