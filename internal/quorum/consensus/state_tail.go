package consensus

import (
	"fmt"

	"leat/internal/record"
)

// Tail is what the entries of a state would leave in a metadata log that ends at an offset.
type Tail struct {
	Batches []byte
	End     int64 // of the entries: no more than the offset, if there is nothing to be left
	Epoch   int32 // of the last batch, here or before
}

// Tail looks through all entries, whether they are known to be committed or not: another implementation keeps both in its log.
func (s State) Tail(from int64) (Tail, error) {
	t := Tail{End: s.Base.Offset, Epoch: s.Base.Epoch}
	for _, e := range s.Entries {
		end, err := e.End(t.End)
		if err != nil {
			return t, err
		}
		batches, err := e.Batches()
		if err != nil {
			return t, err
		}
		for len(batches) > 0 {
			b, rest, err := record.Split(batches)
			if err != nil {
				return t, fmt.Errorf("entry %d: %w: %w", e.Index, ErrMalformed, err)
			}
			if t.Epoch = b.LeaderEpoch(); b.BaseOffset() >= from {
				t.Batches = append(t.Batches, b...)
			}
			batches = rest
		}
		t.End = end
	}
	if len(t.Batches) > 0 && record.Batch(t.Batches).BaseOffset() != from {
		return t, fmt.Errorf("entries go on at offset %d, the metadata log ends at %d: %w", record.Batch(t.Batches).BaseOffset(), from, ErrMalformed)
	}
	return t, nil
}

// MembersAtEnd are the members once all entries are committed.
func (s State) MembersAtEnd() (Members, error) {
	m := s.Members
	for _, e := range s.Entries {
		if e.Kind != MembersChange {
			continue
		}
		c, _, err := readChange(e.Data)
		if err != nil {
			return m, err
		}
		m = m.apply(c)
	}
	return m, nil
}
