package wire

import (
	"fmt"

	"leat/internal/record"
)

// ProduceRequest is a produce request read where it lies. Iterate with Partitions; Records alias the body.
type ProduceRequest struct {
	TransactionalID *string
	Acks            int16
	TimeoutMillis   int32

	version    int16
	topics     []byte // the array of topics without its count
	topicCount int
	partitions int
	topicNames int // bytes that the response needs for topics, without partitions
}

// ProducePartition is one partition of a produce request. Topic is set up to v12, TopicID from v13 on.
type ProducePartition struct {
	Topic     string
	TopicID   record.UUID
	Partition int32
	Records   []byte // nil: null
}

// costProduced is the memory that the answer for one partition takes: a ProduceResult, and its bytes. A partition with records is longer than
// a tenth of it, so that no real request is refused.
const costProduced = 80 + 64

// produceByID is the first version that names topics by id only.
const produceByID = 13

// ParseProduce validates the whole structure of a produce request (not the batches). Bytes after the last field are ignored.
func ParseProduce(h RequestHeader, body []byte) (ProduceRequest, error) {
	row := &apis[keyProduce]
	p := ProduceRequest{version: h.Version}
	if h.Version < row.Min || h.Version > row.Max {
		return p, fmt.Errorf("Produce v%d: no such version: %w", h.Version, ErrMalformed)
	}
	compact := row.Flexible(h.Version)
	r := reader{b: body}
	transactional := r.str(compact)
	p.Acks = r.int16()
	p.TimeoutMillis = r.int32()
	p.topicCount = r.length(compact)
	p.topics = body[r.pos:]
	if p.topicCount < 0 {
		r.fail()
	}
	for range p.topicCount {
		p.skipTopic(&r, compact)
		if r.bad {
			break
		}
	}
	if compact {
		r.skipTags()
	}
	if r.bad {
		return ProduceRequest{}, fmt.Errorf("Produce v%d request of %d bytes: a length is wrong or null where it may not be: %w", h.Version, len(body), ErrMalformed)
	}
	if limit := decodeFactor*len(body) + decodeSlack; p.partitions*costProduced > limit {
		return ProduceRequest{}, fmt.Errorf("Produce v%d request of %d bytes: answering %d partitions would take more than %d bytes: %w", h.Version, len(body), p.partitions, limit, ErrMalformed)
	}
	if transactional != nil {
		s := string(transactional)
		p.TransactionalID = &s
	}
	return p, nil
}

func (p *ProduceRequest) skipTopic(r *reader, compact bool) {
	if p.version >= produceByID {
		r.take(16)
		p.topicNames += 16 + 6
	} else {
		name := r.str(compact)
		if name == nil {
			r.fail()
		}
		p.topicNames += len(name) + 3 + 6
	}
	n := r.length(compact)
	if n < 0 {
		r.fail()
	}
	for ; n > 0 && !r.bad; n-- {
		r.int32()
		if size := r.length(compact); size > 0 {
			r.take(size)
		}
		if compact {
			r.skipTags()
		}
		p.partitions++
	}
	if compact {
		r.skipTags()
	}
}

// Len is the number of partitions over all topics.
func (p *ProduceRequest) Len() int { return p.partitions }

// Partitions yields them in request order.
func (p *ProduceRequest) Partitions(yield func(ProducePartition) bool) {
	compact := apis[keyProduce].Flexible(p.version)
	r := reader{b: p.topics}
	for range p.topicCount {
		var part ProducePartition
		if p.version >= produceByID {
			copy(part.TopicID[:], r.take(16))
		} else {
			part.Topic = intern(r.str(compact))
		}
		for n := r.length(compact); n > 0; n-- {
			part.Partition = r.int32()
			part.Records = nil
			if size := r.length(compact); size >= 0 {
				part.Records = r.take(size)
			}
			if compact {
				r.skipTags()
			}
			if !yield(part) {
				return
			}
		}
		if compact {
			r.skipTags()
		}
	}
}
