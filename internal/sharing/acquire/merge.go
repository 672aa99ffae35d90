package acquire

import "slices"

// Merge lays newer batches over older ones, drops what lies below the start offset, and joins neighbours of one state and count. Of records in both
// the newer batch counts. Neither slice is changed.
func Merge(older, newer []Batch, startOffset int64) []Batch {
	laid := make([]Batch, 0, len(older)+len(newer))
	laid = append(laid, older...)
	for _, n := range newer {
		laid = lay(laid, n)
	}
	slices.SortFunc(laid, func(a, b Batch) int { return int(min(1, max(-1, a.First-b.First))) })
	merged := laid[:0]
	for _, b := range laid {
		if b.Last < startOffset {
			continue
		}
		b.First = max(b.First, startOffset)
		if n := len(merged); n > 0 && merged[n-1].joins(b) {
			merged[n-1].Last = b.Last
			continue
		}
		merged = append(merged, b)
	}
	return merged
}

// joins reports whether the next batch goes on where b ends, in the same state.
func (b Batch) joins(next Batch) bool {
	return b.Last+1 == next.First && b.State == next.State && b.DeliveryCount == next.DeliveryCount
}

// lay puts one batch over others, of which it may cut some in two.
func lay(batches []Batch, over Batch) []Batch {
	var out []Batch
	for _, b := range batches {
		if b.Last < over.First || b.First > over.Last {
			out = append(out, b)
			continue
		}
		if b.First < over.First {
			left := b
			left.Last = over.First - 1
			out = append(out, left)
		}
		if b.Last > over.Last {
			right := b
			right.First = over.Last + 1
			out = append(out, right)
		}
	}
	return append(out, over)
}
