package acquire

import (
	"container/heap"
	"slices"
)

// waitingFactor bounds what a group ordered by key looks at ahead: so many times share.partition.max.record.locks records that are not done. A key that
// is stuck delays no other until so many of its records wait.
const waitingFactor = 4

// Record is what the order by key needs to know of a record: its offset and a hash of its key. Two keys with one hash are kept in order as if they were one.
type Record struct {
	Offset int64
	Null   bool // without a key: in no order
	Hash   uint64
}

// keys is the order of the known records of a group that is ordered by key.
type keys struct {
	scanned int64 // records from here on have not been looked at
	of      map[int64]Record
	queues  map[uint64][]int64 // offsets by key, the first may be acquired
	nulls   int                // known records without a key
	ready   offsets            // offsets that may be acquired, among them some that are not available any more
}

func newKeys(start int64) *keys {
	return &keys{scanned: start, of: make(map[int64]Record), queues: make(map[uint64][]int64)}
}

// scan takes up what the log has behind what was looked at.
func (p *Partition) scan(s Span) {
	k := p.keys
	if s.Last < k.scanned {
		return
	}
	if s.Skip {
		p.archive(k.scanned, s.Last)
		k.scanned = s.Last + 1
		return
	}
	if s.Last >= p.end {
		p.extend(s.Last)
	}
	for _, rec := range s.Records {
		if rec.Offset < k.scanned || rec.Offset > s.Last {
			continue
		}
		p.archive(k.scanned, rec.Offset-1) // compacted away
		k.scanned = rec.Offset + 1
		if r := p.runs.at(rec.Offset); r != nil && r.state == Available {
			k.add(rec)
		}
	}
	p.archive(k.scanned, s.Last)
	k.scanned = s.Last + 1
}

// add puts a record in the order.
func (k *keys) add(rec Record) {
	k.of[rec.Offset] = rec
	if rec.Null {
		k.nulls++
		heap.Push(&k.ready, rec.Offset)
		return
	}
	queue := append(k.queues[rec.Hash], rec.Offset)
	k.queues[rec.Hash] = queue
	if len(queue) == 1 {
		heap.Push(&k.ready, rec.Offset)
	}
}

// first reports whether a record is known and no earlier one of its key is.
func (k *keys) first(offset int64) bool {
	rec, known := k.of[offset]
	return known && (rec.Null || k.queues[rec.Hash][0] == offset)
}

// offer marks records of a run that came back as ready.
func (p *Partition) offer(r *run) {
	for offset := r.first; offset <= r.last; offset++ {
		if p.keys.first(offset) {
			heap.Push(&p.keys.ready, offset)
		}
	}
}

// forget takes records that are done out of the order, so that the next ones of their keys may be acquired.
func (p *Partition) forget(r *run, last int64) {
	k := p.keys
	for offset := r.first; offset <= min(last, k.scanned-1); offset++ {
		rec, known := k.of[offset]
		if !known {
			continue
		}
		delete(k.of, offset)
		if rec.Null {
			k.nulls--
			continue
		}
		queue := k.queues[rec.Hash]
		i, _ := slices.BinarySearch(queue, offset)
		if len(queue) == 1 {
			delete(k.queues, rec.Hash)
			continue
		}
		if i == 0 {
			queue = queue[1:]
			heap.Push(&k.ready, queue[0])
		} else {
			queue = slices.Delete(queue, i, i+1)
		}
		k.queues[rec.Hash] = queue
	}
}

// Looked is how many records could be worked on at the same time, of those that were looked at in the order of keys: one of each key, and all without a key.
func (p *Partition) Looked() int { return len(p.keys.queues) + p.keys.nulls }

// fair is how many records a member gets at most, so that others of its group also have something to work on: its part of what can be worked on at the same time.
func (p *Partition) fair(f Fetch) int {
	if f.Readers <= 1 {
		return f.Max
	}
	return min(f.Max, (p.Looked()+f.Readers-1)/f.Readers)
}

// acquireByKey hands out records that are first of their keys, or have none. A record that failed often comes alone, as without order.
func (p *Partition) acquireByKey(f Fetch) []Given {
	var got []Given
	var later []int64
	throttle := max(2, (p.settings.MaxDeliveries+1)/2)
	for left := p.fair(f); left > 0 && len(p.keys.ready) > 0 && p.locks < int64(p.settings.MaxLocks); {
		offset := heap.Pop(&p.keys.ready).(int64)
		r := p.runs.at(offset)
		if r == nil || r.state != Available || r.pending != 0 || !p.keys.first(offset) {
			continue
		}
		alone := int(r.count) >= throttle
		if !r.free(f.Now) || alone && (f.More || len(got) > 0) {
			later = append(later, offset)
			continue
		}
		r = p.runs.cut(r, offset, offset)
		r.size = 1
		p.lock(r, f)
		left--
		if n := len(got); n > 0 && got[n-1].Last+1 == offset && got[n-1].DeliveryCount == r.count {
			got[n-1].Last = offset
		} else {
			got = append(got, Given{First: offset, Last: offset, DeliveryCount: r.count})
		}
		if alone {
			break
		}
	}
	for _, offset := range later {
		heap.Push(&p.keys.ready, offset)
	}
	for _, a := range got {
		p.watch(&run{first: a.First, last: a.Last}, f.Now.Add(p.settings.Lock))
	}
	return got
}

// offsets is a heap, the lowest first.
type offsets []int64

func (o offsets) Len() int           { return len(o) }
func (o offsets) Less(i, j int) bool { return o[i] < o[j] }
func (o offsets) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *offsets) Push(x any)        { *o = append(*o, x.(int64)) }

func (o *offsets) Pop() any {
	last := len(*o) - 1
	x := (*o)[last]
	*o = (*o)[:last]
	return x
}
