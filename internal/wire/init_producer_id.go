package wire

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	keyInitProducerID = 22
	// twoPhaseVersion is the version of InitProducerId with two-phase commit (KIP-939), the only unstable one of Kafka 4.4. kmsg does not have it.
	twoPhaseVersion = 6
)

// Newest is the highest version answered: one more for an API with an unstable version, if those are offered.
func (a *API) Newest(unstable bool) int16 {
	if unstable && a.Key == keyInitProducerID {
		return twoPhaseVersion
	}
	return a.Max
}

// InitProducerIDRequest is InitProducerId of version 6. It implements kmsg.Request.
type InitProducerIDRequest struct {
	kmsg.InitProducerIDRequest

	Enable2PC, KeepPreparedTxn bool
}

// InitProducerIDResponse answers version 6. It implements kmsg.Response. The ongoing transaction is one that was kept prepared: -1 without one.
type InitProducerIDResponse struct {
	kmsg.InitProducerIDResponse

	OngoingTxnProducerID    int64
	OngoingTxnProducerEpoch int16
}

// MaxVersion implements kmsg.Request.
func (*InitProducerIDRequest) MaxVersion() int16 { return twoPhaseVersion }

// ResponseKind implements kmsg.Request.
func (r *InitProducerIDRequest) ResponseKind() kmsg.Response {
	resp := new(InitProducerIDResponse)
	resp.Default()
	resp.Version = r.Version
	resp.OngoingTxnProducerID, resp.OngoingTxnProducerEpoch = -1, -1
	return resp
}

// AppendTo implements kmsg.Request.
func (r *InitProducerIDRequest) AppendTo(b []byte) []byte {
	if r.TransactionalID == nil {
		b = appendNull(b, true)
	} else {
		b = appendString(b, true, *r.TransactionalID)
	}
	b = appendInt32(b, r.TransactionTimeoutMillis)
	b = appendInt16(appendInt64(b, r.ProducerID), r.ProducerEpoch)
	return append(b, octet(r.Enable2PC), octet(r.KeepPreparedTxn), 0)
}

// ReadFrom implements kmsg.Request.
func (r *InitProducerIDRequest) ReadFrom(b []byte) error {
	in := reader{b: b}
	r.TransactionalID = nil
	if id := in.str(true); id != nil {
		r.TransactionalID = new(string(id))
	}
	r.TransactionTimeoutMillis = in.int32()
	r.ProducerID, r.ProducerEpoch = in.int64(), in.int16()
	r.Enable2PC, r.KeepPreparedTxn = in.int8() != 0, in.int8() != 0
	in.skipTags()
	if in.bad {
		return fmt.Errorf("InitProducerId of %d bytes: %w", len(b), ErrMalformed)
	}
	return nil
}

// RequestKind implements kmsg.Response.
func (r *InitProducerIDResponse) RequestKind() kmsg.Request {
	rq := new(InitProducerIDRequest)
	rq.Default()
	rq.Version = r.Version
	return rq
}

// MaxVersion implements kmsg.Response.
func (*InitProducerIDResponse) MaxVersion() int16 { return twoPhaseVersion }

// AppendTo implements kmsg.Response.
func (r *InitProducerIDResponse) AppendTo(b []byte) []byte {
	b = appendInt16(appendInt32(b, r.ThrottleMillis), r.ErrorCode)
	b = appendInt16(appendInt64(b, r.ProducerID), r.ProducerEpoch)
	b = appendInt16(appendInt64(b, r.OngoingTxnProducerID), r.OngoingTxnProducerEpoch)
	return append(b, 0)
}

// ReadFrom implements kmsg.Response.
func (r *InitProducerIDResponse) ReadFrom(b []byte) error {
	in := reader{b: b}
	r.ThrottleMillis, r.ErrorCode = in.int32(), in.int16()
	r.ProducerID, r.ProducerEpoch = in.int64(), in.int16()
	r.OngoingTxnProducerID, r.OngoingTxnProducerEpoch = in.int64(), in.int16()
	in.skipTags()
	if in.bad {
		return fmt.Errorf("answer to InitProducerId of %d bytes: %w", len(b), ErrMalformed)
	}
	return nil
}

func octet(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// newRequest is what a request of a key and version is decoded into, nil if there is none.
func newRequest(key, version int16) kmsg.Request {
	if key == keyInitProducerID && version == twoPhaseVersion {
		return new(InitProducerIDRequest)
	}
	req := kmsg.RequestForKey(key)
	if req == nil || version > req.MaxVersion() {
		return nil
	}
	return req
}

// inNewForm gives an answer the form of a version that kmsg does not have. Kafka 4.4 keeps no transaction prepared, so there is none to tell of.
func inNewForm(version int16, resp kmsg.Response) kmsg.Response {
	if answer, ok := resp.(*kmsg.InitProducerIDResponse); ok && version == twoPhaseVersion {
		return &InitProducerIDResponse{InitProducerIDResponse: *answer, OngoingTxnProducerID: -1, OngoingTxnProducerEpoch: -1}
	}
	return resp
}
