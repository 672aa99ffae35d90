package broker

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"leat/internal/coordinator/timers"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// The headers of records that are delayed.
const (
	headerDeliverAt    = "leat-deliver-at"    // decimal ms since 1970
	headerDeliverAfter = "leat-deliver-after" // decimal ms from now
	headerDelayID      = "leat-delay-id"      // names a record while it waits; it stays in the record
	headerDelayCancel  = "leat-delay-cancel"  // the record with this id is forgotten, and this one is not written
)

// A batch whose records may be delayed is taken apart in memory, so what it expands to is bounded more narrowly than elsewhere.
const (
	maxSplit     = 32 << 20
	heldByRecord = 150 // besides key and value
)

// splitted is a batch taken apart.
type splitted struct {
	entries []timers.Entry
	rest    []byte // a batch of the records that are not delayed, nil if none or all are
	// maxPending is how many bytes may wait for the partition.
	maxPending int64
}

// splitBatch takes the records out that are to be delayed; bad says what is wrong with one.
func (p *produceCall) splitBatch(batch record.Batch, cfg storage.LogConfig, topic string) (s splitted, bad string) {
	now := time.Now().UnixMilli()
	if !anyDelayed(batch, cfg) {
		return splitted{}, ""
	}
	longest := int64(-1)
	var others []record.Record
	held := 0
	err := batch.Records(cfg.MaxDecompressedBytes, func(r *record.Record) bool {
		if held += heldByRecord + len(r.Key) + len(r.Value); held > maxSplit {
			bad = fmt.Sprintf("a batch whose records may be delayed takes more than %d bytes of memory: send fewer records in one, or smaller ones", maxSplit)
			return false
		}
		e, delayed, wrong := delayEntry(r, now)
		if wrong != "" {
			bad = wrong
			return false
		}
		if !delayed {
			others = append(others, owned(r))
			return true
		}
		if longest < 0 {
			v := p.h.Config().ForTopic(p.c.Image.Config(metadata.TopicResource, topic))
			longest, s.maxPending = v.Int64("leat.delay.max.ms"), v.Int64("leat.delay.max.pending.bytes")
		}
		switch {
		case p.rq.TransactionalID != nil:
			bad = "a record of a transaction cannot be delayed: send it outside of the transaction, or without the leat- headers"
		case e.Payload != nil && e.Due-now > longest:
			bad = fmt.Sprintf("a record is delayed by %d ms, leat.delay.max.ms=%d: deliver it sooner, or raise the topic's limit", e.Due-now, longest)
		case e.Payload != nil && r.Key == nil && cfg.Compact:
			bad = "a record of a compacted topic has no key"
		}
		s.entries = append(s.entries, e)
		return bad == ""
	})
	switch {
	case bad != "":
		return s, bad
	case err != nil || len(s.entries) == 0:
		return splitted{}, "" // storage says what is wrong with it
	case len(others) > 0:
		s.rest, err = restOf(batch, others)
		if err != nil {
			return s, err.Error()
		}
	}
	return s, ""
}

// anyDelayed reports whether a batch has to be taken apart at all: most have not, and taking them apart takes as much memory as they expand to.
func anyDelayed(batch record.Batch, cfg storage.LogConfig) (found bool) {
	_ = batch.Records(cfg.MaxDecompressedBytes, func(r *record.Record) bool { // storage says what is wrong with it
		for _, h := range r.Headers {
			switch h.Key {
			case headerDeliverAt, headerDeliverAfter, headerDelayID, headerDelayCancel:
				found = true
			}
		}
		return !found
	})
	return found
}

// restOf is a batch of the records that are not delayed. Its sequences are the last ones of the batch, so that the next batch follows it.
func restOf(batch record.Batch, others []record.Record) ([]byte, error) {
	spec := record.NewSpec()
	spec.Codec, spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = batch.Codec(), batch.ProducerID(), batch.ProducerEpoch(), batch.BaseSequence()
	if spec.ProducerID >= 0 {
		spec.BaseSequence = record.AddSequence(batch.BaseSequence(), batch.Count()-int32(len(others)))
	}
	for i := range others {
		others[i].Offset = 0
	}
	return record.AppendBatch(nil, spec, others)
}

// owned is a record of its own.
func owned(r *record.Record) record.Record {
	c := record.Record{Timestamp: r.Timestamp, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Headers: slices.Clone(r.Headers)}
	for i := range c.Headers {
		c.Headers[i].Value = bytes.Clone(c.Headers[i].Value)
	}
	return c
}

// delayEntry reads the headers of a record.
func delayEntry(r *record.Record, now int64) (e timers.Entry, delayed bool, bad string) {
	cancel := false
	for _, h := range r.Headers {
		switch h.Key {
		case headerDelayID, headerDelayCancel:
			if len(h.Value) == 0 || len(h.Value) > maxDelayID {
				return e, false, fmt.Sprintf("header %s has %d bytes, 1 to %d are allowed", h.Key, len(h.Value), maxDelayID)
			}
			cancel = cancel || h.Key == headerDelayCancel
			e.ID = string(h.Value)
		case headerDeliverAt, headerDeliverAfter:
			n, err := strconv.ParseInt(string(h.Value), 10, 64)
			if err != nil || n < 0 || n > maxDue {
				return e, false, fmt.Sprintf("header %s=%.40q: not a number of milliseconds", h.Key, h.Value)
			}
			if e.Due = n; h.Key == headerDeliverAfter {
				e.Due += now
			}
			delayed = true
		}
	}
	if cancel {
		if delayed {
			return e, false, "a record has both " + headerDelayCancel + " and a time: leave one out"
		}
		return timers.Entry{ID: e.ID}, true, ""
	}
	if !delayed {
		return e, false, ""
	}
	kept := record.Record{Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		if h.Key != headerDeliverAt && h.Key != headerDeliverAfter {
			kept.Headers = append(kept.Headers, h)
		}
	}
	e.Payload = timers.AppendPayload(make([]byte, 0, len(kept.Key)+len(kept.Value)+64), &kept)
	return e, true, ""
}

const (
	maxDelayID = 256
	maxDue     = 1 << 60 // ms; leat.delay.max.ms is what bounds it
)
