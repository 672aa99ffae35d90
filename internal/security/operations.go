package security

// Operation is an ACL operation; numbers are the protocol's (facts: AclOperation).
type Operation int8

// The operations of Kafka 4.4.
const (
	OpAll             Operation = 2
	OpRead            Operation = 3
	OpWrite           Operation = 4
	OpCreate          Operation = 5
	OpDelete          Operation = 6
	OpAlter           Operation = 7
	OpDescribe        Operation = 8
	OpClusterAction   Operation = 9
	OpDescribeConfigs Operation = 10
	OpAlterConfigs    Operation = 11
	OpIdempotentWrite Operation = 12
	OpCreateTokens    Operation = 13
	OpDescribeTokens  Operation = 14
	OpTwoPhaseCommit  Operation = 15
)

// ResourceType is the kind of a resource that rules speak about; numbers are the protocol's.
type ResourceType int8

// The resource types of Kafka 4.4.
const (
	TopicResource           ResourceType = 2
	GroupResource           ResourceType = 3
	ClusterResource         ResourceType = 4
	TransactionalIDResource ResourceType = 5
	DelegationTokenResource ResourceType = 6
	UserResource            ResourceType = 7
)

// OperationsNotAsked is the value of an authorised-operations field that the request did not ask for.
const OperationsNotAsked int32 = -2147483648

var supportedOperations = map[ResourceType][]Operation{
	TopicResource:           {OpRead, OpWrite, OpCreate, OpDelete, OpAlter, OpDescribe, OpDescribeConfigs, OpAlterConfigs},
	GroupResource:           {OpRead, OpDelete, OpDescribe, OpDescribeConfigs, OpAlterConfigs},
	ClusterResource:         {OpCreate, OpAlter, OpDescribe, OpClusterAction, OpDescribeConfigs, OpAlterConfigs, OpIdempotentWrite},
	TransactionalIDResource: {OpWrite, OpDescribe, OpTwoPhaseCommit},
	DelegationTokenResource: {OpDescribe},
	UserResource:            {OpCreateTokens, OpDescribeTokens},
}

// AllOperations is the bit field (bit n: operation n) of everything that can be done to a resource of the type: what Kafka
// answers in authorised-operations fields when no authoriser is configured.
func AllOperations(t ResourceType) int32 {
	var bits int32
	for _, op := range supportedOperations[t] {
		bits |= 1 << op
	}
	return bits
}
