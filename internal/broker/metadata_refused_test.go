package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestMetadataRefusesTopicsThatAreNotNamedProperly(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.makeTopic("orders", 1)
		name := "orders"
		for what, test := range map[string]struct {
			version int16
			topic   kmsg.MetadataRequestTopic
		}{
			"by id before ids were for use": {11, kmsg.MetadataRequestTopic{TopicID: topicID("orders")}},
			"by id and name":                {10, kmsg.MetadataRequestTopic{TopicID: topicID("orders"), Topic: &name}},
			"without a name":                {11, kmsg.MetadataRequestTopic{}},
			"by nothing":                    {13, kmsg.MetadataRequestTopic{}},
		} {
			rq := kmsg.NewPtrMetadataRequest()
			rq.Topics = []kmsg.MetadataRequestTopic{test.topic}
			resp := ask[*kmsg.MetadataResponse](c, rq, test.version)
			if len(resp.Topics) != 1 || errorName(resp.Topics[0].ErrorCode) != "INVALID_REQUEST" || len(resp.Topics[0].Partitions) != 0 ||
				resp.Topics[0].TopicID != test.topic.TopicID || len(resp.Brokers) != 0 || resp.ControllerID != -1 || resp.ClusterID != nil {
				t.Errorf("%s: %+v", what, resp)
			}
		}
	})
}
