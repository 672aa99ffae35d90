package cluster

import (
	"math/rand/v2"
	"slices"
	"sort"
)

// entry is a record of a partition. Its value says who wrote it and as the how-manieth, so that two records are the same if they are equal.
type entry struct {
	epoch    int32
	producer int32
	seq      int32
	rest     int32 // how many records of its batch follow: batches are whole, or not there
}

// epochStart says that the records from an offset on were written by the leader of an epoch.
type epochStart struct {
	epoch int32
	start int64
}

// recordLog is a replica's log: what package storage keeps in files. The first offset is 0.
//
// Invariants: epochs and their starts rise strictly; synced and verified are at most the end.
type recordLog struct {
	entries   []entry
	epochs    []epochStart
	producers map[int32]int32 // last sequence by producer
	synced    int64           // below it a loss of power takes nothing
	mark      int64           // high watermark
	savedMark int64           // the same, as of the checkpoint on disk
	verified  int64           // below it the log was found equal to the chain
}

func newRecordLog() *recordLog { return &recordLog{producers: map[int32]int32{}} }

func (l *recordLog) end() int64 { return int64(len(l.entries)) }

func (l *recordLog) append(e entry) {
	if e.epoch > l.latestEpoch() {
		l.assignEpoch(e.epoch)
	}
	l.entries = append(l.entries, e)
	l.producers[e.producer] = e.seq
}

// latestEpoch is that of the last batch or assignment, -1 if none.
func (l *recordLog) latestEpoch() int32 {
	if len(l.epochs) == 0 {
		return -1
	}
	return l.epochs[len(l.epochs)-1].epoch
}

// assignEpoch notes that an epoch begins at the end. One without records gives way to it.
func (l *recordLog) assignEpoch(epoch int32) {
	if epoch <= l.latestEpoch() {
		return
	}
	l.dropEpochs(l.end())
	l.epochs = append(l.epochs, epochStart{epoch, l.end()})
}

// dropEpochs forgets those that begin at or above an offset.
func (l *recordLog) dropEpochs(offset int64) {
	n := len(l.epochs)
	for n > 0 && l.epochs[n-1].start >= offset {
		n--
	}
	l.epochs = l.epochs[:n]
}

// endOfEpoch is the largest known epoch that is at most epoch, and where it ends (KIP-101); -1 if it cannot be told.
func (l *recordLog) endOfEpoch(epoch int32) (int32, int64) {
	if epoch < 0 || len(l.epochs) == 0 {
		return -1, -1
	}
	if epoch == l.latestEpoch() {
		return epoch, l.end()
	}
	n := sort.Search(len(l.epochs), func(i int) bool { return l.epochs[i].epoch > epoch })
	switch n {
	case len(l.epochs):
		return -1, -1
	case 0:
		return epoch, l.epochs[0].start
	}
	return l.epochs[n-1].epoch, l.epochs[n].start
}

// lastEpoch is that of the last record, -1 if there is none.
func (l *recordLog) lastEpoch() int32 {
	if len(l.entries) == 0 {
		return -1
	}
	return l.entries[len(l.entries)-1].epoch
}

func (l *recordLog) truncate(offset int64) {
	if offset < l.end() {
		l.entries = l.entries[:offset:offset] // what was handed out is not written over
		l.producers = map[int32]int32{}
		for _, e := range l.entries {
			l.producers[e.producer] = e.seq
		}
	}
	l.dropEpochs(min(offset, l.end()))
	l.synced, l.mark, l.verified = min(l.synced, l.end()), min(l.mark, l.end()), min(l.verified, l.end())
}

// find is the offset of a producer's record, -1 if it is not there.
func (l *recordLog) find(producer, seq int32) int64 {
	for i, e := range slices.Backward(l.entries) {
		if e.producer == producer && e.seq == seq {
			return int64(i)
		}
	}
	return -1
}

// reopen is the log after its process ended without closing it. With a loss of power, some of what was not synced is gone; it reports whether
// anything is.
func (l *recordLog) reopen(power bool, rng *rand.Rand) (lost bool) {
	if unsynced := l.end() - l.synced; power && unsynced > 0 {
		keep := l.synced
		if rng.IntN(3) == 0 {
			keep += rng.Int64N(unsynced + 1)
		}
		for keep > l.synced && l.entries[keep-1].rest > 0 {
			keep--
		}
		lost = keep < l.end()
		l.truncate(keep)
	}
	if power {
		l.synced = l.end()
	}
	l.dropEpochs(l.end()) // an epoch without records is not in the file
	l.mark = min(l.savedMark, l.end())
	return lost
}

// close is a proper end.
func (l *recordLog) close() {
	l.synced, l.savedMark = l.end(), l.mark
	l.dropEpochs(l.end())
}
