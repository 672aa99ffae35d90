package consumer

import (
	"bytes"
	"slices"

	"leat/internal/coordinator/group/kind"
)

// memberState says how far a member is with its assignment; the numbers are those of records.
type memberState int8

const (
	stable     memberState = 0 // has what it should have
	unrevoked  memberState = 1 // has not yet said that it gave up partitions
	unreleased memberState = 2 // waits for partitions that others have not given up
	unknown    memberState = 127
)

// The epochs that say something else.
const (
	leaving       int32 = -1 // the member leaves, or is no longer assigned anything
	leavingStatic int32 = -2 // a static member leaves for a while
)

// member is a member of a group. It is never changed once made.
type member struct {
	id               string
	instanceID       *string
	rackID           *string
	clientID         string
	clientHost       string
	topics           []string // in order
	regex            *string  // nil or empty: none
	rebalanceTimeout int32    // ms
	assignor         *string
	classic          *classicMember // nil: it uses the new protocol

	epoch         int32
	previousEpoch int32
	state         memberState
	assigned      partitions
	pending       partitions // to be revoked by the member
}

// classicMember is what a member of the classic protocol has said.
type classicMember struct {
	sessionTimeout int32 // ms
	protocols      []kind.Protocol
}

// newMember is a member that has said nothing yet. Its regular expression is the empty one, as in Kafka's records.
func newMember(id string) *member { return &member{id: id, regex: new(string), rebalanceTimeout: -1} }

// expression is the member's regular expression, empty if it has none.
func (p *member) expression() string { return text(p.regex) }

// reconciled reports whether the member has the assignment of an epoch.
func (p *member) reconciled(assignmentEpoch int32) bool {
	return p.state == stable && p.epoch == assignmentEpoch
}

// sameSubscription compares what the member's metadata record says.
func (p *member) sameSubscription(q *member) bool {
	return p.id == q.id && same(p.instanceID, q.instanceID) && same(p.rackID, q.rackID) && p.clientID == q.clientID &&
		p.clientHost == q.clientHost && slices.Equal(p.topics, q.topics) && same(p.regex, q.regex) &&
		p.rebalanceTimeout == q.rebalanceTimeout && same(p.assignor, q.assignor) && p.classic.equal(q.classic)
}

// sameAssignment compares what the member's current assignment record says.
func (p *member) sameAssignment(q *member) bool {
	return p.epoch == q.epoch && p.previousEpoch == q.previousEpoch && p.state == q.state && p.assigned.equal(q.assigned) && p.pending.equal(q.pending)
}

func (c *classicMember) equal(d *classicMember) bool {
	if c == nil || d == nil {
		return c == d
	}
	return c.sessionTimeout == d.sessionTimeout && slices.EqualFunc(c.protocols, d.protocols, func(a, b kind.Protocol) bool {
		return a.Name == b.Name && bytes.Equal(a.Metadata, b.Metadata)
	})
}

// same compares nullable strings.
func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
