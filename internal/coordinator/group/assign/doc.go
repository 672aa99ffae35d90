// Package assign holds the assignors of consumer groups: pure functions from who reads what, and who had what, to who gets what.
//
// Uniform gives every member as many partitions as any other, as far as subscriptions allow it, and leaves partitions where they are as
// far as that allows it. Range gives the n-th member the n-th part of every topic, so that topics with as many partitions are
// consumed side by side. Like those of Kafka 4.4 neither looks at racks.
//
// Invariants: every partition of a topic that somebody reads has exactly one member, who reads it; members and topics in another order
// in the same spec give the same assignment.
package assign

import (
	"slices"
	"strings"

	"leat/internal/record"
)

// Topic is a topic with its partitions.
type Topic struct {
	ID         record.UUID
	Partitions int32
}

// Member is a member of the group. Members that read the same may share the slice.
type Member struct {
	ID         string
	InstanceID string     // "": none
	Topics     []Topic    // what it reads, by id
	Previous   Assignment // its last target assignment
}

// Assignment is partitions by topic, in order. It is never changed once made.
type Assignment map[record.UUID][]int32

// Assignor computes the assignment of each member.
type Assignor func(members []Member) map[string]Assignment

// ByName are the assignors by the names that clients use.
var ByName = map[string]Assignor{"uniform": Uniform, "range": Range}

// Count is how many partitions an assignment has.
func (a Assignment) Count() int {
	n := 0
	for _, ps := range a {
		n += len(ps)
	}
	return n
}

// Equal compares two assignments.
func (a Assignment) Equal(b Assignment) bool {
	if len(a) != len(b) {
		return false
	}
	for id, ps := range a {
		if !slices.Equal(ps, b[id]) {
			return false
		}
	}
	return true
}

// sorted returns the members by id.
func sorted(members []Member) []Member {
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return members
}

// homogeneous reports whether all read the same.
func homogeneous(members []Member) bool {
	for i := 1; i < len(members); i++ {
		if !slices.Equal(members[i].Topics, members[0].Topics) {
			return false
		}
	}
	return true
}

// compareTopics orders by id.
func compareTopics(a, b Topic) int { return slices.Compare(a.ID[:], b.ID[:]) }
