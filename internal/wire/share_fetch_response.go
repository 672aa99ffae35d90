package wire

import (
	"encoding/binary"

	"leat/internal/record"
)

// ShareFetchResponse is what EncodeShareFetch writes.
type ShareFetchResponse struct {
	ThrottleMillis    int32
	ErrorCode         int16
	ErrorMessage      string // "": null
	LockTimeoutMillis int32
	Topics            []ShareFetchTopic
	Nodes             []NodeEndpoint
}

// ShareFetchTopic groups partitions.
type ShareFetchTopic struct {
	TopicID    record.UUID
	Partitions []ShareFetchPartition
}

// ShareFetchPartition is one partition of a share fetch response.
type ShareFetchPartition struct {
	Partition          int32
	ErrorCode          int16
	ErrorMessage       string // "": null
	AcknowledgeError   int16
	AcknowledgeMessage string // "": null
	LeaderID           int32
	LeaderEpoch        int32
	NullRecords        bool        // null instead of no records
	Records            []FileRange // whole batches, one after the other
	Acquired           []AcquiredRecords
}

// AcquiredRecords are offsets that the member holds now, both inclusive.
type AcquiredRecords struct {
	First, Last   int64
	DeliveryCount int16
}

const keyShareFetch = 78

// EncodeShareFetch encodes a share fetch response. Like EncodeFetch it copies small ranges and takes over all of them. A partition of which a copied range cannot be
// read is answered with KAFKA_STORAGE_ERROR and without records: their locks end by themselves.
func EncodeShareFetch(h RequestHeader, resp *ShareFetchResponse) *Frame {
	buf := NewBuffer(shareFetchSize(resp))
	e := shareFetchEncoder{fetchEncoder{b: appendFrameHead(buf.B[:0], h), f: newFrame(buf), version: h.Version, compact: true}}
	e.b = appendInt32(e.b, resp.ThrottleMillis)
	e.b = appendInt16(e.b, resp.ErrorCode)
	e.b = appendText(e.b, resp.ErrorMessage)
	e.b = appendInt32(e.b, resp.LockTimeoutMillis)
	e.b = appendUvarint(e.b, len(resp.Topics)+1)
	for i := range resp.Topics {
		t := &resp.Topics[i]
		e.b = append(e.b, t.TopicID[:]...)
		e.b = appendUvarint(e.b, len(t.Partitions)+1)
		for j := range t.Partitions {
			e.partition(&t.Partitions[j])
		}
		e.b = append(e.b, 0)
	}
	e.b = appendUvarint(e.b, len(resp.Nodes)+1)
	for i := range resp.Nodes {
		e.b = appendNode(e.b, &resp.Nodes[i])
	}
	e.b = append(e.b, 0)
	e.cut()
	binary.BigEndian.PutUint32(e.b, uint32(e.f.Size-4))
	return e.f
}

// shareFetchSize is at least the length of all bytes that are not file parts, so that the buffer never has to grow.
func shareFetchSize(resp *ShareFetchResponse) int {
	n, copied := maxFrameHead+32+len(resp.ErrorMessage)+nodesSize(resp.Nodes), 0
	for i := range resp.Topics {
		n += 32
		for j := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[j]
			n += 64 + len(p.ErrorMessage) + len(p.AcknowledgeMessage) + 19*len(p.Acquired)
			for _, r := range p.Records {
				if size := r.Len(); copies(size, copied) {
					copied += size
				}
			}
		}
	}
	return n + copied
}

// shareFetchEncoder writes ranges like that of fetch responses.
type shareFetchEncoder struct{ fetchEncoder }

func (e *shareFetchEncoder) partition(p *ShareFetchPartition) {
	before, parts, size, from, copied := len(e.b), len(e.f.Parts), e.f.Size, e.from, e.copied
	e.head(p, p.ErrorCode)
	if e.ranges(p) {
		e.acquired(p.Acquired)
		return
	}
	for i := range e.f.Parts[parts:] { // as if nothing of the partition had been written
		if file := e.f.Parts[parts+i].File; file != nil {
			file.Release()
		}
		e.f.Parts[parts+i] = Part{}
	}
	e.b, e.f.Parts, e.f.Size, e.from, e.copied = e.b[:before], e.f.Parts[:parts], size, from, copied
	e.head(p, kafkaStorageError)
	e.b = appendUvarint(e.b, 1)
	e.acquired(nil)
}

// head writes the fields before the records.
func (e *shareFetchEncoder) head(p *ShareFetchPartition, code int16) {
	e.b = appendInt32(e.b, p.Partition)
	e.b = appendInt16(e.b, code)
	e.b = appendText(e.b, p.ErrorMessage)
	e.b = appendInt16(e.b, p.AcknowledgeError)
	e.b = appendText(e.b, p.AcknowledgeMessage)
	e.b = appendInt32(e.b, p.LeaderID)
	e.b = append(appendInt32(e.b, p.LeaderEpoch), 0)
}

// ranges writes the records; false: some could not be read. All ranges are taken over either way.
func (e *shareFetchEncoder) ranges(p *ShareFetchPartition) bool {
	if p.NullRecords && len(p.Records) == 0 {
		e.b = append(e.b, 0)
		return true
	}
	total := 0
	for _, r := range p.Records {
		total += r.Len()
	}
	e.b = appendUvarint(e.b, total+1)
	for i, r := range p.Records {
		size := r.Len()
		if !copies(size, e.copied) {
			e.cut()
			e.f.Parts = append(e.f.Parts, Part{File: r})
			e.f.Size += size
			continue
		}
		start := len(e.b)
		n, _ := r.ReadAt(e.b[start:start+size], 0)
		r.Release()
		if n < size {
			for _, rest := range p.Records[i+1:] {
				rest.Release()
			}
			return false
		}
		e.copied += size
		e.b = e.b[:start+size]
	}
	return true
}

func (e *shareFetchEncoder) acquired(list []AcquiredRecords) {
	e.b = appendUvarint(e.b, len(list)+1)
	for _, a := range list {
		e.b = appendInt64(e.b, a.First)
		e.b = appendInt64(e.b, a.Last)
		e.b = append(appendInt16(e.b, a.DeliveryCount), 0)
	}
	e.b = append(e.b, 0)
}

// appendText writes a compact nullable string, which is null if it is empty.
func appendText(b []byte, s string) []byte {
	if s == "" {
		return appendNull(b, true)
	}
	return appendString(b, true, s)
}
