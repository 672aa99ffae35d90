package broker

import (
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// listedResources are the types that ListConfigResources knows: v0 client metrics only (KIP-1000), v1 the others, too (KIP-1142).
var listedResources = []metadata.ResourceType{
	metadata.TopicResource, metadata.BrokerResource, metadata.BrokerLoggerResource, metadata.ClientMetricsResource, metadata.GroupResource,
}

// listConfigResources names the resources of the types asked for, or of all types: brokers and topics whether they have configs of
// their own or not, groups and client metrics subscriptions only if they do.
func (h *Handlers) listConfigResources(c *Call) {
	rq := c.Body.(*kmsg.ListConfigResourcesRequest)
	resp := kmsg.NewPtrListConfigResourcesResponse()
	wanted := listedResources
	if c.Header.Version == 0 {
		wanted = []metadata.ResourceType{metadata.ClientMetricsResource}
	}
	if c.Header.Version > 0 && len(rq.ResourceTypes) > 0 {
		wanted = nil
		for _, t := range rq.ResourceTypes {
			if !slices.Contains(listedResources, metadata.ResourceType(t)) {
				resp.ErrorCode = kerr.UnsupportedVersion.Code
				c.Respond(resp)
				return
			}
			if !slices.Contains(wanted, metadata.ResourceType(t)) {
				wanted = append(wanted, metadata.ResourceType(t))
			}
		}
	}
	for _, t := range wanted {
		for _, name := range resourceNames(c.Image, t) {
			r := kmsg.NewListConfigResourcesResponseConfigResource()
			r.Type, r.Name = int8(t), name
			resp.ConfigResources = append(resp.ConfigResources, r)
		}
	}
	c.Respond(resp)
}

func resourceNames(im *metadata.Image, t metadata.ResourceType) []string {
	var names []string
	switch t {
	case metadata.TopicResource:
		for topic := range im.Topics("") {
			names = append(names, topic.Name)
		}
	case metadata.BrokerResource, metadata.BrokerLoggerResource:
		for _, b := range im.Brokers() {
			if !b.Fenced {
				names = append(names, strconv.Itoa(int(b.ID)))
			}
		}
	default:
		names = im.ConfigNames(t)
	}
	return names
}
