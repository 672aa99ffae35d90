package storage

import (
	"fmt"
	"math"
)

// Compaction makes room in the end, but it writes before it deletes, and what it has replaced stays for file.delete.delay.ms. So it keeps above the
// hard mark: what lies below is for what cannot wait, commits of offsets and the metadata log, and a cleaner that used it up would stop them.

// spare asks how many bytes may be written before the hard mark is reached.
func (d *logDir) spare() int64 {
	r := &d.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.total == 0 || r.hard == 0 {
		return math.MaxInt64
	}
	d.checkRoomLocked()
	return max(0, r.left()-r.hard)
}

// roomFor reports whether the segments with index from to to may be written again.
func (c *cleaning) roomFor(from, to int) error {
	d, ok := c.log.host.(*logDir)
	if !ok {
		return nil
	}
	need := int64(len(segmentSuffixes)) * 4096 // the last page of each file
	for i := from; i < to; i++ {
		v := &c.sources[i]
		need += v.size + v.offsets.entries()*indexEntrySize + v.times.entries()*timeIndexEntrySize
	}
	if spare := d.spare(); need > spare {
		return fmt.Errorf("clean %s: log directory %s has %d bytes above leat.disk.hard.free.bytes, the next segment may take %d: %w",
			c.log.tp, d.path, spare, need, ErrNoRoom)
	}
	return nil
}

// took counts bytes that are about to be written, until the file system is asked again.
func (c *cleaning) took(n int64) {
	if d, ok := c.log.host.(*logDir); ok {
		d.room.written.Add(n)
	}
}
