package consumer

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
)

// maxString is the longest string of a record's key.
const maxString = 1<<15 - 1

// validate checks what does not depend on the group.
func validate(d kind.Desk, rq *kmsg.ConsumerGroupHeartbeatRequest) *refusal {
	blank := func(s *string) bool { return s != nil && strings.TrimSpace(*s) == "" }
	invalid := func(message string) *refusal { return refuse(kerr.InvalidRequest, message) }
	switch {
	case (rq.Version >= 1 || rq.MemberEpoch > 0 || rq.MemberEpoch == leaving) && blank(&rq.MemberID):
		return invalid("MemberId can't be empty.")
	case blank(&rq.Group):
		return invalid("GroupId can't be empty.")
	case blank(rq.InstanceID):
		return invalid("InstanceId can't be empty.")
	case blank(rq.RackID):
		return invalid("RackId can't be empty.")
	case rq.MemberEpoch == 0 && rq.RebalanceTimeoutMillis == -1:
		return invalid("RebalanceTimeoutMs must be provided in first request.")
	case rq.MemberEpoch == 0 && (rq.Topics == nil || len(rq.Topics) > 0):
		return invalid("TopicPartitions must be empty when (re-)joining.")
	case rq.MemberEpoch == 0 && rq.SubscribedTopicNames == nil && rq.SubscribedTopicRegex == nil:
		return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
	case rq.MemberEpoch == leavingStatic && rq.InstanceID == nil:
		return invalid("InstanceId can't be null.")
	case rq.MemberEpoch < leavingStatic:
		return invalid("MemberEpoch is invalid.")
	case len(rq.Group) > maxString || len(rq.MemberID) > maxString || len(text(rq.InstanceID)) > maxString || len(text(rq.RackID)) > maxString:
		return invalid("Strings of more than 32767 bytes are not supported.")
	}
	if assignors := d.Settings().Consumer.Assignors; rq.ServerAssignor != nil && !slices.Contains(assignors, *rq.ServerAssignor) {
		return refuse(kerr.UnsupportedAssignor,
			fmt.Sprintf("ServerAssignor %s is not supported. Supported assignors: %s.", *rq.ServerAssignor, strings.Join(assignors, ", ")))
	}
	return nil
}

// checkEpoch decides whether a member may speak with the epoch that it gives. One that has not heard of its newest epoch may use the one
// before, as long as it owns nothing that it should not.
func (p *member) checkEpoch(epoch int32, owned []kmsg.ConsumerGroupHeartbeatRequestTopic) *refusal {
	switch {
	case epoch > p.epoch:
		return refuse(kerr.FencedMemberEpoch, fmt.Sprintf("The consumer group member has a greater member epoch (%d) than the one known by the "+
			"group coordinator (%d). The member must abandon all its partitions and rejoin.", epoch, p.epoch))
	case epoch < p.epoch && (epoch != p.previousEpoch || !p.assigned.hasAll(owned)):
		return refuse(kerr.FencedMemberEpoch, fmt.Sprintf("The consumer group member has a smaller member epoch (%d) than the one known by the "+
			"group coordinator (%d). The member must abandon all its partitions and rejoin.", epoch, p.epoch))
	}
	return nil
}

// memberID makes an id for a member that brings none, in Kafka's form of a random UUID.
func memberID(d kind.Desk) string {
	var u [16]byte
	for {
		binary.BigEndian.PutUint64(u[:], d.Rand().Uint64())
		binary.BigEndian.PutUint64(u[8:], d.Rand().Uint64())
		u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
		if id := base64.RawURLEncoding.EncodeToString(u[:]); id[0] != '-' {
			return id
		}
	}
}

// unknownMember says that the group has no such member.
func unknownMember(group, id string) *refusal {
	return refuse(kerr.UnknownMemberID, fmt.Sprintf("Member %s is not a member of group %s.", id, group))
}

// checkStatic checks that a static member is who its instance id says.
func (g *group) checkStatic(memberID, instanceID string) (*member, *refusal) {
	id, ok := g.statics[instanceID]
	if !ok {
		return nil, refuse(kerr.UnknownMemberID, fmt.Sprintf("Instance id %s is unknown.", instanceID))
	}
	if id != memberID {
		return nil, refuse(kerr.FencedInstanceID, fmt.Sprintf("Static member %s with instance id %s was fenced by member %s.", memberID, instanceID, id))
	}
	return g.members[id], nil
}
