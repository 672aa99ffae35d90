package storage

import "errors"

// Kinds of failure; errors wrap one and say topic-partition, file and position.
var (
	ErrOffsetOutOfRange = errors.New("offset out of range")         // read below the log start offset or above the log end offset
	ErrCorrupt          = errors.New("corrupt log")                 // the files contradict themselves; this partition stops
	ErrDisk             = errors.New("log directory failed")        // KAFKA_STORAGE_ERROR: write, sync or read failed; the error names the directory
	ErrNoRoom           = errors.New("log directory almost full")   // KAFKA_STORAGE_ERROR: below leat.disk.hard.free.bytes, for clients only; it passes
	ErrClosed           = errors.New("log closed")                  // deleted or shut down meanwhile
	ErrTooLarge         = errors.New("batch too large")             // MESSAGE_TOO_LARGE: above max.message.bytes
	ErrSegmentTooSmall  = errors.New("batch larger than a segment") // RECORD_LIST_TOO_LARGE: above segment.bytes
	ErrInvalidTimestamp = errors.New("invalid timestamp")           // INVALID_TIMESTAMP
	ErrInvalidRecord    = errors.New("invalid record")              // INVALID_RECORD, e.g. no key for a compacted topic; see RecordErrors
	ErrCorruptBatch     = errors.New("corrupt batch from a client") // CORRUPT_MESSAGE
	ErrOutOfOrder       = errors.New("out of order sequence")       // OUT_OF_ORDER_SEQUENCE_NUMBER
	ErrUnknownProducer  = errors.New("unknown producer id")         // UNKNOWN_PRODUCER_ID
	ErrProducerFenced   = errors.New("invalid producer epoch")      // INVALID_PRODUCER_EPOCH
	ErrTxnState         = errors.New("invalid transaction state")   // INVALID_TXN_STATE
	ErrStaleCoordinator = errors.New("transaction coordinator fenced")
	ErrDirLocked        = errors.New("log directory in use") // by another process; the error names the directory
	ErrForeignDir       = errors.New("log directory of another node or cluster")
)

// RecordErrors carries the per-record errors of a refused batch (ProduceResponse v8+). errors.As finds it.
type RecordErrors struct {
	Kind    error // ErrInvalidRecord or ErrInvalidTimestamp
	Message string
	Records []RecordError
}

// RecordError says what is wrong with the record at Index (position in the batch, from 0).
type RecordError struct {
	Index   int32
	Message string
}

func (e *RecordErrors) Error() string { return e.Message }

// Unwrap returns the kind.
func (e *RecordErrors) Unwrap() error { return e.Kind }
