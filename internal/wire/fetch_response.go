package wire

import (
	"encoding/binary"
	"errors"
	"io"

	"leat/internal/record"
)

// FetchResponse is what EncodeFetch writes.
type FetchResponse struct {
	ThrottleMillis int32
	ErrorCode      int16
	SessionID      int32
	Topics         []FetchTopic
	Nodes          []NodeEndpoint // v16+
}

// FetchTopic groups partitions; Topic is written up to v12, TopicID from v13.
type FetchTopic struct {
	Topic      string
	TopicID    record.UUID
	Partitions []FetchPartition
}

// FetchPartition is one partition of a fetch response. NewFetchPartition fills in the values that say nothing.
type FetchPartition struct {
	Partition            int32
	ErrorCode            int16
	HighWatermark        int64
	LastStableOffset     int64
	LogStartOffset       int64
	DivergingEpoch       int32 // with DivergingEndOffset; -1: none
	DivergingEndOffset   int64
	LeaderID             int32 // current leader, written when LeaderID >= 0 (v12+)
	LeaderEpoch          int32
	SnapshotEpoch        int32 // with SnapshotEndOffset; -1: none
	SnapshotEndOffset    int64
	AbortedNull          bool // write null instead of the empty array (read_uncommitted)
	Aborted              []FetchAborted
	PreferredReadReplica int32     // -1: none
	Records              FileRange // nil: empty
}

// NewFetchPartition returns a partition without records and with Kafka's defaults for everything else.
func NewFetchPartition(partition int32) FetchPartition {
	return FetchPartition{
		Partition: partition, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1,
		DivergingEpoch: -1, DivergingEndOffset: -1, LeaderID: -1, LeaderEpoch: -1,
		SnapshotEpoch: -1, SnapshotEndOffset: -1, PreferredReadReplica: -1,
	}
}

// FetchAborted is an aborted transaction in range.
type FetchAborted struct{ ProducerID, FirstOffset int64 }

const (
	// copyBelow is the length up to which a range is copied beside the headers: below it one write of everything costs less than
	// a sendfile per range (608 against 503 ms CPU per GiB in pieces of 16 KiB).
	copyBelow = 32 << 10
	// copyTotal bounds what one response copies: from there on only ranges below copyAlways are, which are hardly larger than their headers.
	// Without it, a fetch of many partitions would hold all its records in memory for as long as the client takes to read them.
	copyTotal  = 1 << 20
	copyAlways = 1 << 10

	fetchByID         = 13 // the first version that names topics by id only
	kafkaStorageError = 56
)

// EncodeFetch encodes a fetch response: small ranges are copied into the header bytes, large ones become file parts. The frame takes over
// the ranges and releases them. A small range that cannot be read is answered as empty with KAFKA_STORAGE_ERROR; one that has become
// shorter (a truncation overtook the fetch) as empty, so that the client asks again.
func EncodeFetch(h RequestHeader, resp *FetchResponse) *Frame {
	buf := NewBuffer(fetchSize(resp))
	e := fetchEncoder{b: appendFrameHead(buf.B[:0], h), f: newFrame(buf), version: h.Version, compact: apis[keyFetch].Flexible(h.Version)}
	e.b = appendInt32(e.b, resp.ThrottleMillis)
	if e.version >= 7 {
		e.b = appendInt16(e.b, resp.ErrorCode)
		e.b = appendInt32(e.b, resp.SessionID)
	}
	e.b = appendLength(e.b, e.compact, len(resp.Topics))
	for i := range resp.Topics {
		e.topic(&resp.Topics[i])
	}
	if e.compact {
		nodes := resp.Nodes
		if e.version < 16 {
			nodes = nil
		}
		e.b = appendNodeTag(e.b, nodes)
	}
	e.cut()
	binary.BigEndian.PutUint32(e.b, uint32(e.f.Size-4))
	return e.f
}

// copies decides whether a range of size bytes is copied when the response has copied so far already.
func copies(size, soFar int) bool {
	return size < copyAlways || size < copyBelow && soFar+size <= copyTotal
}

// fetchSize is at least the length of all bytes that are not file parts, so that the buffer never has to grow.
func fetchSize(resp *FetchResponse) int {
	n, copied := maxFrameHead+24+nodesSize(resp.Nodes), 0
	for i := range resp.Topics {
		t := &resp.Topics[i]
		n += len(t.Topic) + 32
		for j := range t.Partitions {
			p := &t.Partitions[j]
			n += 128 + 17*len(p.Aborted)
			if p.Records != nil {
				if size := p.Records.Len(); copies(size, copied) {
					copied += size
				}
			}
		}
	}
	return n + copied
}

// fetchEncoder appends to b, which never grows; what lies before from is already in a part.
type fetchEncoder struct {
	b       []byte
	from    int
	copied  int // bytes of ranges in b
	f       *Frame
	version int16
	compact bool
}

// cut ends the current part of bytes.
func (e *fetchEncoder) cut() {
	if len(e.b) > e.from {
		e.f.Parts = append(e.f.Parts, Part{Bytes: e.b[e.from:len(e.b):len(e.b)]})
		e.f.Size += len(e.b) - e.from
		e.from = len(e.b)
	}
}

func (e *fetchEncoder) topic(t *FetchTopic) {
	if e.version >= fetchByID {
		e.b = append(e.b, t.TopicID[:]...)
	} else {
		e.b = appendString(e.b, e.compact, t.Topic)
	}
	e.b = appendLength(e.b, e.compact, len(t.Partitions))
	for i := range t.Partitions {
		p := &t.Partitions[i]
		at := len(e.b)
		e.partition(p)
		e.records(p, at+4)
		if e.compact {
			e.b = appendFetchTags(e.b, p)
		}
	}
	if e.compact {
		e.b = append(e.b, 0)
	}
}

// partition writes the fields before the records; the error code is at the fifth byte.
func (e *fetchEncoder) partition(p *FetchPartition) {
	b := appendInt32(e.b, p.Partition)
	b = appendInt16(b, p.ErrorCode)
	b = appendInt64(b, p.HighWatermark)
	b = appendInt64(b, p.LastStableOffset)
	if e.version >= 5 {
		b = appendInt64(b, p.LogStartOffset)
	}
	if p.AbortedNull && len(p.Aborted) == 0 {
		b = appendLength(b, e.compact, -1)
	} else {
		b = appendLength(b, e.compact, len(p.Aborted))
		for _, a := range p.Aborted {
			b = appendInt64(b, a.ProducerID)
			b = appendInt64(b, a.FirstOffset)
			if e.compact {
				b = append(b, 0)
			}
		}
	}
	if e.version >= 11 {
		b = appendInt32(b, p.PreferredReadReplica)
	}
	e.b = b
}

// records writes the records of p, or starts a part of the file. The error code of p stands at errorAt.
func (e *fetchEncoder) records(p *FetchPartition, errorAt int) {
	if p.Records == nil {
		e.b = appendLength(e.b, e.compact, 0)
		return
	}
	size := p.Records.Len()
	if !copies(size, e.copied) {
		e.b = appendLength(e.b, e.compact, size)
		e.cut()
		e.f.Parts = append(e.f.Parts, Part{File: p.Records})
		e.f.Size += size
		return
	}
	e.copied += size
	before := len(e.b)
	e.b = appendLength(e.b, e.compact, size)
	start := len(e.b)
	n, err := 0, error(nil)
	if size > 0 {
		n, err = p.Records.ReadAt(e.b[start:start+size], 0)
	}
	p.Records.Release()
	if n == size {
		e.b = e.b[:start+size]
		return
	}
	e.b = appendLength(e.b[:before], e.compact, 0)
	if err != nil && !errors.Is(err, io.EOF) && p.ErrorCode == 0 {
		binary.BigEndian.PutUint16(e.b[errorAt:], kafkaStorageError)
	}
}

// appendFetchTags writes the tagged fields of a partition: diverging epoch, current leader, snapshot id.
func appendFetchTags(b []byte, p *FetchPartition) []byte {
	diverging, leader, snapshot := p.DivergingEpoch >= 0, p.LeaderID >= 0, p.SnapshotEpoch >= 0
	count := byte(0)
	for _, written := range [...]bool{diverging, leader, snapshot} {
		if written {
			count++
		}
	}
	b = append(b, count)
	if diverging {
		b = appendTagStart(b, 0, 13)
		b = appendInt32(b, p.DivergingEpoch)
		b = append(appendInt64(b, p.DivergingEndOffset), 0)
	}
	if leader {
		b = appendLeaderTag(b, 1, p.LeaderID, p.LeaderEpoch)
	}
	if snapshot {
		b = appendTagStart(b, 2, 13)
		b = appendInt64(b, p.SnapshotEndOffset)
		b = append(appendInt32(b, p.SnapshotEpoch), 0)
	}
	return b
}
