package balance

import "slices"

// freeDisks moves replicas away from directories that are fuller than the limit until they are clearly below it.
func (b *board) freeDisks() {
	var lists [][]int32
	for i := range b.brokers {
		t := &b.brokers[i]
		if t.fenced || t.draining {
			continue
		}
		for d := range t.dirs {
			if t.dirs[d].share(0) <= b.limits.FullAt {
				continue
			}
			if lists == nil {
				lists = b.byBytes(unmoved)
			}
			b.freeDisk(int32(i), d, lists[i])
		}
	}
}

// freeDisk takes the smallest replica that is enough, or the largest there is and then goes on: few bytes in few moves.
func (b *board) freeDisk(from int32, d int, list []int32) {
	t := &b.brokers[from]
	held := slices.DeleteFunc(slices.Clone(list), func(i int32) bool {
		p := &b.parts[i]
		at := slices.Index(p.replicas, from)
		return p.in.Bytes == 0 || at < 0 || int(p.dirs[at]) != d
	})
	for t.dirs[d].share(0) > b.limits.FullAt-fullMargin && len(held) > 0 {
		excess := t.dirs[d].used - int64((b.limits.FullAt-fullMargin)*float64(t.dirs[d].total))
		at := slices.IndexFunc(held, func(i int32) bool { return b.parts[i].in.Bytes >= excess })
		if at < 0 {
			at = len(held) - 1
		}
		p := &b.parts[held[at]]
		held = slices.Delete(held, at, at+1)
		if to := b.roomFor(p, from); to >= 0 {
			b.move(p, from, to, ForDisk)
		}
	}
}

// roomFor is the broker that takes a replica from a full disk: that whose disk stays the emptiest; -1 if there is none.
func (b *board) roomFor(p *part, from int32) int32 {
	best, share := int32(-1), 0.0
	for i := range b.brokers {
		to, t := int32(i), &b.brokers[i]
		if !b.fits(p, from, to) {
			continue
		}
		s := 0.0
		if d := b.roomiest(t, p.in.Bytes); d >= 0 {
			s = t.dirs[d].share(p.in.Bytes)
		}
		if best < 0 || s < share || s == share && t.less(&b.brokers[best]) {
			best, share = to, s
		}
	}
	return best
}
