package sharing

import (
	"leat/internal/record"
	"leat/internal/sharing/acquire"
	"leat/internal/storage"
)

// Burial is records of one share partition that go to the dead-letter topic of its group.
type Burial struct {
	Group           string
	DeadLetterTopic string
	CopyRecords     bool
	Source          record.TopicPartition
	First, Last     int64
	DeliveryCount   int16
	Cause           acquire.Cause
	// Read gives the records that are still there, for CopyRecords. What fn gets is valid only during the call.
	Read func(fn func(*record.Record) bool) error
}

// DeadLetterTopics takes records that share groups gave up (KIP-1191).
type DeadLetterTopics interface {
	// Bury writes to the dead-letter topic; done hears the outcome, perhaps before Bury returns.
	Bury(b Burial, done func(error))
}

// bury sends records to the dead-letter topic. They are archived in the end, also if that fails, so that they hold nobody up.
func (p *sharePartition) bury(letters []acquire.DeadLetter) {
	for _, d := range letters {
		group := p.node.cfg.Group(p.key.Group)
		if p.node.cfg.DeadLetters == nil || group.DeadLetterTopic == "" {
			p.buried(d, nil)
			continue
		}
		p.node.cfg.DeadLetters.Bury(Burial{
			Group: p.key.Group, DeadLetterTopic: group.DeadLetterTopic, CopyRecords: group.CopyRecords,
			Source: p.tp, First: d.First, Last: d.Last, DeliveryCount: d.DeliveryCount, Cause: d.Cause,
			Read: func(fn func(*record.Record) bool) error { return p.records(d, fn) },
		}, func(err error) { p.buried(d, err) })
	}
}

// buried ends records whose dead letter was written, or could not be.
func (p *sharePartition) buried(d acquire.DeadLetter, err error) {
	if err != nil {
		p.node.cfg.Logger.Error("records of a share group could not go to its dead-letter topic, they are archived all the same",
			"group", p.key.Group, "topic", p.tp.Topic, "partition", p.tp.Partition, "offset", d.First, "err", err)
	}
	p.mu.Lock()
	if p.ended != nil || p.core == nil {
		p.mu.Unlock()
		return
	}
	p.core.Buried(d)
	p.mu.Unlock()
	p.settle()
}

// records reads the records of a dead letter.
func (p *sharePartition) records(d acquire.DeadLetter, fn func(*record.Record) bool) error {
	for from := d.First; from <= d.Last; {
		slice, err := p.replica.Log().Read(from, readAtOnce, storage.ReadUncommitted, true)
		if err != nil {
			return err
		}
		next, err := each(slice, d, fn)
		slice.Release()
		if err != nil || next <= from {
			return err
		}
		from = next
	}
	return nil
}

// each calls fn for the records of a slice that a dead letter is about, and returns where the slice ends.
func each(slice storage.Slice, d acquire.DeadLetter, fn func(*record.Record) bool) (next int64, err error) {
	w := walker{slice: slice}
	for {
		b, part, err := w.next()
		if b == nil || err != nil {
			return next, err
		}
		next = part.last + 1
		if part.last < d.First || part.first > d.Last || b.Control() {
			continue
		}
		whole, err := w.bytes(part.at, part.size)
		if err != nil {
			return next, err
		}
		err = record.Batch(whole).Records(maxDecompressed, func(r *record.Record) bool {
			return r.Offset < d.First || r.Offset > d.Last || fn(r)
		})
		if err != nil {
			return next, err
		}
	}
}
