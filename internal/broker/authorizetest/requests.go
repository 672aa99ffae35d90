package authorizetest

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
	"leat/internal/wire"
)

const (
	read, write, create, remove, alter, describe = security.OpRead, security.OpWrite, security.OpCreate, security.OpDelete, security.OpAlter, security.OpDescribe
	action, describeConfigs, alterConfigs        = security.OpClusterAction, security.OpDescribeConfigs, security.OpAlterConfigs
)

const topCode, topicCode, partitionCode = "ErrorCode=", "Topics[0].ErrorCode=", "Topics[0].Partitions[0].ErrorCode="

// Cases lists the requests whose answers tell by their codes whether they were allowed. Those that only leave something out have tests of their own.
func Cases() []Case {
	var cases []Case
	for _, part := range [][]Case{topics(), groups(), newGroups(), transactions(), shares(), clusterCases(), nodes()} {
		cases = append(cases, part...)
	}
	return cases
}

func topics() []Case {
	return []Case{
		{"ListOffsets", 7, message(&kmsg.ListOffsetsRequest{ReplicaID: -1, Topics: []kmsg.ListOffsetsRequestTopic{{Topic: Topic,
			Partitions: []kmsg.ListOffsetsRequestTopicPartition{{Timestamp: -1, CurrentLeaderEpoch: -1}}}}}), false, one(topic(describe)), partitionCode + "29"},
		{"ListOffsets of a topic that is none", 7, message(&kmsg.ListOffsetsRequest{ReplicaID: -1, Topics: []kmsg.ListOffsetsRequestTopic{{Topic: Missing,
			Partitions: []kmsg.ListOffsetsRequestTopicPartition{{Timestamp: -1, CurrentLeaderEpoch: -1}}}}}), false,
			one(on(describe, security.TopicResource, Missing)), partitionCode + "29"},
		{"Metadata by name", 12, message(&kmsg.MetadataRequest{Topics: []kmsg.MetadataRequestTopic{{Topic: text(Topic)}}}), false, one(topic(describe)), topicCode + "29"},
		{"Metadata of a topic that is none", 12, message(&kmsg.MetadataRequest{Topics: []kmsg.MetadataRequestTopic{{Topic: text(Missing)}}}), false,
			one(on(describe, security.TopicResource, Missing)), topicCode + "29"},
		{"Metadata by id", 12, func(ids IDs) kmsg.Request {
			return &kmsg.MetadataRequest{Topics: []kmsg.MetadataRequestTopic{{TopicID: ids.Topic}}}
		}, false, one(topic(describe)), topicCode + "29"},
		{"DeleteRecords", 2, message(&kmsg.DeleteRecordsRequest{TimeoutMillis: 100, Topics: []kmsg.DeleteRecordsRequestTopic{{Topic: Topic,
			Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{}}}}}), false, one(topic(remove)), partitionCode + "29"},
		{"OffsetForLeaderEpoch", 4, message(&kmsg.OffsetForLeaderEpochRequest{ReplicaID: -2, Topics: []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: Topic,
			Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{{CurrentLeaderEpoch: -1}}}}}), false,
			any(all(topic(describe)), all(cluster(action))), partitionCode + "29"},
		{"DescribeProducers", 0, message(&kmsg.DescribeProducersRequest{Topics: []kmsg.DescribeProducersRequestTopic{{Topic: Topic, Partitions: []int32{0}}}}), false,
			one(topic(read)), partitionCode + "29"},
		{"DescribeTopicPartitions", 0, message(&kmsg.DescribeTopicPartitionsRequest{ResponsePartitionLimit: 10,
			Topics: []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: Topic}}}), false, one(topic(describe)), topicCode + "29"},
		{"CreateTopics", 7, message(&kmsg.CreateTopicsRequest{TimeoutMillis: 1000, ValidateOnly: true,
			Topics: []kmsg.CreateTopicsRequestTopic{{Topic: Topic, NumPartitions: 1, ReplicationFactor: 1}}}), false,
			any(all(topic(create), topic(describeConfigs)), all(cluster(create), topic(describeConfigs))), topicCode + "29"},
		{"DeleteTopics by name", 5, message(&kmsg.DeleteTopicsRequest{TimeoutMillis: 1000, TopicNames: []string{Topic}}), false,
			any(all(topic(remove)), all(cluster(remove))), topicCode + "29"},
		{"DeleteTopics by id", 6, func(ids IDs) kmsg.Request {
			return &kmsg.DeleteTopicsRequest{TimeoutMillis: 1000, Topics: []kmsg.DeleteTopicsRequestTopic{{TopicID: ids.Topic}}}
		}, false, any(all(topic(remove)), all(cluster(remove))), topicCode + "29"},
		{"CreatePartitions", 3, message(&kmsg.CreatePartitionsRequest{TimeoutMillis: 1000, ValidateOnly: true,
			Topics: []kmsg.CreatePartitionsRequestTopic{{Topic: Topic, Count: 2}}}), false, one(topic(alter)), topicCode + "29"},
	}
}

func groups() []Case {
	return []Case{
		{"OffsetCommit", 9, message(&kmsg.OffsetCommitRequest{Group: Group, Generation: -1, Topics: []kmsg.OffsetCommitRequestTopic{{Topic: Topic,
			Partitions: []kmsg.OffsetCommitRequestTopicPartition{{}}}}}), false, one(group(read), topic(read)), partitionCode + "30"},
		{"OffsetCommit by id", 10, func(ids IDs) kmsg.Request {
			return &kmsg.OffsetCommitRequest{Group: Group, Generation: -1, Topics: []kmsg.OffsetCommitRequestTopic{{TopicID: ids.Topic,
				Partitions: []kmsg.OffsetCommitRequestTopicPartition{{}}}}}
		}, false, one(group(read), topic(read)), partitionCode + "30"},
		{"OffsetFetch", 9, message(&kmsg.OffsetFetchRequest{Groups: []kmsg.OffsetFetchRequestGroup{{Group: Group,
			Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: Topic, Partitions: []int32{0}}}}}}), false, one(group(describe), topic(describe)), "Groups[0].ErrorCode=30"},
		{"OffsetFetch of one group", 7, message(&kmsg.OffsetFetchRequest{Group: Group, Topics: []kmsg.OffsetFetchRequestTopic{{Topic: Topic, Partitions: []int32{0}}}}), false,
			one(group(describe), topic(describe)), topCode + "30"},
		{"OffsetFetch without a code of its own", 1, message(&kmsg.OffsetFetchRequest{Group: Group,
			Topics: []kmsg.OffsetFetchRequestTopic{{Topic: Topic, Partitions: []int32{0}}}}), false, one(group(describe), topic(describe)), partitionCode + "30"},
		{"FindCoordinator of a group", 4, message(&kmsg.FindCoordinatorRequest{CoordinatorKeys: []string{Group}}), false, one(group(describe)), "Coordinators[0].ErrorCode=30"},
		{"FindCoordinator of one group", 3, message(&kmsg.FindCoordinatorRequest{CoordinatorKey: Group}), false, one(group(describe)), topCode + "30"},
		{"FindCoordinator of a transaction", 4, message(&kmsg.FindCoordinatorRequest{CoordinatorType: 1, CoordinatorKeys: []string{TxnID}}), false,
			one(txn(describe)), "Coordinators[0].ErrorCode=53"},
		{"FindCoordinator of a share partition", 6, message(&kmsg.FindCoordinatorRequest{CoordinatorType: 2, CoordinatorKeys: []string{"g:AAAAAAAAAAAAAAAAAAAAAA:0"}}), false,
			one(cluster(action)), "Coordinators[0].ErrorCode=31"},
		{"JoinGroup", 9, message(&kmsg.JoinGroupRequest{Group: Group, SessionTimeoutMillis: 10000, RebalanceTimeoutMillis: 10000, ProtocolType: "consumer",
			Protocols: []kmsg.JoinGroupRequestProtocol{{Name: "range"}}}), false, one(group(read)), topCode + "30"},
		{"Heartbeat", 4, message(&kmsg.HeartbeatRequest{Group: Group, MemberID: "m"}), false, one(group(read)), topCode + "30"},
		{"LeaveGroup", 5, message(&kmsg.LeaveGroupRequest{Group: Group, Members: []kmsg.LeaveGroupRequestMember{{MemberID: "m"}}}), false, one(group(read)), topCode + "30"},
		{"SyncGroup", 5, message(&kmsg.SyncGroupRequest{Group: Group, MemberID: "m", ProtocolType: text("consumer"), Protocol: text("range")}), false, one(group(read)), topCode + "30"},
		{"DescribeGroups", 5, message(&kmsg.DescribeGroupsRequest{Groups: []string{Group}}), false, one(group(describe)), "Groups[0].ErrorCode=30"},
		{"DeleteGroups", 2, message(&kmsg.DeleteGroupsRequest{Groups: []string{Group}}), false, one(group(remove)), "Groups[0].ErrorCode=30"},
		{"OffsetDelete", 0, message(&kmsg.OffsetDeleteRequest{Group: Group, Topics: []kmsg.OffsetDeleteRequestTopic{{Topic: Topic,
			Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{}}}}}), false, one(group(remove), topic(read)), topCode + "30"},
	}
}

func newGroups() []Case {
	topology := &kmsg.StreamsGroupHeartbeatRequestTopology{Subtopologies: []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{{SubtopologyID: "0", SourceTopics: []string{Topic}}}}
	return []Case{
		{"ConsumerGroupHeartbeat", 1, message(&kmsg.ConsumerGroupHeartbeatRequest{Group: Group, MemberID: "m", RebalanceTimeoutMillis: 10000, SubscribedTopicNames: []string{Topic}}),
			false, one(group(read), topic(describe)), topCode + "30"},
		{"ConsumerGroupDescribe", 1, message(&kmsg.ConsumerGroupDescribeRequest{Groups: []string{Group}}), false, one(group(describe)), "Groups[0].ErrorCode=30"},
		{"ShareGroupHeartbeat", 1, message(&kmsg.ShareGroupHeartbeatRequest{GroupID: Group, MemberID: "m", SubscribedTopicNames: []string{Topic}}),
			false, one(group(read), topic(describe)), topCode + "30"},
		{"ShareGroupDescribe", 1, message(&kmsg.ShareGroupDescribeRequest{GroupIDs: []string{Group}}), false, one(group(describe)), "Groups[0].ErrorCode=30"},
		{"StreamsGroupHeartbeat", 1, message(&kmsg.StreamsGroupHeartbeatRequest{Group: Group, MemberID: "m", Topology: topology}),
			false, one(group(read), topic(describe)), topCode + "30"},
		{"StreamsGroupDescribe", 1, message(&kmsg.StreamsGroupDescribeRequest{Groups: []string{Group}}), false, one(group(describe)), "Groups[0].ErrorCode=30"},
		{"StreamsGroupTopologyDescriptionUpdate", 0, message(&kmsg.StreamsGroupTopologyDescriptionUpdateRequest{}), false,
			one(on(read, security.GroupResource, "")), topCode + "30"},
	}
}

func transactions() []Case {
	return []Case{
		{"InitProducerId of a transaction", 5, message(&kmsg.InitProducerIDRequest{TransactionalID: text(TxnID), TransactionTimeoutMillis: 10000, ProducerID: -1, ProducerEpoch: -1}),
			false, one(txn(write)), topCode + "53"},
		{"InitProducerId in two phases", 6, message(&wire.InitProducerIDRequest{Enable2PC: true, InitProducerIDRequest: kmsg.InitProducerIDRequest{TransactionalID: text(TxnID), TransactionTimeoutMillis: 10000,
			ProducerID: -1, ProducerEpoch: -1}}), false, one(txn(write), txn(security.OpTwoPhaseCommit)), topCode + "53"},
		{"InitProducerId of an idempotent producer", 5, message(&kmsg.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1}), false,
			any(all(cluster(security.OpIdempotentWrite)), all(on(write, security.TopicResource, "whatever"))), topCode + "31"},
		{"AddPartitionsToTxn", 3, message(&kmsg.AddPartitionsToTxnRequest{TransactionalID: TxnID, ProducerID: 1, Topics: []kmsg.AddPartitionsToTxnRequestTopic{{Topic: Topic, Partitions: []int32{0}}}}),
			false, one(txn(write), topic(write)), partitionCode + "53"},
		{"AddPartitionsToTxn of brokers", 5, message(&kmsg.AddPartitionsToTxnRequest{Transactions: []kmsg.AddPartitionsToTxnRequestTransaction{{TransactionalID: TxnID, ProducerID: 1, VerifyOnly: true,
			Topics: []kmsg.AddPartitionsToTxnRequestTransactionTopic{{Topic: Topic, Partitions: []int32{0}}}}}}), false, one(cluster(action)), topCode + "31"},
		{"AddOffsetsToTxn", 4, message(&kmsg.AddOffsetsToTxnRequest{TransactionalID: TxnID, ProducerID: 1, Group: Group}), false, one(txn(write), group(read)), topCode + "53"},
		{"EndTxn", 4, message(&kmsg.EndTxnRequest{TransactionalID: TxnID, ProducerID: 1}), false, one(txn(write)), topCode + "53"},
		{"WriteTxnMarkers", 1, message(&kmsg.WriteTxnMarkersRequest{Markers: []kmsg.WriteTxnMarkersRequestMarker{{ProducerID: 1,
			Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: Topic, Partitions: []int32{0}}}}}}), false,
			any(all(cluster(alter)), all(cluster(action))), "Markers[0].Topics[0].Partitions[0].ErrorCode=31"},
		{"TxnOffsetCommit", 5, message(&kmsg.TxnOffsetCommitRequest{TransactionalID: TxnID, Group: Group, ProducerID: 1, Generation: -1, Topics: []kmsg.TxnOffsetCommitRequestTopic{{Topic: Topic,
			Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{}}}}}), false, one(txn(write), group(read), topic(read)), partitionCode + "53"},
		{"DescribeTransactions", 0, message(&kmsg.DescribeTransactionsRequest{TransactionalIDs: []string{TxnID}}), false, one(txn(describe)), "TransactionStates[0].ErrorCode=53"},
	}
}

func shares() []Case {
	return []Case{
		{"ShareAcknowledge", 1, message(&kmsg.ShareAcknowledgeRequest{GroupID: text(Group), MemberID: text("m")}), false, one(group(read)), topCode + "30"},
		{"InitializeShareGroupState", 0, func(ids IDs) kmsg.Request {
			return &kmsg.InitializeShareGroupStateRequest{GroupID: Group, Topics: []kmsg.InitializeShareGroupStateRequestTopic{{TopicID: ids.Topic,
				Partitions: []kmsg.InitializeShareGroupStateRequestTopicPartition{{}}}}}
		}, false, one(cluster(action)), partitionCode + "31"},
		{"ReadShareGroupState", 0, func(ids IDs) kmsg.Request {
			return &kmsg.ReadShareGroupStateRequest{GroupID: Group, Topics: []kmsg.ReadShareGroupStateRequestTopic{{TopicID: ids.Topic,
				Partitions: []kmsg.ReadShareGroupStateRequestTopicPartition{{}}}}}
		}, false, one(cluster(action)), partitionCode + "31"},
		{"WriteShareGroupState", 0, func(ids IDs) kmsg.Request {
			return &kmsg.WriteShareGroupStateRequest{GroupID: Group, Topics: []kmsg.WriteShareGroupStateRequestTopic{{TopicID: ids.Topic,
				Partitions: []kmsg.WriteShareGroupStateRequestTopicPartition{{}}}}}
		}, false, one(cluster(action)), partitionCode + "31"},
		{"DeleteShareGroupState", 0, func(ids IDs) kmsg.Request {
			return &kmsg.DeleteShareGroupStateRequest{GroupID: Group, Topics: []kmsg.DeleteShareGroupStateRequestTopic{{TopicID: ids.Topic,
				Partitions: []kmsg.DeleteShareGroupStateRequestTopicPartition{{}}}}}
		}, false, one(cluster(action)), partitionCode + "31"},
		{"ReadShareGroupStateSummary", 0, func(ids IDs) kmsg.Request {
			return &kmsg.ReadShareGroupStateSummaryRequest{GroupID: Group, Topics: []kmsg.ReadShareGroupStateSummaryRequestTopic{{TopicID: ids.Topic,
				Partitions: []kmsg.ReadShareGroupStateSummaryRequestTopicPartition{{}}}}}
		}, false, one(cluster(action)), partitionCode + "31"},
		{"DescribeShareGroupOffsets", 0, message(&kmsg.DescribeShareGroupOffsetsRequest{Groups: []kmsg.DescribeShareGroupOffsetsRequestGroup{{GroupID: Group,
			Topics: []kmsg.DescribeShareGroupOffsetsRequestGroupTopic{{Topic: Topic, Partitions: []int32{0}}}}}}), false,
			one(group(describe), topic(describe)), "Groups[0].ErrorCode=30"},
		{"AlterShareGroupOffsets", 0, message(&kmsg.AlterShareGroupOffsetsRequest{GroupID: Group, Topics: []kmsg.AlterShareGroupOffsetsRequestTopic{{Topic: Topic,
			Partitions: []kmsg.AlterShareGroupOffsetsRequestTopicPartition{{}}}}}), false, one(group(read), topic(read)), topCode + "30"},
		{"DeleteShareGroupOffsets", 0, message(&kmsg.DeleteShareGroupOffsetsRequest{GroupID: Group,
			Topics: []kmsg.DeleteShareGroupOffsetsRequestTopic{{Topic: Topic}}}), false, one(group(remove), topic(read)), topCode + "30"},
	}
}

func text(s string) *string { return &s }
