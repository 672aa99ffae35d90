package wire

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// Identity asks a controller who it is and which cluster it belongs to, and says the same of who asks. Controllers that are fresh find each other
// by it. It implements kmsg.Request.
//
//	version 0
//	int32    node id      uuid  its directory for the metadata log
//	string   cluster id, empty: it is fresh and belongs to none
//	version 1
//	int32    epoch below which it follows nobody, as a voter that has lost its disk; 0: it has not
type Identity struct {
	own

	NodeID    int32
	DirID     record.UUID
	ClusterID string
	Forgot    int32
}

// IdentityResponse answers Identity, about who answers.
//
//	version 0
//	int16    error code
//	int32    node id      uuid  its directory for the metadata log
//	string   cluster id, empty: it is fresh
//	[]       voters with whom the cluster began, as far as it knows: int32 id, uuid directory, string host, uint16 port
//	version 1
//	int32    epoch that it has taken part in as a controller, 0: none; EpochUnknown if it cannot be relied on, as a voter that has lost its disk
type IdentityResponse struct {
	own

	ErrorCode int16
	NodeID    int32
	DirID     record.UUID
	ClusterID string
	Voters    []IdentityVoter
	Epoch     int32
}

// EpochUnknown is that of a controller that cannot say which it has taken part in.
const EpochUnknown int32 = -1

// IdentityVoter is one of those with whom a cluster begins.
type IdentityVoter struct {
	ID    int32
	DirID record.UUID
	Host  string
	Port  uint16
}

// MaxVersion implements kmsg.Request.
func (*Identity) MaxVersion() int16 { return 1 }

// Key implements kmsg.Request.
func (*Identity) Key() int16 { return KeyIdentity }

// ResponseKind implements kmsg.Request.
func (*Identity) ResponseKind() kmsg.Response { return new(IdentityResponse) }

// AppendTo implements kmsg.Request.
func (i *Identity) AppendTo(b []byte) []byte {
	b = append(appendInt32(b, i.NodeID), i.DirID[:]...)
	b = appendString(b, false, i.ClusterID)
	if i.version > 0 {
		b = appendInt32(b, i.Forgot)
	}
	return b
}

// ReadFrom implements kmsg.Request.
func (i *Identity) ReadFrom(b []byte) error {
	r := reader{b: b}
	i.NodeID = r.int32()
	copy(i.DirID[:], r.take(len(i.DirID)))
	i.ClusterID = r.text()
	if i.version > 0 {
		i.Forgot = r.int32()
	}
	if r.bad {
		return fmt.Errorf("LeatIdentity of %d bytes: %w", len(b), ErrMalformed)
	}
	return nil
}

// MaxVersion implements kmsg.Response.
func (*IdentityResponse) MaxVersion() int16 { return 1 }

// Key implements kmsg.Response.
func (*IdentityResponse) Key() int16 { return KeyIdentity }

// RequestKind implements kmsg.Response.
func (*IdentityResponse) RequestKind() kmsg.Request { return new(Identity) }

// AppendTo implements kmsg.Response.
func (i *IdentityResponse) AppendTo(b []byte) []byte {
	b = appendInt16(b, i.ErrorCode)
	b = append(appendInt32(b, i.NodeID), i.DirID[:]...)
	b = appendString(b, false, i.ClusterID)
	b = appendInt32(b, int32(len(i.Voters)))
	for _, v := range i.Voters {
		b = append(appendInt32(b, v.ID), v.DirID[:]...)
		b = appendInt16(appendString(b, false, v.Host), int16(v.Port))
	}
	if i.version > 0 {
		b = appendInt32(b, i.Epoch)
	}
	return b
}

// leastVoter is the length of a voter without a host.
const leastVoter = 4 + 16 + 2 + 2

// ReadFrom implements kmsg.Response.
func (i *IdentityResponse) ReadFrom(b []byte) error {
	r := reader{b: b}
	i.ErrorCode, i.NodeID = r.int16(), r.int32()
	copy(i.DirID[:], r.take(len(i.DirID)))
	i.ClusterID = r.text()
	count := int(r.int32())
	if r.bad || count < 0 || count > r.left()/leastVoter {
		return fmt.Errorf("answer to LeatIdentity of %d bytes with %d voters: %w", len(b), count, ErrMalformed)
	}
	i.Voters = make([]IdentityVoter, count)
	for n := range i.Voters {
		v := &i.Voters[n]
		v.ID = r.int32()
		copy(v.DirID[:], r.take(len(v.DirID)))
		v.Host, v.Port = r.text(), uint16(r.int16())
	}
	i.Epoch = EpochUnknown
	if i.version > 0 {
		i.Epoch = r.int32()
	}
	if r.bad {
		return fmt.Errorf("answer to LeatIdentity of %d bytes ends inside a voter: %w", len(b), ErrMalformed)
	}
	return nil
}
