package broker

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/metadata"
)

var configRoutes = []route{
	{key: 32, handle: (*Handlers).describeConfigs},
	{key: 33, handle: (*Handlers).alterConfigs, waits: true},
	{key: 44, handle: (*Handlers).incrementalAlterConfigs, waits: true},
	{key: 74, handle: (*Handlers).listConfigResources},
}

// describeConfigs tells the configs of each resource, with where each value comes from.
func (h *Handlers) describeConfigs(c *Call) {
	rq := c.Body.(*kmsg.DescribeConfigsRequest)
	resp := kmsg.NewPtrDescribeConfigsResponse()
	for i := range rq.Resources {
		res := &rq.Resources[i]
		entries, problem := h.configEntries(c.Image, metadata.ResourceType(res.ResourceType), res.ResourceName)
		out := kmsg.NewDescribeConfigsResponseResource()
		out.ResourceType, out.ResourceName = res.ResourceType, res.ResourceName
		out.ErrorCode, out.ErrorMessage = problem.parts()
		for _, e := range entries {
			if len(res.ConfigNames) == 0 || slices.Contains(res.ConfigNames, e.Name) {
				out.Configs = append(out.Configs, describeEntry(rq, &e))
			}
		}
		resp.Resources = append(resp.Resources, out)
	}
	c.Respond(resp)
}

// configProblem is why a resource's configs cannot be told or changed; nil: they can.
type configProblem struct {
	code    *kerr.Error
	message string
}

// parts are the error fields of a response. Where there is nothing to say Kafka writes the empty text, not null.
func (p *configProblem) parts() (int16, *string) {
	if p == nil {
		return 0, kmsg.StringPtr("")
	}
	return p.code.Code, &p.message
}

func badConfigRequest(format string, args ...any) *configProblem {
	return &configProblem{kerr.InvalidRequest, fmt.Sprintf(format, args...)}
}

// configEntries lists the configs of one resource.
func (h *Handlers) configEntries(im *metadata.Image, t metadata.ResourceType, name string) ([]config.Entry, *configProblem) {
	values, overrides := h.Config(), im.Config(t, name)
	switch t {
	case metadata.TopicResource:
		if err := metadata.CheckTopicName(name); err != nil {
			return nil, &configProblem{kerr.InvalidTopicException, err.Error()}
		}
		if _, ok := im.Topic(name); !ok {
			return nil, &configProblem{kerr.UnknownTopicOrPartition, ""}
		}
		return values.ForTopic(overrides).Describe(), nil
	case metadata.GroupResource:
		if name == "" {
			return nil, badConfigRequest("Group name must not be empty")
		}
		return values.ForGroup(overrides).Describe(), nil
	case metadata.ClientMetricsResource:
		if name == "" {
			return nil, badConfigRequest("Client metrics subscription name must not be empty")
		}
		return values.ForClientMetrics(overrides).Describe(), nil
	case metadata.BrokerResource:
		if name == "" {
			return values.DescribeDefaults(), nil
		}
		if problem := h.checkOwnID(name, "%d or empty string, but"); problem != nil {
			return nil, problem
		}
		return values.Describe(), nil
	case metadata.BrokerLoggerResource:
		return h.loggerEntries(name)
	}
	return nil, badConfigRequest("Unsupported resource type: %d", t)
}

// checkOwnID wants the name of a broker resource to be this node's id: only this node knows its static configs and its loggers.
func (h *Handlers) checkOwnID(name, expected string) *configProblem {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return badConfigRequest("Broker id must be an integer, but it is: %s", name)
	}
	if int32(id) != h.NodeID {
		return badConfigRequest("Unexpected broker id, expected "+expected+" received %s", h.NodeID, name)
	}
	return nil
}

func (h *Handlers) loggerEntries(name string) ([]config.Entry, *configProblem) {
	if name == "" {
		return nil, badConfigRequest("Broker id must not be empty")
	}
	if problem := h.checkOwnID(name, "%d but"); problem != nil {
		return nil, problem
	}
	if h.LogLevels == nil {
		return nil, nil
	}
	var entries []config.Entry
	for _, l := range h.LogLevels.All() { // one that has no level of its own tells that of the one above it, as in Kafka
		entries = append(entries, config.Entry{Name: l.Name, Value: &l.Level, Source: config.FromDynamicBrokerLogger})
	}
	return entries, nil
}

func describeEntry(rq *kmsg.DescribeConfigsRequest, e *config.Entry) kmsg.DescribeConfigsResponseResourceConfig {
	out := kmsg.NewDescribeConfigsResponseResourceConfig()
	out.Name, out.Value, out.ReadOnly, out.IsSensitive = e.Name, e.Value, e.ReadOnly, e.Sensitive
	out.Source, out.IsDefault = kmsg.ConfigSource(e.Source), e.Source == config.FromDefault
	out.ConfigType = kmsg.ConfigType(e.Type)
	if rq.IncludeDocumentation && e.Doc != "" {
		out.Documentation = kmsg.StringPtr(e.Doc)
	}
	if !rq.IncludeSynonyms {
		return out
	}
	for _, s := range e.Synonyms {
		synonym := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
		synonym.Name, synonym.Value, synonym.Source = s.Name, s.Value, kmsg.ConfigSource(s.Source)
		out.ConfigSynonyms = append(out.ConfigSynonyms, synonym)
	}
	return out
}
