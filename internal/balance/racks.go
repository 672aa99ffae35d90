package balance

// spreadRacks moves a replica of each partition that is in fewer racks than it could be.
func (b *board) spreadRacks() {
	if b.racks < 2 {
		return
	}
	for i := range b.parts {
		p := &b.parts[i]
		for !p.in.Moving {
			has := b.spread(p, -1, -1)
			if has >= min(len(p.replicas), b.racks) {
				break
			}
			from, to := b.wider(p, has)
			if from < 0 {
				break
			}
			b.move(p, from, to, ForRacks)
		}
	}
}

// wider is the replacement that brings a partition into one more rack; of several that which takes from the broker with the most and gives
// to the one with the fewest.
func (b *board) wider(p *part, has int) (from, to int32) {
	from, to = -1, -1
	for _, f := range p.replicas {
		for i := range b.brokers {
			t := int32(i)
			if b.brokers[i].rack < 0 || !b.takes(p, t) || b.spread(p, f, t) <= has {
				continue
			}
			if from < 0 || b.brokers[i].less(&b.brokers[to]) || t == to && b.brokers[from].less(&b.brokers[f]) {
				from, to = f, t
			}
		}
	}
	return from, to
}
