package storage

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Room is how much room there is for what clients write to a log directory.
type Room int8

// The grades of room.
const (
	RoomEnough Room = iota
	RoomShort       // below the soft mark: producers are slowed
	RoomGone        // below the hard mark: producers are refused
)

func (r Room) String() string { return [...]string{"enough", "short", "gone"}[r] }

const (
	// roomCheck is how often the free space is asked for. In between it is reckoned from what the logs wrote themselves.
	roomCheck = time.Second
	// roomLasts is for how long the room above the hard mark has to last at the rate that producers are slowed to. So the rate falls with the room, and
	// the mark is come close to and not reached.
	roomLasts = 2 * time.Minute
	// longestDelay bounds what one request waits.
	longestDelay = 10 * time.Second

	// The marks that are chosen for a disk: a share of it, at most so much; none for a disk that is too small to speak of shares.
	softShare, mostSoft = 20, int64(10 << 30)
	hardShare, mostHard = 100, int64(1 << 30)
	leastGuarded        = int64(1 << 30)
)

// RoomStatus is what the guard of a directory's free space knows and has done.
type RoomStatus struct {
	Grade      Room
	Total      int64 // as of the last check; -1: the directory does not tell
	Available  int64
	Soft, Hard int64 // the marks, 0: none
	Refused    int64 // batches
	Delayed    time.Duration
}

// room guards the free space of one directory, so that there is always some left for what must go on: offset commits, the
// metadata log, checkpoints, and deleting.
//
// It goes back to a better grade only with a tenth more room than the mark, so that it does not swing.
type room struct {
	written atomic.Int64 // bytes, ever; those admitted count before they are written
	grade   atomic.Int32
	limit   atomic.Int64 // of written: past it the grade or the rate must be looked at again
	refused atomic.Int64
	delayed atomic.Int64 // nanoseconds

	mu        sync.Mutex // guards what follows
	total     int64
	available int64 // when written stood at base
	base      int64
	soft      int64
	hard      int64
	next      time.Time // when what was admitted so far has had its time
}

// diskMarks are the marks for a disk of the given size: 0 is none, below 0 is a choice by size.
func diskMarks(total int64, set Settings) (soft, hard int64) {
	soft, hard = set.DiskSoftFree, set.DiskHardFree
	if soft < 0 {
		soft = 0
		if total >= leastGuarded {
			soft = min(total/softShare, mostSoft)
		}
	}
	if hard < 0 {
		hard = 0
		if total >= leastGuarded {
			hard = min(total/hardShare, mostHard)
		}
	}
	return soft, hard
}

// check asks the file system, and changes the grade if need be.
func (d *logDir) checkRoom() {
	r := &d.room
	r.mu.Lock()
	defer r.mu.Unlock()
	d.checkRoomLocked()
}

func (d *logDir) checkRoomLocked() {
	r := &d.room
	base := r.written.Load() // before asking: what is written meanwhile counts twice rather than not at all
	total, available, err := d.store.cfg.FS.Usage(d.path)
	if err != nil { // the grade stays; a broken directory is found out by those who use it
		total, available = -1, r.left()
	}
	r.total, r.available, r.base = total, available, base
	if err == nil {
		r.soft, r.hard = diskMarks(total, d.store.settings())
	}
	d.grade(available)
}

// left is how much is available, as far as we know. Call it with mu held.
func (r *room) left() int64 { return r.available - (r.written.Load() - r.base) }

// grade settles the grade for what is available. Call it with mu held.
func (d *logDir) grade(available int64) {
	r := &d.room
	before := Room(r.grade.Load())
	now := RoomEnough
	switch {
	case r.below(available, r.hard, before >= RoomGone):
		now = RoomGone
	case r.below(available, max(r.soft, r.hard), before >= RoomShort) && r.soft > 0:
		now = RoomShort
	}
	// With enough room nobody has to look again before it could have become short.
	limit := int64(math.MaxInt64)
	if r.soft > 0 || r.hard > 0 {
		limit = r.base + max(0, r.available-max(r.soft, r.hard))
	}
	r.limit.Store(limit)
	if now == before {
		return
	}
	r.grade.Store(int32(now))
	d.tellRoom(now, available)
}

// below reports whether what is available is below a mark, or not above it by enough to say that it is above it again.
func (r *room) below(available, mark int64, before bool) bool {
	if mark == 0 {
		return false
	}
	if before {
		mark += max(mark/10, 1)
	}
	return available < mark
}

// tellRoom says once per change what happens to producers, and why.
func (d *logDir) tellRoom(now Room, available int64) {
	r := &d.room
	log := d.store.logger.With("dir", d.path, "available_bytes", available, "soft_bytes", r.soft, "hard_bytes", r.hard)
	switch now {
	case RoomGone:
		log.Error("log directory almost full, producers are refused until there is room")
	case RoomShort:
		log.Warn("log directory short of room, producers are slowed")
	default:
		log.Info("log directory has room again")
	}
}

// admit counts size bytes that are about to be written, and decides for a client whether it may write them and how long it is to wait
// before it writes more.
func (d *logDir) admit(size int64, client bool) (delay time.Duration, err error) {
	r := &d.room
	written := r.written.Add(size)
	if !client || r.grade.Load() == int32(RoomEnough) && written <= r.limit.Load() {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	grade := Room(r.grade.Load())
	if left := r.left(); r.total == 0 || grade < RoomGone && r.below(left, r.hard, false) || grade < RoomShort && r.below(left, r.soft, false) {
		d.checkRoomLocked()      // by reckoning it gets worse, but somebody may have made room
		d.grade(r.left() - size) // which is not on the disk yet
		grade = Room(r.grade.Load())
	}
	switch grade {
	case RoomGone:
		r.written.Add(-size)
		r.base -= size
		r.refused.Add(1)
		if r.hard == 0 {
			return 0, fmt.Errorf("log directory %s is almost full: delete something or make it larger: %w", d.path, ErrNoRoom)
		}
		return 0, fmt.Errorf("log directory %s has %d bytes free, fewer than the %d of leat.disk.hard.free.bytes: delete something or make it larger: %w",
			d.path, max(0, r.left()), r.hard, ErrNoRoom)
	case RoomShort:
		delay = r.slow(size, time.Now())
		r.delayed.Add(int64(delay))
	}
	return delay, nil
}

func (d *logDir) roomLeft() Room { return Room(d.room.grade.Load()) }

// slow tells how long whoever writes size bytes has to wait, so that all together write no faster than the room lasts. Call it with mu held.
func (r *room) slow(size int64, now time.Time) time.Duration {
	rate := max(1, (r.left()-r.hard)/int64(roomLasts/time.Second)) // bytes a second
	if r.next.Before(now) {
		r.next = now
	}
	took := time.Duration(float64(size) / float64(rate) * float64(time.Second))
	r.next = r.next.Add(min(took, longestDelay))
	if latest := now.Add(longestDelay); r.next.After(latest) {
		r.next = latest
	}
	return r.next.Sub(now)
}

func (r *room) status() RoomStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RoomStatus{
		Grade: Room(r.grade.Load()), Total: r.total, Available: max(0, r.left()), Soft: r.soft, Hard: r.hard,
		Refused: r.refused.Load(), Delayed: time.Duration(r.delayed.Load()),
	}
}
