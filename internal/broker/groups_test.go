package broker

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/coordinator/group"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/security"
)

// groupNode is a node with a real group coordinator, and a controller that makes topics.
type groupNode struct {
	*node
	groups  *coordinator.Groups
	created []kmsg.CreateTopicsRequestTopic
}

func newGroupNode(t testing.TB, settings ...string) *groupNode {
	n := &groupNode{node: newNode(t, settings...)}
	n.groups = coordinator.NewGroups(coordinator.GroupsConfig{
		Config: coordinator.Config{
			Open:   coordinator.Replicated(func() *replication.Node { return n.replicas }),
			Logger: slog.New(slog.DiscardHandler),
		},
		Settings: func() coordinator.Settings { return coordinator.DefaultSettings },
		Group:    func() group.Settings { return group.DefaultSettings },
	})
	n.h.Groups, n.h.Controller = n.groups, n
	n.h.Await = func(_ context.Context, until func(*metadata.Image) bool) error {
		if !until(n.newest()) {
			t.Error("the image does not show what was waited for")
		}
		return nil
	}
	return n
}

func (n *groupNode) stop() {
	n.groups.Close()
	n.node.stop()
}

// Do is the controller.
func (n *groupNode) Do(ctx context.Context, who security.Principal, rq kmsg.Request) (kmsg.Response, error) {
	create, ok := rq.(*kmsg.CreateTopicsRequest)
	if !ok {
		return n.node.Do(ctx, who, rq)
	}
	resp := kmsg.NewPtrCreateTopicsResponse()
	for _, topic := range create.Topics {
		n.created = append(n.created, topic)
		n.makeTopic(topic.Topic, int(topic.NumPartitions), "cleanup.policy", "compact")
		n.groups.Publish(n.newest(), nil)
		for p := range topic.NumPartitions {
			n.groups.Leading(record.TopicPartition{Topic: topic.Topic, Partition: p}, 0, true)
		}
	}
	return resp, nil
}

// coordinate makes the offsets topic as a client's first question does.
func (n *groupNode) coordinate(c *client) {
	n.t.Helper()
	rq := kmsg.NewPtrFindCoordinatorRequest()
	rq.CoordinatorKeys = []string{"g"}
	if resp := ask[*kmsg.FindCoordinatorResponse](c, rq, 6); resp.Coordinators[0].ErrorCode != 0 {
		n.t.Fatal(kerr.ErrorForCode(resp.Coordinators[0].ErrorCode))
	}
	synctest.Wait()
}

// inBubble runs a test with a group node and a client on virtual time.
func inBubble(t *testing.T, run func(t *testing.T, n *groupNode, c *client)) {
	synctest.Test(t, func(t *testing.T) {
		n := newGroupNode(t)
		c := n.dial()
		run(t, n, c)
		c.close()
		n.stop()
	})
}

func TestFindCoordinatorMakesTheTopicOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		for v := int16(0); v <= 6; v++ {
			rq := kmsg.NewPtrFindCoordinatorRequest()
			rq.CoordinatorKey, rq.CoordinatorKeys = "g", []string{"g", "h"}
			resp := ask[*kmsg.FindCoordinatorResponse](c, rq, v)
			if v < 4 {
				if resp.ErrorCode != 0 || resp.NodeID != self || resp.Host != "one" || resp.Port != 9092 || len(resp.Coordinators) != 0 {
					t.Fatalf("v%d: %+v", v, resp)
				}
				continue
			}
			if len(resp.Coordinators) != 2 || resp.Coordinators[1].Key != "h" || resp.Coordinators[1].NodeID != self || resp.Coordinators[1].Host != "one" {
				t.Fatalf("v%d: %+v", v, resp)
			}
		}
		if len(n.created) != 1 {
			t.Fatalf("%d topics created", len(n.created))
		}
		made := n.created[0]
		configs := make(map[string]string)
		for _, cfg := range made.Configs {
			configs[cfg.Name] = *cfg.Value
		}
		want := map[string]string{"cleanup.policy": "compact", "segment.bytes": "104857600", "compression.type": "producer"}
		// Two brokers are alive, and nobody asked for three replicas.
		if made.NumPartitions != 50 || made.ReplicationFactor != 2 || !cmp.Equal(configs, want) {
			t.Errorf("created %d partitions, %d replicas, %v", made.NumPartitions, made.ReplicationFactor, configs)
		}
	})
}

func TestFindCoordinatorRefusesUnknownKinds(t *testing.T) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		rq := kmsg.NewPtrFindCoordinatorRequest()
		rq.CoordinatorType, rq.CoordinatorKeys = 3, []string{"g"}
		if one := ask[*kmsg.FindCoordinatorResponse](c, rq, 6).Coordinators[0]; one.ErrorCode != kerr.InvalidRequest.Code || one.NodeID != -1 {
			t.Errorf("%+v", one)
		}
	})
}

func TestFindCoordinatorOfSharePartitions(t *testing.T) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		rq := kmsg.NewPtrFindCoordinatorRequest()
		rq.CoordinatorType = 2
		rq.CoordinatorKeys = []string{"g", ":AAAAAAAAAAAAAAAAAAAAAQ:0", "g:nonsense:0", "g:AAAAAAAAAAAAAAAAAAAAAQ:-1", "g:x:AAAAAAAAAAAAAAAAAAAAAQ:12"}
		answers := ask[*kmsg.FindCoordinatorResponse](c, rq, 6).Coordinators
		for _, one := range answers[:4] {
			if one.ErrorCode != kerr.InvalidRequest.Code || one.NodeID != -1 {
				t.Errorf("%+v", one)
			}
		}
		if one := answers[4]; one.ErrorCode != 0 || one.NodeID != self {
			t.Errorf("%+v", one)
		}
		configs := make(map[string]string)
		for _, cfg := range n.created[0].Configs {
			configs[cfg.Name] = *cfg.Value
		}
		want := map[string]string{"cleanup.policy": "delete", "segment.bytes": "104857600", "compression.type": "producer", "min.insync.replicas": "2", "retention.ms": "-1"}
		if made := n.created[0]; made.Topic != "__share_group_state" || made.NumPartitions != 50 || !cmp.Equal(configs, want) {
			t.Errorf("created %s with %d partitions, %v", made.Topic, made.NumPartitions, configs)
		}
	})
}

func TestHostsAreWrittenAsJavaWritesThem(t *testing.T) {
	for in, want := range map[string]string{"127.0.0.1": "/127.0.0.1", "::ffff:10.1.2.3": "/10.1.2.3", "::1": "/0:0:0:0:0:0:0:1", "fe80::a:0:b": "/fe80:0:0:0:0:a:0:b"} {
		if got := hostText(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

func TestAConfiguredReplicationFactorIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newGroupNode(t, "offsets.topic.replication.factor", "3", "offsets.topic.num.partitions", "7")
		defer n.stop()
		made, ok := n.h.internalTopic(offsetsTopic)
		if !ok || made.ReplicationFactor != 3 || made.NumPartitions != 7 {
			t.Errorf("%+v", made)
		}
		if _, ok := n.h.internalTopic("orders"); ok {
			t.Error("orders is not a topic of the platform")
		}
	})
}

// member joins a group alone, with the given version of JoinGroup and what belongs to it.
func (c *client) member(name string, v int16) (memberID string, generation int32) {
	c.t.Helper()
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis, join.ProtocolType = name, 10000, 60000, "consumer"
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 0, 0, 0, 0, 1, 0, 6, 'o', 'r', 'd', 'e', 'r', 's', 0xff, 0xff, 0xff, 0xff}}}
	resp := ask[*kmsg.JoinGroupResponse](c, join, v)
	if v >= 4 {
		if resp.ErrorCode != kerr.MemberIDRequired.Code {
			c.t.Fatalf("v%d: %+v", v, resp)
		}
		join.MemberID = resp.MemberID
		resp = ask[*kmsg.JoinGroupResponse](c, join, v)
	}
	if resp.ErrorCode != 0 || resp.LeaderID != resp.MemberID || len(resp.Members) != 1 || *resp.Protocol != "range" {
		c.t.Fatalf("v%d: %+v", v, resp)
	}
	sync := kmsg.NewPtrSyncGroupRequest()
	protocolType := "consumer"
	sync.Group, sync.MemberID, sync.Generation, sync.Protocol, sync.ProtocolType = name, resp.MemberID, resp.Generation, resp.Protocol, &protocolType
	sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: resp.MemberID, MemberAssignment: []byte("P")}}
	if s := ask[*kmsg.SyncGroupResponse](c, sync, min(v, 5)); s.ErrorCode != 0 || string(s.MemberAssignment) != "P" {
		c.t.Fatalf("v%d: %+v", v, s)
	}
	beat := kmsg.NewPtrHeartbeatRequest()
	beat.Group, beat.MemberID, beat.Generation = name, resp.MemberID, resp.Generation
	if b := ask[*kmsg.HeartbeatResponse](c, beat, min(v, 4)); b.ErrorCode != 0 {
		c.t.Fatalf("v%d: %+v", v, b)
	}
	return resp.MemberID, resp.Generation
}

func TestMembershipInEveryVersion(t *testing.T) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		n.coordinate(c)
		for v := int16(0); v <= 9; v++ {
			id, _ := c.member("g", v)
			describe := kmsg.NewPtrDescribeGroupsRequest()
			describe.Groups, describe.IncludeAuthorizedOperations = []string{"g", "none"}, true
			d := ask[*kmsg.DescribeGroupsResponse](c, describe, min(v, 6)).Groups
			if len(d) != 2 || d[0].State != "Stable" || d[0].Members[0].ClientID != "test" || string(d[0].Members[0].MemberAssignment) != "P" || d[1].State != "Dead" {
				t.Fatalf("v%d: %+v", v, d)
			}
			if v >= 3 && d[0].AuthorizedOperations != security.AllOperations(security.GroupResource) {
				t.Errorf("v%d: authorised operations %d", v, d[0].AuthorizedOperations)
			}
			list := ask[*kmsg.ListGroupsResponse](c, kmsg.NewPtrListGroupsRequest(), min(v, 5))
			if len(list.Groups) != 1 || list.Groups[0].Group != "g" || list.Groups[0].ProtocolType != "consumer" {
				t.Fatalf("v%d: %+v", v, list)
			}
			leave := kmsg.NewPtrLeaveGroupRequest()
			leave.Group, leave.MemberID, leave.Members = "g", id, []kmsg.LeaveGroupRequestMember{{MemberID: id}}
			if l := ask[*kmsg.LeaveGroupResponse](c, leave, min(v, 5)); l.ErrorCode != 0 {
				t.Fatalf("v%d: %+v", v, l)
			}
			del := kmsg.NewPtrDeleteGroupsRequest()
			del.Groups = []string{"g", "none"}
			got := ask[*kmsg.DeleteGroupsResponse](c, del, min(v, 3)).Groups
			if len(got) != 2 || got[0].ErrorCode != 0 || got[1].ErrorCode != kerr.GroupIDNotFound.Code {
				t.Fatalf("v%d: %+v", v, got)
			}
		}
	})
}

func TestOffsetsInEveryVersion(t *testing.T) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		n.makeTopic("orders", 2)
		n.coordinate(c)
		id, generation := c.member("g", 3)
		for v := int16(2); v <= 10; v++ {
			commit := kmsg.NewPtrOffsetCommitRequest()
			commit.Group, commit.MemberID, commit.Generation = "g", id, generation
			part := func(p int32) kmsg.OffsetCommitRequestTopicPartition {
				cp := kmsg.NewOffsetCommitRequestTopicPartition()
				cp.Partition, cp.Offset, cp.Metadata = p, int64(v)*10, kmsg.StringPtr("m")
				return cp
			}
			commit.Topics = []kmsg.OffsetCommitRequestTopic{
				{Topic: "orders", TopicID: topicID("orders"), Partitions: []kmsg.OffsetCommitRequestTopicPartition{part(1), part(2)}},
				{Topic: "gone", TopicID: topicID("gone"), Partitions: []kmsg.OffsetCommitRequestTopicPartition{part(0)}},
			}
			got := make(map[string][]int16)
			for _, rt := range ask[*kmsg.OffsetCommitResponse](c, commit, v).Topics {
				name := rt.Topic
				if v >= 10 {
					name = map[[16]byte]string{topicID("orders"): "orders", topicID("gone"): "gone"}[rt.TopicID]
				}
				for _, rp := range rt.Partitions {
					got[name] = append(got[name], rp.ErrorCode)
				}
			}
			unknown := kerr.UnknownTopicOrPartition.Code
			want := map[string][]int16{"orders": {0, unknown}, "gone": {unknown}}
			if v >= 10 {
				want["gone"] = []int16{kerr.UnknownTopicID.Code}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("v%d (-want +got)\n%s", v, diff)
			}
			c.checkOffsets(v, int64(v)*10)
		}
	})
}

// checkOffsets fetches offsets in a version: of one partition with an offset and one without, and of all.
func (c *client) checkOffsets(v int16, want int64) {
	c.t.Helper()
	rq := kmsg.NewPtrOffsetFetchRequest()
	for _, all := range []bool{false, true} {
		if v < 8 {
			rq.Group, rq.Topics = "g", []kmsg.OffsetFetchRequestTopic{{Topic: "orders", Partitions: []int32{1, 0}}}
			if all {
				rq.Topics = nil
			}
			resp := ask[*kmsg.OffsetFetchResponse](c, rq, v)
			if resp.ErrorCode != 0 || len(resp.Topics) != 1 || resp.Topics[0].Partitions[0].Offset != want || *resp.Topics[0].Partitions[0].Metadata != "m" {
				c.t.Fatalf("v%d all=%v: %+v", v, all, resp)
			}
			if !all && resp.Topics[0].Partitions[1].Offset != -1 {
				c.t.Fatalf("v%d: %+v", v, resp)
			}
			continue
		}
		topics := []kmsg.OffsetFetchRequestGroupTopic{{Topic: "orders", TopicID: topicID("orders"), Partitions: []int32{1, 0}}}
		if all {
			topics = nil
		}
		rq.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g", Topics: topics, MemberEpoch: -1}, {Group: "none", Topics: topics, MemberEpoch: -1}}
		groups := ask[*kmsg.OffsetFetchResponse](c, rq, v).Groups
		if len(groups) != 2 || groups[0].ErrorCode != 0 || len(groups[0].Topics) != 1 || groups[0].Topics[0].Partitions[0].Offset != want || groups[1].Group != "none" {
			c.t.Fatalf("v%d all=%v: %+v", v, all, groups)
		}
		if v >= 10 && groups[0].Topics[0].TopicID != topicID("orders") {
			c.t.Fatalf("v%d: %+v", v, groups[0])
		}
		if !all && (len(groups[1].Topics) != 1 || groups[1].Topics[0].Partitions[0].Offset != -1) || all && len(groups[1].Topics) != 0 {
			c.t.Fatalf("v%d all=%v: %+v", v, all, groups[1])
		}
	}
}

func TestOffsetFetchOfAnUnknownTopicID(t *testing.T) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		n.coordinate(c)
		rq := kmsg.NewPtrOffsetFetchRequest()
		rq.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g", Topics: []kmsg.OffsetFetchRequestGroupTopic{{TopicID: topicID("gone"), Partitions: []int32{3}}}}}
		got := ask[*kmsg.OffsetFetchResponse](c, rq, 10).Groups[0].Topics
		want := []kmsg.OffsetFetchResponseGroupTopic{{TopicID: topicID("gone"), Partitions: []kmsg.OffsetFetchResponseGroupTopicPartition{
			{Partition: 3, Offset: -1, LeaderEpoch: -1, Metadata: kmsg.StringPtr(""), ErrorCode: kerr.UnknownTopicID.Code}}}}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(kmsg.OffsetFetchResponseGroupTopic{}, "UnknownTags"), cmpopts.IgnoreFields(kmsg.OffsetFetchResponseGroupTopicPartition{}, "UnknownTags")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOffsetDeleteKnowsTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		n.makeTopic("orders", 1)
		n.makeTopic("other", 1)
		n.coordinate(c)
		c.member("g", 3)
		rq := kmsg.NewPtrOffsetDeleteRequest()
		rq.Group = "g"
		for _, name := range []string{"orders", "other", "gone"} {
			rq.Topics = append(rq.Topics, kmsg.OffsetDeleteRequestTopic{Topic: name, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}, {Partition: 1}}})
		}
		got := make(map[string]map[int32]int16)
		for _, rt := range ask[*kmsg.OffsetDeleteResponse](c, rq, 0).Topics {
			if got[rt.Topic] != nil {
				t.Errorf("%s comes twice", rt.Topic)
			}
			got[rt.Topic] = make(map[int32]int16)
			for _, rp := range rt.Partitions {
				got[rt.Topic][rp.Partition] = rp.ErrorCode
			}
		}
		unknown := kerr.UnknownTopicOrPartition.Code
		want := map[string]map[int32]int16{"orders": {0: kerr.GroupSubscribedToTopic.Code, 1: unknown}, "other": {0: 0, 1: unknown}, "gone": {0: unknown, 1: unknown}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestASilentMemberLosesItsPlace(t *testing.T) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		n.coordinate(c)
		id, generation := c.member("g", 9)
		time.Sleep(10*time.Second + time.Millisecond)
		beat := kmsg.NewPtrHeartbeatRequest()
		beat.Group, beat.MemberID, beat.Generation = "g", id, generation
		if b := ask[*kmsg.HeartbeatResponse](c, beat, 4); b.ErrorCode != kerr.UnknownMemberID.Code {
			t.Errorf("%+v", b)
		}
	})
}
