// Package wire knows the bytes of Kafka requests and responses: the table of API keys, request and response headers, bounded
// decoding, and the codecs of Produce and Fetch that do not touch record bytes. Everything else is encoded by package kmsg, behind
// guards.
//
// It knows no connection, no handler and no log. What it decodes is foreign: it never panics and never allocates more than a
// small multiple of the bytes that really arrived.
package wire

import (
	"errors"
	"syscall"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// ErrMalformed is wrapped by every error about bytes that do not parse.
var ErrMalformed = errors.New("malformed request")

// API is one row of the table of API keys; everything that differs by key is derived from it.
type API struct {
	Key          int16
	Name         string
	Min, Max     int16 // versions answered
	FlexibleFrom int16 // first flexible request version, -1: none
	Broker       bool  // answered on broker listeners
	Controller   bool  // answered on controller listeners
	Forwarded    bool  // a broker hands it to the active controller
	ClusterAct   bool  // needs the ClusterAction operation
	// Advertised is false for keys that are in the table but not built yet: they are left out of ApiVersions and refused as unsupported.
	Advertised bool
}

// Lookup returns the row of a key.
func Lookup(key int16) (*API, bool) { panic("unbuilt") }

// RequestHeader is a request header of any version (0-2). ClientID is "" for null.
type RequestHeader struct {
	Key, Version  int16
	CorrelationID int32
	ClientID      string
}

// ParseHeader reads the header of a frame (without its length prefix) and returns the rest as body. For a known key with an
// unknown version it returns the header parsed as far as Kafka would and no error: the caller checks the version.
func ParseHeader(frame []byte) (RequestHeader, []byte, error) { panic("unbuilt") }

// Decode parses the body of any request but Produce. Strings are copied, byte slices alias body. Array lengths are checked against the
// bytes that are there before anything is allocated, and bytes left over are an error.
func Decode(h RequestHeader, body []byte) (kmsg.Request, error) { panic("unbuilt") }

// FileRange is a piece of a file that goes to the socket by sendfile; storage.Slice is one.
type FileRange interface {
	Len() int
	Position() int64
	ReadAt(p []byte, off int64) (int, error) // off relative to the range
	SyscallConn() (syscall.RawConn, error)   // an error: no descriptor, use ReadAt
	Release()
}

// Part is a piece of an encoded response: Bytes, or if File is not nil, a file range.
type Part struct {
	Bytes []byte
	File  FileRange
}

// Frame is an encoded response with length prefix and header, ready to be written. Release frees buffers and file ranges.
type Frame struct {
	Parts []Part
	Size  int // bytes of all parts
	// pooled buffers are the frame's own business
	release func()
}

// EncodeResponse encodes any response but Produce's and Fetch's. It clears tagged fields that the version does not know.
func EncodeResponse(h RequestHeader, resp kmsg.Response) *Frame { panic("unbuilt") }

// Release gives buffers and files back. The listener calls it once, after writing or dropping the frame.
func (f *Frame) Release() { panic("unbuilt") }

// ProduceRequest is a produce request read where it lies. Iterate with Next; Records alias the body.
type ProduceRequest struct {
	TransactionalID *string
	Acks            int16
	TimeoutMillis   int32
	unbuilt         []byte
}

// ProducePartition is one partition of a produce request. Topic is set up to v12, TopicID from v13 on.
type ProducePartition struct {
	Topic     string
	TopicID   record.UUID
	Partition int32
	Records   []byte // nil: null
}

// ParseProduce validates the whole structure of a produce request (not the batches).
func ParseProduce(h RequestHeader, body []byte) (ProduceRequest, error) { panic("unbuilt") }

// Len is the number of partitions over all topics.
func (p *ProduceRequest) Len() int { panic("unbuilt") }

// Partitions yields them in request order.
func (p *ProduceRequest) Partitions(yield func(ProducePartition) bool) { panic("unbuilt") }

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

// EncodeProduce encodes the response; results are in the order of request.Partitions.
func EncodeProduce(h RequestHeader, rq *ProduceRequest, results []ProduceResult, nodes []NodeEndpoint, throttleMillis int32) *Frame {
	panic("unbuilt")
}

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

// FetchPartition is one partition of a fetch response.
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

// FetchAborted is an aborted transaction in range.
type FetchAborted struct{ ProducerID, FirstOffset int64 }

// EncodeFetch encodes a fetch response: small ranges are copied into the header bytes, large ones become file parts. The frame takes over
// the ranges and releases them.
func EncodeFetch(h RequestHeader, resp *FetchResponse) *Frame { panic("unbuilt") }
