package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// A broker hands what changes its configs to the active controller, which is another node.
func TestAControllerChangesTheConfigsOfAnyBroker(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, control *client) {
		rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
		res := kmsg.NewIncrementalAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = kmsg.ConfigResourceType(metadata.BrokerResource), "7"
		rq.Resources = append(rq.Resources, res)
		ask[*kmsg.IncrementalAlterConfigsResponse](control, rq, 1)
		if len(n.asked) != 1 {
			t.Errorf("the controller was asked %d times, want once", len(n.asked))
		}
		ask[*kmsg.IncrementalAlterConfigsResponse](c, rq, 1)
		if len(n.asked) != 1 {
			t.Error("a broker took the configs of another broker")
		}
	})
}
