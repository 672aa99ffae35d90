package controller

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/config"
	"leat/internal/metadata"
)

// maxConfigValue is the longest value that a ConfigRecord of Kafka may hold.
const maxConfigValue = 32767

// checkValue checks a value against its row in the table; kind is how Kafka calls the scope in its messages.
func checkValue(scope config.Scope, code *kerr.Error, name, value string) *refusal {
	err := config.Check(scope, name, value)
	if err == nil {
		return nil
	}
	var wrong *config.ValueError
	if errors.As(err, &wrong) {
		return refuse(code, "Invalid value %s for configuration %s: %v", value, name, wrong.Reason)
	}
	return refuse(code, "%v", err)
}

func checkTopicConfig(name, value string) *refusal {
	if _, ok := config.Lookup(config.Topic, name); !ok {
		return refuse(kerr.InvalidConfig, "Unknown topic config name: %s", name)
	}
	return checkValue(config.Topic, kerr.InvalidConfig, name, value)
}

// checkTopicConfigs checks what a topic's configs must hold together.
func (m *Machine) checkTopicConfigs(configs map[string]string) *refusal {
	if problem := m.checkCompactionLags(configs); problem != nil {
		return problem
	}
	if m.cfg.Broker.Bool("remote.log.storage.system.enable") {
		return nil
	}
	if v, ok := configs["remote.storage.enable"]; ok && strings.EqualFold(strings.TrimSpace(v), "true") {
		return refuse(kerr.InvalidConfig, "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.")
	}
	return nil
}

// checkCompactionLags refuses a topic whose records would have to be compacted before they may be.
func (m *Machine) checkCompactionLags(configs map[string]string) *refusal {
	_, hasLeast := configs["min.compaction.lag.ms"]
	_, hasMost := configs["max.compaction.lag.ms"]
	if !hasLeast && !hasMost {
		return nil
	}
	values := m.cfg.Broker.ForTopic(configs)
	if least, most := values.Int64("min.compaction.lag.ms"), values.Int64("max.compaction.lag.ms"); least > most {
		return refuse(kerr.InvalidConfig, "conflict topic config setting min.compaction.lag.ms (%d) > max.compaction.lag.ms (%d)", least, most)
	}
	return nil
}

func nullConfigs(kind string, names []string) *refusal {
	return refuse(kerr.InvalidConfig, "Null value not supported for %s configs: %s", kind, strings.Join(names, ","))
}

// checkResourceName refuses names that cannot be of a resource of the type.
func (m *Machine) checkResourceName(t metadata.ResourceType, name string) *refusal {
	switch t {
	case metadata.TopicResource:
		if name == "" {
			return refuse(kerr.InvalidRequest, "Default topic resources are not allowed.")
		}
		return checkTopicName(name)
	case metadata.GroupResource:
		if name == "" {
			return refuse(kerr.InvalidRequest, "Default group resources are not allowed.")
		}
	case metadata.ClientMetricsResource:
		if name == "" {
			return refuse(kerr.InvalidRequest, "Subscription name can't be empty")
		}
	case metadata.BrokerResource:
		if name == "" {
			return nil
		}
		id, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			return refuse(kerr.InvalidRequest, "Unable to parse broker name as a base 10 number.")
		}
		if id < 0 {
			return refuse(kerr.InvalidRequest, "Invalid negative broker ID.")
		}
	}
	return nil
}

// checkExists refuses resources that must exist and do not.
func (m *Machine) checkExists(t metadata.ResourceType, name string) *refusal {
	switch t {
	case metadata.TopicResource:
		if _, ok := m.image().Topic(name); !ok {
			return refuse(kerr.UnknownTopicOrPartition, "The topic '%s' does not exist.", name)
		}
	case metadata.BrokerResource:
		id, err := strconv.ParseInt(name, 10, 32)
		if name == "" || err != nil || int32(id) == m.cfg.NodeID { // a name that is no number was refused before
			return nil //nolint:nilerr // the error is not about existence
		}
		if _, ok := m.image().Broker(int32(id)); !ok {
			return refuse(kerr.BrokerIDNotRegistered, "No broker with id %d found.", id)
		}
	}
	return nil
}

// checkConfigs checks the new values of a resource: all are what it will have, changed the names that this request sets.
func (m *Machine) checkConfigs(key metadata.ConfigKey, all map[string]string, changed []string) *refusal {
	switch key.Type {
	case metadata.TopicResource:
		for _, name := range changed {
			if problem := checkTopicConfig(name, all[name]); problem != nil {
				return problem
			}
		}
		if problem := m.checkTopicConfigs(all); problem != nil {
			return problem
		}
		return m.checkNewConfigs(key.Name, all, changed)
	case metadata.GroupResource:
		return m.checkGroupConfigs(all, changed)
	case metadata.ClientMetricsResource:
		return checkClientMetrics(all, changed)
	default:
		return checkBrokerConfigs(key.Name, all, changed)
	}
}

func checkBrokerConfigs(node string, all map[string]string, changed []string) *refusal {
	var fixed, single []string
	for _, name := range changed {
		switch k, ok := lookupBroker(name); {
		case !ok: // Kafka keeps names that it does not know: plugins read them
		case k.Mode == config.ReadOnly:
			fixed = append(fixed, name)
		case k.Mode == config.PerBroker && node == "":
			single = append(single, name)
		default:
			if problem := checkValue(config.Broker, kerr.InvalidRequest, k.Name, all[name]); problem != nil {
				return problem
			}
		}
	}
	if len(fixed) > 0 {
		return refuse(kerr.InvalidRequest, "Cannot update these configs dynamically: %v", fixed)
	}
	if len(single) > 0 {
		return refuse(kerr.InvalidRequest, "Cannot update these configs at default cluster level, broker id must be specified: %v", single)
	}
	return nil
}

// lookupBroker finds the row of a broker key, also under a prefix for one listener.
func lookupBroker(name string) (*config.Key, bool) {
	if rest, ok := strings.CutPrefix(name, "listener.name."); ok {
		if _, base, ok := strings.Cut(rest, "."); ok {
			name = base
		}
	}
	return config.Lookup(config.Broker, name)
}

func checkClientMetrics(all map[string]string, changed []string) *refusal {
	for _, name := range changed {
		if _, ok := config.Lookup(config.ClientMetrics, name); !ok {
			return refuse(kerr.InvalidRequest, "Unknown client metrics configuration: %s", name)
		}
		if problem := checkValue(config.ClientMetrics, kerr.InvalidConfig, name, all[name]); problem != nil {
			return problem
		}
		if name == "interval.ms" {
			if n, err := strconv.ParseInt(strings.TrimSpace(all[name]), 10, 32); err == nil && (n < 100 || n > 3_600_000) {
				return refuse(kerr.InvalidRequest, "Invalid value %d for interval.ms, interval must be between 100 and 3600000 (1 hour)", n)
			}
		}
	}
	return nil
}

// groupBounds are the group configs that broker keys bound: a broker may not be made to work harder than its operator allows.
var groupBounds = []struct{ key, least, most string }{
	{"consumer.heartbeat.interval.ms", "group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"},
	{"consumer.session.timeout.ms", "group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"},
	{"consumer.assignment.interval.ms", "group.consumer.min.assignment.interval.ms", "group.consumer.max.assignment.interval.ms"},
	{"share.heartbeat.interval.ms", "group.share.min.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms"},
	{"share.session.timeout.ms", "group.share.min.session.timeout.ms", "group.share.max.session.timeout.ms"},
	{"share.assignment.interval.ms", "group.share.min.assignment.interval.ms", "group.share.max.assignment.interval.ms"},
	{"share.record.lock.duration.ms", "group.share.min.record.lock.duration.ms", "group.share.max.record.lock.duration.ms"},
	{"share.delivery.count.limit", "group.share.min.delivery.count.limit", "group.share.max.delivery.count.limit"},
	{"share.partition.max.record.locks", "group.share.min.partition.max.record.locks", "group.share.max.partition.max.record.locks"},
	{"streams.heartbeat.interval.ms", "group.streams.min.heartbeat.interval.ms", "group.streams.max.heartbeat.interval.ms"},
	{"streams.session.timeout.ms", "group.streams.min.session.timeout.ms", "group.streams.max.session.timeout.ms"},
	{"streams.assignment.interval.ms", "group.streams.min.assignment.interval.ms", "group.streams.max.assignment.interval.ms"},
	{"streams.task.offset.interval.ms", "group.streams.min.task.offset.interval.ms", ""},
	{"streams.num.standby.replicas", "", "group.streams.max.standby.replicas"},
}

func (m *Machine) checkGroupConfigs(all map[string]string, changed []string) *refusal {
	for _, name := range changed {
		if _, ok := config.Lookup(config.Group, name); !ok {
			return refuse(kerr.InvalidConfig, "Unknown group config name: %s", name)
		}
		if problem := checkValue(config.Group, kerr.InvalidConfig, name, all[name]); problem != nil {
			return problem
		}
	}
	for _, b := range groupBounds {
		if !slices.Contains(changed, b.key) {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(all[b.key]), 10, 64)
		least, most := m.bound(b.least, 0), m.bound(b.most, math.MaxInt32)
		if err == nil && (n < least || n > most) {
			return refuse(kerr.InvalidConfig, "%s", outside(b.key, b.most != "", least, most))
		}
	}
	for _, family := range []string{"consumer", "share", "streams"} {
		values := m.cfg.Broker.ForGroup(all)
		session, heartbeat := values.Int(family+".session.timeout.ms"), values.Int(family+".heartbeat.interval.ms")
		if session <= heartbeat {
			return refuse(kerr.InvalidConfig, "%s.session.timeout.ms must be greater than %s.heartbeat.interval.ms", family, family)
		}
	}
	return nil
}

func outside(key string, capped bool, least, most int64) string {
	if !capped {
		return fmt.Sprintf("%s must be greater than or equal to %d", key, least)
	}
	return fmt.Sprintf("%s must be in the range %d to %d inclusive.", key, least, most)
}

// bound reads the broker key that bounds a group config; without one, or for a key that this build does not know, it is otherwise.
func (m *Machine) bound(key string, otherwise int64) int64 {
	k, ok := config.Lookup(config.Broker, key)
	if !ok || k.Type != config.Int {
		return otherwise
	}
	return int64(m.cfg.Broker.Int(key))
}
