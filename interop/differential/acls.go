package main

import "github.com/twmb/franz-go/pkg/kmsg"

// accessControl asks brokers without an authorizer, where ACLs mean nothing.
func accessControl(s *side) {
	name := "acls-topic"
	s.askAll(kmsg.DescribeACLs,
		ask{"all", func() kmsg.Request {
			return &kmsg.DescribeACLsRequest{ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1}
		}},
		ask{"of a topic", func() kmsg.Request {
			return &kmsg.DescribeACLsRequest{ResourceType: 2, ResourceName: &name, ResourcePatternType: 2, Operation: 1, PermissionType: 1}
		}},
		ask{"unknown numbers", func() kmsg.Request {
			return &kmsg.DescribeACLsRequest{ResourceType: 99, ResourcePatternType: 1, Operation: 1, PermissionType: 1}
		}},
	)
	creation := kmsg.CreateACLsRequestCreation{ResourceType: 2, ResourceName: name, ResourcePatternType: 3, Principal: "User:a", Host: "*", Operation: 3, PermissionType: 3}
	s.askAll(kmsg.CreateACLs,
		ask{"two", func() kmsg.Request {
			return &kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{creation, creation}}
		}},
		ask{"none", func() kmsg.Request { return &kmsg.CreateACLsRequest{} }},
		ask{"unknown number", func() kmsg.Request {
			strange := creation
			strange.Operation = 99
			return &kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{strange}}
		}},
	)
	s.askAll(kmsg.DeleteACLs,
		ask{"one filter", func() kmsg.Request {
			return &kmsg.DeleteACLsRequest{Filters: []kmsg.DeleteACLsRequestFilter{{ResourceType: 2, ResourceName: &name, ResourcePatternType: 3, Operation: 1, PermissionType: 1}}}
		}},
		ask{"none", func() kmsg.Request { return &kmsg.DeleteACLsRequest{} }},
	)
}
