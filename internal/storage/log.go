package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// Log is one partition on disk. All methods may be called concurrently; appends and truncations exclude each other, reads
// exclude nobody.
type Log struct {
	tp         record.TopicPartition
	path       string
	fsys       fs.FS
	files      *fileCache
	host       host
	logger     *slog.Logger
	toldDamage atomic.Bool // that the files are damaged is in the logger
	cfg        atomic.Pointer[LogConfig]

	trail atomic.Pointer[trail] // nil until somebody reads older data

	flushMu sync.Mutex // one sync at a time

	writeMu    sync.Mutex      // excludes appends, truncations, rolls, retention and close
	update     *producerUpdate // of the append under way
	verifying  verifications   // nil: none
	snapshot   []int64         // offsets of the .snapshot files, rising
	cleaning   bool            // a cleaner is at work: retention waits
	ahead      int64           // when retention first met a segment that claims to be written later than now; ms, 0: it met none
	broken     error           // set when a failed write could not be undone: no further append
	unmade     bool            // nothing of the log is on disk yet; also guarded by mu
	recovering bool            // it is being loaded after an unclean stop
	holed      bool            // it was loaded with a hole, or a gap over its recovery point, that nothing but its directory explains

	mu         sync.RWMutex // guards what follows; what an append changes is also guarded by writeMu
	topicID    record.UUID
	segments   []*segment // rising by base; the last one is active; never empty
	logStart   int64
	highWater  int64
	logEnd     int64
	recovery   int64 // recovery point
	lastFlush  int64 // ms
	marks      marks
	epochs     epochHistory
	producers  producerTable
	truncates  int64 // how often bytes that a reader may have looked up went away
	leaving    leaving
	rolled     []*segment // closed segments whose indexes are not synced yet
	loose      []int64    // offsets of .snapshot files that are not synced yet
	newFiles   bool       // names in the directory may not be durable yet
	newMeta    bool       // nor the content of partition.metadata
	newDir     bool       // nor the directory's own name
	listed     bool       // among those to be written out
	closed     bool       // with the others of its size: an idle log with eight bytes more is 64 larger
	unsynced   int64      // bytes appended since the last flush began
	unsnapped  int64      // bytes appended since the newest .snapshot
	checkpoint int64      // recovery point in the directory's checkpoint file
}

// host is what a log needs of whoever owns it.
type host interface {
	settings() Settings
	dirID() record.UUID
	// failed takes note that a write or sync of the directory failed for a reason other than a full disk.
	failed(err error)
	// full takes note that there was no room for a write.
	full(err error)
	// offline returns why the directory is not used any more, or nil.
	offline() error
	// syncSoon asks for a Flush of the log, off the caller's goroutine; w, unless nil, is told how it ended.
	syncSoon(l *Log, w SyncWaiter)
	// admit counts bytes that are about to be written, and tells how long a client is to wait before it writes more, or why it may not write these.
	admit(size int64, client bool) (delay time.Duration, err error)
	// roomLeft is the grade of room that the directory has.
	roomLeft() Room
	// flushTimed takes note that a log has a flush.ms.
	flushTimed()
	// removeLater removes files or directories after a delay.
	removeLater(after time.Duration, paths ...string)
	// recoveryLowered asks that the checkpoint file no longer claims more than the log's recovery point.
	recoveryLowered(l *Log) error
	// startLowered asks that the checkpoint file no longer claims a higher start than the log's.
	startLowered(l *Log) error
	// unsynced takes note that a log has records that are not synced, and reports whether it did. It is called with Log.mu held.
	unsynced(l *Log) bool
	// highWatermarkMoved takes note that the high watermark checkpoint is out of date.
	highWatermarkMoved()
}

// Offsets are the marks of a log, taken at one instant.
// Invariant: LogStart <= HighWatermark <= LogEnd, LogStart <= LastStable <= HighWatermark.
type Offsets struct{ LogStart, HighWatermark, LastStable, LogEnd int64 }

// TopicPartition names the partition.
func (l *Log) TopicPartition() record.TopicPartition { return l.tp }

// TopicID is the id of the topic, zero if the directory knows none.
func (l *Log) TopicID() record.UUID {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.topicID
}

// Dir is the id of the log directory that holds the log.
func (l *Log) Dir() record.UUID { return l.host.dirID() }

// Room is how much room the log's directory has for records. Appends as leader are refused by themselves; a follower asks first, for what it
// does not take now it can have later.
func (l *Log) Room() Room { return l.host.roomLeft() }

// Path is the log's own directory.
func (l *Log) Path() string { return l.path }

// Offsets returns the log's marks.
func (l *Log) Offsets() Offsets {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.offsetsLocked()
}

func (l *Log) offsetsLocked() Offsets {
	stable := l.highWater
	if first, ok := l.producers.firstUnstable(); ok && first < stable {
		stable = max(first, l.logStart)
	}
	return Offsets{LogStart: l.logStart, HighWatermark: l.highWater, LastStable: stable, LogEnd: l.logEnd}
}

// SetHighWatermark moves the high watermark (clamped to [LogStart, LogEnd]) and returns the offsets after it.
func (l *Log) SetHighWatermark(hw int64) Offsets {
	l.mu.Lock()
	defer l.mu.Unlock()
	hw = min(max(hw, l.logStart), l.logEnd)
	if hw != l.highWater {
		l.highWater = hw
		l.host.highWatermarkMoved()
	}
	l.producers.replicated(l.highWater)
	return l.offsetsLocked()
}

// LatestEpoch is the leader epoch of the last batch or assignment; -1 if none.
func (l *Log) LatestEpoch() int32 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.epochs.latest()
}

// EndOffsetForEpoch returns the largest known epoch <= epoch and the offset after its last record (OffsetForLeaderEpoch,
// KIP-101); (-1, -1) if unknown.
func (l *Log) EndOffsetForEpoch(epoch int32) (int32, int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.epochs.endOffset(epoch, l.logEnd)
}

// EpochOf returns the leader epoch under which the record at offset was written, -1 if unknown.
func (l *Log) EpochOf(offset int64) int32 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.epochs.epochOf(offset)
}

// AssignEpoch records that a new leader epoch begins at the log end offset. The file is written with the next flush: what a
// crash loses of it is either found again in the batches, or was an epoch that wrote none.
func (l *Log) AssignEpoch(epoch int32) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.errClosed()
	}
	l.epochs.assign(epoch, l.logEnd)
	return nil
}

// Configure changes the log's config.
func (l *Log) Configure(cfg LogConfig) {
	cfg = cfg.normalized()
	l.cfg.Store(shared(cfg))
	if cfg.FlushMs < forever {
		l.host.flushTimed()
	}
	l.sealNewSegments(cfg.Encrypted)
}

// Config is the log's current config.
func (l *Log) Config() LogConfig { return *l.cfg.Load() }

// Size is the bytes of all segments.
func (l *Log) Size() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var n int64
	for _, s := range l.segments {
		n += s.size
	}
	return n
}

// Producers returns the active producers, ordered by id.
func (l *Log) Producers() []ProducerState {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.producers.states()
}

// TransactionOpenSince reports whether the producer of the oldest open transaction wrote nothing since a time.
func (l *Log) TransactionOpenSince(at time.Time) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.producers.ongoing) == 0 {
		return false
	}
	e := l.producers.byID.find(l.producers.ongoing[0].producerID)
	return e != nil && e.lastTimestamp < at.UnixMilli()
}

// active is the segment that is written to. Call it with mu or writeMu held.
func (l *Log) active() *segment { return l.segments[len(l.segments)-1] }

// segmentOf returns the index of the segment whose range contains offset. Call it with mu or writeMu held.
func (l *Log) segmentOf(offset int64) int {
	n := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].base > offset })
	return max(n-1, 0)
}

// name is the path of a file in the log's directory.
func (l *Log) name(file string) string { return filepath.Join(l.path, file) }

func (l *Log) errClosed() error { return fmt.Errorf("%s: %w", l.tp, ErrClosed) }

// diskError reports a failed file operation and, unless the disk is only full, takes the directory offline.
func (l *Log) diskError(doing string, err error) error {
	if errors.Is(err, ErrClosed) {
		return l.errClosed()
	}
	err = l.onDisk(doing, err)
	if notTheDisk(err) {
		return l.damaged(err)
	}
	switch {
	case IsFull(err):
		l.host.full(err)
	case !passing(err):
		l.host.failed(err)
	}
	return err
}

// syncError reports a failed sync and takes the directory offline, for want of room, too: what was to be synced may be lost by then,
// and the next sync would succeed without having written it.
func (l *Log) syncError(doing string, err error) error {
	err = l.onDisk(doing, err)
	l.host.failed(err)
	return err
}

// unsyncedError is syncError where the same is synced again later: if a file could not be opened because too many are, there was no sync, and
// the next one makes up for it.
func (l *Log) unsyncedError(doing string, err error) error {
	if tooManyFiles(err) {
		return l.onDisk(doing, err)
	}
	return l.syncError(doing, err)
}

func (l *Log) onDisk(doing string, err error) error {
	kind := ErrDisk
	if errors.Is(err, fs.ErrDamaged) {
		kind = ErrCorrupt
	}
	return fmt.Errorf("%s %s: log directory %s: %w: %w", doing, l.tp, filepath.Dir(l.path), err, kind)
}

// damaged tells the log, once, that the files of this one contradict themselves; clients only learn that something is wrong. If they cannot be
// read because the device fails, the directory goes offline, as in Kafka.
func (l *Log) damaged(err error) error {
	if unreadable(err) {
		l.host.failed(err)
		return err
	}
	if errors.Is(err, fs.ErrNoKey) && !l.toldDamage.Swap(true) {
		l.logger.Error("key missing, the partition cannot be served", "topic", l.tp.Topic, "partition", l.tp.Partition, "dir", l.path, "err", err)
	} else if errors.Is(err, ErrCorrupt) && !l.toldDamage.Swap(true) {
		l.logger.Error("log damaged, the partition cannot be served where it is", "topic", l.tp.Topic, "partition", l.tp.Partition, "dir", l.path, "err", err)
	}
	return err
}

// usable tells why the log does not take appends, or nil. Call it with writeMu held.
func (l *Log) usable() error {
	if l.closed {
		return l.errClosed()
	}
	if l.broken != nil {
		return l.broken
	}
	if err := l.sealable(l.cfg.Load()); err != nil {
		return err
	}
	return l.host.offline()
}

// marks remembers the positions of the newest batch boundaries of the active segment, so that readers at the tail, and the
// high watermark just behind it, are found without touching the file.
type marks struct {
	ring []mark // nil until the first append; grows to markCount, for most partitions see few
	next int    // where the next one goes
	full bool
}

const markCount = 32

type mark struct{ offset, position int64 }

func (m *marks) push(offset, position int64) {
	if n := len(m.ring); m.next == n {
		if n < markCount {
			m.ring = append(make([]mark, 0, max(2, 2*n)), m.ring...)
			m.ring = m.ring[:cap(m.ring)]
		} else {
			m.next, m.full = 0, true
		}
	}
	m.ring[m.next] = mark{offset, position}
	m.next++
}

func (m *marks) reset() { m.next, m.full = 0, false }

// find returns the position of the batch that begins at offset, if it is among the newest.
func (m *marks) find(offset int64) (int64, bool) {
	n := m.next
	if m.full {
		n = markCount
	}
	for i := 1; i <= n; i++ {
		x := m.ring[(m.next-i+n)%n]
		if x.offset == offset {
			return x.position, true
		}
		if x.offset < offset {
			break
		}
	}
	return 0, false
}
