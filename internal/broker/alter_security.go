package broker

import (
	"maps"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// checkSecurity has this node try TLS settings that are meant for it, before the controller stores them: only here are the files that they name. The names of
// resources were compared with the node's id before.
func (h *Handlers) checkSecurity(c *Call, r *kmsg.IncrementalAlterConfigsRequestResource) *configProblem {
	if h.CheckSecurity == nil || c.Conn.Control || r.ResourceType != kmsg.ConfigResourceTypeBroker || r.ResourceName == "" {
		return nil
	}
	next := maps.Clone(c.Image.Config(metadata.BrokerResource, r.ResourceName))
	if next == nil {
		next = map[string]string{}
	}
	concerned := false
	for _, op := range r.Configs {
		concerned = concerned || strings.HasPrefix(op.Name, "ssl.") || strings.HasPrefix(op.Name, "listener.name.") && strings.Contains(op.Name, ".ssl.")
		switch {
		case op.Op == kmsg.IncrementalAlterConfigOpDelete:
			delete(next, op.Name)
		case op.Op == kmsg.IncrementalAlterConfigOpSet && op.Value != nil:
			next[op.Name] = *op.Value
		}
	}
	if !concerned {
		return nil
	}
	if err := h.CheckSecurity(next); err != nil {
		return &configProblem{kerr.InvalidRequest, err.Error()}
	}
	return nil
}
