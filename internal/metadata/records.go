package metadata

import "leat/internal/record"

// Record is one record of the metadata log. A record that was read, or handed to a Delta, must not be modified any more: images keep its
// slices.
type Record interface {
	// Key is the number of the record type in the frame.
	Key() int16
	// MaxVersion is the highest version known.
	MaxVersion() int16
	// AppendTo encodes the fields at a version; fields that the version does not have are left out.
	AppendTo(dst []byte, version int16) []byte
	// ReadFrom decodes the fields; what the version does not have keeps its default.
	ReadFrom(src []byte, version int16) error
}

// Values of change records that mean: leave it as it is.
const (
	NoLeaderChange   int32 = -2
	NoRecoveryChange int8  = -1
)

// recordTypes makes an empty record, with Kafka's defaults, by key.
var recordTypes = [...]func() Record{
	0: func() Record { return &RegisterBrokerRecord{Rack: new(""), Fenced: true} },
	1: func() Record { return &UnregisterBrokerRecord{} },
	2: func() Record { return &TopicRecord{} },
	3: func() Record {
		return &PartitionRecord{PartitionID: -1, Leader: -1, LeaderEpoch: -1, PartitionEpoch: -1}
	},
	4: func() Record { return &ConfigRecord{Value: new("")} },
	5: func() Record {
		return &PartitionChangeRecord{PartitionID: -1, Leader: NoLeaderChange, LeaderRecoveryState: NoRecoveryChange}
	},
	7:  func() Record { return &FenceBrokerRecord{} },
	8:  func() Record { return &UnfenceBrokerRecord{} },
	9:  func() Record { return &RemoveTopicRecord{} },
	10: func() Record { return &DelegationTokenRecord{} },
	11: func() Record { return &UserScramCredentialRecord{} },
	12: func() Record { return &FeatureLevelRecord{} },
	14: func() Record { return &ClientQuotaRecord{} },
	15: func() Record { return &ProducerIdsRecord{BrokerEpoch: -1} },
	17: func() Record { return &BrokerRegistrationChangeRecord{} },
	18: func() Record { return &AccessControlEntryRecord{} },
	19: func() Record { return &RemoveAccessControlEntryRecord{} },
	20: func() Record { return &NoOpRecord{} },
	21: func() Record { return &ZkMigrationStateRecord{} },
	22: func() Record { return &RemoveUserScramCredentialRecord{} },
	23: func() Record { return &BeginTransactionRecord{} },
	24: func() Record { return &EndTransactionRecord{} },
	25: func() Record { return &AbortTransactionRecord{} },
	26: func() Record { return &RemoveDelegationTokenRecord{} },
	27: func() Record { return &RegisterControllerRecord{} },
	28: func() Record { return &ClearElrRecord{} },
	29: func() Record { return &UnregisterControllerRecord{} },
}

// NewPartitionChange returns a change of a partition that changes nothing yet.
func NewPartitionChange(topicID record.UUID, partition int32) *PartitionChangeRecord {
	return &PartitionChangeRecord{TopicID: topicID, PartitionID: partition, Leader: NoLeaderChange, LeaderRecoveryState: NoRecoveryChange}
}
