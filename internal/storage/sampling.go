package storage

import (
	"errors"

	"leat/internal/record"
)

// Sampling decides for the compressed batches of one connection which of them are decompressed to look at their records: the first few, then
// some, and all once one was wrong. A client that frames records wrongly does so from the beginning and always. It is used by one append at a time.
type Sampling struct {
	seen  uint64
	wrong bool
}

const (
	sampledFirst = 8  // of a connection are all looked at
	sampledEvery = 64 // then one in so many
)

// due counts a batch and reports whether its turn has come. Without sampling, it is everyone's.
func (s *Sampling) due() bool {
	if s == nil {
		return true
	}
	s.seen++
	return s.wrong || s.seen <= sampledFirst || s.seen%sampledEvery == 0
}

// found notes what looking at a batch has shown.
func (s *Sampling) found(wrong bool) {
	if s != nil && wrong {
		s.wrong = true
	}
}

// validate checks a client's batch and returns its greatest timestamp. The header is always checked; the records unless they are compressed and
// neither a setting needs them nor the sample.
func (l *Log) validate(b record.Batch, cfg *LogConfig, opts AppendOptions) (maxTimestamp int64, err error) {
	compressed := b.Codec() != record.Uncompressed
	rules := l.rules(cfg, opts.Now)
	if compressed && !opts.Sampling.due() && !l.host.settings().CheckCompressed && !needsRecords(b, cfg, &rules) {
		return b.MaxTimestamp(), b.ValidateHeader(l.tp)
	}
	summary, err := b.Validate(rules)
	if compressed {
		opts.Sampling.found(err != nil || summary.MaxTimestamp != b.MaxTimestamp())
	}
	return summary.MaxTimestamp, err
}

// needsRecords reports whether what the topic demands of a compressed batch can be told from its records only, or its header looks as if
// somebody had better look.
func needsRecords(b record.Batch, cfg *LogConfig, rules *record.Rules) bool {
	if cfg.Compact || cfg.TimestampBeforeMax < forever || rules.MaxRecordBytes < unboundedBytes || b.LogAppendTime() {
		return true
	}
	if _, another := targetCodec(cfg, b); another {
		return true
	}
	if first, last := b.BaseTimestamp(), b.MaxTimestamp(); !cfg.LogAppendTime && (first < 0 || last < first || last > rules.LatestTimestamp) {
		return true
	}
	return int64(b.Count())*smallestRecord > int64(len(b.Payload()))*greatestRatio
}

const (
	unboundedBytes = 1<<31 - 9 // of one record: what no batch reaches, and the default
	smallestRecord = 7
	greatestRatio  = 100 // more than real records compress
)

// errSlipped means that a batch is as its producer sent it, but its records cannot be read: a sample did not take it. A lookup by time goes by
// its header then, and the log is served on.
var errSlipped = errors.New("records cannot be read")
