package controller

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/metadata"
)

// edit is the change of one resource's configs, whichever request it came by. A nil value removes a config.
type edit struct {
	key    metadata.ConfigKey
	names  []string // in order of the request, then what it removes
	values map[string]*string
	// explicit are the names that the request itself has; AlterConfigs removes the others.
	explicit int
}

func (m *Machine) incrementalAlterConfigs(r *kmsg.IncrementalAlterConfigsRequest) answer {
	resp := r.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	times := map[metadata.ConfigKey]int{}
	for i := range r.Resources {
		times[metadata.ConfigKey{Type: metadata.ResourceType(r.Resources[i].ResourceType), Name: r.Resources[i].ResourceName}]++
	}
	var records []Record
	for i := range r.Resources {
		res := &r.Resources[i]
		key := metadata.ConfigKey{Type: metadata.ResourceType(res.ResourceType), Name: res.ResourceName}
		if times[key] == 0 {
			continue
		}
		problem := checkResource(key, times[key])
		if times[key] > 1 {
			times[key] = 0
		}
		var e *edit
		if problem == nil {
			e, problem = m.incrementalEdit(key, res.Configs)
		}
		var more []Record
		if problem == nil {
			more, problem = m.alter(e)
		}
		records = append(records, more...)
		result := kmsg.NewIncrementalAlterConfigsResponseResource()
		result.ResourceType, result.ResourceName = res.ResourceType, res.ResourceName
		result.ErrorCode, result.ErrorMessage = problem.Code(), problem.Message()
		resp.Resources = append(resp.Resources, result)
	}
	if r.ValidateOnly {
		records = nil
	}
	return answer{response: resp, records: records}
}

func (m *Machine) alterConfigs(r *kmsg.AlterConfigsRequest) answer {
	resp := r.ResponseKind().(*kmsg.AlterConfigsResponse)
	times := map[metadata.ConfigKey]int{}
	for i := range r.Resources {
		times[metadata.ConfigKey{Type: metadata.ResourceType(r.Resources[i].ResourceType), Name: r.Resources[i].ResourceName}]++
	}
	var records []Record
	for i := range r.Resources {
		res := &r.Resources[i]
		key := metadata.ConfigKey{Type: metadata.ResourceType(res.ResourceType), Name: res.ResourceName}
		if times[key] == 0 {
			continue
		}
		problem := checkResource(key, times[key])
		if times[key] > 1 {
			times[key] = 0
		}
		var e *edit
		if problem == nil {
			e, problem = m.wholeEdit(key, res.Configs)
		}
		var more []Record
		if problem == nil {
			more, problem = m.alter(e)
		}
		records = append(records, more...)
		result := kmsg.NewAlterConfigsResponseResource()
		result.ResourceType, result.ResourceName = res.ResourceType, res.ResourceName
		result.ErrorCode, result.ErrorMessage = problem.Code(), problem.Message()
		resp.Resources = append(resp.Resources, result)
	}
	if r.ValidateOnly {
		records = nil
	}
	return answer{response: resp, records: records}
}

// checkResource refuses what is wrong with a resource whatever is done to it. Loggers of a broker are that broker's own business.
func checkResource(key metadata.ConfigKey, times int) *refusal {
	if times > 1 {
		return refuse(kerr.InvalidRequest, "Each resource must appear at most once.")
	}
	switch key.Type {
	case metadata.TopicResource, metadata.BrokerResource, metadata.GroupResource, metadata.ClientMetricsResource:
		return nil
	case metadata.BrokerLoggerResource:
		return refuse(kerr.InvalidRequest, "Unexpected resource type BROKER_LOGGER.")
	default:
		return refuse(kerr.InvalidRequest, "Unknown resource type %d.", key.Type)
	}
}

func (e *edit) put(name string, value *string) *refusal {
	if _, twice := e.values[name]; twice {
		return refuse(kerr.InvalidRequest, "Error due to duplicate config keys")
	}
	e.names, e.values[name] = append(e.names, name), value
	return nil
}

func (m *Machine) incrementalEdit(key metadata.ConfigKey, ops []kmsg.IncrementalAlterConfigsRequestResourceConfig) (*edit, *refusal) {
	e := &edit{key: key, values: map[string]*string{}}
	var nulls []string
	for _, op := range ops {
		if op.Value == nil && op.Op != kmsg.IncrementalAlterConfigOpDelete {
			nulls = append(nulls, op.Name)
		}
	}
	if len(nulls) > 0 {
		return nil, refuse(kerr.InvalidRequest, "Null value not supported for : %s", strings.Join(nulls, ","))
	}
	for _, op := range ops {
		var value *string
		switch op.Op {
		case kmsg.IncrementalAlterConfigOpSet:
			value = op.Value
		case kmsg.IncrementalAlterConfigOpDelete:
		case kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
			list, problem := m.editList(key, op)
			if problem != nil {
				return nil, problem
			}
			value = &list
		default:
			return nil, refuse(kerr.InvalidRequest, "Unknown config operation %d", op.Op)
		}
		if problem := e.put(op.Name, value); problem != nil {
			return nil, problem
		}
	}
	e.explicit = len(e.names)
	return e, nil
}

var scopes = map[metadata.ResourceType]config.Scope{
	metadata.TopicResource: config.Topic, metadata.BrokerResource: config.Broker,
	metadata.GroupResource: config.Group, metadata.ClientMetricsResource: config.ClientMetrics,
}

// editList appends to or subtracts from the items of a list, which without an own value is the key's default.
func (m *Machine) editList(key metadata.ConfigKey, op kmsg.IncrementalAlterConfigsRequestResourceConfig) (string, *refusal) {
	k, ok := config.Lookup(scopes[key.Type], op.Name)
	if !ok || k.Type != config.List {
		verb := "APPEND"
		if op.Op == kmsg.IncrementalAlterConfigOpSubtract {
			verb = "SUBTRACT"
		}
		return "", refuse(kerr.InvalidConfig, "Can't %s to key %s because its type is not LIST.", verb, op.Name)
	}
	text, set := m.image().Config(key.Type, key.Name)[op.Name]
	if !set {
		text = k.Default
	}
	var items []string
	if text != "" {
		items = strings.Split(text, ",")
	}
	for _, item := range strings.Split(*op.Value, ",") {
		if op.Op == kmsg.IncrementalAlterConfigOpSubtract {
			items = slices.DeleteFunc(items, func(have string) bool { return have == item })
		} else if !slices.Contains(items, item) {
			items = append(items, item)
		}
	}
	return strings.Join(items, ","), nil
}

// wholeEdit makes the configs of a resource exactly what is given (AlterConfigs).
func (m *Machine) wholeEdit(key metadata.ConfigKey, configs []kmsg.AlterConfigsRequestResourceConfig) (*edit, *refusal) {
	e := &edit{key: key, values: map[string]*string{}}
	var nulls []string
	for _, c := range configs {
		if c.Value == nil {
			nulls = append(nulls, c.Name)
		}
		if problem := e.put(c.Name, c.Value); problem != nil {
			return nil, problem
		}
	}
	if len(nulls) > 0 {
		return nil, refuse(kerr.InvalidRequest, "Null value not supported for : %s", strings.Join(nulls, ","))
	}
	e.explicit = len(e.names)
	for _, name := range slices.Sorted(maps.Keys(m.image().Config(key.Type, key.Name))) {
		if _, stays := e.values[name]; !stays {
			e.names, e.values[name] = append(e.names, name), nil
		}
	}
	return e, nil
}

// alter checks an edit and makes its records.
func (m *Machine) alter(e *edit) ([]Record, *refusal) {
	if problem := m.checkResourceName(e.key.Type, e.key.Name); problem != nil {
		return nil, problem
	}
	all := maps.Clone(m.image().Config(e.key.Type, e.key.Name))
	if all == nil {
		all = map[string]string{}
	}
	var records, clears []Record
	var set []string
	for _, name := range e.names {
		value := e.values[name]
		old, had := all[name]
		same := value == nil && !had || value != nil && had && *value == old
		if same && e.key.Type != metadata.BrokerResource {
			continue // Kafka writes broker configs even if they are the same: it makes brokers read files of certificates again
		}
		if problem := m.checkSpecial(e.key, name, value); problem != nil {
			return nil, problem
		}
		if value == nil {
			delete(all, name)
		} else {
			all[name] = *value
			set = append(set, name)
		}
		records = append(records, &metadata.ConfigRecord{ResourceType: int8(e.key.Type), ResourceName: e.key.Name, Name: name, Value: value})
		clears = append(clears, m.clearELR(e.key, name)...)
	}
	if problem := m.checkConfigs(e.key, all, set); problem != nil {
		return nil, problem
	}
	if problem := m.checkDeletes(e); problem != nil {
		return nil, problem
	}
	if problem := m.checkExists(e.key.Type, e.key.Name); problem != nil {
		return nil, problem
	}
	return append(records, clears...), nil
}

// checkSpecial guards values that the rules of the table do not.
func (m *Machine) checkSpecial(key metadata.ConfigKey, name string, value *string) *refusal {
	if name == "min.insync.replicas" && key.Type == metadata.BrokerResource && m.elrEnabled() {
		// Eligible leaders were worked out with the cluster's value: one that differs by broker, or vanishes, would make them wrong.
		if key.Name != "" {
			return refuse(kerr.InvalidConfig, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
		}
		if value == nil {
			return refuse(kerr.InvalidConfig, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
		}
	}
	if value != nil && len(*value) > maxConfigValue {
		return refuse(kerr.InvalidConfig, "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.")
	}
	return nil
}

// checkDeletes refuses to remove broker configs that cannot change at run time.
func (m *Machine) checkDeletes(e *edit) *refusal {
	if e.key.Type != metadata.BrokerResource {
		return nil
	}
	var fixed []string
	for _, name := range e.names[:e.explicit] {
		if k, ok := lookupBroker(name); ok && e.values[name] == nil && k.Mode == config.ReadOnly {
			fixed = append(fixed, name)
		}
	}
	if len(fixed) > 0 {
		return refuse(kerr.InvalidRequest, "Cannot update these configs dynamically: %v", fixed)
	}
	return nil
}

// clearELR forgets who is eligible to lead when the number that made them so changes.
func (m *Machine) clearELR(key metadata.ConfigKey, name string) []Record {
	if name != "min.insync.replicas" || !m.elrEnabled() {
		return nil
	}
	topic := ""
	if key.Type == metadata.TopicResource {
		topic = key.Name
	}
	return []Record{&metadata.ClearElrRecord{TopicName: topic}}
}

// describeConfigs lists the configs that a topic with the given overrides has, for CreateTopicsResponse.
func (m *Machine) describeConfigs(overrides map[string]string) []kmsg.CreateTopicsResponseTopicConfig {
	im := m.image()
	cluster := im.Config(metadata.BrokerResource, "")
	node := im.Config(metadata.BrokerResource, strconv.Itoa(int(m.cfg.NodeID)))
	values := m.cfg.Broker.With(cluster, node).ForTopic(overrides)
	static := m.cfg.Broker.Overrides(config.FromStaticBroker)
	out := []kmsg.CreateTopicsResponseTopicConfig{}
	for _, k := range config.Keys(config.Topic) {
		if k.Internal || k.Unlisted {
			continue
		}
		c := kmsg.NewCreateTopicsResponseTopicConfig()
		c.Name, c.Source = k.Name, int8(sourceOf(k, overrides, node, cluster, static))
		if text, _, ok := values.Lookup(k.Name); ok && !k.Sensitive() {
			c.Value = &text
		}
		c.IsSensitive = k.Sensitive()
		out = append(out, c)
	}
	return out
}

// sourceOf tells where the effective value of a topic config comes from.
func sourceOf(k *config.Key, overrides, node, cluster, static map[string]string) config.Source {
	if _, ok := overrides[k.Name]; ok {
		return config.FromTopic
	}
	for _, synonym := range k.Synonyms {
		for _, layer := range []struct {
			values map[string]string
			source config.Source
		}{{node, config.FromDynamicBroker}, {cluster, config.FromDynamicDefaultBroker}, {static, config.FromStaticBroker}} {
			if _, ok := layer.values[synonym]; ok {
				return layer.source
			}
		}
	}
	return config.FromDefault
}
