package record

import (
	"errors"
	"fmt"
	"strings"
)

// Kinds of what is wrong with foreign batches. Errors returned by this package wrap exactly one of them and say where and what.
//
// ErrCorrupt is about what the header promises, and so may be the fault of a disk or a network; ErrInvalidRecord is about what
// stands inside a batch whose CRC may well fit, and so is the fault of whoever built it. Kafka draws the same line.
var (
	ErrCorrupt          = errors.New("corrupt batch")          // CORRUPT_MESSAGE: length, magic or CRC do not fit
	ErrIncomplete       = errors.New("incomplete batch")       // the bytes end inside a batch: a torn tail, or a cut fetch response
	ErrUnsupportedMagic = errors.New("unsupported magic")      // UNSUPPORTED_FOR_MESSAGE_FORMAT: a batch of magic 0 or 1
	ErrInvalidRecord    = errors.New("invalid record")         // INVALID_RECORD: counts, lengths, compression or rules do not fit
	ErrInvalidTimestamp = errors.New("invalid timestamp")      // INVALID_TIMESTAMP
	ErrTooLarge         = errors.New("decompressed too large") // over the limit given by the caller
)

// corruptf and invalidf build errors of the two common kinds.
func corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalidRecord}, args...)...)
}

// maxRejected bounds how many rejected records of one batch are listed. A batch of a megabyte can decompress to many millions.
const maxRejected = 1000

// Rejected is the error of a batch whose encoding is sound but some of whose records break a rule. It wraps ErrInvalidTimestamp
// if a timestamp is among the reasons, else ErrInvalidRecord.
type Rejected struct {
	Records    []RejectedRecord // the first maxRejected of them
	Total      int              // how many records were rejected
	Timestamps bool             // one of them for its timestamp
}

// RejectedRecord says what is wrong with the record at Index (position in the batch, from 0), in the words of Kafka.
type RejectedRecord struct {
	Index   int32
	Message string
}

// Error is the message that Kafka gives a producer for the whole batch.
func (r *Rejected) Error() string {
	if r.Timestamps {
		return "One or more records have been rejected due to invalid timestamp"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "One or more records have been rejected due to %d record errors in total, and only showing the first three errors at most: [", r.Total)
	for i, rec := range r.Records[:min(3, len(r.Records))] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "RecordError(batchIndex=%d, message='%s')", rec.Index, rec.Message)
	}
	b.WriteString("]")
	return b.String()
}

// Unwrap is the kind.
func (r *Rejected) Unwrap() error {
	if r.Timestamps {
		return ErrInvalidTimestamp
	}
	return ErrInvalidRecord
}

// recordError adds to err which record it is about.
func recordError(b Batch, index int32, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("batch at offset %d, record %d of %d: %w", b.BaseOffset(), index, b.Count(), err)
}
