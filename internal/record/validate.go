package record

import (
	"fmt"
)

// Rules are what the records of a client's batch are held against. The zero value checks the encoding only.
type Rules struct {
	Partition TopicPartition // for messages

	RequireKey bool // the topic is compacted

	// LogAppendTime says that the topic stamps records itself: a client's timestamps do not matter, but it must not claim to have
	// stamped them by append time. Otherwise, with BoundTimestamps, a record that has a timestamp must lie within
	// [EarliestTimestamp, LatestTimestamp].
	LogAppendTime     bool
	BoundTimestamps   bool
	EarliestTimestamp int64
	LatestTimestamp   int64

	MaxBytes       int // of the whole batch, decompressed: ErrTooLarge above (0: 1 GiB)
	MaxRecordBytes int // of one record, decompressed: ErrInvalidRecord above (0: no bound); max.decompressed.message.bytes
}

// Summary is what Validate learns about the records of a batch on its way.
type Summary struct {
	MaxTimestamp            int64 // NoTimestamp if no record has one
	MaxTimestampOffsetDelta int32 // of the first record with that timestamp
	PayloadSize             int   // bytes of the records, decompressed
}

// Validate passes once over the records of a batch from a client, whose length and CRC Check has verified. It checks what Kafka
// checks before an append: the header's offset range and count agree, no control batch, a sequence if there is a producer id;
// each record is sound, offset deltas are 0, 1, 2... with nothing after the last; and the rules.
//
// An uncompressed batch is read where it lies, a compressed one streams through a small pooled buffer. The error is a *Rejected
// when only rules are broken, ErrBusy when too many wait whose batches expand very much.
func (b Batch) Validate(rules Rules) (Summary, error) { return b.validate(rules, true) }

// validate does it, quickly where records are plain if that is wanted.
func (b Batch) validate(rules Rules, quickly bool) (Summary, error) {
	if err := b.ValidateHeader(rules.Partition); err != nil {
		return Summary{}, err
	}
	w, err := openWindow(b, rules.MaxBytes, true)
	if err != nil {
		return Summary{}, err
	}
	defer w.close()
	w.most = rules.MaxRecordBytes
	v := validation{Rules: rules, batch: b, Summary: Summary{MaxTimestamp: NoTimestamp}}
	plain := v.plainRules()
	plain.on = plain.on && quickly
	for i, count := int32(0), b.Count(); i < count; i++ {
		if i, w.lo = plain.pass(w.buf[:w.hi], w.lo, i, count); i == count {
			break
		}
		body, err := w.next()
		if err != nil {
			return Summary{}, recordError(b, i, err)
		}
		if err := v.record(i, body); err != nil {
			return Summary{}, recordError(b, i, err)
		}
	}
	v.add(&plain)
	if err := w.finish(); err != nil {
		return Summary{}, recordError(b, b.Count(), err)
	}
	if v.rejected != nil {
		return v.Summary, v.rejected
	}
	return v.Summary, nil
}

// ValidateHeader checks of a client's batch what can be told without looking at the records.
func (b Batch) ValidateHeader(tp TopicPartition) error {
	count := int64(b.Count())
	base, last := b.BaseOffset(), b.LastOffset()
	switch {
	case b.LastOffsetDelta() < 0 || last < base:
		return invalidf("Batch has an invalid offset range: [%d, %d] in topic partition %s", base, last, tp)
	case count <= 0:
		return invalidf("Invalid reported count for record batch: %d in topic partition %s", count, tp)
	case int64(b.LastOffsetDelta())+1 != count:
		return invalidf("Inconsistent batch offset range [%d, %d] and count of records %d in topic partition %s", base, last, count, tp)
	case b.Control():
		return invalidf("Clients are not allowed to write control records in topic partition %s", tp)
	case b.ProducerID() > NoProducerID && b.BaseSequence() < 0:
		return invalidf("Invalid sequence number %d in record batch with producerId %d in topic partition %s", b.BaseSequence(), b.ProducerID(), tp)
	case b.Codec() > Zstd:
		return invalidf("compression %d in topic partition %s: only 0 to 4 exist", b.Codec(), tp)
	}
	return nil
}

// validation is the state of one pass.
type validation struct {
	Rules
	Summary
	batch    Batch
	rejected *Rejected
	rec      Record
}

// record checks one record. It returns an error if the record cannot be read and notes it as rejected if it breaks a rule.
func (v *validation) record(index int32, body []byte) error {
	if bad := decodeRecord(body, &v.rec, false); bad != "" {
		return invalidf("field %s", bad)
	}
	v.PayloadSize += varintSize(int64(len(body))) + len(body)
	ts := v.rec.Timestamp + v.batch.BaseTimestamp()
	if v.batch.LogAppendTime() {
		ts = v.batch.MaxTimestamp()
	}
	if ts > v.MaxTimestamp {
		v.MaxTimestamp, v.MaxTimestampOffsetDelta = ts, index
	}
	switch {
	case v.rec.Offset != int64(index):
		v.reject(index, "Record with offset delta %d is not at its place %d in topic partition %s.", v.rec.Offset, index, v.Partition)
	case v.RequireKey && v.rec.Key == nil:
		v.reject(index, "Compacted topic cannot accept message without key in topic partition %s.", v.Partition)
	default:
		v.timestamp(index, ts)
	}
	return nil
}

// timestamp follows Kafka's order: a record without timestamp is exempt from the bounds but not from the type.
func (v *validation) timestamp(index int32, ts int64) {
	if !v.LogAppendTime && ts != NoTimestamp {
		if v.BoundTimestamps && (ts < v.EarliestTimestamp || ts > v.LatestTimestamp) {
			v.reject(index, "Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]",
				ts, v.batch.BaseOffset()+int64(index), v.EarliestTimestamp, v.LatestTimestamp)
			v.rejected.Timestamps = true
		}
		return
	}
	if v.batch.LogAppendTime() {
		v.reject(index, "Invalid timestamp type in message with offset %d. Producer should not set timestamp type to LogAppendTime.",
			v.batch.BaseOffset()+int64(index))
		v.rejected.Timestamps = true
	}
}

// reject notes a record. What is not listed is not put into words either: a batch of a megabyte can hold many millions.
func (v *validation) reject(index int32, format string, args ...any) {
	if v.rejected == nil {
		v.rejected = &Rejected{}
	}
	v.rejected.Total++
	if len(v.rejected.Records) < maxRejected {
		v.rejected.Records = append(v.rejected.Records, RejectedRecord{index, fmt.Sprintf(format, args...)})
	}
}
