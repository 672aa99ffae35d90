package controller

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/config"
	"leat/internal/metadata"
)

// Limits of topics, which Kafka leaves to classes of policies (create.topic.policy.class.name, alter.config.policy.class.name).
//
// A limit holds for what a topic comes to have when somebody creates or changes it; topics that broke it before stay as they are.

// checkLimits refuses what breaks a limit. Of says what the topic would have, false for what is not being set.
func (m *Machine) checkLimits(topic string, of func(what string) (string, bool)) *refusal {
	if metadata.InternalTopic(topic) {
		return nil // nobody chose how these are made
	}
	for _, l := range m.topicLimits {
		if value, set := of(l.What); set && !l.Allows(value) {
			return refuse(kerr.PolicyViolation, "Topic '%s' would have %s=%s, but this cluster allows only %s (leat.topic.limits).", topic, l.What, value, l)
		}
	}
	return nil
}

// checkNewTopic refuses a topic that breaks a limit, with the configs that it would have.
func (m *Machine) checkNewTopic(c *creation) *refusal {
	if len(m.topicLimits) == 0 {
		return nil
	}
	im := m.image()
	values := m.cfg.Broker.With(im.Config(metadata.BrokerResource, ""), im.Config(metadata.BrokerResource, m.node)).ForTopic(c.configs)
	return m.checkLimits(c.request.Topic, func(what string) (string, bool) {
		switch what {
		case config.LimitPartitions:
			return strconv.Itoa(len(c.partitions)), true
		case config.LimitReplicationFactor:
			return strconv.Itoa(len(c.partitions[0].Replicas)), true
		}
		text, _, known := values.Lookup(what)
		return text, known
	})
}

// checkMorePartitions refuses to let a topic grow beyond a limit.
func (m *Machine) checkMorePartitions(topic string, count int32) *refusal {
	return m.checkLimits(topic, func(what string) (string, bool) {
		return strconv.Itoa(int(count)), what == config.LimitPartitions
	})
}

// checkNewConfigs refuses values of a topic's configs that break a limit: all are what it will have, changed the names that are being set.
func (m *Machine) checkNewConfigs(topic string, all map[string]string, changed []string) *refusal {
	return m.checkLimits(topic, func(what string) (string, bool) {
		for _, name := range changed {
			if name == what {
				return all[name], true
			}
		}
		return "", false
	})
}
