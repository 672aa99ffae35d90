package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	leatfs "leat/internal/fs"
	"leat/internal/record"
	"leat/internal/storage"
	"leat/internal/storage/inspect"
)

func (l *pairsLine) String() string {
	var out strings.Builder
	for _, p := range l.pairs {
		fmt.Fprintf(&out, "  %s %v", strings.ReplaceAll(p.name, "_", " "), p.value)
	}
	return out.String()
}

// MarshalJSON keeps the order of the pairs.
func (l *pairsLine) MarshalJSON() ([]byte, error) {
	out := []byte(`{"kind":`)
	for _, p := range append([]pair{{"", l.kind}}, l.pairs...) {
		if p.name != "" {
			name, _ := json.Marshal(p.name) // a string always can be
			out = append(append(append(out, ','), name...), ':')
		}
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		out = append(out, value...)
	}
	return append(out, '}'), nil
}

// segment shows batches and, if asked for, records.
func (d *dump) segment(path string) error {
	f, size, err := openSized(d.fs, path)
	if err != nil {
		return err
	}
	defer f.Close()
	walk, decode := inspect.NewWalk(f, 0, size), d.decoderOf(path)
	for shown := int64(0); shown < d.flags.limit; {
		e, err := walk.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if e.LastOffset() < d.flags.from {
			continue
		}
		shown++
		line, err := lineOf(walk, e)
		if err != nil {
			return err
		}
		d.out.Add(line)
		if !d.flags.records && !d.flags.values {
			continue
		}
		if err := walk.Rows(e, func(r *inspect.Row) error { return d.record(e, r, decode) }); err != nil {
			return fmt.Errorf("position %d: %w", e.Position, err)
		}
	}
	return nil
}

func lineOf(walk *inspect.Walk, e inspect.Entry) (*batchLine, error) {
	stored, computed, err := walk.CRC(e)
	if err != nil {
		return nil, err
	}
	l := &batchLine{
		Kind: "batch", Position: e.Position, Bytes: e.Size, Magic: e.Magic, BaseOffset: e.Header.BaseOffset(), LastOffset: e.LastOffset(),
		Records: 1, Codec: codecName(e.Codec()), TimestampType: e.TimestampType(), MaxTimestamp: e.MaxTimestamp(), LeaderEpoch: record.NoLeaderEpoch,
		ProducerID: record.NoProducerID, ProducerEpoch: record.NoProducerEpoch, BaseSequence: record.NoSequence, CRC: stored, Valid: stored == computed,
	}
	if h := e.Header; e.Magic == 2 {
		l.Records, l.LeaderEpoch, l.ProducerID, l.ProducerEpoch, l.BaseSequence = h.Count(), h.LeaderEpoch(), h.ProducerID(), h.ProducerEpoch(), h.BaseSequence()
		l.Transactional, l.Control = h.Transactional(), h.Control()
		if h.HasDeleteHorizon() {
			horizon := h.BaseTimestamp()
			l.DeleteHorizon = &horizon
		}
	}
	return l, nil
}

func (d *dump) record(e inspect.Entry, r *inspect.Row, decode decoder) error {
	if r.Offset < d.flags.from {
		return nil
	}
	l := &recordLine{Kind: "record", Offset: r.Offset, Timestamp: r.Timestamp, Sequence: r.Sequence, KeySize: sizeOf(r.Key), ValueSize: sizeOf(r.Value)}
	if e.Magic == 2 && e.Header.Control() {
		text, err := controlText(r)
		if err != nil {
			return err
		}
		l.Control = strings.TrimSpace(text)
	} else if d.flags.values {
		l.Key, l.Value = decode(r)
		for _, h := range r.Headers {
			l.Headers = append(l.Headers, headerLine{h.Key, maybe(h.Value, javaText)})
		}
	}
	d.out.Add(l)
	return nil
}

// ofSegment calls show with the base offset of an open index.
func (d *dump) ofSegment(path string, show func(r io.ReaderAt, size, base int64) error) error {
	base, err := baseOf(path)
	if err != nil {
		return err
	}
	f, size, err := openSized(d.fs, path)
	if err != nil {
		return err
	}
	defer f.Close()
	return show(f, size, base)
}

func (d *dump) offsetIndex(path string) error {
	return d.ofSegment(path, func(r io.ReaderAt, size, base int64) error {
		return inspect.OffsetEntries(r, size, base, func(e inspect.OffsetEntry) error {
			if e.Offset >= d.flags.from {
				d.out.Add(&offsetEntryLine{"offset_entry", e})
			}
			return nil
		})
	})
}

func (d *dump) timeIndex(path string) error {
	return d.ofSegment(path, func(r io.ReaderAt, size, base int64) error {
		return inspect.TimeEntries(r, size, base, func(e inspect.TimeEntry) error {
			if e.Offset >= d.flags.from {
				d.out.Add(&timeEntryLine{"time_entry", e})
			}
			return nil
		})
	})
}

// small shows the files that are read at once.
func (d *dump) small(path, kind string) error {
	b, err := leatfs.ReadFile(d.fs, path)
	if err != nil {
		return err
	}
	switch kind {
	case "txnindex":
		list, err := storage.ParseTxnIndex(b)
		for _, t := range list {
			d.out.Add(&pairsLine{"aborted_transaction", []pair{{"producer_id", t.ProducerID}, {"first_offset", t.FirstOffset},
				{"last_offset", t.LastOffset}, {"last_stable_offset", t.LastStableOffset}}})
		}
		return err
	case "snapshot":
		return d.producers(b)
	case "leader-epoch-checkpoint":
		list, err := storage.ParseEpochs(b)
		for _, e := range list {
			d.out.Add(&pairsLine{"epoch", []pair{{"epoch", e.Epoch}, {"start_offset", e.StartOffset}}})
		}
		return err
	case "offsets":
		return d.offsets(b)
	case "partition.metadata":
		id, err := storage.ParsePartitionMetadata(b)
		d.out.Add(&pairsLine{"property", []pair{{"topic_id", id.String()}}})
		return err
	case "meta.properties":
		m, err := storage.ParseMetaProperties(b)
		d.out.Add(&pairsLine{"property", []pair{{"cluster_id", m.ClusterID}, {"node_id", m.NodeID}, {"directory_id", m.DirectoryID.String()}}})
		return err
	}
	// The rest is JSON in one line.
	if len(b) > 0 && !json.Valid(b) {
		return errors.New("not JSON")
	}
	d.out.Add(&pairsLine{"property", []pair{{"content", strings.TrimSpace(string(b))}}})
	return nil
}

func (d *dump) producers(b []byte) error {
	list, err := storage.ParseSnapshot(b)
	for _, e := range list {
		d.out.Add(&pairsLine{"producer", []pair{{"producer_id", e.ProducerID}, {"producer_epoch", e.ProducerEpoch}, {"last_sequence", e.LastSequence},
			{"last_offset", e.LastOffset}, {"offset_delta", e.OffsetDelta}, {"last_timestamp", e.LastTimestamp},
			{"coordinator_epoch", e.CoordinatorEpoch}, {"transaction_first_offset", e.TxnStartOffset}}})
	}
	return err
}

func (d *dump) offsets(b []byte) error {
	list, err := storage.ParseOffsets(b)
	names := slices.SortedFunc(maps.Keys(list), func(a, b record.TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	for _, tp := range names {
		d.out.Add(&pairsLine{"offset", []pair{{"topic", tp.Topic}, {"partition", tp.Partition}, {"offset", list[tp]}}})
	}
	return err
}
