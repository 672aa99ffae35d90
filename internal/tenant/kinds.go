package tenant

// kind says what a field of a message holds.
type kind uint8

const (
	unclassified kind = iota
	plain             // nothing that is a name of something of a tenant
	elsewhere         // it depends on other fields: a function of the message sees to it
	topic
	topicID
	group
	transactionalID
	text         // for people; it may contain inner names
	topicRegex   // chooses topics
	transactions // a regular expression that chooses transactional ids
	subscription // of the "consumer" protocol
	assignment   // of the "consumer" protocol
)

// kinds says by the name of a field what it holds, in all messages that do not say otherwise (kindsAt).
var kinds = map[string]kind{
	"Topic": topic, "TopicNames": topic, "SubscribedTopicNames": topic, "SubscribedTopics": topic,
	"SourceTopics": topic, "SinkTopic": topic, "RepartitionSinkTopics": topic,
	"TopicID": topicID,
	"Group":   group, "GroupID": group, "GroupIDs": group, "Groups": group,
	"TransactionalID": transactionalID, "TransactionID": transactionalID, "TransactionalIDs": transactionalID,
	"ErrorMessage": text, "AcknowledgeErrorMessage": text, "StatusDetail": text,
	"SubscribedTopicRegex": topicRegex, "SourceTopicRegex": topicRegex, "TransactionalIDPattern": transactions,
	"MemberAssignment": assignment, "ProtocolMetadata": subscription,

	"Host": plain, "Rack": plain, "RackID": plain, "ClusterID": plain, "ClientID": plain, "ClientHost": plain,
	"MemberID": plain, "InstanceID": plain, "LeaderID": plain, "Reason": plain, "ProcessID": plain, "SubtopologyID": plain,
	"ProtocolType": plain, "Protocol": plain, "Metadata": plain, "State": plain, "GroupState": plain, "GroupType": plain,
	"StatesFilter": plain, "TypesFilter": plain, "StateFilters": plain, "UnknownStateFilters": plain, "TransactionState": plain,
	"Assignor": plain, "AssignorName": plain, "ServerAssignor": plain, "Stores": plain, "Successors": plain,
	"ReplicaDirectoryID": plain, "Dir": plain, "Principal": plain, "ConfigNames": plain, "Documentation": plain,
	"Records": plain, "RecordBatches": plain, "ClientInstanceID": plain, "RequestedMetrics": plain, "Metrics": plain,
}

// kindsAt are what the name of the field alone does not tell, by message and path.
var kindsAt = map[string]kind{
	"FindCoordinatorRequest.CoordinatorKey":      elsewhere,
	"FindCoordinatorRequest.CoordinatorKeys":     elsewhere,
	"FindCoordinatorResponse.Coordinators[].Key": elsewhere,

	"JoinGroupRequest.Protocols[].Name":     plain,
	"JoinGroupRequest.Protocols[].Metadata": subscription,

	"CreateTopicsRequest.Topics[].Configs[].Name":   plain,
	"CreateTopicsRequest.Topics[].Configs[].Value":  plain,
	"CreateTopicsResponse.Topics[].Configs[].Name":  plain,
	"CreateTopicsResponse.Topics[].Configs[].Value": plain,

	"DescribeACLsRequest.ResourceName":                         elsewhere,
	"DescribeACLsResponse.Resources[].ResourceName":            elsewhere,
	"CreateACLsRequest.Creations[].ResourceName":               elsewhere,
	"DeleteACLsRequest.Filters[].ResourceName":                 elsewhere,
	"DeleteACLsResponse.Results[].MatchingACLs[].ResourceName": elsewhere,

	"DescribeConfigsRequest.Resources[].ResourceName":                      elsewhere,
	"DescribeConfigsResponse.Resources[].ResourceName":                     elsewhere,
	"DescribeConfigsResponse.Resources[].Configs[].Name":                   plain,
	"DescribeConfigsResponse.Resources[].Configs[].Value":                  elsewhere,
	"DescribeConfigsResponse.Resources[].Configs[].ConfigSynonyms[].Name":  plain,
	"DescribeConfigsResponse.Resources[].Configs[].ConfigSynonyms[].Value": elsewhere,
	"AlterConfigsRequest.Resources[].ResourceName":                         elsewhere,
	"AlterConfigsRequest.Resources[].Configs[].Name":                       plain,
	"AlterConfigsRequest.Resources[].Configs[].Value":                      elsewhere,
	"AlterConfigsResponse.Resources[].ResourceName":                        elsewhere,
	"IncrementalAlterConfigsRequest.Resources[].ResourceName":              elsewhere,
	"IncrementalAlterConfigsRequest.Resources[].Configs[].Name":            plain,
	"IncrementalAlterConfigsRequest.Resources[].Configs[].Value":           elsewhere,
	"IncrementalAlterConfigsResponse.Resources[].ResourceName":             elsewhere,
	"ListConfigResourcesResponse.ConfigResources[].Name":                   elsewhere,

	"StreamsGroupHeartbeatRequest.ClientTags[].Key":                                                            plain,
	"StreamsGroupHeartbeatRequest.ClientTags[].Value":                                                          plain,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies[].StateChangelogTopics[].Configs[].Key":               plain,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies[].StateChangelogTopics[].Configs[].Value":             plain,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies[].RepartitionSourceTopics[].Configs[].Key":            plain,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies[].RepartitionSourceTopics[].Configs[].Value":          plain,
	"StreamsGroupDescribeResponse.Groups[].Topology.Subtopologies[].StateChangelogTopics[].Configs[].Key":      plain,
	"StreamsGroupDescribeResponse.Groups[].Topology.Subtopologies[].StateChangelogTopics[].Configs[].Value":    plain,
	"StreamsGroupDescribeResponse.Groups[].Topology.Subtopologies[].RepartitionSourceTopics[].Configs[].Key":   plain,
	"StreamsGroupDescribeResponse.Groups[].Topology.Subtopologies[].RepartitionSourceTopics[].Configs[].Value": plain,
	"StreamsGroupDescribeResponse.Groups[].Members[].ClientTags[].Key":                                         plain,
	"StreamsGroupDescribeResponse.Groups[].Members[].ClientTags[].Value":                                       plain,
	"StreamsGroupDescribeResponse.Groups[].TopologyDescription.Subtopologies[].Nodes[].Name":                   plain,
	"StreamsGroupDescribeResponse.Groups[].TopologyDescription.GlobalStores[].Source.Name":                     plain,
	"StreamsGroupDescribeResponse.Groups[].TopologyDescription.GlobalStores[].Processor.Name":                  plain,

	"StreamsGroupTopologyDescriptionUpdateRequest.TopologyDescription.Subtopologies[].Nodes[].Name":  plain,
	"StreamsGroupTopologyDescriptionUpdateRequest.TopologyDescription.GlobalStores[].Source.Name":    plain,
	"StreamsGroupTopologyDescriptionUpdateRequest.TopologyDescription.GlobalStores[].Processor.Name": plain,
}
