package authorizetest

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
)

const resourceCode = "Resources[0].ErrorCode="

func clusterCases() []Case {
	cases := []Case{
		{"AlterReplicaLogDirs", 2, message(&kmsg.AlterReplicaLogDirsRequest{Dirs: []kmsg.AlterReplicaLogDirsRequestDir{{Dir: "/nowhere",
			Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: Topic, Partitions: []int32{0}}}}}}), false, one(cluster(alter)), partitionCode + "31"},
		{"DescribeLogDirs", 4, message(&kmsg.DescribeLogDirsRequest{}), false, one(cluster(describe)), topCode + "31"},
		{"ElectLeaders", 2, message(&kmsg.ElectLeadersRequest{TimeoutMillis: 1000, Topics: []kmsg.ElectLeadersRequestTopic{{Topic: Topic, Partitions: []int32{0}}}}), false,
			one(cluster(alter)), topCode + "31 " + partitionCode + "31"},
		{"AlterPartitionReassignments", 0, message(&kmsg.AlterPartitionAssignmentsRequest{TimeoutMillis: 1000}), false, one(cluster(alter)), topCode + "31"},
		{"ListPartitionReassignments", 0, message(&kmsg.ListPartitionReassignmentsRequest{TimeoutMillis: 1000}), false, one(cluster(describe)), topCode + "31"},
		{"DescribeAcls", 3, message(&kmsg.DescribeACLsRequest{ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1}), false, one(cluster(describe)), topCode + "31"},
		{"CreateAcls", 3, message(&kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{{ResourceType: 2, ResourceName: "unheard-of", ResourcePatternType: 3,
			Principal: "User:nobody", Host: "*", Operation: 3, PermissionType: 3}}}), false, one(cluster(alter)), "Results[0].ErrorCode=31"},
		{"DeleteAcls", 3, message(&kmsg.DeleteACLsRequest{Filters: []kmsg.DeleteACLsRequestFilter{{ResourceType: 2, ResourceName: text("unheard-of"), ResourcePatternType: 3,
			Operation: 3, PermissionType: 3}}}), false, one(cluster(alter)), "Results[0].ErrorCode=31"},
		{"UpdateFeatures", 1, message(&kmsg.UpdateFeaturesRequest{TimeoutMillis: 1000, ValidateOnly: true}), false, one(cluster(alter)), topCode + "31"},
		{"UnregisterBroker", 0, message(&kmsg.UnregisterBrokerRequest{BrokerID: 99}), false, one(cluster(alter)), topCode + "31"},
		{"UnregisterController", 0, message(&kmsg.UnregisterControllerRequest{ControllerID: 99}), false, one(cluster(alter)), topCode + "31"},
		{"DescribeQuorum", 2, message(&kmsg.DescribeQuorumRequest{Topics: []kmsg.DescribeQuorumRequestTopic{{Topic: "__cluster_metadata",
			Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{}}}}}), false, one(cluster(describe)), topCode + "31"},
		{"ListConfigResources", 1, message(&kmsg.ListConfigResourcesRequest{}), false, one(cluster(describeConfigs)), topCode + "31"},
		{"AddRaftVoter", 1, message(&kmsg.AddRaftVoterRequest{TimeoutMillis: 1000, VoterID: 99}), false, one(cluster(alter)), topCode + "31"},
		{"RemoveRaftVoter", 0, message(&kmsg.RemoveRaftVoterRequest{VoterID: 99}), false, one(cluster(alter)), topCode + "31"},
		{"DescribeUserScramCredentials", 0, message(&kmsg.DescribeUserSCRAMCredentialsRequest{}), false, one(cluster(describe)), topCode + "31"},
		{"AlterUserScramCredentials", 0, message(&kmsg.AlterUserSCRAMCredentialsRequest{Deletions: []kmsg.AlterUserSCRAMCredentialsRequestDeletion{{Name: "nobody", Mechanism: 1}}}),
			false, one(cluster(alter)), "Results[0].ErrorCode=31"},
		{"DescribeClientQuotas", 1, message(&kmsg.DescribeClientQuotasRequest{}), false, one(cluster(security.OpDescribeConfigs)), topCode + "31"},
		{"AlterClientQuotas", 1, message(&kmsg.AlterClientQuotasRequest{Entries: []kmsg.AlterClientQuotasRequestEntry{{
			Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "user", Name: text("nobody")}}, Ops: []kmsg.AlterClientQuotasRequestEntryOp{{Key: "producer_byte_rate", Remove: true}}}}}),
			false, one(cluster(security.OpAlterConfigs)), "Entries[0].ErrorCode=31"},
		{"CreateDelegationToken for somebody else", 3, message(&kmsg.CreateDelegationTokenRequest{OwnerPrincipalType: text("User"), OwnerPrincipalName: text("carol")}), false,
			one(on(security.OpCreateTokens, security.UserResource, "User:carol")), topCode + "65"},
		{"DescribeCluster of controllers", 1, message(&kmsg.DescribeClusterRequest{EndpointType: 2}), true, one(cluster(alter)), topCode + "31"},
	}
	for _, of := range []struct {
		what string
		t    kmsg.ConfigResourceType
		name string
		kind security.ResourceType
		of   string
		code string
	}{
		{"a topic", kmsg.ConfigResourceTypeTopic, Topic, security.TopicResource, Topic, "29"},
		{"a group", kmsg.ConfigResourceTypeGroupConfig, Group, security.GroupResource, Group, "30"},
		{"a broker", kmsg.ConfigResourceTypeBroker, "1", security.ClusterResource, "kafka-cluster", "31"},
		{"loggers", kmsg.ConfigResourceTypeBrokerLogger, "1", security.ClusterResource, "kafka-cluster", "31"},
		{"client metrics", kmsg.ConfigResourceTypeClientMetrics, "m", security.ClusterResource, "kafka-cluster", "31"},
	} {
		cases = append(cases,
			Case{"DescribeConfigs of " + of.what, 4, message(&kmsg.DescribeConfigsRequest{Resources: []kmsg.DescribeConfigsRequestResource{{ResourceType: of.t, ResourceName: of.name}}}),
				false, one(on(describeConfigs, of.kind, of.of)), resourceCode + of.code},
			Case{"IncrementalAlterConfigs of " + of.what, 1, message(&kmsg.IncrementalAlterConfigsRequest{ValidateOnly: true,
				Resources: []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: of.t, ResourceName: of.name}}}),
				false, one(on(alterConfigs, of.kind, of.of)), resourceCode + of.code},
		)
	}
	return append(cases, Case{"AlterConfigs", 2, message(&kmsg.AlterConfigsRequest{ValidateOnly: true,
		Resources: []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: Topic}}}), false, one(topic(alterConfigs)), resourceCode + "29"})
}

// nodes are requests that only nodes make.
func nodes() []Case {
	var cases []Case
	for _, r := range []struct {
		name    string
		version int16
		request kmsg.Request
	}{
		{"AlterPartition", 3, &kmsg.AlterPartitionRequest{}},
		{"BrokerRegistration", 4, &kmsg.BrokerRegistrationRequest{}},
		{"BrokerHeartbeat", 1, &kmsg.BrokerHeartbeatRequest{BrokerID: 99}},
		{"AllocateProducerIds", 0, &kmsg.AllocateProducerIDsRequest{BrokerID: 99}},
		{"ControllerRegistration", 0, &kmsg.ControllerRegistrationRequest{}},
		{"AssignReplicasToDirs", 0, &kmsg.AssignReplicasToDirsRequest{}},
		{"UpdateRaftVoter", 0, &kmsg.UpdateRaftVoterRequest{}},
		{"FetchSnapshot", 1, &kmsg.FetchSnapshotRequest{}},
		{"Envelope", 0, &kmsg.EnvelopeRequest{}},
		{"Fetch of the metadata log", 12, kmsg.NewPtrFetchRequest()},
	} {
		cases = append(cases, Case{r.name, r.version, message(r.request), true, one(cluster(action)), topCode + "31"})
	}
	return cases
}
