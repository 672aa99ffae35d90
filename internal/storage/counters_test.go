package storage

import (
	"errors"
	"testing"
	"time"

	"leat/internal/record"
)

// TestRefusedBatchesCountByReason builds batches that are wrong in one way each.
func TestRefusedBatchesCountByReason(t *testing.T) {
	build := func(change func(*record.BatchSpec, []record.Record)) record.Batch {
		spec, records := record.NewSpec(), []record.Record{{Key: []byte("k"), Value: []byte("v"), Timestamp: 1}, {Offset: 1, Key: []byte("k"), Timestamp: 1}}
		change(&spec, records)
		b, err := record.AppendBatch(nil, spec, records)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sound := func(*record.BatchSpec, []record.Record) {}
	compacted := record.Rules{RequireKey: true}
	for _, c := range []struct {
		name                         string
		batch                        record.Batch
		damage                       func(record.Batch)
		noKey, magic, crc, sequences int64
	}{
		{"sound", build(sound), func(record.Batch) {}, 0, 0, 0, 0},
		{"two records without key", build(func(_ *record.BatchSpec, r []record.Record) { r[0].Key, r[1].Key = nil, nil }), func(record.Batch) {}, 2, 0, 0, 0},
		{"a flipped bit", build(sound), func(b record.Batch) { b[len(b)-1] ^= 1 }, 0, 0, 1, 0},
		{"a producer without sequence", build(func(s *record.BatchSpec, _ []record.Record) { s.ProducerID, s.BaseSequence = 7, -1 }), func(record.Batch) {}, 0, 0, 0, 1},
		{"more offsets than records", build(sound), func(b record.Batch) { b[26]++; b.Reseal() }, 0, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.damage(c.batch)
			var counts Counters
			err := c.batch.Check()
			if err == nil {
				_, err = c.batch.Validate(compacted)
			}
			if err != nil {
				counts.refused(err)
			}
			got := [4]int64{counts.NoKey.Load(), counts.BadMagic.Load(), counts.BadCRC.Load(), counts.BadOffsets.Load()}
			if got != [4]int64{c.noKey, c.magic, c.crc, c.sequences} {
				t.Errorf("%v: counted %v", err, got)
			}
		})
	}
	var counts Counters
	counts.refused(errors.Join(record.ErrUnsupportedMagic))
	counts.flushed(time.Now())
	if counts.BadMagic.Load() != 1 || counts.Flushes.Count() != 1 {
		t.Errorf("an old format and a sync count %d and %d", counts.BadMagic.Load(), counts.Flushes.Count())
	}
}
