package deadletter

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"leat/internal/record"
	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
)

// causes are told as Kafka tells them.
var causes = map[acquire.Cause]string{
	acquire.Rejected:  "Offset rejected by client.",
	acquire.Exhausted: "Offset delivery count exceeded the threshold.",
}

// headersOf say where a record came from and why it is here.
func headersOf(b *sharing.Burial, offset int64) []record.Header {
	text := func(key, value string) record.Header { return record.Header{Key: key, Value: []byte(value)} }
	headers := []record.Header{
		text("__dlq.errors.topic", b.Source.Topic),
		text("__dlq.errors.partition", strconv.Itoa(int(b.Source.Partition))),
		text("__dlq.errors.offset", strconv.FormatInt(offset, 10)),
		text("__dlq.errors.group", b.Group),
		text("__dlq.errors.delivery.count", strconv.Itoa(int(b.DeliveryCount))),
	}
	if cause := causes[b.Cause]; cause != "" {
		headers = append(headers, text("__dlq.errors.message", cause))
	}
	return headers
}

const (
	// maxRecords bounds a batch, whatever its bytes.
	maxRecords = 1000
	// overhead is more than what a record without key, value and headers of its own takes.
	overhead = 400
)

// batchOf is a batch of the records from an offset on, as many as fit, and the offset of the last of them. Records that are not in the log any more have headers only.
func batchOf(b *sharing.Burial, from int64, maxBytes int) (batch []byte, last int64, err error) {
	last = min(b.Last, from+maxRecords-1)
	originals := map[int64]record.Record{}
	size := 0
	if b.CopyRecords {
		err := b.Read(func(r *record.Record) bool {
			if r.Offset < from {
				return true
			}
			if r.Offset > last {
				return false
			}
			if size += len(r.Key) + len(r.Value) + overhead; size > maxBytes && r.Offset > from {
				last = r.Offset - 1
				return false
			}
			originals[r.Offset] = copied(r)
			return true
		})
		if err != nil && len(originals) == 0 {
			originals = nil // the headers say where it was
		}
	}
	var records []record.Record
	for offset := from; offset <= last; offset++ {
		r := originals[offset]
		r.Timestamp = time.Now().UnixMilli()
		r.Headers = append(r.Headers, headersOf(b, offset)...)
		records = append(records, r)
	}
	batch, err = record.AppendBatch(nil, record.NewSpec(), records)
	return batch, last, err
}

// copied is a record of its own.
func copied(r *record.Record) record.Record {
	c := record.Record{Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Headers: slices.Clone(r.Headers)}
	for i := range c.Headers {
		c.Headers[i].Value = bytes.Clone(c.Headers[i].Value)
	}
	return c
}
