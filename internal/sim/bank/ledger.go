package bank

// fate is what readers can say of one half of a transfer.
type fate int8

const (
	absent  fate = iota // not in the log
	open                // in the log, before or after the decision, but not yet below the last stable offset
	visible             // read
	aborted             // read over
)

// transfer moves money from one account to another. It is two records, one on the partition of each account.
type transfer struct {
	number int
	halves [2]half
	told   fate // what its producer was told: absent (nothing), visible or aborted
}

// half is one record.
type half struct {
	partition int
	amount    int
	fate      fate
}

// bank is all that readers know.
type bank struct {
	transfers []*transfer
	odd       *transfer // one whose halves do not fit together
}

// change notes what became of a half, and whether the sum is as before: money that left somewhere must have arrived, or be in the log of the
// other partition without having been aborted.
func (b *bank) change(t *transfer, side int, to fate) {
	t.halves[side].fate = to
	sum, any := 0, false
	for _, h := range t.halves {
		any = any || h.fate == visible
		if h.fate == visible || h.fate == open {
			sum += h.amount
		}
	}
	if any && sum != 0 {
		b.odd = t
	}
}

func (b *bank) check(w *world) {
	if t := b.odd; t != nil {
		w.fail("transfer %d is seen in part: %+v", t.number, t.halves)
	}
}

// settle checks what is left when nothing moves any more: every half is decided, as its producer was told.
func (b *bank) settle(w *world) {
	balance := make([]int, len(w.partitions))
	for _, t := range b.transfers {
		for _, h := range t.halves {
			switch {
			case h.fate == open:
				w.fail("transfer %d is still open at the end: %+v", t.number, t.halves)
			case t.told == visible && h.fate != visible, t.told == aborted && h.fate == visible:
				w.fail("transfer %d was told otherwise (%d): %+v", t.number, t.told, t.halves)
			case h.fate == visible:
				balance[h.partition] += h.amount
			}
		}
	}
	sum := 0
	for _, n := range balance {
		sum += n
	}
	if sum != 0 {
		w.fail("the balances add up to %d: %v", sum, balance)
	}
}
