package wire

// ProduceResult is the answer for one partition. CurrentLeader fields are written from v10 on when LeaderID >= 0 and the error is
// NOT_LEADER_OR_FOLLOWER.
type ProduceResult struct {
	ErrorCode       int16
	ErrorMessage    string // "": null
	BaseOffset      int64
	LogAppendTimeMs int64
	LogStartOffset  int64
	RecordErrors    []ProduceRecordError
	LeaderID        int32 // -1: not told
	LeaderEpoch     int32
}

// ProduceRecordError is the error of one record in a batch. An empty Message is null.
type ProduceRecordError struct {
	BatchIndex int32
	Message    string
}

// NodeEndpoint is told beside current leaders.
type NodeEndpoint struct {
	NodeID int32
	Host   string
	Port   int32
	Rack   *string
}

const notLeaderOrFollower = 6

// EncodeProduce encodes the response; results are in the order of request.Partitions.
func EncodeProduce(h RequestHeader, rq *ProduceRequest, results []ProduceResult, nodes []NodeEndpoint, throttleMillis int32) *Frame {
	buf := NewBuffer(produceSize(rq, results, nodes))
	e := produceEncoder{version: rq.version, compact: apis[keyProduce].Flexible(rq.version)}
	e.b = appendFrameHead(buf.B[:0], h)
	e.topics(rq, results)
	e.b = appendInt32(e.b, throttleMillis)
	if e.compact {
		if rq.version < 10 {
			nodes = nil
		}
		e.b = appendNodeTag(e.b, nodes)
	}
	return sealBytes(buf, e.b)
}

// produceSize is at least the length of the encoded response.
func produceSize(rq *ProduceRequest, results []ProduceResult, nodes []NodeEndpoint) int {
	n := maxFrameHead + 16 + rq.topicNames + nodesSize(nodes)
	for i := range results {
		r := &results[i]
		n += 64 + len(r.ErrorMessage)
		for _, re := range r.RecordErrors {
			n += 12 + len(re.Message)
		}
	}
	return n
}

type produceEncoder struct {
	b       []byte
	version int16
	compact bool
}

// topics walks the request once more, because the response names the same topics in the same order.
func (e *produceEncoder) topics(rq *ProduceRequest, results []ProduceResult) {
	r := reader{b: rq.topics}
	e.b = appendLength(e.b, e.compact, rq.topicCount)
	next := 0
	for range rq.topicCount {
		if e.version >= produceByID {
			e.b = append(e.b, r.take(16)...)
		} else {
			name := r.str(e.compact)
			if e.compact {
				e.b = appendUvarint(e.b, len(name)+1)
			} else {
				e.b = appendInt16(e.b, int16(len(name)))
			}
			e.b = append(e.b, name...)
		}
		n := r.length(e.compact)
		e.b = appendLength(e.b, e.compact, n)
		for ; n > 0; n-- {
			index := r.int32()
			if size := r.length(e.compact); size > 0 {
				r.take(size)
			}
			if e.compact {
				r.skipTags()
			}
			e.partition(index, &results[next])
			next++
		}
		if e.compact {
			r.skipTags()
			e.b = append(e.b, 0)
		}
	}
}

func (e *produceEncoder) partition(index int32, r *ProduceResult) {
	b := appendInt32(e.b, index)
	b = appendInt16(b, r.ErrorCode)
	b = appendInt64(b, r.BaseOffset)
	b = appendInt64(b, r.LogAppendTimeMs)
	if e.version >= 5 {
		b = appendInt64(b, r.LogStartOffset)
	}
	if e.version >= 8 {
		b = appendLength(b, e.compact, len(r.RecordErrors))
		for _, re := range r.RecordErrors {
			b = appendInt32(b, re.BatchIndex)
			b = appendMessage(b, e.compact, re.Message)
			if e.compact {
				b = append(b, 0)
			}
		}
		b = appendMessage(b, e.compact, r.ErrorMessage)
	}
	if e.compact {
		if e.version >= 10 && r.LeaderID >= 0 && r.ErrorCode == notLeaderOrFollower {
			b = append(b, 1)
			b = appendLeaderTag(b, 0, r.LeaderID, r.LeaderEpoch)
		} else {
			b = append(b, 0)
		}
	}
	e.b = b
}

// appendMessage writes an error message; "" is null.
func appendMessage(b []byte, compact bool, s string) []byte {
	if s == "" {
		return appendNull(b, compact)
	}
	return appendString(b, compact, s)
}

// appendLeaderTag writes a tagged current leader: id, epoch, no tags of its own.
func appendLeaderTag(b []byte, tag int, id, epoch int32) []byte {
	b = appendTagStart(b, tag, 9)
	b = appendInt32(b, id)
	b = appendInt32(b, epoch)
	return append(b, 0)
}

// appendNodeTag writes the tags that end a produce or fetch response: node endpoints as tag 0 if there are any, otherwise none.
func appendNodeTag(b []byte, nodes []NodeEndpoint) []byte {
	if len(nodes) == 0 {
		return append(b, 0)
	}
	size := uvarintSize(len(nodes) + 1)
	for i := range nodes {
		size += nodeSize(&nodes[i])
	}
	b = append(b, 1)
	b = appendTagStart(b, 0, size)
	b = appendUvarint(b, len(nodes)+1)
	for i := range nodes {
		b = appendNode(b, &nodes[i])
	}
	return b
}

// appendNode writes one endpoint.
func appendNode(b []byte, n *NodeEndpoint) []byte {
	b = appendInt32(b, n.NodeID)
	b = appendString(b, true, n.Host)
	b = appendInt32(b, n.Port)
	if n.Rack == nil {
		b = appendNull(b, true)
	} else {
		b = appendString(b, true, *n.Rack)
	}
	return append(b, 0)
}

// nodeSize is the exact length of an encoded endpoint.
func nodeSize(n *NodeEndpoint) int {
	size := 4 + uvarintSize(len(n.Host)+1) + len(n.Host) + 4 + 1 + 1
	if n.Rack != nil {
		size += uvarintSize(len(*n.Rack)+1) - 1 + len(*n.Rack)
	}
	return size
}

// nodesSize is at least the length of the tag that holds nodes.
func nodesSize(nodes []NodeEndpoint) int {
	size := 16
	for i := range nodes {
		size += nodeSize(&nodes[i])
	}
	return size
}

func uvarintSize(v int) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
