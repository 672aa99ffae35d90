package balance

import (
	"cmp"
	"slices"
)

// board is the state while a plan is made, with brokers and partitions as numbers.
type board struct {
	limits  Limits
	brokers []broker // by id
	parts   []part   // by topic and number
	racks   int      // that brokers of the pool are in
	seq     int
}

type broker struct {
	id       int32
	rack     int
	known    bool // is registered
	fenced   bool
	draining bool
	pool     bool // takes part in evening out
	dirs     []dir

	count, leaders int
	bytes          int64
}

type dir struct {
	path        string
	total, used int64
	open        bool // takes replicas
}

// part is a partition: in is what was given, replicas are indexes into board.brokers as planned so far.
type part struct {
	in       *Partition
	before   []int32
	replicas []int32
	dirs     []int8 // for each of replicas the directory it lies in or is reckoned to go to, -1: not known
	last     int    // number of the last step that changed it, 0 if none did
	why      Why
}

func newBoard(s *State) *board {
	b := &board{limits: s.Limits.filled()}
	at, racks := map[int32]int32{}, map[string]int{}
	for _, in := range s.Brokers {
		b.brokers = append(b.brokers, broker{id: in.ID, known: true, fenced: in.Fenced, draining: in.Draining})
	}
	b.addStrangers(s)
	slices.SortFunc(b.brokers, func(x, y broker) int { return cmp.Compare(x.id, y.id) })
	for i := range b.brokers {
		at[b.brokers[i].id] = int32(i)
	}
	for _, in := range s.Brokers {
		to := &b.brokers[at[in.ID]]
		if _, ok := racks[in.Rack]; !ok {
			racks[in.Rack] = len(racks)
		}
		to.rack = racks[in.Rack]
		cordoned := in.Cordoned
		open := len(in.Dirs) == 0
		for _, d := range in.Dirs[:min(len(in.Dirs), 127)] {
			to.dirs = append(to.dirs, dir{path: d.Path, total: d.Total, used: max(0, d.Total-d.Usable), open: !d.Cordoned})
			open = open || !d.Cordoned
		}
		to.pool = !cordoned && open && !in.Draining
	}
	seen := map[int]bool{}
	for i := range b.brokers {
		if b.brokers[i].pool && !seen[b.brokers[i].rack] {
			seen[b.brokers[i].rack] = true
			b.racks++
		}
	}
	b.take(s, at)
	return b
}

// addStrangers adds brokers that hold replicas and are not registered: as good as fenced.
func (b *board) addStrangers(s *State) {
	known := map[int32]bool{}
	for i := range b.brokers {
		known[b.brokers[i].id] = true
	}
	for i := range s.Partitions {
		for _, id := range s.Partitions[i].Replicas {
			if !known[id] {
				known[id] = true
				b.brokers = append(b.brokers, broker{id: id, rack: -1, fenced: true})
			}
		}
	}
}

// take counts the partitions in.
func (b *board) take(s *State, at map[int32]int32) {
	replicas := 0
	for i := range s.Partitions {
		replicas += len(s.Partitions[i].Replicas)
	}
	flat, dirs := make([]int32, 0, 2*replicas), make([]int8, 0, replicas)
	b.parts = make([]part, len(s.Partitions))
	for i := range s.Partitions {
		p := &b.parts[i]
		p.in = &s.Partitions[i]
		from := len(flat)
		for _, id := range p.in.Replicas {
			flat = append(flat, at[id])
		}
		p.before = flat[from:len(flat):len(flat)]
		from = len(flat)
		flat = append(flat, p.before...)
		p.replicas = flat[from:len(flat):len(flat)]
		from = len(dirs)
		for _, id := range p.before {
			dirs = append(dirs, b.holding(p, id))
		}
		p.dirs = dirs[from:len(dirs):len(dirs)]
	}
	slices.SortFunc(b.parts, func(x, y part) int {
		return cmp.Or(cmp.Compare(x.in.Partition, y.in.Partition), cmp.Compare(x.in.Topic, y.in.Topic))
	})
	for i := range b.parts {
		for j, id := range b.parts[i].replicas {
			b.brokers[id].count++
			b.brokers[id].bytes += b.parts[i].in.Bytes
			if j == 0 {
				b.brokers[id].leaders++
			}
		}
	}
}

// spread is the number of racks of a partition's replicas, as if from were replaced by to; -1 and -1: as they are.
func (b *board) spread(p *part, from, to int32) int {
	n := 0
	rack := func(id int32) int {
		if id == from {
			id = to
		}
		return b.brokers[id].rack
	}
	for i, id := range p.replicas {
		r, fresh := rack(id), true
		for _, other := range p.replicas[:i] {
			fresh = fresh && rack(other) != r
		}
		if fresh {
			n++
		}
	}
	return n
}

// takes reports whether a broker may be given a replica of the partition, racks aside.
func (b *board) takes(p *part, to int32) bool {
	t := &b.brokers[to]
	return t.pool && !t.fenced && !slices.Contains(p.replicas, to) && (t.dirs == nil || b.roomiest(t, p.in.Bytes) >= 0)
}

// fits reports whether a replica may go from one broker to another without harm to the goals before evenness.
func (b *board) fits(p *part, from, to int32) bool {
	return !p.in.Moving && b.takes(p, to) && b.spread(p, from, to) >= b.spread(p, -1, -1)
}

// roomiest is the open directory with the lowest used share that stays below the border with so many bytes more, -1 if there is none.
func (b *board) roomiest(t *broker, bytes int64) int {
	best, share := -1, 0.0
	for i := range t.dirs {
		d := &t.dirs[i]
		if !d.open {
			continue
		}
		s := d.share(bytes)
		if s <= b.limits.FullAt-fullMargin && (best < 0 || s < share) {
			best, share = i, s
		}
	}
	return best
}

// share is the used part of a directory with so many bytes more. One of unknown size never fills.
func (d *dir) share(more int64) float64 {
	if d.total <= 0 {
		return 0
	}
	return float64(d.used+more) / float64(d.total)
}

// move replaces a replica.
func (b *board) move(p *part, from, to int32, why Why) {
	i := slices.Index(p.replicas, from)
	f, t := &b.brokers[from], &b.brokers[to]
	f.count--
	t.count++
	f.bytes -= p.in.Bytes
	t.bytes += p.in.Bytes
	if i == 0 {
		f.leaders--
		t.leaders++
	}
	if d := p.dirs[i]; d >= 0 {
		f.dirs[d].used -= p.in.Bytes
	}
	if p.dirs[i] = b.holding(p, to); p.dirs[i] < 0 { // otherwise it goes back where it lies
		p.dirs[i] = int8(b.roomiest(t, p.in.Bytes))
	}
	if d := p.dirs[i]; d >= 0 {
		t.dirs[d].used += p.in.Bytes
	}
	p.replicas[i] = to
	b.touch(p, why)
}

// holding is the directory of a broker in which the partition lies as given, -1 if it does not or that is not known.
func (b *board) holding(p *part, id int32) int8 {
	i := slices.Index(p.before, id)
	if i < 0 || i >= len(p.in.Dirs) {
		return -1
	}
	return int8(slices.IndexFunc(b.brokers[id].dirs, func(d dir) bool { return d.path == p.in.Dirs[i] }))
}

func (b *board) touch(p *part, why Why) {
	b.seq++
	if p.last == 0 {
		p.why = why
	}
	p.last = b.seq
}

func unmoved(p *Partition) bool   { return !p.Moving }
func unsettled(p *Partition) bool { return !p.Moving && !p.Settled }

// byBytes lists for each broker its replicas of some partitions, small ones first. Equal ones stay in the order of partition numbers, so that what
// leaves a broker is taken from all topics in turn.
func (b *board) byBytes(which func(*Partition) bool) [][]int32 {
	lists := make([][]int32, len(b.brokers))
	for i := range lists {
		lists[i] = make([]int32, 0, b.brokers[i].count)
	}
	order := make([]int32, 0, len(b.parts))
	for i := range b.parts {
		if which(b.parts[i].in) {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(x, y int32) int {
		return cmp.Or(cmp.Compare(b.parts[x].in.Bytes, b.parts[y].in.Bytes), cmp.Compare(x, y))
	})
	for _, i := range order {
		for _, id := range b.parts[i].replicas {
			lists[id] = append(lists[id], i)
		}
	}
	return lists
}
