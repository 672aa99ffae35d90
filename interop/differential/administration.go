package main

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// administration is what is handed to the controller and changes no topic: elections, features, brokers.
func administration(s *side) {
	s.topic("elected-1", 2)
	elect := func(kind int8, topics ...kmsg.ElectLeadersRequestTopic) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrElectLeadersRequest()
			req.ElectionType, req.Topics, req.TimeoutMillis = kind, topics, 5000
			return req
		}
	}
	of := func(name string, partitions ...int32) kmsg.ElectLeadersRequestTopic {
		t := kmsg.NewElectLeadersRequestTopic()
		t.Topic, t.Partitions = name, partitions
		return t
	}
	s.askAll(kmsg.ElectLeaders,
		ask{"preferred", elect(0, of("elected-1", 0, 1))},
		ask{"unclean", elect(1, of("elected-1", 0))},
		ask{"unknown kind", elect(7, of("elected-1", 0))},
		ask{"unknown partition", elect(0, of("elected-1", 9))},
		ask{"unknown topic", elect(0, of("elected-none", 0))},
		ask{"invalid topic", elect(0, of("bad name", 0))},
		ask{"good and bad", elect(0, of("elected-1", 0, 9), of("elected-none", 0))},
		ask{"everything", elect(0)},
	)
	s.updateFeatures()
	s.reassignments()
	unregister := func(id int32) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrUnregisterBrokerRequest()
			req.BrokerID = id
			return req
		}
	}
	s.askAll(kmsg.UnregisterBroker,
		ask{"unknown broker", unregister(7)},
		ask{"negative broker", unregister(-1)},
	)
	s.askAll(kmsg.UnregisterController, ask{"unknown controller", func() kmsg.Request {
		req := kmsg.NewPtrUnregisterControllerRequest()
		req.ControllerID = 7
		return req
	}})
	s.askAll(kmsg.AddRaftVoter, ask{"nobody", func() kmsg.Request { return kmsg.NewPtrAddRaftVoterRequest() }})
	s.askAll(kmsg.RemoveRaftVoter, ask{"nobody", func() kmsg.Request { return kmsg.NewPtrRemoveRaftVoterRequest() }})
	s.transactions()
}

// reassignments asks for replicas where there is only one broker to have them.
func (s *side) reassignments() {
	s.topic("reassigned-1", 2)
	type partition struct {
		number   int32
		replicas []int32
	}
	reassign := func(name string, factor bool, partitions ...partition) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
			req.TimeoutMillis, req.AllowReplicationFactorChange = 5000, factor
			t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
			t.Topic = name
			for _, p := range partitions {
				t.Partitions = append(t.Partitions, kmsg.AlterPartitionAssignmentsRequestTopicPartition{Partition: p.number, Replicas: p.replicas})
			}
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	s.askAll(kmsg.AlterPartitionAssignments,
		ask{"to where it is", reassign("reassigned-1", true, partition{0, []int32{1}})},
		ask{"to a broker that is not there", reassign("reassigned-1", true, partition{0, []int32{1, 9}})},
		ask{"to the same broker twice", reassign("reassigned-1", true, partition{0, []int32{1, 1}})},
		ask{"to nobody", reassign("reassigned-1", true, partition{0, []int32{}})},
		ask{"back, where nothing is on its way", reassign("reassigned-1", true, partition{0, nil}, partition{1, nil})},
		ask{"unknown partition", reassign("reassigned-1", true, partition{9, []int32{1}})},
		ask{"unknown topic", reassign("reassigned-none", true, partition{0, []int32{1}})},
		ask{"the same factor", reassign("reassigned-1", false, partition{0, []int32{1}}, partition{1, []int32{9}})},
		ask{"nothing", reassign("reassigned-1", true)},
	)
	list := func(topics ...kmsg.ListPartitionReassignmentsRequestTopic) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrListPartitionReassignmentsRequest()
			req.TimeoutMillis, req.Topics = 5000, topics
			return req
		}
	}
	s.askAll(kmsg.ListPartitionReassignments,
		ask{"all", list()},
		ask{"some", list(kmsg.ListPartitionReassignmentsRequestTopic{Topic: "reassigned-1", Partitions: []int32{0, 1, 9}})},
		ask{"unknown topic", list(kmsg.ListPartitionReassignmentsRequestTopic{Topic: "reassigned-none", Partitions: []int32{0}})},
	)
}

func (s *side) updateFeatures() {
	update := func(validate bool, updates ...kmsg.UpdateFeaturesRequestFeatureUpdate) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrUpdateFeaturesRequest()
			req.TimeoutMillis, req.FeatureUpdates, req.ValidateOnly = 5000, updates, validate
			return req
		}
	}
	to := func(name string, level int16, kind int8) kmsg.UpdateFeaturesRequestFeatureUpdate {
		u := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		u.Feature, u.MaxVersionLevel, u.UpgradeType, u.AllowDowngrade = name, level, kind, kind > 1
		return u
	}
	s.askAll(kmsg.UpdateFeatures,
		ask{"unknown feature", update(false, to("no.such.feature", 1, 1))},
		ask{"unknown feature, validated", update(true, to("no.such.feature", 1, 1))},
		ask{"level that is not supported", update(false, to("group.version", 99, 1))},
		ask{"negative level", update(false, to("group.version", -1, 1))},
		ask{"level as it is", update(false, to("group.version", 1, 1))},
		ask{"lower without leave", update(false, to("group.version", 0, 1))},
		ask{"unknown kind of update", update(false, to("group.version", 1, 9))},
		ask{"metadata lower than any", update(false, to("metadata.version", 1, 2))},
		ask{"metadata too high", update(false, to("metadata.version", 999, 1))},
		ask{"empty name", update(false, to("", 1, 1))},
		ask{"the same twice", update(false, to("group.version", 1, 1), to("group.version", 1, 1))},
		ask{"nothing", update(false)},
	)
}

// transactions asks for transactions where there are none.
func (s *side) transactions() {
	s.askAll(kmsg.DescribeTransactions,
		ask{"nothing", func() kmsg.Request { return kmsg.NewPtrDescribeTransactionsRequest() }},
		ask{"unknown ids", func() kmsg.Request {
			req := kmsg.NewPtrDescribeTransactionsRequest()
			req.TransactionalIDs = []string{"transaction-none", ""}
			return req
		}},
	)
	list := func(pattern *string, states ...string) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrListTransactionsRequest()
			req.StateFilters, req.DurationFilterMillis, req.TransactionalIDPattern = states, -1, pattern
			return req
		}
	}
	s.askAll(kmsg.ListTransactions,
		ask{"all", list(nil)},
		ask{"known and unknown states", list(nil, "Ongoing", "ongoing", "Confused")},
		ask{"pattern", list(ptr("a.*"))},
		ask{"empty pattern", list(ptr(""))},
		ask{"broken pattern", list(ptr("a["))},
	)
}
