package admin

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// ClientMetrics is kafka-client-metrics.
func ClientMetrics() *tool.Tool {
	return &tool.Tool{Name: "kafka-client-metrics", Purpose: "This tool helps to manipulate and describe client metrics configurations.", Options: clientMetricsOptions(),
		Strict: true, Run: clientMetrics}
}

func clientMetrics(ctx context.Context, c *tool.Call) error {
	if err := checkClientMetrics(c); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	switch {
	case c.Has("alter"):
		err = alterClientMetrics(ctx, c, cluster)
	case c.Has("describe"):
		err = describeClientMetrics(ctx, c, cluster)
	case c.Has("delete"):
		err = deleteClientMetrics(ctx, c, cluster)
	default:
		var all []string
		if all, err = subscriptions(ctx, cluster); err == nil {
			c.Println(strings.Join(all, "\n"))
		}
	}
	return whileExecuting(c, "client metrics", err)
}

func checkClientMetrics(c *tool.Call) error {
	if c.Count("alter", "delete", "describe", "list") != 1 {
		return tool.Usage("Command must include exactly one action: --alter, --delete, --describe or --list.")
	}
	if !c.Has("bootstrap-server") {
		return tool.Illegal("--bootstrap-server must be specified.")
	}
	if err := tool.First(c.Exclude("delete", "generate-name", "interval", "match", "metrics"),
		c.Exclude("describe", "generate-name", "interval", "match", "metrics"),
		c.Exclude("list", "name", "generate-name", "interval", "match", "metrics")); err != nil {
		return err
	}
	if c.Has("alter") {
		if c.Has("name") == c.Has("generate-name") {
			return tool.Illegal("One of --name or --generate-name must be specified with --alter.")
		}
		if text := c.Value("interval"); text != "" {
			if _, err := parseInt32(text); err != nil {
				return tool.Illegal("Invalid interval value. Enter an integer, or leave empty to reset.")
			}
		}
	}
	if c.Has("delete") && !c.Has("name") {
		return tool.Illegal("A client metrics resource name must be specified with --delete.")
	}
	return nil
}

// subscriptions are the names of all.
func subscriptions(ctx context.Context, cluster *tool.Cluster) ([]string, error) {
	return configResources(ctx, cluster, kmsg.ConfigResourceTypeClientMetrics)
}

// configResources are the names of what has settings, of one kind.
func configResources(ctx context.Context, cluster *tool.Cluster, kind kmsg.ConfigResourceType) ([]string, error) {
	request := kmsg.NewPtrListConfigResourcesRequest()
	request.ResourceTypes = []int8{int8(kind)}
	answer, err := tool.Ask[*kmsg.ListConfigResourcesResponse](ctx, cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, nil)
	}
	if err != nil {
		return nil, err
	}
	all := make([]string, len(answer.ConfigResources))
	for i, r := range answer.ConfigResources {
		all[i] = r.Name
	}
	return all, nil
}

// change is a setting to make, or to take back.
type change struct {
	name  string
	value *string // nil: take it back
}

// alterConfigs changes settings of a resource.
func alterConfigs(ctx context.Context, cluster *tool.Cluster, kind kmsg.ConfigResourceType, name string, changes []change) error {
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kind, name
	for _, ch := range changes {
		s := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		s.Name, s.Value = ch.name, ch.value
		if ch.value == nil {
			s.Op = kmsg.IncrementalAlterConfigOpDelete
		}
		r.Configs = append(r.Configs, s)
	}
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, r)
	answer, err := tool.Ask[*kmsg.IncrementalAlterConfigsResponse](ctx, cluster, request)
	if err != nil {
		return err
	}
	for _, r := range answer.Resources {
		if err := tool.Refused(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

func alterClientMetrics(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	name := c.Value("name")
	if c.Has("generate-name") {
		var uuid [16]byte
		if _, err := rand.Read(uuid[:]); err != nil {
			return err
		}
		uuid[6], uuid[8] = uuid[6]&0x0f|0x40, uuid[8]&0x3f|0x80
		name = id(uuid)
	}
	var changes []change
	add := func(option, key, value string) {
		if !c.Has(option) {
			return
		}
		if value == "" {
			changes = append(changes, change{key, nil})
		} else {
			changes = append(changes, change{key, &value})
		}
	}
	add("interval", "interval.ms", c.Value("interval"))
	add("metrics", "metrics", strings.Join(c.Values("metrics"), ","))
	add("match", "match", strings.Join(c.Values("match"), ","))
	if c.Wrong() != nil {
		return c.Wrong()
	}
	if err := alterConfigs(ctx, cluster, kmsg.ConfigResourceTypeClientMetrics, name, changes); err != nil {
		return err
	}
	c.Println("Altered client metrics config for " + name + ".")
	return nil
}

func deleteClientMetrics(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	name := c.Value("name")
	old, err := describeConfigs(ctx, cluster, kmsg.ConfigResourceTypeClientMetrics, []string{name}, false)
	if err != nil {
		return err
	}
	var changes []change
	for _, s := range old[name] {
		changes = append(changes, change{s.Name, nil})
	}
	if err := alterConfigs(ctx, cluster, kmsg.ConfigResourceTypeClientMetrics, name, changes); err != nil {
		return err
	}
	c.Println("Deleted client metrics config for " + name + ".")
	return nil
}

func describeClientMetrics(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	all, err := subscriptions(ctx, cluster)
	if err != nil {
		return err
	}
	if c.Has("name") {
		name := c.Value("name")
		if !has(all, name) {
			c.Println("The client metric resource " + name + " doesn't exist and doesn't have dynamic config.")
			return nil
		}
		all = []string{name}
	}
	for _, name := range all {
		c.Println("Client metrics configs for " + name + " are:")
		configs, err := describeConfigs(ctx, cluster, kmsg.ConfigResourceTypeClientMetrics, []string{name}, false)
		if err != nil {
			return err
		}
		for _, s := range configs[name] {
			c.Println("  " + s.Name + "=" + value(s.Value))
		}
	}
	return nil
}
