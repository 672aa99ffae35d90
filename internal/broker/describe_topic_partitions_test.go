package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// page writes one answer: topics with the partitions told, and the cursor.
func page(resp *kmsg.DescribeTopicPartitionsResponse) string {
	var out []string
	for _, t := range resp.Topics {
		line := nameOr(t.Topic, "null")
		for _, p := range t.Partitions {
			line += fmt.Sprintf(" %d", p.Partition)
		}
		if t.ErrorCode != 0 {
			line += " " + errorName(t.ErrorCode)
		}
		out = append(out, line)
	}
	if c := resp.NextCursor; c != nil {
		out = append(out, fmt.Sprintf("next %s %d", c.Topic, c.Partition))
	}
	return strings.Join(out, ", ")
}

func partitionsOf(limit int32, cursor string, partition int32, names ...string) *kmsg.DescribeTopicPartitionsRequest {
	rq := kmsg.NewPtrDescribeTopicPartitionsRequest()
	rq.ResponsePartitionLimit = limit
	if cursor != "" {
		rq.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: cursor, Partition: partition}
	}
	for _, name := range names {
		rq.Topics = append(rq.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
	}
	return rq
}

func TestPartitionsAreDescribedPageByPage(t *testing.T) {
	tests := map[string]struct {
		rq   *kmsg.DescribeTopicPartitionsRequest
		want string
	}{
		"everything":                     {partitionsOf(2000, "", 0), "a 0 1, b 0 1 2, c 0"},
		"no limit of the client's":       {partitionsOf(0, "", 0), "a 0, next a 1"},
		"an unknown name on a full page": {partitionsOf(2, "", 0, "a", "ab", "b"), "a 0 1, next ab 0"},
		"a cursor at what is not asked":  {partitionsOf(9, "b", 0, "a"), "a INVALID_REQUEST"},
		"a cursor before partition 0":    {partitionsOf(9, "a", -1, "a", "b"), "a INVALID_REQUEST, b INVALID_REQUEST"},
		"a full page":                    {partitionsOf(3, "", 0), "a 0 1, b 0, next b 1"},
		"the page after":                 {partitionsOf(3, "b", 1), "b 1 2, c 0"},
		"a page that ends with a topic":  {partitionsOf(2, "", 0), "a 0 1, next b 0"},
		"a page that ends with the last": {partitionsOf(6, "", 0), "a 0 1, b 0 1 2, c 0"},
		"named, unsorted and twice":      {partitionsOf(9, "", 0, "c", "a", "c"), "a 0 1, c 0"},
		"named, from a cursor":           {partitionsOf(9, "b", 2, "c", "a", "b"), "b 2, c 0"},
		"named, page by page":            {partitionsOf(2, "", 0, "c", "a", "b"), "a 0 1, next b 0"},
		"unknown and invalid names":      {partitionsOf(9, "", 0, "nosuch", "bad name", "a"), "a 0 1, bad name INVALID_TOPIC_EXCEPTION, nosuch UNKNOWN_TOPIC_OR_PARTITION"},
		"a cursor at a deleted topic":    {partitionsOf(9, "bb", 4), "c 0"},
		"a cursor behind everything":     {partitionsOf(9, "z", 0), ""},
	}
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.makeTopic("b", 3)
		n.makeTopic("c", 1)
		n.makeTopic("a", 2)
		for name, test := range tests {
			resp := ask[*kmsg.DescribeTopicPartitionsResponse](c, test.rq, 0)
			if got := page(resp); got != test.want {
				t.Errorf("%s: %s, want %s", name, got, test.want)
			}
		}
	})
}

func TestTheBrokerBoundsAPage(t *testing.T) {
	withAdmin(t, []string{"max.request.partition.size.limit", "2"}, func(t *testing.T, n *adminNode, c, _ *client) {
		n.makeTopic("a", 3)
		for _, limit := range []int32{2, 2000} {
			if got := page(ask[*kmsg.DescribeTopicPartitionsResponse](c, partitionsOf(limit, "", 0), 0)); got != "a 0 1, next a 2" {
				t.Errorf("limit %d: %s", limit, got)
			}
		}
	})
}

func TestPartitionsAreDescribedWithTheirReplicas(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.extraBrokers()
		n.makeTopicOn("led", 1, []int32{self, 3})
		n.makeTopicOn("lost", 1, []int32{3})
		n.publish(&metadata.PartitionChangeRecord{TopicID: topicID("led"), Leader: metadata.NoLeaderChange, LeaderRecoveryState: metadata.NoRecoveryChange,
			ISR: []int32{self}, EligibleLeaderReplicas: []int32{3}, LastKnownELR: []int32{2}})
		resp := ask[*kmsg.DescribeTopicPartitionsResponse](c, partitionsOf(9, "", 0), 0)
		led, lost := resp.Topics[0], resp.Topics[1]
		p := led.Partitions[0]
		if led.TopicID != topicID("led") || led.IsInternal || led.AuthorizedOperations != 3576 {
			t.Errorf("%+v", led)
		}
		if got := fmt.Sprint(p.LeaderID, p.Replicas, p.ISR, p.EligibleLeaderReplicas, p.LastKnownELR, p.OfflineReplicas, p.ErrorCode); got != "1 [1 3] [1] [3] [2] [3] 0" {
			t.Error(got)
		}
		q := lost.Partitions[0]
		if q.LeaderID != -1 || errorName(q.ErrorCode) != "LEADER_NOT_AVAILABLE" || q.EligibleLeaderReplicas == nil || q.LastKnownELR == nil {
			t.Errorf("%+v", q)
		}
	})
}
