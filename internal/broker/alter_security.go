package broker

import (
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// checkSecurity has this node try listeners and TLS settings that are meant for it, before the controller stores them: only here are the files that they name, and the
// settings that go with them. The names of resources were compared with the node's id before.
func (h *Handlers) checkSecurity(c *Call, r *kmsg.IncrementalAlterConfigsRequestResource) *configProblem {
	if !h.triesSecurity(c, r.ResourceType, r.ResourceName) {
		return nil
	}
	next := maps.Clone(c.Image.Config(metadata.BrokerResource, r.ResourceName))
	if next == nil {
		next = map[string]string{}
	}
	concerned := false
	for _, op := range r.Configs {
		concerned = concerned || concernsSecurity(op.Name)
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
	return h.trySecurity(next)
}

// checkReplaced is the same for settings in place of all that the node has.
func (h *Handlers) checkReplaced(c *Call, r *kmsg.AlterConfigsRequestResource) *configProblem {
	concerns := func(given kmsg.AlterConfigsRequestResourceConfig) bool { return concernsSecurity(given.Name) }
	if !h.triesSecurity(c, r.ResourceType, r.ResourceName) || !slices.ContainsFunc(r.Configs, concerns) {
		return nil
	}
	next := map[string]string{}
	for _, given := range r.Configs {
		if given.Value != nil {
			next[given.Name] = *given.Value
		}
	}
	return h.trySecurity(next)
}

// triesSecurity reports whether settings of a resource are for this node to try.
func (h *Handlers) triesSecurity(c *Call, kind kmsg.ConfigResourceType, name string) bool {
	return h.CheckSecurity != nil && !c.Conn.Control && kind == kmsg.ConfigResourceTypeBroker && name != ""
}

// trySecurity says what is wrong with all settings of this node together.
func (h *Handlers) trySecurity(next map[string]string) *configProblem {
	if err := h.CheckSecurity(next); err != nil {
		return &configProblem{kerr.InvalidRequest, err.Error()}
	}
	return nil
}

// concernsSecurity reports whether a node must try a setting before it is stored.
func concernsSecurity(key string) bool {
	return key == "listeners" || strings.HasPrefix(key, "ssl.") || strings.HasPrefix(key, "listener.name.") && strings.Contains(key, ".ssl.")
}
