package compact

import "hash/maphash"

// slotSize is the memory of one key in bytes, whatever its length.
const slotSize = 24

// slot is a key, by its hash, and where it stands last. The zero slot is empty.
type slot struct {
	hi, lo uint64
	offset int64 // plus one
}

// OffsetMap knows for each key the last offset that it was put with, in a fixed amount of memory.
//
// Keys are known by 128 bits, formed with two seeds that nobody outside of the process knows: two keys of one log that agree in all of them
// are less likely than an error of the memory that they lie in.
//
// Invariant: used slots are sorted by hash, each at or behind its home (its hash scaled to the number of homes) with no empty slot between
// the two. So a search for what is not there ends at the first larger hash, however full the map is.
type OffsetMap struct {
	first, second maphash.Seed
	budget        int     // slots at most
	load          float64 // share of the homes that may be used
	slots         []slot
	homes         uint64
	limit, used   int
	end           int64
}

// NewOffsetMap returns a map that takes at most so many bytes of memory, as soon as it needs them, and is full when the share load of that is
// used.
func NewOffsetMap(bytes int64, load float64) *OffsetMap {
	return &OffsetMap{
		first: maphash.MakeSeed(), second: maphash.MakeSeed(), budget: int(min(max(bytes/slotSize, minSlots), maxSlots)), load: load,
	}
}

const (
	minSlots = 64
	maxSlots = 1 << 31
	// maxTail is how many slots lie behind the last home at most: room for the run of slots that ends there.
	maxTail = 1024
)

// Reset empties the map and makes room for keys keys, or as many as the memory holds. The map ends at offset end.
func (m *OffsetMap) Reset(keys, end int64) {
	want := m.budget
	if needed := float64(keys)/m.load + minSlots; needed < float64(m.budget)*7/8 {
		want = max(int(needed*8/7), minSlots)
	}
	if want > cap(m.slots) {
		m.slots = make([]slot, want)
	} else {
		m.slots = m.slots[:want]
		clear(m.slots)
	}
	homes := want - min(want/8, maxTail)
	m.homes = uint64(homes)
	m.limit = max(1, int(float64(homes)*m.load))
	m.used, m.end = 0, end
}

// End is the offset below which the map knows every key since the beginning of the dirty part.
func (m *OffsetMap) End() int64 { return m.end }

// Len is the number of keys.
func (m *OffsetMap) Len() int { return m.used }

// Utilization is the share of the memory's slots that hold a key.
func (m *OffsetMap) Utilization() float64 { return float64(m.used) / float64(m.budget) }

func (m *OffsetMap) hash(key []byte) (hi, lo uint64) {
	return maphash.Bytes(m.first, key), maphash.Bytes(m.second, key)
}

// find returns where a key is, or would have to be put in.
func (m *OffsetMap) find(hi, lo uint64) (at int, found bool) {
	at = int(scale(hi, m.homes))
	for ; at < len(m.slots); at++ {
		s := &m.slots[at]
		switch {
		case s.offset == 0 || s.hi > hi:
			return at, false
		case s.hi < hi || s.lo < lo:
		case s.lo == lo:
			return at, true
		default:
			return at, false
		}
	}
	return at, false
}

// scale maps a hash to [0, n), keeping the order.
func scale(hash, n uint64) uint64 {
	return (hash >> 32) * n >> 32
}

// Put notes that key stands at offset; false if there is no room for another key. Offsets of one key come in rising order.
func (m *OffsetMap) Put(key []byte, offset int64) bool {
	hi, lo := m.hash(key)
	at, found := m.find(hi, lo)
	if found {
		m.slots[at].offset = offset + 1
		return true
	}
	if m.used >= m.limit {
		return false
	}
	free := at
	for free < len(m.slots) && m.slots[free].offset != 0 {
		free++
	}
	if free == len(m.slots) {
		return false
	}
	copy(m.slots[at+1:free+1], m.slots[at:free])
	m.slots[at] = slot{hi, lo, offset + 1}
	m.used++
	return true
}

// Last is the last offset that key was put with, -1 if it was not.
func (m *OffsetMap) Last(key []byte) int64 {
	if at, found := m.find(m.hash(key)); found {
		return m.slots[at].offset - 1
	}
	return -1
}
