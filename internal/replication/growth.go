package replication

// growth counts the bytes that an epoch of leadership brought, so that a waiting fetch can be told when enough has come without reading
// anything. Counters only rise; a wait remembers where they stood.
type growth struct {
	atEnd        int64        // bytes appended
	atCommitted  int64        // of those, bytes below the high watermark
	lastStable   int64        // last stable offset, as of the last move of the high watermark
	uncommitted  []growthMark // appends above the high watermark, oldest first; empty while there is no follower to wait for
	committedEnd int64        // the high watermark last told
}

// growthMark says that with offsets below nextOffset, atEnd stood at total.
type growthMark struct{ nextOffset, total int64 }

// appended counts an append that made the log end at nextOffset.
func (g *growth) appended(size, nextOffset int64) {
	g.atEnd += size
	if n := len(g.uncommitted); n > 0 {
		nextOffset = max(nextOffset, g.uncommitted[n-1].nextOffset)
	}
	g.uncommitted = append(g.uncommitted, growthMark{nextOffset, g.atEnd})
}

// committed counts what lies below the high watermark now.
func (g *growth) committed(highWatermark int64) {
	g.committedEnd = highWatermark
	n := 0
	for n < len(g.uncommitted) && g.uncommitted[n].nextOffset <= highWatermark {
		g.atCommitted = g.uncommitted[n].total
		n++
	}
	g.uncommitted = append(g.uncommitted[:0], g.uncommitted[n:]...)
}
