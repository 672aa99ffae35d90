package admin

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// configSources are the sources of settings, as Kafka prints them.
var configSources = map[kmsg.ConfigSource]string{1: "DYNAMIC_TOPIC_CONFIG", 2: "DYNAMIC_BROKER_CONFIG", 3: "DYNAMIC_DEFAULT_BROKER_CONFIG", 4: "STATIC_BROKER_CONFIG",
	5: "DEFAULT_CONFIG", 6: "DYNAMIC_BROKER_LOGGER_CONFIG", 7: "DYNAMIC_CLIENT_METRICS_CONFIG", 8: "DYNAMIC_GROUP_CONFIG"}

func (c *configCall) describe(ctx context.Context) error {
	switch kind := c.types[0]; kind {
	case userType, clientType:
		if err := c.describeQuotas(ctx); err != nil {
			return err
		}
		if has(c.types, clientType) || has(c.names, "") {
			return nil
		}
		return c.describeCredentials(ctx)
	case ipType:
		return c.describeQuotas(ctx)
	default:
		return c.describeResources(ctx, kind)
	}
}

// entities are the names of all entities of a type that has settings of resources; for brokers with the default at the end.
func (c *configCall) entities(ctx context.Context, kind string) ([]string, error) {
	switch kind {
	case topicType:
		names, err := topicNames(ctx, c.cluster, true)
		return tool.HashOrder(names), err
	case brokerType, loggerType:
		brokers, err := brokerIDs(ctx, c.cluster)
		var names []string
		for _, b := range brokers {
			names = append(names, number(b))
		}
		return append(names, ""), err
	case metricsType:
		return subscriptions(ctx, c.cluster)
	}
	names, err := configResources(ctx, c.cluster, kmsg.ConfigResourceTypeGroupConfig)
	if err != nil {
		return nil, err
	}
	groups, err := listGroups(ctx, c.cluster, nil, nil)
	for _, g := range groups {
		names = append(names, g.Group)
	}
	slices.Sort(names)
	return slices.Compact(names), err
}

func (c *configCall) describeResources(ctx context.Context, kind string) error {
	if _, err := c.resourceSource(kind, ""); err != nil {
		return err
	}
	all, err := c.entities(ctx, kind)
	if err != nil {
		return tool.Executed(err)
	}
	if len(c.names) > 0 {
		name := c.names[0]
		if !c.Has("all") && name != "" && !has(all, name) {
			c.Println("The " + kind[:len(kind)-1] + " '" + name + "' doesn't exist and doesn't have dynamic config.")
			return nil
		}
		all = []string{name}
	}
	for _, name := range all {
		if err := c.describeResource(ctx, kind, name); err != nil {
			return err
		}
	}
	return nil
}

// resourceSource is where the settings that somebody made for an entity stand; 0: anywhere.
func (c *configCall) resourceSource(kind, name string) (kmsg.ConfigSource, error) {
	switch {
	case c.Has("all"):
		return 0, nil
	case kind == topicType:
		return 1, nil
	case kind == brokerType && name == "":
		return 3, nil
	case kind == brokerType:
		return 2, nil
	case kind == metricsType:
		return 7, nil
	case kind == groupsType:
		return 8, nil
	case kind == loggerType:
		return 0, nil
	}
	return 0, tool.Illegal("Invalid entity type: %s", kind)
}

func (c *configCall) describeResource(ctx context.Context, kind, name string) error {
	one := kind[:len(kind)-1]
	switch {
	case name == "":
		c.Println("Default configs for " + kind + " in the cluster are:")
	case c.Has("all"):
		c.Println("All configs for " + one + " " + name + " are:")
	default:
		c.Println("Dynamic configs for " + one + " " + name + " are:")
	}
	source, err := c.resourceSource(kind, name)
	if err != nil {
		return err
	}
	all, err := describeConfigs(ctx, c.cluster, resourceKinds[kind], []string{name}, true)
	if err != nil {
		return tool.Executed(err)
	}
	settings := all[name]
	slices.SortFunc(settings, func(a, b kmsg.DescribeConfigsResponseResourceConfig) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range settings {
		if source != 0 && s.Source != source {
			continue
		}
		var synonyms []string
		for _, y := range s.ConfigSynonyms {
			synonyms = append(synonyms, configSources[y.Source]+":"+y.Name+"="+value(y.Value))
		}
		c.Println("  " + s.Name + "=" + value(s.Value) + " sensitive=" + strconv.FormatBool(s.IsSensitive) + " synonyms={" + strings.Join(synonyms, ", ") + "}")
	}
	return nil
}

// quotas asks for the quotas of the entities of the call.
func (c *configCall) quotas(ctx context.Context) ([]kmsg.DescribeClientQuotasResponseEntry, error) {
	request := kmsg.NewPtrDescribeClientQuotasRequest()
	request.Strict = true
	for i, t := range c.types {
		p := kmsg.NewDescribeClientQuotasRequestComponent()
		p.EntityType = quotaTypes[t]
		switch {
		case i >= len(c.names):
			p.MatchType = kmsg.QuotasMatchTypeAny
		case c.names[i] == "":
			p.MatchType = kmsg.QuotasMatchTypeDefault
		default:
			p.MatchType, p.Match = kmsg.QuotasMatchTypeExact, &c.names[i]
		}
		request.Components = append(request.Components, p)
	}
	answer, err := tool.Ask[*kmsg.DescribeClientQuotasResponse](ctx, c.cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, answer.ErrorMessage)
	}
	if err != nil {
		return nil, err
	}
	return answer.Entries, nil
}

func (c *configCall) describeQuotas(ctx context.Context) error {
	entries, err := c.quotas(ctx)
	if err != nil {
		return tool.Executed(err)
	}
	for _, e := range entries {
		var of, what []string
		for _, t := range []struct{ kind, title string }{{"user", "user-principal"}, {"client-id", "client-id"}, {"ip", "ip"}} {
			for _, entity := range e.Entity {
				switch {
				case entity.Type != t.kind:
				case entity.Name == nil:
					of = append(of, "the default "+t.title)
				default:
					of = append(of, t.title+" '"+*entity.Name+"'")
				}
			}
		}
		var keys []string
		values := make(map[string]float64)
		for _, v := range e.Values {
			keys = append(keys, v.Key)
			values[v.Key] = v.Value
		}
		for _, key := range tool.SizedHashOrder(keys) {
			what = append(what, key+"="+tool.Double(values[key]))
		}
		c.Println("Quota configs for " + strings.Join(of, ", ") + " are " + strings.Join(what, ", "))
	}
	return nil
}

func (c *configCall) describeCredentials(ctx context.Context) error {
	request := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	for _, name := range c.names {
		u := kmsg.NewDescribeUserSCRAMCredentialsRequestUser()
		u.Name = name
		request.Users = append(request.Users, u)
	}
	answer, err := tool.Ask[*kmsg.DescribeUserSCRAMCredentialsResponse](ctx, c.cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, answer.ErrorMessage)
	}
	if err != nil {
		return tool.Executed(err)
	}
	const noSuchResource = 91
	for _, r := range answer.Results {
		if r.ErrorCode == noSuchResource {
			continue
		}
		var infos []string
		for _, i := range r.CredentialInfos {
			name := "SCRAM-SHA-256"
			if i.Mechanism == 2 {
				name = "SCRAM-SHA-512"
			}
			infos = append(infos, name+"=iterations="+number(i.Iterations))
		}
		c.Println("SCRAM credential configs for user-principal '" + r.User + "' are " + strings.Join(infos, ", "))
	}
	return nil
}
