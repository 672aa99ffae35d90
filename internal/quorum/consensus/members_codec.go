package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// ErrMalformed is what bytes of another voter, or of a file, are that cannot be read.
var ErrMalformed = errors.New("malformed")

// ErrNewer is a format version that a later leat wrote.
var ErrNewer = errors.New("format is newer than this build reads: start the version of leat that wrote it, or a later one")

// membersVersion is the format of members in entries, snapshots and the journal: version, then fixed fields and length-prefixed texts.
const membersVersion = 1

const maxMembers, maxEndpoints, maxText = 1000, 100, 1000

// Append writes the members.
func (m Members) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(append(dst, membersVersion), uint16(m.KRaftVersion))
	dst = binary.AppendUvarint(dst, uint64(len(m.List)))
	for _, x := range m.List {
		dst = appendMember(dst, x)
	}
	return dst
}

func appendMember(dst []byte, m Member) []byte {
	dst = append(binary.BigEndian.AppendUint32(dst, uint32(m.ID)), m.DirID[:]...)
	flags := byte(0)
	if m.Learner {
		flags = 1
	}
	dst = binary.BigEndian.AppendUint16(append(dst, flags), uint16(m.MinKRaft))
	dst = binary.BigEndian.AppendUint16(dst, uint16(m.MaxKRaft))
	dst = binary.AppendUvarint(dst, uint64(len(m.Endpoints)))
	for _, e := range m.Endpoints {
		dst = appendText(appendText(dst, e.Name), e.Host)
		dst = binary.BigEndian.AppendUint16(dst, e.Port)
	}
	return dst
}

// fits tells whether a member is within the bounds of what reads it.
func (m Member) fits() bool {
	r := reader{b: appendMember(nil, m)}
	r.member()
	return r.err == nil && len(r.b) == 0
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// reader takes fields from the front of b; after the first that does not fit, all are zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.b)) {
		r.err = ErrMalformed
	}
	if r.err != nil {
		return make([]byte, min(max(n, 0), 16))
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8() byte    { return r.take(1)[0] }
func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

// count reads a number that must not be above a bound.
func (r *reader) count(most int) int {
	v, n := binary.Uvarint(r.b)
	if r.err == nil && (n <= 0 || v > uint64(most)) {
		r.err = ErrMalformed
	}
	if r.err != nil {
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

func (r *reader) text() string {
	n := r.count(maxText)
	if r.err != nil {
		return ""
	}
	return string(r.take(n))
}

func (r *reader) version(what string, known byte) { //nolint:unparam // each form counts for itself; today all are in their first
	v := r.u8()
	switch {
	case r.err != nil:
	case v > known:
		r.err = fmt.Errorf("%s version %d: %w", what, v, ErrNewer)
	case v == 0:
		r.err = ErrMalformed
	}
}

func (r *reader) member() Member {
	m := Member{Replica: Replica{ID: int32(r.u32())}}
	copy(m.DirID[:], r.take(len(m.DirID)))
	m.Learner = r.u8()&1 != 0
	m.MinKRaft, m.MaxKRaft = int16(r.u16()), int16(r.u16())
	for range r.count(maxEndpoints) {
		m.Endpoints = append(m.Endpoints, Endpoint{Name: r.text(), Host: r.text(), Port: r.u16()})
	}
	return m
}

// ReadMembers reads what Append wrote, and nothing may follow.
func ReadMembers(b []byte) (Members, error) {
	r := reader{b: b}
	r.version("members", membersVersion)
	m := Members{KRaftVersion: int16(r.u16())}
	for range r.count(maxMembers) {
		m = m.with(r.member())
	}
	if r.err == nil && len(r.b) > 0 {
		r.err = ErrMalformed
	}
	if r.err != nil {
		return Members{}, fmt.Errorf("members: %w", r.err)
	}
	return m, nil
}

func readChange(data []byte) (change, *pb.ConfChange, error) {
	cc := new(pb.ConfChange)
	if err := proto.Unmarshal(data, cc); err != nil {
		return change{}, nil, fmt.Errorf("change of members: %w: %w", ErrMalformed, err)
	}
	r := reader{b: cc.GetContext()}
	r.version("change of members", membersVersion)
	c := change{kind: cc.GetType(), member: r.member(), batches: r.b}
	if r.err == nil && (c.member.number() != cc.GetNodeId() || c.kind < 0 || c.kind > pb.ConfChangeAddLearnerNode) {
		r.err = ErrMalformed
	}
	if r.err != nil {
		return change{}, nil, fmt.Errorf("change of members: %w", r.err)
	}
	return c, cc, nil
}
