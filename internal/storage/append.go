package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// Origin says who appends, which decides what is checked.
type Origin int8

// The origins of an append as leader.
const (
	FromClient      Origin = iota // everything is checked
	FromCoordinator               // internal topics' records and transaction markers: no sequence and no key checks, and the CRC is trusted, for this process made the batch
)

// AppendOptions are the circumstances of an append as leader.
type AppendOptions struct {
	LeaderEpoch int32
	Origin      Origin
	Now         time.Time // zero: the clock's
	// TransactionVersion is that of the transaction which an appended marker ends (WriteTxnMarkers); 0 and 1 are alike.
	TransactionVersion int16
	// SyncLater leaves a sync that flush.messages demands to the caller, who is told of it by AppendInfo.SyncDue.
	SyncLater bool
	// Sampling is that of the client's connection; nil: the records of every batch are looked at.
	Sampling *Sampling
	// MustVerify refuses a transactional batch that begins a transaction in this log without a Verification that is still good.
	MustVerify   bool
	Verification *Verification
	// Elsewhere, if not nil, are sequences of the batch's producer that are not in this log but were taken: those of delayed records. A batch
	// that follows them is no gap.
	Elsewhere *Elsewhere
}

// AppendInfo is the outcome of an append. For a duplicate of one of the producer's last five batches nothing is written and the
// offsets are those of the first time (Duplicate true).
type AppendInfo struct {
	BaseOffset    int64
	LastOffset    int64 // inclusive
	LogAppendTime int64 // ms, -1 unless the topic uses log append time; for a duplicate, its greatest timestamp, as Kafka answers
	LogStart      int64
	LogEnd        int64 // after the append
	Duplicate     bool
	Throttle      time.Duration // how long the client is to wait before it sends more, because the disk gets full
	SyncDue       bool          // flush.messages demands a sync before the records are used: see Log.SyncSoon and SyncedEnd
}

// replicated is the origin of batches that a leader has already checked.
const replicated Origin = -1

// Append validates one or more batches from a client or coordinator where they lie, assigns offsets and leader epoch in place,
// and writes them. batches is modified and may be reused after the return. It does not wait for a sync, unless flush.messages
// demands one. All or nothing.
func (l *Log) Append(batches []byte, opts AppendOptions) (AppendInfo, error) {
	cfg := l.cfg.Load()
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	batches, err := l.prepare(batches, cfg, opts)
	if err != nil {
		return AppendInfo{}, err
	}
	throttle, err := l.host.admit(int64(len(batches)), opts.Origin == FromClient)
	if err != nil {
		return AppendInfo{}, fmt.Errorf("append to %s: %w", l.tp, err)
	}
	l.writeMu.Lock()
	info, err := l.appendAsLeader(batches, cfg, opts)
	l.writeMu.Unlock()
	info.Throttle = throttle
	if err == nil && info.LogEnd-l.recoveryPoint() >= cfg.FlushMessages {
		if opts.SyncLater {
			info.SyncDue = true
		} else {
			err = l.Flush()
		}
	}
	return info, err
}

// AppendFetched writes batches as they came from a leader: offsets and epochs stand in them and must continue the log.
func (l *Log) AppendFetched(batches []byte) (AppendInfo, error) {
	cfg := l.cfg.Load()
	_, _ = l.host.admit(int64(len(batches)), false) // refuses clients only
	l.writeMu.Lock()
	info, err := l.appendAsFollower(batches, cfg)
	l.writeMu.Unlock()
	if err == nil && info.LogEnd-l.recoveryPoint() >= cfg.FlushMessages {
		err = l.Flush()
	}
	return info, err
}

func (l *Log) recoveryPoint() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.recovery
}

// appendAsLeader assigns offsets and writes, with writeMu held.
func (l *Log) appendAsLeader(batches []byte, cfg *LogConfig, opts AppendOptions) (AppendInfo, error) {
	l.beginUpdate()
	defer l.endUpdate()
	if err := l.usable(); err != nil {
		return AppendInfo{}, err
	}
	info := AppendInfo{BaseOffset: l.logEnd, LogAppendTime: record.NoTimestamp, LogStart: l.logStart}
	if cfg.LogAppendTime {
		info.LogAppendTime = opts.Now.UnixMilli()
	}
	l.update.reset(&l.producers)
	next := l.logEnd
	for rest := batches; len(rest) > 0; {
		b := record.Batch(rest[:record.Batch(rest).Size()])
		rest = rest[len(b):]
		b.SetBaseOffset(next)
		b.SetLeaderEpoch(opts.LeaderEpoch)
		next = b.NextOffset()
		if m, ok := l.duplicate(b, opts.Origin); ok {
			return AppendInfo{
				BaseOffset: m.lastOffset - int64(m.offsetDelta), LastOffset: m.lastOffset, LogAppendTime: m.timestamp,
				LogStart: l.logStart, LogEnd: l.logEnd, Duplicate: true,
			}, nil
		}
		if opts.MustVerify && b.Transactional() && !b.Control() {
			if err := l.verified(b, &opts); err != nil {
				return AppendInfo{}, err
			}
		}
		l.update.elsewhere = opts.Elsewhere
		if err := accountBatch(l.update, b, opts.Origin, opts.TransactionVersion); err != nil {
			return AppendInfo{}, fmt.Errorf("append to %s: %w", l.tp, err)
		}
	}
	if int64(len(batches)) > cfg.SegmentBytes {
		return AppendInfo{}, fmt.Errorf("append to %s: %d bytes, segment.bytes=%d: %w", l.tp, len(batches), cfg.SegmentBytes, ErrSegmentTooSmall)
	}
	if err := l.write(batches, next, cfg, opts.Now); err != nil {
		return AppendInfo{}, err
	}
	l.endVerifications(batches)
	info.LastOffset, info.LogEnd = next-1, next
	return info, nil
}

// appendAsFollower checks that the batches continue the log, and writes, with writeMu held. What a leader sends in one answer may
// be more than a segment holds, so it goes in groups that each fit. A cut batch at the end is left for the next fetch.
func (l *Log) appendAsFollower(batches []byte, cfg *LogConfig) (AppendInfo, error) {
	l.beginUpdate()
	defer l.endUpdate()
	if err := l.usable(); err != nil {
		return AppendInfo{}, err
	}
	info := AppendInfo{BaseOffset: l.logEnd, LogAppendTime: record.NoTimestamp, LogStart: l.logStart, LastOffset: l.logEnd - 1, LogEnd: l.logEnd}
	if len(batches) >= 8 {
		info.BaseOffset = record.Batch(batches).BaseOffset()
	}
	for len(batches) > 0 {
		group, next, err := l.checkFetched(batches, cfg)
		if err != nil {
			return info, err
		}
		if group == 0 {
			break
		}
		if err := l.write(batches[:group], next, cfg, time.Now()); err != nil {
			return info, err
		}
		batches = batches[group:]
		info.LastOffset, info.LogEnd = next-1, next
	}
	return info, nil
}

// checkFetched checks as many batches as fit into one segment, at least one, and returns their length and the offset behind them.
func (l *Log) checkFetched(batches []byte, cfg *LogConfig) (group int, next int64, err error) {
	l.update.reset(&l.producers)
	next = l.logEnd
	for rest := batches; ; {
		b, more, err := record.Split(rest)
		if err == io.EOF || errors.Is(err, record.ErrIncomplete) || err == nil && group > 0 && int64(group+len(b)) > cfg.SegmentBytes {
			return group, next, nil
		}
		if err == nil {
			err = b.Check()
		}
		if err != nil {
			return 0, 0, fmt.Errorf("append to %s at offset %d: %w: %w", l.tp, next, err, ErrCorruptBatch)
		}
		if b.BaseOffset() < next || b.LastOffset() < b.BaseOffset() {
			return 0, 0, fmt.Errorf("append to %s: batch from the leader has offsets %d to %d, the log ends at %d: %w",
				l.tp, b.BaseOffset(), b.LastOffset(), next, ErrOffsetOutOfRange)
		}
		if err := accountBatch(l.update, b, replicated, 0); err != nil {
			return 0, 0, fmt.Errorf("append to %s: %w: %w", l.tp, err, ErrCorruptBatch)
		}
		group, next, rest = group+len(b), b.NextOffset(), more
	}
}

// duplicate looks for a client's batch among the producer's last ones, with writeMu held.
func (l *Log) duplicate(b record.Batch, origin Origin) (batchMeta, bool) {
	if origin != FromClient || b.ProducerID() < 0 {
		return batchMeta{}, false
	}
	e := l.producers.byID.find(b.ProducerID())
	if e == nil {
		return batchMeta{}, false
	}
	m, found := e.duplicate(b)
	if !found && e.short && b.ProducerEpoch() == e.epoch && b.BaseSequence() != record.AddSequence(e.last().lastSequence, 1) && l.recalled(e) {
		return e.duplicate(b)
	}
	return m, found
}

// accountBatch adds what a batch does to its producer to a pending update.
func accountBatch(u *producerUpdate, b record.Batch, origin Origin, txnVersion int16) error {
	if b.ProducerID() < 0 {
		return nil
	}
	if !b.Control() {
		return u.data(b, origin != replicated, origin == FromClient)
	}
	if b.Count() == 0 { // compaction emptied it: the whole transaction is gone
		return nil
	}
	kind, value, err := b.ControlRecord()
	if err != nil {
		return err
	}
	if kind != record.ControlAbort && kind != record.ControlCommit {
		return nil
	}
	if len(value) < 6 {
		return fmt.Errorf("producer %d at offset %d: end transaction marker of %d bytes, expected 6: %w",
			b.ProducerID(), b.BaseOffset(), len(value), ErrInvalidRecord)
	}
	epoch := int32(binary.BigEndian.Uint32(value[2:]))
	return u.marker(b, kind == record.ControlCommit, epoch, origin != replicated, txnVersion)
}

// write puts whole batches at the end of the active segment, rolling first if need be, and publishes them. Nothing is published
// before all bytes are written; on a failure the file is cut back to where it ended.
func (l *Log) write(batches []byte, next int64, cfg *LogConfig, now time.Time) error {
	if err := l.putOnDisk(); err != nil {
		return err
	}
	if err := l.knowTail(); err != nil {
		return err
	}
	seg, err := l.segmentFor(batches, next, cfg, now)
	if err != nil {
		return err
	}
	f, err := seg.file.acquire()
	if err != nil {
		return l.diskError("append to", err)
	}
	defer seg.file.release()
	if err := l.reserve(seg, f, cfg); err != nil {
		return err
	}
	if _, err := l.writeTail(f, batches, seg.size); err != nil {
		return l.undo(seg, f, l.diskError("append to", err))
	}
	if l.update.abortedNow = l.update.aborted(l.update.abortedNow[:0]); len(l.update.abortedNow) > 0 {
		if err := l.writeAborted(seg); err != nil {
			return l.undo(seg, f, l.diskError("append to", err))
		}
	}
	l.publish(seg, batches, next, cfg)
	l.spillIndexes(seg)
	return nil
}

// cuttable is what cutTo needs of a file.
type cuttable interface {
	Truncate(size int64) error
	Sync() error
}

// cutTo cuts a .log file, durably: once a recovery point stands at the cut, or beyond it, nobody looks at the end of this file again.
func cutTo(f cuttable, size int64) error {
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}

// undo cuts a half-written append off. If that fails too, the log takes no more appends: behind the torn bytes nothing could be
// found again. Readers never look beyond what was published.
func (l *Log) undo(seg *segment, f fs.File, cause error) error {
	if size, err := f.Size(); err == nil && size == seg.size {
		return cause // nothing was written
	}
	seg.reserved = false
	if err := cutTo(f, seg.size); err != nil {
		l.broken = fmt.Errorf("%w (and the torn write at byte %d of %s could not be cut off: %w)", cause, seg.size, seg.file.path, err)
		return l.broken
	}
	return cause
}

// writeAborted appends the aborted transactions of this append to the segment's transaction index.
func (l *Log) writeAborted(seg *segment) error {
	return writeTxnEntries(l.fsys, seg.path(txnIndexSuffix), seg.aborted, l.update.abortedNow)
}

// publish makes written batches part of the log.
func (l *Log) publish(seg *segment, batches []byte, next int64, cfg *LogConfig) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := batches; len(rest) > 0; {
		b := record.Batch(rest)
		h := batchHeader{
			baseOffset: b.BaseOffset(), lastOffset: b.LastOffset(), maxTimestamp: b.MaxTimestamp(),
			size: int64(b.Size()), leaderEpoch: b.LeaderEpoch(),
		}
		rest = rest[h.size:]
		seg.noteBatch(h, seg.size, cfg.IndexIntervalBytes)
		l.marks.push(h.baseOffset, seg.size)
		l.epochs.assign(h.leaderEpoch, h.baseOffset)
		seg.size += h.size
	}
	seg.aborted += len(l.update.abortedNow)
	l.update.commit()
	l.logEnd = next
	l.unsynced += int64(len(batches))
	l.unsnapped += int64(len(batches))
	if !l.listed {
		l.listed = l.host.unsynced(l)
	}
}

// spillIndexes moves index entries to their files when a page of them has gathered. A failure is no loss: they stay in memory.
func (l *Log) spillIndexes(seg *segment) {
	if len(seg.offsets.pending) < indexPage && len(seg.times.pending) < indexPage {
		return
	}
	if err := seg.writeIndexes(l.fsys, false); err != nil {
		l.logger.Warn("index entries not written yet", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "err", err)
		return
	}
	l.mu.Lock()
	seg.offsets.pendingWritten()
	seg.times.pendingWritten()
	l.mu.Unlock()
}
