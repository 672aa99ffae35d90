package record

import "errors"

// Kinds of what is wrong with foreign batches. Errors returned by this package wrap one of them and say where and what.
var (
	ErrCorrupt          = errors.New("corrupt batch")          // CORRUPT_MESSAGE: length, CRC, record count or encoding do not fit
	ErrIncomplete       = errors.New("incomplete batch")       // the bytes end inside a batch: a torn tail, or a cut fetch response
	ErrUnsupportedMagic = errors.New("unsupported magic")      // UNSUPPORTED_FOR_MESSAGE_FORMAT / CORRUPT_MESSAGE
	ErrInvalidRecord    = errors.New("invalid record")         // INVALID_RECORD
	ErrTooLarge         = errors.New("decompressed too large") // over the limit given by the caller
)

// Split cuts the first whole batch from b and returns it and the rest. It checks length and magic only, not the CRC.
// ErrIncomplete if b ends inside the batch (also when shorter than a header), io.EOF if b is empty.
func Split(b []byte) (Batch, []byte, error) { panic("unbuilt") }

// Check verifies length, magic and CRC of one whole batch.
func (b Batch) Check() error { panic("unbuilt") }

// Reseal recomputes the CRC after attributes or timestamps were changed in place.
func (b Batch) Reseal() { panic("unbuilt") }

// SetMaxTimestamp writes the greatest timestamp and the log-append-time bit in place; the caller reseals.
func (b Batch) SetMaxTimestamp(ts int64, logAppendTime bool) { panic("unbuilt") }

// Records calls fn for each record in order with its absolute offset and timestamp, decompressing if needed, until fn returns
// false. The record's slices are valid only during the call. maxBytes bounds the decompressed size (0: 1 GiB).
func (b Batch) Records(maxBytes int, fn func(*Record) bool) error { panic("unbuilt") }

// ControlRecord returns the type of a control batch's single record, and its value. An end-transaction marker's value holds
// version int16 and coordinator epoch int32.
func (b Batch) ControlRecord() (ControlType, []byte, error) { panic("unbuilt") }

// BatchSpec says what a batch to be built looks like. The zero values of ProducerID and friends must be set to their No...
// constants by the caller who means "none": NewSpec does.
type BatchSpec struct {
	BaseOffset    int64
	LeaderEpoch   int32
	Codec         Codec
	Level         int // codec level, 0: the codec's default
	LogAppendTime bool
	Transactional bool
	Control       bool
	ProducerID    int64
	ProducerEpoch int16
	BaseSequence  int32
}

// NewSpec returns a spec of a plain uncompressed batch: no producer, no leader epoch, base offset 0.
func NewSpec() BatchSpec {
	return BatchSpec{LeaderEpoch: NoLeaderEpoch, ProducerID: NoProducerID, ProducerEpoch: NoProducerEpoch, BaseSequence: NoSequence}
}

// AppendBatch encodes records as one batch after dst. Offsets of the records count (they may have gaps, must rise, and the
// first must not be below spec.BaseOffset); if all are zero they are numbered densely from spec.BaseOffset.
func AppendBatch(dst []byte, spec BatchSpec, records []Record) ([]byte, error) { panic("unbuilt") }

// AppendEndTxnMarker encodes the control batch that ends a transaction of a producer (commit or abort).
func AppendEndTxnMarker(dst []byte, spec BatchSpec, timestamp int64, commit bool, coordinatorEpoch int32) []byte {
	panic("unbuilt")
}

// ParseCodec reads the names of compression.type: uncompressed (or none), gzip, snappy, lz4, zstd.
func ParseCodec(name string) (Codec, bool) { panic("unbuilt") }

// Compress appends the compressed src to dst, in the framing that Kafka clients expect (xerial for snappy, LZ4 frames).
func Compress(dst, src []byte, c Codec, level int) ([]byte, error) { panic("unbuilt") }

// Decompress appends the decompressed src to dst; ErrTooLarge when it would pass maxBytes.
func Decompress(dst, src []byte, c Codec, maxBytes int) ([]byte, error) { panic("unbuilt") }
