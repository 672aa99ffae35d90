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

// strangeACLs asks brokers with an authorizer for ACLs that cannot be, each beside one that can.
func strangeACLs(s *side) {
	good := kmsg.CreateACLsRequestCreation{ResourceType: 2, ResourceName: "acls-good", ResourcePatternType: 3, Principal: "User:a", Host: "*", Operation: 3, PermissionType: 3}
	for _, c := range []struct {
		step   string
		change func(*kmsg.CreateACLsRequestCreation)
	}{
		{"of any type", func(c *kmsg.CreateACLsRequestCreation) { c.ResourceType = 1 }},
		{"of any pattern", func(c *kmsg.CreateACLsRequestCreation) { c.ResourcePatternType = 1 }},
		{"of pattern match", func(c *kmsg.CreateACLsRequestCreation) { c.ResourcePatternType = 2 }},
		{"of any operation", func(c *kmsg.CreateACLsRequestCreation) { c.Operation = 1 }},
		{"of any permission", func(c *kmsg.CreateACLsRequestCreation) { c.PermissionType = 1 }},
		{"of no name", func(c *kmsg.CreateACLsRequestCreation) { c.ResourceName = "" }},
		{"of a cluster of another name", func(c *kmsg.CreateACLsRequestCreation) { c.ResourceType = 4 }},
		{"of a principal without type", func(c *kmsg.CreateACLsRequestCreation) { c.Principal = "a" }},
		{"of no host", func(c *kmsg.CreateACLsRequestCreation) { c.Host = "" }},
	} {
		strange := good
		c.change(&strange)
		s.do(c.step, s.last(kmsg.CreateACLs), &kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{strange, good}})
	}
}
