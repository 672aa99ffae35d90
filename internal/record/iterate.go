package record

import (
	"encoding/binary"
	"sync"
)

var scratch = sync.Pool{New: func() any { return new(Record) }}

// recycle keeps a record for the next iteration, without what it aliases. The names of a few headers stay: the next batch is
// likely to have the same.
func recycle(r *Record) {
	r.Key, r.Value = nil, nil
	headers := r.Headers[:cap(r.Headers)]
	if len(headers) > maxKeptHeaders {
		r.Headers, headers = nil, nil
	}
	for i := range headers {
		headers[i].Value = nil
		if len(headers[i].Key) > maxKeptHeaderKey {
			headers[i].Key = ""
		}
	}
	scratch.Put(r)
}

const (
	maxKeptHeaders   = 32
	maxKeptHeaderKey = 256
)

// Records calls fn for each record in order with its absolute offset and timestamp, decompressing if needed, until fn returns
// false. The record's slices are valid only during the call, which neither waits for others nor reads another batch. maxBytes bounds the decompressed
// size (0: 1 GiB).
func (b Batch) Records(maxBytes int, fn func(*Record) bool) error {
	count := b.Count()
	if count < 0 {
		return invalidf("record count %d at offset %d: negative", count, b.BaseOffset())
	}
	w, err := openWindow(b, maxBytes, false)
	if err != nil {
		return err
	}
	defer w.close()
	r := scratch.Get().(*Record)
	defer recycle(r)
	baseOffset, baseTimestamp := b.BaseOffset(), b.BaseTimestamp()
	for i := range count {
		body, err := w.next()
		if err != nil {
			return recordError(b, i, err)
		}
		if bad := decodeRecord(body, r, true); bad != "" {
			return recordError(b, i, invalidf("field %s", bad))
		}
		r.Offset += baseOffset
		r.Timestamp += baseTimestamp
		if b.LogAppendTime() {
			r.Timestamp = b.MaxTimestamp()
		}
		if !fn(r) {
			return nil
		}
	}
	return recordError(b, count, w.finish())
}

// ControlRecord returns the type of a control batch's single record, and its value. An end-transaction marker's value holds
// version int16 and coordinator epoch int32.
func (b Batch) ControlRecord() (ControlType, []byte, error) {
	if !b.Control() {
		return 0, nil, invalidf("batch at offset %d: not a control batch", b.BaseOffset())
	}
	var key, value []byte
	err := b.Records(maxControlBytes, func(r *Record) bool {
		key = r.Key
		value = r.Value
		if b.Codec() != Uncompressed {
			key, value = append([]byte(nil), key...), append([]byte(nil), value...)
		}
		return false
	})
	if err != nil {
		return 0, nil, err
	}
	if len(key) < 4 {
		return 0, nil, invalidf("control batch at offset %d: key of %d bytes, needs version and type", b.BaseOffset(), len(key))
	}
	return ControlType(binary.BigEndian.Uint16(key[2:])), value, nil
}

// maxControlBytes bounds a control batch. The largest are the voter sets of the metadata log.
const maxControlBytes = 16 << 20
