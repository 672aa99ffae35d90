package quorum

import (
	"leat/internal/metadata"
	"leat/internal/record"
)

// encoder writes metadata records as batches, each at the version that the cluster's metadata.version allows at that point of the log.
type encoder struct {
	level   int16
	values  []byte
	ends    []int
	records []record.Record
}

// batch appends one batch with the records.
func (e *encoder) batch(dst []byte, at position, records []metadata.Record) ([]byte, error) {
	e.values, e.ends, e.records = e.values[:0], e.ends[:0], e.records[:0]
	for _, r := range records {
		if f, ok := r.(*metadata.FeatureLevelRecord); ok && f.Name == metadata.FeatureMetadataVersion {
			e.level = f.FeatureLevel
		}
		e.values = metadata.AppendRecordAt(e.values, r, metadata.VersionAt(r, e.level))
		e.ends = append(e.ends, len(e.values))
	}
	from := 0
	for i, to := range e.ends {
		e.records = append(e.records, record.Record{Offset: at.offset + int64(i), Timestamp: at.timestamp, Value: e.values[from:to:to]})
		from = to
	}
	spec := record.NewSpec()
	spec.BaseOffset, spec.LeaderEpoch = at.offset, at.epoch
	return record.AppendBatch(dst, spec, e.records)
}
