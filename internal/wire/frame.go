package wire

import (
	"encoding/binary"
	"fmt"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kmsg"
)

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

	head *Buffer // what the Bytes of all parts lie in
	room []Part  // kept for the frame's next use
}

// maxRoom bounds how many parts a frame that waits for its next use holds on to.
const maxRoom = 512

var framePool = sync.Pool{New: func() any { return new(Frame) }}

// newFrame returns a frame whose bytes will lie in head.
func newFrame(head *Buffer) *Frame {
	f := framePool.Get().(*Frame)
	f.head = head
	f.Parts = f.room[:0]
	return f
}

// Held is the memory that the frame holds until it is released; file ranges are not in memory.
func (f *Frame) Held() int {
	if f.head == nil {
		return 0
	}
	return cap(f.head.B)
}

// Release gives buffers and files back. The listener calls it once, after writing or dropping the frame, and does not touch it again.
func (f *Frame) Release() {
	for i := range f.Parts {
		if file := f.Parts[i].File; file != nil {
			file.Release()
		}
		f.Parts[i] = Part{}
	}
	f.head.Free()
	f.room = f.Parts[:0]
	if cap(f.room) > maxRoom {
		f.room = nil
	}
	f.head, f.Parts, f.Size = nil, nil, 0
	framePool.Put(f)
}

// frameHead is the length prefix, which is written last, and the response header.
const maxFrameHead = 4 + 4 + 1

func appendFrameHead(dst []byte, h RequestHeader) []byte {
	return appendResponseHeader(append(dst, 0, 0, 0, 0), h)
}

// sealBytes makes a frame of one part out of b, which begins in buf and may have grown out of it.
func sealBytes(buf *Buffer, b []byte) *Frame {
	if cap(b) != cap(buf.B) { // grown: the pooled one is free again
		buf.Free()
		buf = &Buffer{class: -1}
	}
	buf.B = b
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	f := newFrame(buf)
	f.Parts = append(f.Parts, Part{Bytes: b})
	f.Size = len(b)
	return f
}

// EncodeResponse encodes any response but Produce's and Fetch's. It clears tagged fields that the version does not know.
func EncodeResponse(h RequestHeader, resp kmsg.Response) *Frame {
	resp = inNewForm(h.Version, resp)
	resp.SetVersion(h.Version)
	clearForeignTags(resp)
	buf := NewBuffer(1 << 10)
	return sealBytes(buf, resp.AppendTo(appendFrameHead(buf.B[:0], h)))
}

// AppendRequest appends a whole request frame, length prefix included, for connections to other nodes. It clears tagged fields that
// the version of req does not know.
func AppendRequest(dst []byte, correlationID int32, clientID string, req kmsg.Request) []byte {
	clearForeignTags(req)
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = appendInt16(dst, req.Key())
	dst = appendInt16(dst, req.GetVersion())
	dst = appendInt32(dst, correlationID)
	dst = appendString(dst, false, clientID)
	if req.IsFlexible() {
		dst = append(dst, 0)
	}
	dst = req.AppendTo(dst)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// AfterTags passes the tagged fields that end the header of a response whose header has them, and returns the body.
func AfterTags(b []byte) ([]byte, error) {
	r := reader{b: b}
	r.skipTags()
	if r.bad {
		return nil, fmt.Errorf("response header of %d bytes ends inside its tagged fields: %w", len(b), ErrMalformed)
	}
	return b[r.pos:], nil
}

// UnsupportedVersion answers an ApiVersions request of a version that this broker does not know: in v0, which every client
// reads, with the versions of ApiVersions alone, so that the client can ask again (KIP-511).
func UnsupportedVersion(h RequestHeader) *Frame {
	const unsupportedVersion = 35
	row := &apis[keyApiVersions]
	h.Version = 0
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.ErrorCode = unsupportedVersion
	key := kmsg.NewApiVersionsResponseApiKey()
	key.ApiKey, key.MinVersion, key.MaxVersion = row.Key, row.Min, row.Max
	resp.ApiKeys = append(resp.ApiKeys, key)
	return EncodeResponse(h, resp)
}

// BareFrame makes a frame of bytes alone, without any header, as the SASL exchange of clients of Kafka 0.10 has it.
func BareFrame(body []byte) *Frame {
	buf := NewBuffer(4 + len(body))
	b := appendInt32(buf.B[:0], int32(len(body)))
	return sealBytes(buf, append(b, body...))
}
