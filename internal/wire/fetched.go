package wire

import (
	"fmt"

	"leat/internal/record"
)

// Fetched is a fetch response read where it lies, of a version that names topics by id. Iterate with Partitions; Records alias the body.
type Fetched struct {
	ThrottleMillis int32
	ErrorCode      int16
	SessionID      int32
	Len            int // partitions over all topics
	Diverging      int // of those, with a diverging epoch

	version    int16
	topics     []byte // the array of topics without its count
	topicCount int
}

// FetchedPartition is one partition of a fetch response. What a follower has no use for (aborted transactions, the read replica) is passed over.
type FetchedPartition struct {
	TopicID            record.UUID
	Partition          int32
	ErrorCode          int16
	HighWatermark      int64
	LogStartOffset     int64
	DivergingEpoch     int32 // with DivergingEndOffset; -1: none
	DivergingEndOffset int64
	LeaderID           int32 // with LeaderEpoch; -1: not told
	LeaderEpoch        int32
	Records            []byte
}

// ParseFetch validates the whole structure of the body of a fetch response (not the batches). It allocates nothing.
func ParseFetch(version int16, body []byte) (Fetched, error) {
	f := Fetched{version: version}
	if version < replicaFetchMin || version > replicaFetchMax {
		return f, fmt.Errorf("Fetch v%d response: expected v%d to v%d: %w", version, replicaFetchMin, replicaFetchMax, ErrMalformed)
	}
	r := reader{b: body}
	f.ThrottleMillis, f.ErrorCode, f.SessionID = r.int32(), r.int16(), r.int32()
	f.topicCount = r.length(true)
	f.topics = body[r.pos:]
	if f.topicCount < 0 {
		r.fail()
	}
	var part FetchedPartition
	for n := f.topicCount; n > 0 && !r.bad; n-- {
		r.take(16)
		count := r.length(true)
		if count < 0 {
			r.fail()
		}
		for ; count > 0 && !r.bad; count-- {
			part.read(&r)
			f.Len++
			if part.DivergingEpoch >= 0 {
				f.Diverging++
			}
		}
		r.skipTags()
	}
	r.skipTags() // endpoints of leaders: an image tells them
	if r.bad {
		return Fetched{}, fmt.Errorf("Fetch v%d response of %d bytes: a length is wrong or null where it may not be: %w", version, len(body), ErrMalformed)
	}
	return f, nil
}

// Partitions yields them in the order of the response.
func (f *Fetched) Partitions(yield func(FetchedPartition) bool) {
	r := reader{b: f.topics}
	var part FetchedPartition
	for range f.topicCount {
		copy(part.TopicID[:], r.take(16))
		for n := r.length(true); n > 0; n-- {
			part.read(&r)
			if !yield(part) {
				return
			}
		}
		r.skipTags()
	}
}

// read takes the next partition.
func (p *FetchedPartition) read(r *reader) {
	p.Partition, p.ErrorCode, p.HighWatermark = r.int32(), r.int16(), r.int64()
	r.int64() // last stable offset: a follower knows its own
	p.LogStartOffset = r.int64()
	for n := r.length(true); n > 0 && !r.bad; n-- {
		r.take(16) // an aborted transaction
		r.skipTags()
	}
	r.int32() // preferred read replica
	p.Records = nil
	if n := r.length(true); n > 0 {
		p.Records = r.take(n)
	}
	p.tags(r)
}

// tags reads the tagged fields of a partition: 0 the diverging epoch, 1 the current leader.
func (p *FetchedPartition) tags(r *reader) {
	p.DivergingEpoch, p.DivergingEndOffset, p.LeaderID, p.LeaderEpoch = -1, -1, -1, -1
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		tag := r.uvarint()
		field := reader{b: r.take(int(min(r.uvarint(), 1<<30)))}
		switch tag {
		case 0:
			p.DivergingEpoch, p.DivergingEndOffset = field.int32(), field.int64()
		case 1:
			p.LeaderID, p.LeaderEpoch = field.int32(), field.int32()
		default:
			continue
		}
		if field.skipTags(); field.bad {
			r.fail()
		}
	}
}
