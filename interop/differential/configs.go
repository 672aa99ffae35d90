package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kinds of config resources as they stand on the wire.
const (
	topicResource   = kmsg.ConfigResourceTypeTopic
	brokerResource  = kmsg.ConfigResourceTypeBroker
	loggerResource  = kmsg.ConfigResourceTypeBrokerLogger
	metricsResource = kmsg.ConfigResourceTypeClientMetrics
	groupResource   = kmsg.ConfigResourceTypeGroupConfig
)

func description(kind kmsg.ConfigResourceType, name string, keys ...string) *kmsg.DescribeConfigsRequest {
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.ConfigNames = kind, name, keys
	req.Resources = append(req.Resources, r)
	return req
}

func describeConfigs(s *side) {
	s.topic("configs-plain", 1)
	s.topic("configs-set", 1, "retention.ms", "1000", "cleanup.policy", "compact")
	full := func(kind kmsg.ConfigResourceType, name string, keys ...string) func() kmsg.Request {
		return func() kmsg.Request {
			req := description(kind, name, keys...)
			req.IncludeSynonyms, req.IncludeDocumentation = true, true
			return req
		}
	}
	plain := func(kind kmsg.ConfigResourceType, name string, keys ...string) func() kmsg.Request {
		return func() kmsg.Request { return description(kind, name, keys...) }
	}
	s.askAll(kmsg.DescribeConfigs,
		ask{"topic", plain(topicResource, "configs-plain")},
		ask{"topic with settings, in full", full(topicResource, "configs-set")},
		ask{"two keys and one unknown", full(topicResource, "configs-set", "retention.ms", "segment.bytes", "no.such.key")},
		ask{"no keys", plain(topicResource, "configs-set", []string{}...)},
		ask{"empty list of keys", func() kmsg.Request {
			req := description(topicResource, "configs-set")
			req.Resources[0].ConfigNames = []string{}
			return req
		}},
		ask{"unknown topic", plain(topicResource, "configs-none")},
		ask{"invalid topic", plain(topicResource, "bad name")},
		ask{"empty topic", plain(topicResource, "")},
		ask{"broker", plain(brokerResource, "1")},
		ask{"broker in full", full(brokerResource, "1")},
		ask{"all brokers", full(brokerResource, "")},
		ask{"broker that does not exist", plain(brokerResource, "7")},
		ask{"broker that is no number", plain(brokerResource, "one")},
		ask{"logger", plain(loggerResource, "1", "root")},
		ask{"logger of another broker", plain(loggerResource, "7")},
		ask{"logger of no broker", plain(loggerResource, "")},
		ask{"group", full(groupResource, "configs-group")},
		ask{"empty group", plain(groupResource, "")},
		ask{"client metrics", full(metricsResource, "configs-metrics")},
		ask{"empty client metrics", plain(metricsResource, "")},
		ask{"unknown kind", plain(kmsg.ConfigResourceTypeUnknown, "x")},
		ask{"kind 77", plain(kmsg.ConfigResourceType(77), "x")},
		ask{"the same twice", func() kmsg.Request {
			req := description(topicResource, "configs-set", "retention.ms")
			req.Resources = append(req.Resources, req.Resources...)
			return req
		}},
		ask{"nothing", func() kmsg.Request { return kmsg.NewPtrDescribeConfigsRequest() }},
	)
}

// change is one resource with pairs of key and value; the value "null" stands for null.
func change(kind kmsg.ConfigResourceType, name string, pairs ...string) kmsg.AlterConfigsRequestResource {
	r := kmsg.NewAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kind, name
	for i := 0; i+1 < len(pairs); i += 2 {
		c := kmsg.NewAlterConfigsRequestResourceConfig()
		c.Name = pairs[i]
		if pairs[i+1] != "null" {
			c.Value = ptr(pairs[i+1])
		}
		r.Configs = append(r.Configs, c)
	}
	return r
}

// badChanges are changes that Kafka may refuse, for both ways of altering. Where it does not, the resource is one of its own.
var badChanges = []struct {
	step  string
	kind  kmsg.ConfigResourceType
	name  string
	pairs []string
}{
	{"unknown key", topicResource, "alter-bad", []string{"no.such.key", "1"}},
	{"bad number", topicResource, "alter-bad", []string{"retention.ms", "soon"}},
	{"out of range", topicResource, "alter-bad", []string{"segment.bytes", "1"}},
	{"bad choice", topicResource, "alter-bad", []string{"compression.type", "rar"}},
	{"bad boolean", topicResource, "alter-bad", []string{"preallocate", "maybe"}},
	{"null value", topicResource, "alter-bad", []string{"retention.ms", "null"}},
	{"one good, one bad", topicResource, "alter-bad", []string{"retention.ms", "1", "segment.bytes", "x"}},
	{"remote storage", topicResource, "alter-bad", []string{"remote.storage.enable", "true"}},
	{"lags cross", topicResource, "alter-bad", []string{"min.compaction.lag.ms", "2000", "max.compaction.lag.ms", "1000"}},
	{"broker's key for a topic", topicResource, "alter-bad", []string{"log.retention.ms", "1"}},
	{"unknown topic", topicResource, "alter-none", []string{"retention.ms", "1"}},
	{"invalid topic", topicResource, "bad name", []string{"retention.ms", "1"}},
	{"empty topic", topicResource, "", []string{"retention.ms", "1"}},
	{"broker that does not exist", brokerResource, "7", []string{"log.cleaner.threads", "1"}},
	{"broker that is no number", brokerResource, "one", []string{"log.cleaner.threads", "1"}},
	{"read-only key", brokerResource, "1", []string{"node.id", "2"}},
	{"read-only key for all", brokerResource, "", []string{"log.dirs", "x"}},
	{"bad value for a broker", brokerResource, "1", []string{"num.io.threads", "x"}},
	{"threads grow too much", brokerResource, "1", []string{"num.io.threads", "1000"}},
	{"listeners without the controller's", brokerResource, "1", []string{"listeners", "PLAINTEXT://localhost:9092"}},
	{"listener without a protocol", brokerResource, "1", []string{"listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093,EXTRA://localhost:9094"}},
	{"listener that is none", brokerResource, "1", []string{"listeners", "junk"}},
	{"per-broker key for all", brokerResource, "", []string{"listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093"}},
	{"logger of another broker", loggerResource, "7", []string{"root", "INFO"}},
	{"unknown logger", loggerResource, "1", []string{"no.such.Logger", "INFO"}},
	{"unknown log level", loggerResource, "1", []string{"root", "LOUD"}},
	{"no log level", loggerResource, "1", []string{"root", "null"}},
	{"group's bad key", groupResource, "alter-group", []string{"no.such.key", "1"}},
	{"group's bad value", groupResource, "alter-group", []string{"consumer.session.timeout.ms", "1"}},
	{"empty group", groupResource, "", []string{"consumer.session.timeout.ms", "45000"}},
	{"metrics' bad key", metricsResource, "alter-metrics", []string{"no.such.key", "1"}},
	{"metrics' bad value", metricsResource, "alter-metrics", []string{"interval.ms", "1"}},
	{"metrics' value that is no number", metricsResource, "alter-metrics", []string{"interval.ms", "soon"}},
	{"metrics' bad match", metricsResource, "alter-metrics", []string{"match", "x"}},
	{"empty metrics", metricsResource, "", []string{"interval.ms", "1000"}},
	{"unknown kind", kmsg.ConfigResourceTypeUnknown, "x", []string{"a", "1"}},
	{"kind 77", kmsg.ConfigResourceType(77), "x", []string{"a", "1"}},
}

func alterConfigs(s *side) {
	s.topic("alter-bad", 1)
	alter := func(validate bool, resources ...kmsg.AlterConfigsRequestResource) *kmsg.AlterConfigsRequest {
		req := kmsg.NewPtrAlterConfigsRequest()
		req.Resources, req.ValidateOnly = resources, validate
		return req
	}
	s.versions(kmsg.AlterConfigs, func(v int16) {
		for _, b := range badChanges {
			s.do(b.step+", validated", v, alter(true, change(b.kind, b.name, b.pairs...)))
			if b.step != "lags cross" {
				s.do(b.step, v, alter(false, change(b.kind, b.name, b.pairs...)))
			}
		}
		name := fmt.Sprintf("alter-topic-%d", v)
		s.topic(name, 1, "segment.bytes", "1048576")
		s.do("nothing", v, alter(false))
		s.do("validated only", v, alter(true, change(topicResource, name, "retention.ms", "5")))
		s.do("set", v, alter(false, change(topicResource, name, "retention.ms", "5")))
		s.configSettles(topicResource, name, "retention.ms", "5")
		s.do("what was set before is gone", 4, description(topicResource, name))
		if v == s.last(kmsg.AlterConfigs) { // Kafka never answers it, and the wait is long
			s.do("twice the same resource", v, alter(false, change(topicResource, name, "retention.ms", "6"), change(topicResource, name, "retention.ms", "7")))
		}
		s.do("a good and a bad resource", v, alter(false, change(topicResource, name, "retention.ms", "8"), change(topicResource, "alter-none", "retention.ms", "7")))
		s.configSettles(topicResource, name, "retention.ms", "8")
		s.do("cleared", v, alter(false, change(topicResource, name)))
	})
}

// configSettles waits until the broker shows a value.
func (s *side) configSettles(kind kmsg.ConfigResourceType, name, key, value string) {
	s.eventually(name+" "+key+"="+value, func() bool {
		resp := s.quiet(4, description(kind, name, key)).(*kmsg.DescribeConfigsResponse)
		for _, c := range resp.Resources[0].Configs {
			if c.Value != nil && *c.Value == value {
				return true
			}
		}
		return false
	})
}

// Operations of IncrementalAlterConfigs.
const (
	set       = kmsg.IncrementalAlterConfigOpSet
	unset     = kmsg.IncrementalAlterConfigOpDelete
	appended  = kmsg.IncrementalAlterConfigOpAppend
	subtract  = kmsg.IncrementalAlterConfigOpSubtract
	unknownOp = kmsg.IncrementalAlterConfigOp(9)
)

func step(op kmsg.IncrementalAlterConfigOp, key, value string) kmsg.IncrementalAlterConfigsRequestResourceConfig {
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Op = key, op
	if value != "null" {
		c.Value = ptr(value)
	}
	return c
}

func incremental(kind kmsg.ConfigResourceType, name string, steps ...kmsg.IncrementalAlterConfigsRequestResourceConfig) *kmsg.IncrementalAlterConfigsRequest {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.Configs = kind, name, steps
	req.Resources = append(req.Resources, r)
	return req
}

func incrementalAlterConfigs(s *side) {
	s.topic("increment-bad", 1)
	s.versions(kmsg.IncrementalAlterConfigs, func(v int16) {
		for _, b := range badChanges {
			name := b.name
			if name == "alter-bad" {
				name = "increment-bad"
			}
			var steps []kmsg.IncrementalAlterConfigsRequestResourceConfig
			for i := 0; i+1 < len(b.pairs); i += 2 {
				steps = append(steps, step(set, b.pairs[i], b.pairs[i+1]))
			}
			req := incremental(b.kind, name, steps...)
			req.ValidateOnly = true
			s.do(b.step+", validated", v, req)
			if b.step != "lags cross" {
				s.do(b.step, v, incremental(b.kind, name, steps...))
			}
		}
		s.incrementalSteps(v)
		s.incrementalBroker(v)
	})
}

func (s *side) incrementalSteps(v int16) {
	name := fmt.Sprintf("increment-%d", v)
	s.topic(name, 1)
	show := func(after string) { s.do("after "+after, 4, description(topicResource, name)) }
	s.do("set", v, incremental(topicResource, name, step(set, "cleanup.policy", "delete"), step(set, "retention.ms", "5")))
	s.configSettles(topicResource, name, "retention.ms", "5")
	s.do("append", v, incremental(topicResource, name, step(appended, "cleanup.policy", "compact")))
	s.configSettles(topicResource, name, "cleanup.policy", "delete,compact")
	show("append")
	s.do("append what is there", v, incremental(topicResource, name, step(appended, "cleanup.policy", "compact")))
	s.do("subtract what is not there", v, incremental(topicResource, name, step(subtract, "leader.replication.throttled.replicas", "0:1")))
	s.do("subtract", v, incremental(topicResource, name, step(subtract, "cleanup.policy", "delete")))
	s.configSettles(topicResource, name, "cleanup.policy", "compact")
	s.do("append to a number", v, incremental(topicResource, name, step(appended, "retention.ms", "5")))
	s.do("subtract from a number", v, incremental(topicResource, name, step(subtract, "retention.ms", "5")))
	s.do("append to an unknown key", v, incremental(topicResource, name, step(appended, "no.such.key", "5")))
	s.do("delete an unknown key", v, incremental(topicResource, name, step(unset, "no.such.key", "null")))
	s.do("delete what is not set", v, incremental(topicResource, name, step(unset, "segment.ms", "null")))
	s.do("set to null", v, incremental(topicResource, name, step(set, "retention.ms", "null")))
	s.do("append null", v, incremental(topicResource, name, step(appended, "cleanup.policy", "null")))
	s.do("unknown operation", v, incremental(topicResource, name, step(unknownOp, "retention.ms", "5")))
	s.do("the same key twice", v, incremental(topicResource, name, step(set, "retention.ms", "5"), step(set, "retention.ms", "6")))
	s.do("no steps", v, incremental(topicResource, name))
	s.do("nothing", v, kmsg.NewPtrIncrementalAlterConfigsRequest())
	twice := incremental(topicResource, name, step(set, "retention.ms", "6"))
	twice.Resources = append(twice.Resources, twice.Resources...)
	s.do("twice the same resource", v, twice)
	s.do("delete", v, incremental(topicResource, name, step(unset, "retention.ms", "null")))
	s.configSettles(topicResource, name, "retention.ms", "604800000")
	show("delete")
	s.do("append to a default", v, incremental(topicResource, name, step(unset, "cleanup.policy", "null"), step(set, "segment.ms", "77777777")))
	s.configSettles(topicResource, name, "segment.ms", "77777777")
	s.do("append to the default", v, incremental(topicResource, name, step(appended, "cleanup.policy", "compact"), step(set, "segment.ms", "77777778")))
	s.configSettles(topicResource, name, "segment.ms", "77777778")
	show("append to the default")
	s.do("subtract everything", v, incremental(topicResource, name, step(subtract, "cleanup.policy", "delete,compact"), step(set, "segment.ms", "77777779")))
	s.configSettles(topicResource, name, "segment.ms", "77777779")
	show("subtract everything")
}

// incrementalBroker changes settings of brokers, groups and client metrics, looks, and takes them back.
func (s *side) incrementalBroker(v int16) {
	for _, of := range []struct {
		kind             kmsg.ConfigResourceType
		name, key, value string
	}{
		{brokerResource, "", "log.retention.ms", "86400000"},
		{brokerResource, "1", "log.retention.ms", "86400001"},
		{brokerResource, "", "message.max.bytes", "1048000"},
		{brokerResource, "1", "num.io.threads", "9"},
		{brokerResource, "", "log.cleaner.threads", "2"},
		{groupResource, fmt.Sprintf("increment-group-%d", v), "consumer.session.timeout.ms", "46000"},
		{metricsResource, fmt.Sprintf("increment-metrics-%d", v), "interval.ms", "30000"},
	} {
		step1 := fmt.Sprintf("%v %q %s", of.kind, of.name, of.key)
		s.do("set "+step1, v, incremental(of.kind, of.name, step(set, of.key, of.value)))
		s.configSettles(of.kind, of.name, of.key, of.value)
		req := description(of.kind, of.name)
		req.IncludeSynonyms = true
		if of.kind == brokerResource {
			req.Resources[0].ConfigNames = []string{of.key}
		}
		s.do("shown "+step1, 4, req)
		if of.kind == brokerResource && of.key == "log.retention.ms" {
			req := description(topicResource, fmt.Sprintf("increment-%d", v), "retention.ms")
			req.IncludeSynonyms = true
			s.do("as a topic sees it "+step1, 4, req)
		}
		defer s.do("unset "+step1, v, incremental(of.kind, of.name, step(unset, of.key, "null")))
	}
}

func listConfigResources(s *side) {
	s.quiet(1, incremental(groupResource, "listed-group", step(set, "consumer.session.timeout.ms", "46000")))
	s.configSettles(groupResource, "listed-group", "consumer.session.timeout.ms", "46000")
	s.quiet(1, incremental(metricsResource, "listed-metrics", step(set, "interval.ms", "30000")))
	s.configSettles(metricsResource, "listed-metrics", "interval.ms", "30000")
	kinds := func(kinds ...int8) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrListConfigResourcesRequest()
			req.ResourceTypes = kinds
			return req
		}
	}
	s.askAll(kmsg.ListConfigResources,
		ask{"all", kinds()},
		ask{"client metrics", kinds(16)},
		ask{"groups and topics", kinds(32, 2)},
		ask{"brokers and loggers", kinds(4, 8)},
		ask{"unknown kind", kinds(77)},
		ask{"unknown beside known", kinds(16, 0)},
		ask{"the same twice", kinds(16, 16)},
	)
}
