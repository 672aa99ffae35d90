package metalog

import (
	"leat/internal/metadata"
	"leat/internal/record"
)

const (
	// MaxBatchBytes is the largest batch that Kafka's raft writes or reads.
	MaxBatchBytes = 8 << 20
	// groupBytes is what the records of one batch may add up to, each counted with the most that its encoding adds.
	groupBytes     = MaxBatchBytes - 1<<10
	recordOverhead = 32
)

// Encoder writes metadata records as batches, each record at the version that the cluster's metadata.version allows at that point of the
// log.
type Encoder struct {
	Level   int16 // of metadata.version
	values  []byte
	ends    []int
	records []record.Record
}

// Batches appends the records as one batch, or as several if they are too many bytes for one: fencing a broker with hundreds of
// thousands of partitions is. Offsets are dense over all of them.
func (e *Encoder) Batches(dst []byte, at Stamp, records []metadata.Record) ([]byte, error) {
	e.encode(at, records)
	for rest := e.records; len(rest) > 0; {
		n, size := 0, 0
		for n < len(rest) && (n == 0 || size+len(rest[n].Value)+recordOverhead <= groupBytes) {
			size += len(rest[n].Value) + recordOverhead
			n++
		}
		spec := record.NewSpec()
		spec.BaseOffset, spec.LeaderEpoch = rest[0].Offset, at.Epoch
		var err error
		if dst, err = record.AppendBatch(dst, spec, rest[:n]); err != nil {
			return dst, err
		}
		rest = rest[n:]
	}
	return dst, nil
}

// encode fills e.records.
func (e *Encoder) encode(at Stamp, records []metadata.Record) {
	e.values, e.ends, e.records = e.values[:0], e.ends[:0], e.records[:0]
	for _, r := range records {
		if f, ok := r.(*metadata.FeatureLevelRecord); ok && f.Name == metadata.FeatureMetadataVersion {
			e.Level = f.FeatureLevel
		}
		e.values = metadata.AppendRecordAt(e.values, r, metadata.VersionAt(r, e.Level))
		e.ends = append(e.ends, len(e.values))
	}
	from := 0
	for i, to := range e.ends {
		e.records = append(e.records, record.Record{Offset: at.Offset + int64(i), Timestamp: at.Timestamp, Value: e.values[from:to:to]})
		from = to
	}
}

// Shrink lets go of the buffers after a large request.
func (e *Encoder) Shrink() {
	if cap(e.values) > 1<<20 {
		e.values, e.ends, e.records = nil, nil, nil
	}
}
