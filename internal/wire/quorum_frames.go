package wire

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// QuorumFrames carries messages of the agreement among controllers, which package wire does not look into. It implements kmsg.Request.
//
//	version 0
//	string   cluster id of the sender
//	int32    node id of the sender      uuid  directory that it votes from, zero where voters are static
//	[]bytes  frames
type QuorumFrames struct {
	own

	ClusterID string
	Sender    int32
	SenderDir record.UUID
	Frames    [][]byte // of a decoded request: they lie in one copy
}

// QuorumFramesResponse answers QuorumFrames: an error code, 0 if the frames were taken.
//
//	version 0
//	int16    error code
//	string   cluster id of who answers
type QuorumFramesResponse struct {
	own

	ErrorCode int16
	ClusterID string
}

// maxFrames bounds the frames of one request: so many small ones no controller has for another.
const maxFrames = 1 << 16

// Key implements kmsg.Request.
func (*QuorumFrames) Key() int16 { return KeyQuorumFrames }

// ResponseKind implements kmsg.Request.
func (*QuorumFrames) ResponseKind() kmsg.Response { return new(QuorumFramesResponse) }

// AppendTo implements kmsg.Request.
func (f *QuorumFrames) AppendTo(b []byte) []byte {
	b = appendString(b, false, f.ClusterID)
	b = append(appendInt32(b, f.Sender), f.SenderDir[:]...)
	b = appendInt32(b, int32(len(f.Frames)))
	for _, frame := range f.Frames {
		b = append(appendInt32(b, int32(len(frame))), frame...)
	}
	return b
}

// ReadFrom implements kmsg.Request. The frames alias b.
func (f *QuorumFrames) ReadFrom(b []byte) error {
	r := reader{b: b}
	f.ClusterID = r.text()
	f.Sender = r.int32()
	copy(f.SenderDir[:], r.take(len(f.SenderDir)))
	count := int(r.int32())
	if r.bad || count < 0 || count > maxFrames || count*4 > r.left() {
		return fmt.Errorf("LeatQuorumFrames of %d bytes with %d frames: %w", len(b), count, ErrMalformed)
	}
	f.Frames = make([][]byte, 0, count)
	for range count {
		f.Frames = append(f.Frames, r.take(int(r.int32())))
	}
	if r.bad {
		return fmt.Errorf("LeatQuorumFrames of %d bytes ends inside a frame: %w", len(b), ErrMalformed)
	}
	return nil
}

// Key implements kmsg.Response.
func (*QuorumFramesResponse) Key() int16 { return KeyQuorumFrames }

// RequestKind implements kmsg.Response.
func (*QuorumFramesResponse) RequestKind() kmsg.Request { return new(QuorumFrames) }

// AppendTo implements kmsg.Response.
func (f *QuorumFramesResponse) AppendTo(b []byte) []byte {
	return appendString(appendInt16(b, f.ErrorCode), false, f.ClusterID)
}

// ReadFrom implements kmsg.Response.
func (f *QuorumFramesResponse) ReadFrom(b []byte) error {
	r := reader{b: b}
	f.ErrorCode, f.ClusterID = r.int16(), r.text()
	if r.bad {
		return fmt.Errorf("answer to LeatQuorumFrames of %d bytes: %w", len(b), ErrMalformed)
	}
	return nil
}

// Err is the answer's error.
func (f *QuorumFramesResponse) Err() error { return kerr.ErrorForCode(f.ErrorCode) }

// own is what leat's own messages have in common: one version, no tagged fields.
type own struct{ version int16 }

// MaxVersion implements kmsg.Request and kmsg.Response.
func (*own) MaxVersion() int16 { return 0 }

// SetVersion implements kmsg.Request and kmsg.Response.
func (o *own) SetVersion(version int16) { o.version = version }

// GetVersion implements kmsg.Request and kmsg.Response.
func (o *own) GetVersion() int16 { return o.version }

// IsFlexible implements kmsg.Request and kmsg.Response.
func (*own) IsFlexible() bool { return false }

// TakesForeignBytes says that ReadFrom checks lengths by itself.
func (*own) TakesForeignBytes() {}

// decodeOwn parses the body of a request of leat's own.
func decodeOwn(h RequestHeader, body []byte) (kmsg.Request, error) {
	var req kmsg.Request
	switch h.Key {
	case KeyQuorumFrames:
		req = new(QuorumFrames)
	case KeyIdentity:
		req = new(Identity)
	case KeyWhy:
		req = new(Why)
	default:
		return nil, fmt.Errorf("%s: no such key: %w", messageName(h.Key, h.Version), ErrMalformed)
	}
	req.SetVersion(h.Version)
	if err := req.ReadFrom(append([]byte(nil), body...)); err != nil {
		return nil, err
	}
	return req, nil
}
