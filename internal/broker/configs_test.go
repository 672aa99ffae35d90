package broker

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/security"
	"leat/internal/telemetry"
)

// agreeable is a controller that carries out every change of configs, and remembers what it was asked.
type agreeable struct {
	n     *node
	asked []string
	err   error
}

func (a *agreeable) Do(_ context.Context, _ security.Principal, rq kmsg.Request) (kmsg.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	switch rq := rq.(type) {
	case *kmsg.IncrementalAlterConfigsRequest:
		resp := kmsg.NewPtrIncrementalAlterConfigsResponse()
		for _, res := range rq.Resources {
			a.asked = append(a.asked, res.ResourceName)
			out := kmsg.NewIncrementalAlterConfigsResponseResource()
			out.ResourceType, out.ResourceName = res.ResourceType, res.ResourceName
			if res.ResourceName == "refused" {
				out.ErrorCode, out.ErrorMessage = kerr.InvalidConfig.Code, kmsg.StringPtr("because")
			} else {
				for _, op := range res.Configs {
					a.n.publish(&metadata.ConfigRecord{ResourceType: int8(res.ResourceType), ResourceName: res.ResourceName, Name: op.Name, Value: op.Value})
				}
			}
			resp.Resources = append(resp.Resources, out)
		}
		return resp, nil
	case *kmsg.AlterConfigsRequest:
		resp := kmsg.NewPtrAlterConfigsResponse()
		for _, res := range rq.Resources {
			a.asked = append(a.asked, res.ResourceName)
			out := kmsg.NewAlterConfigsResponseResource()
			out.ResourceType, out.ResourceName = res.ResourceType, res.ResourceName
			resp.Resources = append(resp.Resources, out)
		}
		return resp, nil
	}
	return rq.ResponseKind(), nil
}

// configNode is a node with a topic, a controller that agrees, and log levels.
func configNode(t *testing.T) (*client, *agreeable, *telemetry.Levels) {
	t.Helper()
	n := newNode(t, "log.retention.hours", "24", "ssl.keystore.password", "secret")
	a, levels := &agreeable{n: n}, &telemetry.Levels{}
	n.h.Controller, n.h.LogLevels = a, levels
	n.h.Await = func(_ context.Context, until func(*metadata.Image) bool) error {
		if !until(n.newest()) {
			t.Error("the image does not show the change")
		}
		return nil
	}
	n.makeTopic("orders", 1, "retention.ms", "1000")
	c := n.dial()
	t.Cleanup(func() { c.close(); n.stop() })
	return c, a, levels
}

func describe(c *client, version int16, kind metadata.ResourceType, name string, keys ...string) kmsg.DescribeConfigsResponseResource {
	rq := kmsg.NewPtrDescribeConfigsRequest()
	rq.IncludeSynonyms, rq.IncludeDocumentation = true, version >= 3
	res := kmsg.NewDescribeConfigsRequestResource()
	res.ResourceType, res.ResourceName, res.ConfigNames = kmsg.ConfigResourceType(kind), name, keys
	rq.Resources = append(rq.Resources, res)
	return ask[*kmsg.DescribeConfigsResponse](c, rq, version).Resources[0]
}

func TestDescribeConfigsTellsValueSourceAndSynonyms(t *testing.T) {
	c, _, _ := configNode(t)
	for version := int16(1); version <= 4; version++ {
		got := describe(c, version, metadata.TopicResource, "orders", "retention.ms")
		if got.ErrorCode != 0 || len(got.Configs) != 1 {
			t.Fatalf("v%d: %+v", version, got)
		}
		e := got.Configs[0]
		if e.Name != "retention.ms" || *e.Value != "1000" || e.Source != kmsg.ConfigSourceDynamicTopicConfig || e.IsSensitive || e.ReadOnly ||
			len(e.ConfigSynonyms) != 1 || e.ConfigSynonyms[0].Name != "retention.ms" {
			t.Errorf("v%d: %+v", version, e)
		}
		if version >= 3 && (e.ConfigType != kmsg.ConfigTypeLong || e.Documentation == nil || *e.Documentation == "") {
			t.Errorf("v%d: type %v, documentation %v", version, e.ConfigType, e.Documentation)
		}
	}
	kafkas := 0
	for _, e := range describe(c, 4, metadata.TopicResource, "orders").Configs {
		if !strings.HasPrefix(e.Name, "leat.") {
			kafkas++
		}
	}
	if kafkas != 37 {
		t.Errorf("a topic has %d of Kafka's configs, which are 37", kafkas)
	}
	password := describe(c, 4, metadata.BrokerResource, "1", "ssl.keystore.password").Configs[0]
	if password.Value != nil || !password.IsSensitive || len(password.ConfigSynonyms) != 1 || password.ConfigSynonyms[0].Value != nil {
		t.Errorf("a password is told: %+v", password)
	}
}

func TestDescribeConfigsRefusesAsKafkaDoes(t *testing.T) {
	c, _, _ := configNode(t)
	for _, w := range []struct {
		kind    metadata.ResourceType
		name    string
		code    *kerr.Error
		message string
	}{
		{metadata.TopicResource, "none", kerr.UnknownTopicOrPartition, ""},
		{metadata.TopicResource, "a b", kerr.InvalidTopicException, "topic name"},
		{metadata.BrokerResource, "7", kerr.InvalidRequest, "Unexpected broker id, expected 1 or empty string, but received 7"},
		{metadata.BrokerResource, "x", kerr.InvalidRequest, "Broker id must be an integer, but it is: x"},
		{metadata.BrokerLoggerResource, "", kerr.InvalidRequest, "Broker id must not be empty"},
		{metadata.BrokerLoggerResource, "7", kerr.InvalidRequest, "Unexpected broker id, expected 1 but received 7"},
		{metadata.GroupResource, "", kerr.InvalidRequest, "Group name must not be empty"},
		{metadata.ClientMetricsResource, "", kerr.InvalidRequest, "Client metrics subscription name must not be empty"},
		{3, "x", kerr.InvalidRequest, "Unsupported resource type: 3"},
	} {
		got := describe(c, 4, w.kind, w.name)
		if got.ErrorCode != w.code.Code || got.ErrorMessage == nil || !strings.Contains(*got.ErrorMessage, w.message) || len(got.Configs) != 0 {
			t.Errorf("%d %q: %+v", w.kind, w.name, got)
		}
	}
}

// alter asks for one change and returns its outcome.
func alter(c *client, kind metadata.ResourceType, name, key string, value *string, op kmsg.IncrementalAlterConfigOp, validateOnly bool) (int16, string) {
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	rq.ValidateOnly = validateOnly
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceType(kind), name
	cfg := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	cfg.Name, cfg.Value, cfg.Op = key, value, op
	res.Configs = append(res.Configs, cfg)
	rq.Resources = append(rq.Resources, res)
	out := ask[*kmsg.IncrementalAlterConfigsResponse](c, rq, 1).Resources[0]
	if out.ErrorMessage == nil {
		return out.ErrorCode, ""
	}
	return out.ErrorCode, *out.ErrorMessage
}

func TestLogLevelsAreChangedOnThisNode(t *testing.T) {
	const set, remove, add = kmsg.IncrementalAlterConfigOpSet, kmsg.IncrementalAlterConfigOpDelete, kmsg.IncrementalAlterConfigOpAppend
	c, controller, levels := configNode(t)
	for _, w := range []struct {
		node, logger, level string
		op                  kmsg.IncrementalAlterConfigOp
		dry                 bool
		code                int16
		message             string
		after               string
	}{
		{"1", "root", "WARN", set, true, 0, "", "INFO"},
		{"1", "root", "DEBUG", set, false, 0, "", "DEBUG"},
		{"1", "root", "LOUD", set, false, kerr.InvalidConfig.Code,
			"Cannot set the log level of root to LOUD as it is not a supported log level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN", "DEBUG"},
		{"1", "root", "warn", set, false, kerr.InvalidConfig.Code,
			"Cannot set the log level of root to warn as it is not a supported log level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN", "DEBUG"},
		{"1", "kafka.server", "WARN", set, false, kerr.InvalidConfig.Code, "Logger kafka.server does not exist!", ""},
		{"1", "kafka.server", "", remove, false, kerr.InvalidConfig.Code, "Logger kafka.server does not exist!", ""},
		{"1", "root", "WARN", remove, false, kerr.InvalidRequest.Code, "Removing the log level of the root logger is not allowed", "DEBUG"},
		{"1", "root", "WARN", add, false, kerr.InvalidRequest.Code, "APPEND operation is not allowed for the BROKER_LOGGER resource", "DEBUG"},
		{"2", "root", "WARN", set, false, kerr.InvalidRequest.Code, "Unexpected broker id, expected 1, but received 2", "DEBUG"},
		{"1", "leat.coordinator", "ERROR", set, false, 0, "", "ERROR"},
		{"1", "leat.coordinator.group", "", remove, false, 0, "", "ERROR"}, // from the one above it
		{"1", "leat.coordinator.group", "TRACE", set, false, 0, "", "TRACE"},
		{"1", "leat.coordinator.group", "", remove, true, 0, "", "TRACE"},
		{"1", "leat.coordinator", "", remove, false, 0, "", "DEBUG"},
	} {
		code, message := alter(c, metadata.BrokerLoggerResource, w.node, w.logger, &w.level, w.op, w.dry)
		if code != w.code || message != w.message || levels.LevelOf(w.logger) != w.after {
			t.Errorf("%s=%s on %s: %d %q, level %s", w.logger, w.level, w.node, code, message, levels.LevelOf(w.logger))
		}
	}
	told := map[string]string{}
	for _, one := range describe(c, 4, metadata.BrokerLoggerResource, "1").Configs {
		told[one.Name] = *one.Value
		if one.Source != kmsg.ConfigSourceDynamicBrokerLoggerConfig || one.IsDefault || one.ReadOnly {
			t.Errorf("%+v", one)
		}
	}
	if len(told) != 1+len(telemetry.Loggers) || told["root"] != "DEBUG" || told["leat.coordinator.group"] != "TRACE" || told["leat.coordinator.transaction"] != "DEBUG" {
		t.Errorf("loggers are %v", told)
	}
	if len(controller.asked) != 0 {
		t.Errorf("the controller was asked about %q", controller.asked)
	}
}

func TestIncrementalAlterConfigsDecidesPerResource(t *testing.T) {
	c, controller, _ := configNode(t)
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	add := func(kind metadata.ResourceType, name, key, value string) {
		res := kmsg.NewIncrementalAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = kmsg.ConfigResourceType(kind), name
		cfg := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		cfg.Name, cfg.Value = key, &value
		res.Configs = append(res.Configs, cfg)
		rq.Resources = append(rq.Resources, res)
	}
	add(metadata.TopicResource, "orders", "retention.ms", "5")
	add(metadata.TopicResource, "twice", "retention.ms", "5")
	add(metadata.BrokerResource, "2", "log.cleaner.threads", "2")
	add(metadata.TopicResource, "twice", "retention.ms", "6")
	add(metadata.GroupResource, "refused", "consumer.session.timeout.ms", "1")
	resp := ask[*kmsg.IncrementalAlterConfigsResponse](c, rq, 1)
	var got []string
	for _, r := range resp.Resources {
		message := ""
		if r.ErrorMessage != nil {
			message = *r.ErrorMessage
		}
		got = append(got, r.ResourceName+": "+message)
	}
	want := []string{"orders: ", "twice: Each resource must appear at most once.", "2: Unexpected broker id, expected 1, but received 2", "refused: because"}
	if !slices.Equal(got, want) {
		t.Errorf("answers are %q", got)
	}
	if !slices.Equal(controller.asked, []string{"orders", "refused"}) {
		t.Errorf("the controller was asked about %q", controller.asked)
	}
	if v := describe(c, 4, metadata.TopicResource, "orders", "retention.ms").Configs[0].Value; *v != "5" {
		t.Errorf("retention is %s", *v)
	}
}

func TestAlterConfigsWithoutAControllerSaysSo(t *testing.T) {
	c, controller, _ := configNode(t)
	controller.err = context.DeadlineExceeded
	value := "5"
	if code, _ := alter(c, metadata.TopicResource, "orders", "retention.ms", &value, kmsg.IncrementalAlterConfigOpSet, false); code != kerr.RequestTimedOut.Code {
		t.Errorf("code %d", code)
	}
	rq := kmsg.NewPtrAlterConfigsRequest()
	for _, name := range []string{"orders", "other"} {
		res := kmsg.NewAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, name
		rq.Resources = append(rq.Resources, res)
	}
	controller.err = bytes.ErrTooLarge
	for _, r := range ask[*kmsg.AlterConfigsResponse](c, rq, 2).Resources {
		if r.ErrorCode != kerr.NotController.Code {
			t.Errorf("%s: code %d", r.ResourceName, r.ErrorCode)
		}
	}
	controller.err = nil
	for _, r := range ask[*kmsg.AlterConfigsResponse](c, rq, 0).Resources {
		if r.ErrorCode != 0 {
			t.Errorf("%s: code %d", r.ResourceName, r.ErrorCode)
		}
	}
	if !slices.Equal(controller.asked, []string{"orders", "other"}) {
		t.Errorf("the controller was asked about %q", controller.asked)
	}
}

func TestListConfigResources(t *testing.T) {
	c, controller, _ := configNode(t)
	interval := "5000"
	controller.n.publish(&metadata.ConfigRecord{ResourceType: int8(metadata.ClientMetricsResource), ResourceName: "m", Name: "interval.ms", Value: &interval})
	list := func(version int16, types ...int8) (int16, string) {
		rq := kmsg.NewPtrListConfigResourcesRequest()
		rq.ResourceTypes = types
		resp := ask[*kmsg.ListConfigResourcesResponse](c, rq, version)
		var names []string
		for _, r := range resp.ConfigResources {
			names = append(names, fmt.Sprint(r.Type)+"/"+r.Name)
		}
		return resp.ErrorCode, strings.Join(names, " ")
	}
	if code, names := list(0); code != 0 || !strings.HasSuffix(names, "/m") || strings.Contains(names, " ") {
		t.Errorf("v0: %d %s", code, names)
	}
	if code, names := list(1); code != 0 || strings.Count(names, " ")+1 != 6 { // the topic, two brokers twice, the subscription
		t.Errorf("all: %d %s", code, names)
	}
	if code, names := list(1, int8(metadata.TopicResource), int8(metadata.TopicResource)); code != 0 || !strings.HasSuffix(names, "/orders") || strings.Contains(names, " ") {
		t.Errorf("topics: %d %s", code, names)
	}
	if code, names := list(1, 3); code != kerr.UnsupportedVersion.Code || names != "" {
		t.Errorf("unknown type: %d %s", code, names)
	}
}
