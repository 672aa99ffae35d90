package inspect

import (
	"encoding/binary"
	"fmt"

	"leat/internal/record"
)

// Row is a record of any format.
type Row struct {
	record.Record
	Sequence int32 // record.NoSequence if its producer numbers nothing
	// Legacy records have a CRC each.
	Legacy bool
	CRC    uint32
	Valid  bool
}

// Rows calls fn for the records of a batch. Their slices are valid during the call. fn may return an error, which ends it.
func (w *Walk) Rows(e Entry, fn func(*Row) error) error {
	b, err := w.Whole(e)
	if err != nil {
		return err
	}
	var row Row
	var stop error
	if e.Magic < 2 {
		err = Messages(b, func(m *Message) {
			row = Row{Record: m.Record, Sequence: record.NoSequence, Legacy: true, CRC: m.CRC, Valid: m.Valid}
			if stop == nil {
				stop = fn(&row)
			}
		})
	} else {
		batch := record.Batch(b)
		err = batch.Records(maxDecompressed, func(r *record.Record) bool {
			row = Row{Record: *r, Sequence: record.NoSequence}
			if first := batch.BaseSequence(); first >= 0 {
				row.Sequence = record.AddSequence(first, int32(r.Offset-batch.BaseOffset()))
			}
			stop = fn(&row)
			return stop == nil
		})
	}
	if stop != nil {
		return stop
	}
	return err
}

// TimestampType is Kafka's word for whose timestamps the records have.
func (e Entry) TimestampType() string {
	switch {
	case e.Magic == 0:
		return "NoTimestampType"
	case e.LogAppendTime():
		return "LogAppendTime"
	}
	return "CreateTime"
}

// LastSequence is the sequence number of the last record, record.NoSequence if there are none.
func (e Entry) LastSequence() int32 {
	if e.Magic < 2 || e.Header.BaseSequence() < 0 {
		return record.NoSequence
	}
	return e.Header.LastSequence()
}

// ControlTypeOf reads the key of a control record.
func ControlTypeOf(key []byte) (record.ControlType, error) {
	if len(key) < 4 {
		return 0, fmt.Errorf("key of %d bytes, needs version and type", len(key))
	}
	return record.ControlType(binary.BigEndian.Uint16(key[2:])), nil
}

// CoordinatorEpoch reads the value of a marker that ends a transaction.
func CoordinatorEpoch(value []byte) (int32, error) {
	if len(value) < 6 {
		return 0, fmt.Errorf("value of %d bytes, needs version and coordinator epoch", len(value))
	}
	return int32(binary.BigEndian.Uint32(value[2:])), nil
}
