package tenant

import "github.com/twmb/franz-go/pkg/kmsg"

// Treatment is what becomes of a tenant's request by its API key.
type Treatment uint8

// The treatments.
const (
	Refused Treatment = iota // about the whole cluster, or of nodes among themselves; keys that are not listed here, too
	Open                     // it names nothing, or comes before authentication
	Turned                   // its names are turned
)

// treatments are of all keys that tenants are served.
var treatments = map[int16]Treatment{
	17: Open, 18: Open, 36: Open, // SaslHandshake, ApiVersions, SaslAuthenticate
	60: Turned,         // DescribeCluster, which names nothing but may say something
	71: Open, 72: Open, // telemetry of the client itself

	0: Turned, 1: Turned, 2: Turned, 3: Turned, // Produce, Fetch, ListOffsets, Metadata
	8: Turned, 9: Turned, 10: Turned, // OffsetCommit, OffsetFetch, FindCoordinator
	11: Turned, 12: Turned, 13: Turned, 14: Turned, 15: Turned, 16: Turned, // classic groups
	19: Turned, 20: Turned, 21: Turned, 37: Turned, // CreateTopics, DeleteTopics, DeleteRecords, CreatePartitions
	22: Turned, 24: Turned, 25: Turned, 26: Turned, 28: Turned, // transactions
	23: Turned,                         // OffsetForLeaderEpoch
	29: Turned, 30: Turned, 31: Turned, // ACLs
	32: Turned, 33: Turned, 44: Turned, 74: Turned, // configs
	35: Turned,             // DescribeLogDirs
	42: Turned, 47: Turned, // DeleteGroups, OffsetDelete
	46: Turned,                         // ListPartitionReassignments
	61: Turned, 65: Turned, 66: Turned, // DescribeProducers, DescribeTransactions, ListTransactions
	68: Turned, 69: Turned, // consumer groups
	75: Turned,                                                                         // DescribeTopicPartitions
	76: Turned, 77: Turned, 78: Turned, 79: Turned, 90: Turned, 91: Turned, 92: Turned, // share groups
	88: Turned, 89: Turned, 93: Turned, // streams groups
}

// Treat says what becomes of a tenant's requests of a key.
func Treat(key int16) Treatment { return treatments[key] }

// OfNodes reports whether a request, of a key that tenants are served, is one that only nodes make of each other.
func OfNodes(rq kmsg.Request) bool {
	switch rq := rq.(type) {
	case *kmsg.FetchRequest:
		return rq.ReplicaID >= 0 && rq.Version < 15 || rq.ReplicaState.ID >= 0 && rq.Version >= 15
	case *kmsg.AddPartitionsToTxnRequest:
		return rq.Version >= 4
	case *kmsg.FindCoordinatorRequest:
		return rq.CoordinatorType == coordinatorOfShare
	}
	return false
}
