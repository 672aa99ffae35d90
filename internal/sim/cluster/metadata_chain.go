package cluster

import (
	"bytes"
	"sort"

	"leat/internal/metadata"
	"leat/internal/record"
)

// metadataChain is the metadata log as far as anybody knows it to be committed, with the image behind each decision. Every node's log is a part
// of it, which is checked when it grows; so a node's log is told by its end.
type metadataChain struct {
	batches []metadataBatch
	end     int64
	newest  *metadata.Image
}

type metadataBatch struct {
	base, end int64
	epoch     int32
	bytes     []byte
	image     *metadata.Image
}

func newMetadataChain() metadataChain { return metadataChain{newest: metadata.Empty} }

// at is the index of the batch that begins at or behind an offset.
func (c *metadataChain) at(offset int64) int {
	return sort.Search(len(c.batches), func(i int) bool { return c.batches[i].base >= offset })
}

// image is the state below an offset, at which a batch ends.
func (c *metadataChain) image(end int64) *metadata.Image {
	if i := c.at(end); i > 0 {
		return c.batches[i-1].image
	}
	return metadata.Empty
}

// committed takes a batch that a voter takes for committed.
func (w *world) committed(h *host, b record.Batch) {
	c := &w.meta
	if b.BaseOffset() < c.end {
		i := c.at(b.BaseOffset())
		if known := c.batches[i]; known.base != b.BaseOffset() || !bytes.Equal(known.bytes, b) {
			w.fail("controller %d has a batch of epoch %d at metadata offset %d, another one of epoch %d was committed at %d", h.id, b.LeaderEpoch(),
				b.BaseOffset(), known.epoch, known.base)
		}
		return
	}
	if b.BaseOffset() != c.end {
		w.fail("controller %d has a batch at metadata offset %d, committed is up to %d", h.id, b.BaseOffset(), c.end)
	}
	was := c.newest
	delta := metadata.NewDelta(was)
	if !b.Control() {
		w.replay(delta, b)
	}
	c.newest, c.end = delta.Image(b.LastOffset(), b.LeaderEpoch(), b.MaxTimestamp()), b.NextOffset()
	c.batches = append(c.batches, metadataBatch{b.BaseOffset(), c.end, b.LeaderEpoch(), bytes.Clone(b), c.newest})
	w.stats.Metadata++
	if !b.Control() {
		w.checkImage(delta, was, c.newest)
	}
}

func (w *world) replay(delta *metadata.Delta, b record.Batch) {
	err := b.Records(0, func(r *record.Record) bool {
		m, err := metadata.ParseRecord(r.Value)
		if err == nil {
			err = delta.Replay(m)
		}
		if err != nil {
			w.fail("metadata offset %d: %v", r.Offset, err)
		}
		if reg, ok := m.(*metadata.RegisterBrokerRecord); ok {
			w.registered(reg)
		}
		return true
	})
	if err != nil {
		w.fail("metadata batch at %d: %v", b.BaseOffset(), err)
	}
}
