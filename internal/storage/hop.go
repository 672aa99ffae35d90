package storage

import (
	"leat/internal/fs"
	"leat/internal/record"
)

// maxHops is how many headers may be read instead of looking into an index on disk. A header that is in memory is read in half a microsecond; the index
// must be opened, searched, held against the log and closed.
const maxHops = 24

// hop finds what cut looks for by going from header to header, as long as batches are large and in memory. If they are not, or anything is strange, it
// leaves the matter to cut.
func hop(f fs.File, p *readPlan, limit int64) (end, next int64, ok bool) {
	sc := newScanner(f, p.start, p.end)
	defer sc.done()
	head := sc.buf[:record.HeaderSize]
	at := p.start
	for range maxHops {
		if at+record.HeaderSize > p.end || !fs.ReadCached(f, head, at) {
			return 0, 0, false
		}
		h, err := parseHeader(head)
		if err != nil || h.size > p.end-at {
			return 0, 0, false
		}
		if at+h.size > limit {
			return at, next, at > p.start
		}
		if at == p.start && (limit-at)/h.size >= maxHops {
			return 0, 0, false
		}
		at, next = at+h.size, h.lastOffset+1
	}
	return 0, 0, false
}
