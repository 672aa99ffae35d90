package tool

import "github.com/twmb/franz-go/pkg/kerr"

// defaultMessage is what Kafka's clients say of a code without a message in the answer.
func defaultMessage(k *kerr.Error) string {
	switch k.Code {
	case kerr.NotLeaderForPartition.Code:
		return "For requests intended only for the leader, this error indicates that the broker is not the current leader. " +
			"For requests intended for any replica, this error indicates that the broker is not a replica of the topic partition."
	case kerr.ReplicaNotAvailable.Code:
		return k.Description + " Produce/Fetch requests and other requests intended only for the leader or follower return NOT_LEADER_OR_FOLLOWER " +
			"if the broker is not a replica of the topic-partition."
	case kerr.InvalidGroupID.Code:
		return "The group id is invalid."
	case kerr.TopicAuthorizationFailed.Code:
		return "Topic authorization failed."
	case kerr.GroupAuthorizationFailed.Code:
		return "Group authorization failed."
	case kerr.InvalidProducerEpoch.Code:
		return "Producer attempted to produce with an old epoch."
	case kerr.TransactionalIDAuthorizationFailed.Code:
		return "Transactional Id authorization failed."
	case kerr.GroupMaxSizeReached.Code:
		return "The group has reached its maximum size."
	case kerr.MessageTooLarge.Code, kerr.FencedLeaderEpoch.Code, kerr.UnknownLeaderEpoch.Code, kerr.StaleBrokerEpoch.Code, kerr.OffsetNotAvailable.Code,
		kerr.MemberIDRequired.Code, kerr.PreferredLeaderNotAvailable.Code, kerr.EligibleLeadersNotAvailable.Code, kerr.ElectionNotNeeded.Code:
		return k.Description + "."
	}
	return k.Description
}
