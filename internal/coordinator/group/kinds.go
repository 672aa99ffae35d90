package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/consumer"
	"leat/internal/coordinator/group/kind"
	"leat/internal/coordinator/group/sharing"
	"leat/internal/coordinator/group/streams"
)

// newKinds makes the newer kinds of groups of one machine.
func newKinds() []kind.Kind { return []kind.Kind{consumer.New(), sharing.New(), streams.New()} }

// decoders are for the records of the newer kinds, by key type.
var decoders = register(consumer.Decoders, sharing.Decoders, streams.Decoders)

func register(kinds ...map[int16]kind.Decoder) map[int16]kind.Decoder {
	all := make(map[int16]kind.Decoder)
	for _, k := range kinds {
		for keyType, decode := range k {
			all[keyType] = decode
		}
	}
	return all
}

// owner returns the desk of the newer kind that a group belongs to, nil if it belongs to none.
func (m *Machine) owner(group string) *desk {
	for _, d := range m.kinds {
		if d.kind.Has(group) {
			return d
		}
	}
	return nil
}

// ownerOfOne is owner for a list that names one group; nil for any other.
func (m *Machine) ownerOfOne(groups []string) *desk {
	if len(groups) != 1 {
		return nil
	}
	return m.owner(groups[0])
}

// typeOf is the type of a group.
func (m *Machine) typeOf(group string) kind.Type {
	if d := m.owner(group); d != nil {
		return d.kind.Type()
	}
	if m.exists(group) {
		return kind.Classic
	}
	return kind.None
}

// kindGroups lists the groups of the newer kinds.
func (m *Machine) kindGroups() []string {
	var all []string
	for _, d := range m.kinds {
		all = append(all, d.kind.Groups()...)
	}
	return all
}

// requestOfKind hands a request to the kind that it is about, and reports false if it is about classic groups or offsets.
func (m *Machine) requestOfKind(e *Event) bool {
	if len(m.kinds) == 0 {
		return false
	}
	event := kind.Event{Ticket: e.Ticket, Request: e.Request, ClientID: e.ClientID, ClientHost: e.ClientHost, Sees: e.Sees}
	switch rq := e.Request.(type) {
	case *kmsg.OffsetCommitRequest, *kmsg.OffsetFetchRequest, *kmsg.TxnOffsetCommitRequest, *kmsg.OffsetDeleteRequest,
		*kmsg.DescribeGroupsRequest, *kmsg.ListGroupsRequest:
		return false
	case *kmsg.DeleteGroupsRequest: // a share group has state elsewhere that goes first
		d := m.ownerOfOne(rq.Groups)
		return d != nil && d.kind.Type() == kind.Share && d.kind.Handle(d, event)
	case *kmsg.JoinGroupRequest:
		return m.joinKind(event, rq)
	case *kmsg.SyncGroupRequest:
		return m.handOver(event, rq.Group, func() kmsg.Response { return syncError(codeUnknownMember) })
	case *kmsg.HeartbeatRequest:
		return m.handOver(event, rq.Group, func() kmsg.Response {
			resp := kmsg.NewPtrHeartbeatResponse()
			resp.ErrorCode = codeUnknownMember
			return resp
		})
	case *kmsg.LeaveGroupRequest:
		return m.handOver(event, rq.Group, func() kmsg.Response { return m.leave(rq) })
	}
	for _, d := range m.kinds {
		if d.kind.Handle(d, event) {
			return true
		}
	}
	return false
}

// joinKind handles a JoinGroup for a group that is no classic one. One without members makes room for a classic group.
func (m *Machine) joinKind(e kind.Event, rq *kmsg.JoinGroupRequest) bool {
	d := m.owner(rq.Group)
	if d == nil || m.checkJoin(rq) != 0 {
		return false
	}
	if d.kind.Empty(rq.Group) && (d.kind.Type() == kind.Consumer || d.kind.Type() == kind.Streams) {
		if rq.MemberID != "" {
			m.reply(e.Ticket, joinError(rq.MemberID, codeUnknownMember))
			return true
		}
		d.remove(rq.Group)
		return false
	}
	if !d.kind.Handle(d, e) {
		m.reply(e.Ticket, joinError("", kerr.InconsistentGroupProtocol.Code))
	}
	return true
}

// handOver hands a request of a classic member to the kind that owns the group; refused makes the answer if the kind does not take it.
func (m *Machine) handOver(e kind.Event, group string, refused func() kmsg.Response) bool {
	d := m.owner(group)
	if d == nil {
		return false
	}
	if !d.kind.Handle(d, e) {
		m.reply(e.Ticket, refused())
	}
	return true
}

// imageChanged tells the kinds about a new image.
func (m *Machine) imageChanged(changed kind.Topics) {
	for _, d := range m.kinds {
		d.kind.ImageChanged(d, changed)
	}
}
