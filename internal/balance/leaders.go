package balance

import "slices"

// evenLeaders makes another replica the preferred leader where a broker is that of many partitions and another replica's broker of few. Nothing is copied.
func (b *board) evenLeaders() {
	pool := b.pool()
	if len(pool) < 2 {
		return
	}
	sum := 0
	for _, i := range pool {
		sum += b.brokers[i].leaders
	}
	mean := float64(sum) / float64(len(pool))
	w := around(mean, b.limits.Tolerance, 0).whole(mean)
	has := func(i int32) float64 { return float64(b.brokers[i].leaders) }
	if !slices.ContainsFunc(pool, func(i int32) bool { return w.outside(has(i)) }) {
		return
	}
	led := b.led()
	for _, both := range []bool{true, false} {
		for moved := true; moved; {
			moved = false
			for _, pr := range pairs(pool, has, func(i int32) bool { return has(i) > w.low }, func(i int32) bool { return has(i) < w.high }) {
				moved = b.lead(pr, led, func() bool { return w.better(has(pr.from), has(pr.to), both) }) || moved
			}
		}
	}
}

// led lists for each broker the partitions that it is the preferred leader of.
func (b *board) led() [][]int32 {
	lists := make([][]int32, len(b.brokers))
	for i := range b.parts {
		if p := &b.parts[i]; unsettled(p.in) && len(p.replicas) > 1 {
			lists[p.replicas[0]] = append(lists[p.replicas[0]], int32(i))
		}
	}
	return lists
}

// lead hands preferred leadership from one broker to another while that helps and both have a replica, and reports whether it did.
func (b *board) lead(pr pair, led [][]int32, helps func() bool) bool {
	list, moved := led[pr.from], false
	kept := list[:0]
	for _, i := range list {
		p := &b.parts[i]
		at := slices.Index(p.replicas, pr.to)
		if at < 0 || !helps() {
			kept = append(kept, i)
			continue
		}
		p.replicas[0], p.replicas[at] = p.replicas[at], p.replicas[0]
		p.dirs[0], p.dirs[at] = p.dirs[at], p.dirs[0]
		b.brokers[pr.from].leaders--
		b.brokers[pr.to].leaders++
		b.touch(p, ForLeaders)
		led[pr.to] = append(led[pr.to], i)
		moved = true
	}
	led[pr.from] = kept
	return moved
}
