package wire

// The table of API keys of Apache Kafka 4.4, in order of keys: key, name, lowest and highest version answered, first flexible request
// version (-1: none), flags. Unstable versions are left out. Keys 4 to 7 only keep their number.
//
// A key becomes built when its handler exists; until then it is refused as if this were a Kafka without it.
var apis = [...]API{
	row(0, "Produce", 3, 13, 9, onBroker|built),
	row(1, "Fetch", 4, 18, 12, onBroker|onController|built),
	row(2, "ListOffsets", 1, 11, 6, onBroker|built),
	row(3, "Metadata", 0, 13, 9, onBroker|built),
	row(4, "LeaderAndIsr", 0, -1, -1, clusterAct),
	row(5, "StopReplica", 0, -1, -1, clusterAct),
	row(6, "UpdateMetadata", 0, -1, -1, clusterAct),
	row(7, "ControlledShutdown", 0, -1, -1, clusterAct),
	row(8, "OffsetCommit", 2, 10, 8, onBroker|built),
	row(9, "OffsetFetch", 1, 10, 6, onBroker|built),
	row(10, "FindCoordinator", 0, 6, 3, onBroker|built),
	row(11, "JoinGroup", 0, 9, 6, onBroker|built),
	row(12, "Heartbeat", 0, 4, 4, onBroker|built),
	row(13, "LeaveGroup", 0, 5, 4, onBroker|built),
	row(14, "SyncGroup", 0, 5, 4, onBroker|built),
	row(15, "DescribeGroups", 0, 6, 5, onBroker|built),
	row(16, "ListGroups", 0, 5, 3, onBroker|built),
	row(17, "SaslHandshake", 0, 1, -1, onBroker|onController|built),
	row(18, "ApiVersions", 0, 5, 3, onBroker|onController|built),
	row(19, "CreateTopics", 2, 7, 5, onBroker|onController|forwarded|built),
	row(20, "DeleteTopics", 1, 6, 4, onBroker|onController|forwarded|built),
	row(21, "DeleteRecords", 0, 2, 2, onBroker|built),
	row(22, "InitProducerId", 0, 5, 2, onBroker|built),
	row(23, "OffsetForLeaderEpoch", 2, 4, 4, onBroker|built),
	row(24, "AddPartitionsToTxn", 0, 5, 3, onBroker|built),
	row(25, "AddOffsetsToTxn", 0, 4, 3, onBroker|built),
	row(26, "EndTxn", 0, 5, 3, onBroker|built),
	row(27, "WriteTxnMarkers", 1, 2, 1, onBroker|clusterAct|built),
	row(28, "TxnOffsetCommit", 0, 6, 3, onBroker|built),
	row(29, "DescribeAcls", 1, 3, 2, onBroker|onController|built),
	row(30, "CreateAcls", 1, 3, 2, onBroker|onController|forwarded|built),
	row(31, "DeleteAcls", 1, 3, 2, onBroker|onController|forwarded|built),
	row(32, "DescribeConfigs", 1, 4, 4, onBroker|onController|built),
	row(33, "AlterConfigs", 0, 2, 2, onBroker|onController|forwarded|built),
	row(34, "AlterReplicaLogDirs", 1, 2, 2, onBroker|built),
	row(35, "DescribeLogDirs", 1, 5, 2, onBroker|built),
	row(36, "SaslAuthenticate", 0, 2, 2, onBroker|onController|built),
	row(37, "CreatePartitions", 0, 3, 2, onBroker|onController|forwarded|built),
	row(38, "CreateDelegationToken", 1, 3, 2, onBroker|onController|forwarded|built),
	row(39, "RenewDelegationToken", 1, 2, 2, onBroker|onController|forwarded|built),
	row(40, "ExpireDelegationToken", 1, 2, 2, onBroker|onController|forwarded|built),
	row(41, "DescribeDelegationToken", 1, 3, 2, onBroker|onController|built),
	row(42, "DeleteGroups", 0, 3, 2, onBroker|built),
	row(43, "ElectLeaders", 0, 2, 2, onBroker|onController|forwarded|built),
	row(44, "IncrementalAlterConfigs", 0, 1, 1, onBroker|onController|forwarded|built),
	row(45, "AlterPartitionReassignments", 0, 1, 0, onBroker|onController|forwarded|built),
	row(46, "ListPartitionReassignments", 0, 0, 0, onBroker|onController|forwarded|built),
	row(47, "OffsetDelete", 0, 0, -1, onBroker|built),
	row(48, "DescribeClientQuotas", 0, 1, 1, onBroker|built),
	row(49, "AlterClientQuotas", 0, 1, 1, onBroker|onController|forwarded|built),
	row(50, "DescribeUserScramCredentials", 0, 0, 0, onBroker|onController|built),
	row(51, "AlterUserScramCredentials", 0, 0, 0, onBroker|onController|forwarded|built),
	row(52, "Vote", 0, 2, 0, onController|clusterAct),
	row(53, "BeginQuorumEpoch", 0, 1, 1, onController|clusterAct),
	row(54, "EndQuorumEpoch", 0, 1, 1, onController|clusterAct),
	row(55, "DescribeQuorum", 0, 2, 0, onBroker|onController|forwarded|clusterAct|built),
	row(56, "AlterPartition", 2, 3, 2, onController|clusterAct|built),
	row(57, "UpdateFeatures", 0, 2, 0, onBroker|onController|forwarded|clusterAct|built),
	row(58, "Envelope", 0, 0, 0, onController|clusterAct|built),
	row(59, "FetchSnapshot", 0, 1, 0, onController|built),
	row(60, "DescribeCluster", 0, 2, 0, onBroker|onController|built),
	row(61, "DescribeProducers", 0, 0, 0, onBroker|built),
	row(62, "BrokerRegistration", 0, 4, 0, onController|clusterAct|built),
	row(63, "BrokerHeartbeat", 0, 2, 0, onController|clusterAct|built),
	row(64, "UnregisterBroker", 0, 0, 0, onBroker|onController|forwarded|built),
	row(65, "DescribeTransactions", 0, 0, 0, onBroker|built),
	row(66, "ListTransactions", 0, 2, 0, onBroker|built),
	row(67, "AllocateProducerIds", 0, 0, 0, onController|forwarded|clusterAct|built),
	row(68, "ConsumerGroupHeartbeat", 0, 1, 0, onBroker|built),
	row(69, "ConsumerGroupDescribe", 0, 1, 0, onBroker|built),
	row(70, "ControllerRegistration", 0, 0, 0, onController|built),
	row(71, "GetTelemetrySubscriptions", 0, 0, 0, onBroker|built),
	row(72, "PushTelemetry", 0, 0, 0, onBroker|built),
	row(73, "AssignReplicasToDirs", 0, 0, 0, onController|built),
	row(74, "ListConfigResources", 0, 1, 0, onBroker|built),
	row(75, "DescribeTopicPartitions", 0, 0, 0, onBroker|built),
	row(76, "ShareGroupHeartbeat", 1, 1, 1, onBroker|built),
	row(77, "ShareGroupDescribe", 1, 1, 1, onBroker|built),
	row(78, "ShareFetch", 1, 2, 1, onBroker|built),
	row(79, "ShareAcknowledge", 1, 2, 1, onBroker|built),
	row(80, "AddRaftVoter", 0, 1, 0, onBroker|onController|forwarded|built),
	row(81, "RemoveRaftVoter", 0, 0, 0, onBroker|onController|forwarded|built),
	row(82, "UpdateRaftVoter", 0, 0, 0, onController|built),
	row(83, "InitializeShareGroupState", 0, 0, 0, onBroker|clusterAct|built),
	row(84, "ReadShareGroupState", 0, 0, 0, onBroker|clusterAct|built),
	row(85, "WriteShareGroupState", 0, 1, 0, onBroker|clusterAct|built),
	row(86, "DeleteShareGroupState", 0, 0, 0, onBroker|clusterAct|built),
	row(87, "ReadShareGroupStateSummary", 0, 1, 0, onBroker|clusterAct|built),
	row(88, "StreamsGroupHeartbeat", 0, 1, 0, onBroker|built),
	row(89, "StreamsGroupDescribe", 0, 1, 0, onBroker|built),
	row(90, "DescribeShareGroupOffsets", 0, 1, 0, onBroker|built),
	row(91, "AlterShareGroupOffsets", 0, 0, 0, onBroker|built),
	row(92, "DeleteShareGroupOffsets", 0, 0, 0, onBroker|built),
	row(93, "StreamsGroupTopologyDescriptionUpdate", 0, 0, 0, onBroker|built),
	row(94, "UnregisterController", 0, 0, 0, onBroker|onController|forwarded|built),
}

// flags say who answers a key and how.
type flags uint8

const (
	onBroker     flags = 1 << iota // answered on broker listeners
	onController                   // answered on controller listeners
	forwarded                      // a broker hands it to the active controller
	clusterAct                     // needs the ClusterAction operation
	built                          // advertised and answered
)

func row(key int16, name string, minVersion, maxVersion, flexibleFrom int16, f flags) API {
	return API{
		Key: key, Name: name, Min: minVersion, Max: maxVersion, FlexibleFrom: flexibleFrom,
		Broker: f&onBroker != 0, Controller: f&onController != 0,
		Forwarded: f&forwarded != 0, ClusterAct: f&clusterAct != 0, Advertised: f&built != 0,
	}
}
