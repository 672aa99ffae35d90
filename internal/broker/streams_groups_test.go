package broker

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/security"
)

// counting is a heartbeat of a member of an application that counts words; it joins if the epoch is 0.
func counting(member string, epoch int32) *kmsg.StreamsGroupHeartbeatRequest {
	rq := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	rq.Group, rq.MemberID, rq.MemberEpoch = "g", member, epoch
	rq.ActiveTasks, rq.StandbyTasks, rq.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
	if epoch != 0 {
		return rq
	}
	split, count := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology(), kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
	split.SubtopologyID, split.SourceTopics, split.RepartitionSinkTopics = "0", []string{"lines"}, []string{"words"}
	count.SubtopologyID, count.RepartitionSourceTopics = "1", []kmsg.TopicInfo{{Topic: "words"}}
	count.StateChangelogTopics = []kmsg.TopicInfo{{Topic: "counts", Configs: []kmsg.TopicInfoConfig{{Key: "cleanup.policy", Value: "compact"}}}}
	t := kmsg.NewStreamsGroupHeartbeatRequestTopology()
	t.Subtopologies = []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{split, count}
	rq.RebalanceTimeoutMillis, rq.ProcessID, rq.Topology = 10000, new("p"), &t
	return rq
}

// telling is a controller that makes topics and tells the group coordinator which: groupNode only hands it the image.
type telling struct{ *groupNode }

// Do is the controller.
func (n telling) Do(ctx context.Context, who security.Principal, rq kmsg.Request) (kmsg.Response, error) {
	before := n.newest()
	resp, err := n.groupNode.Do(ctx, who, rq)
	if create, ok := rq.(*kmsg.CreateTopicsRequest); ok {
		delta := metadata.NewDelta(before)
		for i := range create.Topics {
			topic, _ := n.newest().Topic(create.Topics[i].Topic)
			if err := delta.Replay(&metadata.TopicRecord{Name: topic.Name, TopicID: topic.ID}); err != nil {
				n.t.Error(err)
			}
		}
		n.groups.Publish(n.newest(), delta)
	}
	return resp, err
}

// streamsInBubble is inBubble with streams groups switched on.
func streamsInBubble(t *testing.T, run func(t *testing.T, n *groupNode, c *client)) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		n.publish(&metadata.FeatureLevelRecord{Name: metadata.FeatureStreamsVersion, FeatureLevel: 1})
		n.coordinate(c)
		n.h.Controller = telling{n}
		run(t, n, c)
	})
}

func (c *client) beat(rq *kmsg.StreamsGroupHeartbeatRequest, version int16) *kmsg.StreamsGroupHeartbeatResponse {
	c.t.Helper()
	return ask[*kmsg.StreamsGroupHeartbeatResponse](c, rq, version)
}

func TestAStreamsGroupGetsItsTopicsAndTasks(t *testing.T) {
	for version := range int16(2) {
		streamsInBubble(t, func(t *testing.T, n *groupNode, c *client) {
			n.makeTopic("lines", 2)
			n.groups.Publish(n.newest(), nil)
			before := len(n.created)
			first := c.beat(counting("a", 0), version)
			if first.ErrorCode != 0 || len(first.Status) != 2 || first.HeartbeatIntervalMillis != 5000 || len(first.ActiveTasks) != 0 {
				t.Fatalf("joined: %+v", first)
			}
			synctest.Wait()
			var made []string
			for _, topic := range n.created[before:] {
				made = append(made, topic.Topic)
				if topic.NumPartitions != 2 || topic.ReplicationFactor != -1 {
					t.Errorf("%s: %d partitions, %d replicas", topic.Topic, topic.NumPartitions, topic.ReplicationFactor)
				}
			}
			if got := strings.Join(made, " "); got != "counts words" {
				t.Fatalf("created %s", got)
			}
			if cfg := n.created[before].Configs; len(cfg) != 1 || *cfg[0].Value != "compact" {
				t.Errorf("counts has configs %v", cfg)
			}
			c.beat(counting("a", first.MemberEpoch), version)
			time.Sleep(4 * time.Second)
			synctest.Wait()
			resp := c.beat(counting("a", first.MemberEpoch), version)
			if resp.ErrorCode != 0 || len(resp.Status) != 0 || len(resp.ActiveTasks) != 2 || len(resp.ActiveTasks[1].Partitions) != 2 {
				t.Fatalf("tasks: %+v", resp)
			}
			if len(n.created) != before+2 {
				t.Errorf("%d topics were made", len(n.created)-before)
			}
			if counted := n.groups.Rebalances(); counted["streams"] != 2 || counted["consumer"] != 0 {
				t.Errorf("rebalances are counted as %v, want 2 of streams groups: the member, the topics", counted)
			}
			nobody := counting("a", 0)
			nobody.Group = ""
			if resp := c.beat(nobody, version); resp.ErrorCode != kerr.InvalidRequest.Code || resp.Status == nil {
				t.Errorf("group without a name: %+v", resp)
			}
			if left := c.beat(counting("a", -1), version); left.ErrorCode != 0 || left.MemberEpoch != -1 {
				t.Errorf("left: %+v", left)
			}
		})
	}
}

func TestStreamsGroupsAreDescribed(t *testing.T) {
	streamsInBubble(t, func(t *testing.T, n *groupNode, c *client) {
		if resp := c.beat(counting("a", 0), 1); resp.ErrorCode != 0 {
			t.Fatal(kerr.ErrorForCode(resp.ErrorCode))
		}
		rq := kmsg.NewPtrStreamsGroupDescribeRequest()
		rq.Groups, rq.IncludeAuthorizedOperations = []string{"g", "nobody's"}, true
		groups := ask[*kmsg.StreamsGroupDescribeResponse](c, rq, 1).Groups
		if g := groups[0]; g.ErrorCode != 0 || g.State != "NotReady" || len(g.Members) != 1 || len(g.Topology.Subtopologies) != 2 || g.AuthorizedOperations == -1<<31 {
			t.Errorf("described as %+v", g)
		}
		if g := groups[1]; g.ErrorCode != kerr.GroupIDNotFound.Code || *g.ErrorMessage != "Group nobody's not found." {
			t.Errorf("unknown group described as %+v", g)
		}
		list := kmsg.NewPtrListGroupsRequest()
		list.TypesFilter = []string{"streams"}
		if all := ask[*kmsg.ListGroupsResponse](c, list, 5).Groups; len(all) != 1 || all[0].GroupType != "streams" || all[0].GroupState != "NotReady" {
			t.Errorf("listed as %+v", all)
		}
	})
}

func TestStreamsGroupsAreRefusedWhenSwitchedOff(t *testing.T) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		n.coordinate(c)
		if resp := c.beat(counting("a", 0), 1); resp.ErrorCode != kerr.UnsupportedVersion.Code || resp.ErrorMessage != nil || resp.Status == nil {
			t.Errorf("heartbeat answered with %+v", resp)
		}
		rq := kmsg.NewPtrStreamsGroupDescribeRequest()
		rq.Groups = []string{"g"}
		if g := ask[*kmsg.StreamsGroupDescribeResponse](c, rq, 1).Groups; len(g) != 1 || g[0].ErrorCode != kerr.UnsupportedVersion.Code {
			t.Errorf("described as %+v", g)
		}
	})
}

func TestTopologyDescriptionsAreNotKept(t *testing.T) {
	streamsInBubble(t, func(t *testing.T, n *groupNode, c *client) {
		rq := kmsg.NewPtrStreamsGroupTopologyDescriptionUpdateRequest()
		rq.Group, rq.MemberID = "g", "a"
		resp := ask[*kmsg.StreamsGroupTopologyDescriptionUpdateResponse](c, rq, 0)
		if resp.ErrorCode != kerr.UnsupportedVersion.Code || !strings.Contains(*resp.ErrorMessage, "no streams group topology description plugin") {
			t.Errorf("answered %+v", resp)
		}
	})
}

func TestTopologiesNameTheirOwnTopicsOnly(t *testing.T) {
	streamsInBubble(t, func(t *testing.T, n *groupNode, c *client) {
		for name, want := range map[string]string{
			"__consumer_offsets": "Use of Kafka internal topics __consumer_offsets in a Kafka Streams topology is prohibited.",
			"a/b":                "Topic names a/b are not valid topic names.",
		} {
			rq := counting("a", 0)
			rq.Topology.Subtopologies[1].StateChangelogTopics[0].Topic = name
			if resp := c.beat(rq, 1); resp.ErrorCode != kerr.StreamsInvalidTopology.Code || *resp.ErrorMessage != want {
				t.Errorf("%s: %+v", name, resp)
			}
		}
	})
}

// TestAnOversizedTopologyLeavesNothing has a member bring a topology whose record is larger than what a log takes: it is refused, and the
// next one begins from nothing.
func TestAnOversizedTopologyLeavesNothing(t *testing.T) {
	streamsInBubble(t, func(t *testing.T, n *groupNode, c *client) {
		n.makeTopic("lines", 2)
		n.groups.Publish(n.newest(), nil)
		rq := counting("a", 0)
		changelog := &rq.Topology.Subtopologies[1].StateChangelogTopics[0]
		for range 40 {
			changelog.Configs = append(changelog.Configs, kmsg.TopicInfoConfig{Key: "x", Value: strings.Repeat("y", 30000)})
		}
		if resp := c.beat(rq, 1); resp.ErrorCode == 0 {
			t.Fatal("taken")
		} else {
			t.Log(kerr.ErrorForCode(resp.ErrorCode))
		}
		synctest.Wait()
		describe := kmsg.NewPtrStreamsGroupDescribeRequest()
		describe.Groups = []string{"g"}
		if g := ask[*kmsg.StreamsGroupDescribeResponse](c, describe, 1).Groups[0]; g.ErrorCode != kerr.GroupIDNotFound.Code {
			t.Errorf("described as %+v", g)
		}
		if resp := c.beat(counting("a", 0), 1); resp.ErrorCode != 0 {
			t.Errorf("then: %v", kerr.ErrorForCode(resp.ErrorCode))
		}
	})
}

func TestTopicsThatFailAreNotTriedAtOnceAgain(t *testing.T) {
	s, now := newTopicsForStreams(), time.UnixMilli(1_700_000_000_000)
	topics := []kmsg.CreateTopicsRequestTopic{{Topic: "a"}, {Topic: "b"}}
	if create, failed := s.begin(now, topics); len(create) != 2 || len(failed) != 0 {
		t.Fatalf("first: %v, %v", create, failed)
	}
	if create, _ := s.begin(now, topics); len(create) != 0 {
		t.Errorf("made twice: %v", create)
	}
	s.end(now.Add(time.Second), topics, map[string]string{"b": "no room"})
	if create, failed := s.begin(now, topics); len(create) != 1 || create[0].Topic != "a" || len(failed) != 1 || failed[0] != "b (no room)" {
		t.Errorf("after a failure: %v, %v", create, failed)
	}
	if create, failed := s.begin(now.Add(time.Second), topics[1:]); len(create) != 1 || len(failed) != 0 {
		t.Errorf("later: %v, %v", create, failed)
	}
}
