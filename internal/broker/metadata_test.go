package broker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// metadataOf asks for topics by name; nil asks for all.
func metadataOf(names ...string) *kmsg.MetadataRequest {
	rq := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		rq.Topics = append(rq.Topics, t)
	}
	return rq
}

// nameOr is a text that may be null.
func nameOr(s *string, null string) string {
	if s == nil {
		return null
	}
	return *s
}

// topicLines writes the topics of an answer: name, partitions, error.
func topicLines(resp *kmsg.MetadataResponse) string {
	var out []string
	for _, t := range resp.Topics {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s/%d %s", nameOr(t.Topic, "null"), len(t.Partitions), errorName(t.ErrorCode))))
	}
	return strings.Join(out, ", ")
}

func TestMetadataOfAllTopicsAndOfNone(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.makeTopic("orders", 2)
		n.makeTopic("__consumer_offsets", 1)
		for v := int16(0); v <= 13; v++ {
			none := metadataOf()
			none.Topics = []kmsg.MetadataRequestTopic{}
			all, empty := ask[*kmsg.MetadataResponse](c, metadataOf(), v), ask[*kmsg.MetadataResponse](c, none, v)
			const everything = "__consumer_offsets/1, orders/2"
			want := ""
			if v == 0 { // there is no null yet
				want = everything
			}
			if got := topicLines(all); got != everything {
				t.Errorf("v%d: null: %s", v, got)
			}
			if got := topicLines(empty); got != want {
				t.Errorf("v%d: empty: %s", v, got)
			}
			if internal := all.Topics[0].IsInternal; v >= 1 && (!internal || all.Topics[1].IsInternal) {
				t.Errorf("v%d: internal: %v, %v", v, internal, all.Topics[1].IsInternal)
			}
			if v >= 10 && all.Topics[1].TopicID != topicID("orders") {
				t.Errorf("v%d: id %v", v, all.Topics[1].TopicID)
			}
		}
		if len(n.asked) > 0 {
			t.Error("the controller was asked")
		}
	})
}

func TestMetadataTellsOfLiveBrokers(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.extraBrokers()
		for v := int16(0); v <= 13; v++ {
			resp := ask[*kmsg.MetadataResponse](c, metadataOf(), v)
			var brokers []string
			for _, b := range resp.Brokers {
				brokers = append(brokers, fmt.Sprint(b.NodeID, b.Host, b.Port))
			}
			if got := strings.Join(brokers, ","); got != "1one9092,2two9092" {
				t.Errorf("v%d: brokers %s", v, got)
			}
			if v >= 1 && resp.ControllerID != self || v >= 2 && nameOr(resp.ClusterID, "none") != "cluster-1" {
				t.Errorf("v%d: controller %d of cluster %v", v, resp.ControllerID, resp.ClusterID)
			}
		}
	})
}

func TestMetadataOfNamedTopics(t *testing.T) {
	withAdmin(t, []string{"auto.create.topics.enable", "false"}, func(t *testing.T, n *adminNode, c, _ *client) {
		n.makeTopic("orders", 2)
		for v := int16(0); v <= 13; v++ {
			resp := ask[*kmsg.MetadataResponse](c, metadataOf("orders", "nosuch", "bad name", "orders", "__share_group_state"), v)
			want := "__share_group_state/0 UNKNOWN_TOPIC_OR_PARTITION, bad name/0 INVALID_TOPIC_EXCEPTION, nosuch/0 UNKNOWN_TOPIC_OR_PARTITION, orders/2"
			if got := topicLines(resp); got != want {
				t.Errorf("v%d: %s", v, got)
			}
			if v >= 1 && (!resp.Topics[0].IsInternal || resp.Topics[2].IsInternal) {
				t.Errorf("v%d: internal: %v, %v", v, resp.Topics[0].IsInternal, resp.Topics[2].IsInternal)
			}
		}
		for _, rq := range n.asked { // below version 4 whoever asks for a topic of the platform has it made
			if made := rq.(*kmsg.CreateTopicsRequest).Topics; len(made) != 1 || made[0].Topic != "__share_group_state" {
				t.Errorf("the controller was asked for %+v", made)
			}
		}
		if len(n.asked) != 4 {
			t.Errorf("the controller was asked %d times", len(n.asked))
		}
	})
}

func TestMetadataOfTopicsByID(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.makeTopic("orders", 2)
		for v := int16(12); v <= 13; v++ {
			rq := kmsg.NewPtrMetadataRequest()
			rq.Topics = []kmsg.MetadataRequestTopic{{TopicID: topicID("orders")}, {TopicID: topicID("nosuch")}}
			resp := ask[*kmsg.MetadataResponse](c, rq, v)
			if got := topicLines(resp); got != "null/0 UNKNOWN_TOPIC_ID, orders/2" {
				t.Errorf("v%d: %s", v, got)
			}
			if resp.Topics[0].TopicID != topicID("nosuch") || resp.Topics[1].TopicID != topicID("orders") {
				t.Errorf("v%d: %+v", v, resp.Topics)
			}
		}
		if len(n.asked) > 0 {
			t.Error("a topic named by id is never created")
		}
	})
}

func TestMetadataTellsWhatIsAuthorised(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.makeTopic("orders", 1)
		const notAsked = -2147483648
		for v := int16(8); v <= 13; v++ {
			for _, asked := range []bool{false, true} {
				rq := metadataOf("orders")
				rq.IncludeTopicAuthorizedOperations, rq.IncludeClusterAuthorizedOperations = asked, asked
				topic, cluster := int32(notAsked), int32(notAsked)
				if asked {
					topic = 3576
					if v <= 10 {
						cluster = 8096
					}
				}
				resp := ask[*kmsg.MetadataResponse](c, rq, v)
				if got := resp.Topics[0].AuthorizedOperations; got != topic {
					t.Errorf("v%d: topic operations %d, want %d", v, got, topic)
				}
				if got := resp.AuthorizedOperations; v <= 10 && got != cluster {
					t.Errorf("v%d: cluster operations %d, want %d", v, got, cluster)
				}
			}
		}
	})
}

func TestMetadataOfPartitionsInTrouble(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.extraBrokers()
		n.makeTopicOn("fenced", 1, []int32{3, self})
		n.makeTopicOn("elsewhere", 1, []int32{4, self})
		n.makeTopicOn("gone", 1, []int32{9, self})
		n.makeTopicOn("well", 1, []int32{self, 3})
		n.publish(&metadata.PartitionChangeRecord{TopicID: topicID("well"), Leader: metadata.NoLeaderChange, LeaderRecoveryState: metadata.NoRecoveryChange,
			Directories: []record.UUID{lostDir, {}}})
		for v := int16(1); v <= 13; v++ {
			resp := ask[*kmsg.MetadataResponse](c, metadataOf("fenced", "elsewhere", "gone", "well"), v)
			var got []string
			for _, topic := range resp.Topics {
				p := topic.Partitions[0]
				line := fmt.Sprintf("%s leader=%d %s", *topic.Topic, p.Leader, errorName(p.ErrorCode))
				if v >= 5 {
					line += fmt.Sprintf(" offline=%v", p.OfflineReplicas)
				}
				got = append(got, line)
			}
			want := []string{"elsewhere leader=4 LISTENER_NOT_FOUND", "fenced leader=-1 LEADER_NOT_AVAILABLE", "gone leader=-1 LEADER_NOT_AVAILABLE", "well leader=1 "}
			if v >= 5 {
				for i, offline := range []string{" offline=[]", " offline=[3]", " offline=[9]", " offline=[1 3]"} {
					want[i] += offline
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("v%d: %q, want %q", v, got, want)
			}
		}
	})
}

// creates answers CreateTopics with an error per topic, and makes those without one.
func (n *adminNode) creates(refused map[string]*kerr.Error) {
	n.answer = func(rq kmsg.Request) (kmsg.Response, error) {
		resp := kmsg.NewPtrCreateTopicsResponse()
		for _, topic := range rq.(*kmsg.CreateTopicsRequest).Topics {
			rt := kmsg.NewCreateTopicsResponseTopic()
			rt.Topic = topic.Topic
			if err := refused[topic.Topic]; err != nil {
				rt.ErrorCode = err.Code
			} else {
				n.makeTopic(topic.Topic, 3)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil
	}
}

func TestMetadataCreatesTopicsWhenItMay(t *testing.T) {
	tests := map[string]struct {
		setting string
		version int16
		allowed bool
		want    string
	}{
		"before clients could say": {"true", 3, false, "new/3"},
		"the client allows it":     {"true", 4, true, "new/3"},
		"newest version":           {"true", 13, true, "new/3"},
		"the client does not":      {"true", 4, false, "new/0 UNKNOWN_TOPIC_OR_PARTITION"},
		"the broker does not":      {"false", 13, true, "new/0 UNKNOWN_TOPIC_OR_PARTITION"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			withAdmin(t, []string{"auto.create.topics.enable", test.setting}, func(t *testing.T, n *adminNode, c, _ *client) {
				n.creates(nil)
				rq := metadataOf("new", "bad name", "new") // named twice, but made once: the controller refuses a name that comes twice
				rq.AllowAutoTopicCreation = test.allowed
				resp := ask[*kmsg.MetadataResponse](c, rq, test.version)
				if got := topicLines(resp); got != "bad name/0 INVALID_TOPIC_EXCEPTION, "+test.want {
					t.Error(got)
				}
				if created := len(n.asked) > 0; created != strings.HasSuffix(test.want, "/3") {
					t.Errorf("asked the controller: %v", created)
				}
				for _, asked := range n.asked {
					if topics := asked.(*kmsg.CreateTopicsRequest).Topics; len(topics) != 1 || topics[0].Topic != "new" || topics[0].NumPartitions != -1 || topics[0].ReplicationFactor != -1 {
						t.Errorf("asked for %+v", topics)
					}
				}
			})
		})
	}
}

// A controller that is a node of its own may be configured otherwise than the broker that the client asked.
func TestTopicsMadeOnDemandHaveWhatTheBrokerIsConfiguredWith(t *testing.T) {
	for name, test := range map[string]struct {
		settings   []string
		partitions int32
		factor     int16
	}{
		"neither":    {nil, -1, -1},
		"partitions": {[]string{"num.partitions", "5"}, 5, -1},
		"factor":     {[]string{"default.replication.factor", "2"}, -1, 2},
		"default":    {[]string{"num.partitions", "1", "default.replication.factor", "1"}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			withAdmin(t, test.settings, func(t *testing.T, n *adminNode, c, _ *client) {
				n.creates(nil)
				rq := metadataOf("new")
				rq.AllowAutoTopicCreation = true
				ask[*kmsg.MetadataResponse](c, rq, 12)
				if len(n.asked) != 1 {
					t.Fatalf("asked the controller %d times", len(n.asked))
				}
				for _, made := range n.asked[0].(*kmsg.CreateTopicsRequest).Topics {
					if made.NumPartitions != test.partitions || made.ReplicationFactor != test.factor {
						t.Errorf("asked for %d partitions and %d replicas, want %d and %d", made.NumPartitions, made.ReplicationFactor, test.partitions, test.factor)
					}
				}
			})
		})
	}
}

func TestMetadataTellsWhyATopicWasNotCreated(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.creates(map[string]*kerr.Error{"factor": kerr.InvalidReplicationFactor, "policy": kerr.PolicyViolation, "name": kerr.InvalidTopicException,
			"quota": kerr.ThrottlingQuotaExceeded, "denied": kerr.TopicAuthorizationFailed})
		rq := metadataOf("factor", "policy", "name", "quota", "denied", "fine")
		rq.AllowAutoTopicCreation = true
		want := "denied/0 UNKNOWN_TOPIC_OR_PARTITION, factor/0 INVALID_REPLICATION_FACTOR, fine/3, name/0 INVALID_TOPIC_EXCEPTION, " +
			"policy/0 POLICY_VIOLATION, quota/0 UNKNOWN_TOPIC_OR_PARTITION"
		if got := topicLines(ask[*kmsg.MetadataResponse](c, rq, 12)); got != want {
			t.Error(got)
		}
		for name, answer := range map[string]func(kmsg.Request) (kmsg.Response, error){
			"gone":   func(kmsg.Request) (kmsg.Response, error) { return nil, errors.New("no controller") },
			"silent": nil,
		} {
			n.answer = answer
			again := metadataOf("other")
			again.AllowAutoTopicCreation = true
			if got := topicLines(ask[*kmsg.MetadataResponse](c, again, 12)); got != "other/0 UNKNOWN_TOPIC_OR_PARTITION" {
				t.Errorf("controller is %s: %s", name, got)
			}
		}
		// Somebody else made it meanwhile.
		n.answer = func(rq kmsg.Request) (kmsg.Response, error) {
			n.makeTopic("raced", 1)
			resp := kmsg.NewPtrCreateTopicsResponse()
			resp.Topics = []kmsg.CreateTopicsResponseTopic{{Topic: "raced", ErrorCode: kerr.TopicAlreadyExists.Code}}
			return resp, nil
		}
		raced := metadataOf("raced")
		raced.AllowAutoTopicCreation = true
		if got := topicLines(ask[*kmsg.MetadataResponse](c, raced, 12)); got != "raced/1" {
			t.Error(got)
		}
	})
}

func TestMetadataCreatesThePlatformsTopicsInAnyCase(t *testing.T) {
	withAdmin(t, []string{"auto.create.topics.enable", "false", "offsets.topic.num.partitions", "7"}, func(t *testing.T, n *adminNode, c, _ *client) {
		n.creates(nil)
		rq := metadataOf("__consumer_offsets", "__share_group_state")
		rq.AllowAutoTopicCreation = true
		resp := ask[*kmsg.MetadataResponse](c, rq, 12)
		if got := topicLines(resp); got != "__consumer_offsets/3, __share_group_state/3" {
			t.Error(got)
		}
		topics := n.asked[0].(*kmsg.CreateTopicsRequest).Topics
		if len(n.asked) != 1 || len(topics) != 2 || topics[0].NumPartitions != 7 || topics[1].NumPartitions != 50 || len(topics[0].Configs) == 0 {
			t.Errorf("asked for %+v", topics)
		}
	})
}
