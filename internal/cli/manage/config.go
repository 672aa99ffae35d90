package manage

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

func configFamily(s run.Streams) *cobra.Command {
	return family("config", "Look at configs of brokers, topics, groups, client metrics and loggers, and change them",
		configListCommand(s), configDescribeCommand(s), configDiffCommand(s), configSetCommand(s), configUnsetCommand(s))
}

// entity is what has configs.
type entity struct {
	kind kmsg.ConfigResourceType
	name string
}

// entityKinds are the words for kinds of entities, as a person writes them.
var entityKinds = []struct {
	word string
	kind kmsg.ConfigResourceType
}{
	{"topic", kmsg.ConfigResourceTypeTopic},
	{"broker", kmsg.ConfigResourceTypeBroker},
	{"group", kmsg.ConfigResourceTypeGroupConfig},
	{"client-metrics", kmsg.ConfigResourceTypeClientMetrics},
	{"logger", kmsg.ConfigResourceTypeBrokerLogger},
}

// allBrokers is the name of what counts for every broker.
const allBrokers = "default"

const entityHelp = `TYPE is topic, broker, group, client-metrics or logger; NAME is that of the topic, group or subscription, or the id of the broker (also for its loggers).
What counts for all brokers is broker default.`

func kindOf(word string) (kmsg.ConfigResourceType, error) {
	for _, k := range entityKinds {
		if k.word == word || k.word+"s" == word {
			return k.kind, nil
		}
	}
	return 0, fmt.Errorf("%s: no such type: there are topic, broker, group, client-metrics and logger", word)
}

func parseEntity(args []string) (entity, error) {
	kind, err := kindOf(args[0])
	if err != nil {
		return entity{}, err
	}
	e := entity{kind, args[1]}
	switch kind {
	case kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger:
		if kind == kmsg.ConfigResourceTypeBroker && e.name == allBrokers {
			e.name = ""
		} else if _, err := strconv.ParseInt(e.name, 10, 32); err != nil {
			return entity{}, fmt.Errorf("%s %s: it is not the id of a broker", args[0], e.name)
		}
	}
	return e, nil
}

func (e entity) String() string {
	for _, k := range entityKinds {
		if k.kind == e.kind && e.name == "" {
			return k.word + " " + allBrokers
		} else if k.kind == e.kind {
			return k.word + " " + e.name
		}
	}
	return e.name
}

// setting is a config as the cluster tells it.
type setting struct {
	Key       string  `json:"key"`
	Value     *string `json:"value"` // null: none, or a secret
	Source    string  `json:"source"`
	Changes   bool    `json:"changes_at_run_time"`
	Sensitive bool    `json:"sensitive,omitempty"`
	Default   *string `json:"default,omitempty"`
}

// shown is the value for people.
func (s *setting) shown() string {
	switch {
	case s.Sensitive:
		return "(hidden)"
	case s.Value == nil:
		return ""
	}
	return *s.Value
}

// sources are the words for where a value comes from.
var sources = map[kmsg.ConfigSource]string{
	kmsg.ConfigSourceDynamicTopicConfig: "topic", kmsg.ConfigSourceDynamicBrokerConfig: "broker", kmsg.ConfigSourceDynamicDefaultBrokerConfig: "all brokers",
	kmsg.ConfigSourceStaticBrokerConfig: "broker's file", kmsg.ConfigSourceDefaultConfig: "default", kmsg.ConfigSourceDynamicBrokerLoggerConfig: "logger",
	kmsg.ConfigSourceClientMetricsConfig: "client metrics", kmsg.ConfigSourceGroupConfig: "group",
}

// readSettings asks for all configs of an entity.
func readSettings(ctx context.Context, cl *cluster, e entity) ([]setting, error) {
	rq := kmsg.NewPtrDescribeConfigsRequest()
	rq.IncludeSynonyms = true
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName = e.kind, e.name
	rq.Resources = append(rq.Resources, r)
	resp, err := ask[*kmsg.DescribeConfigsResponse](ctx, cl, rq)
	if err != nil {
		return nil, of(e.String(), err)
	}
	all := []setting{}
	for i := range resp.Resources {
		rr := &resp.Resources[i]
		if err := answered(rr.ErrorCode, rr.ErrorMessage); err != nil {
			return nil, of(e.String(), err)
		}
		for j := range rr.Configs {
			c := &rr.Configs[j]
			s := setting{Key: c.Name, Value: c.Value, Source: sources[c.Source], Changes: !c.ReadOnly, Sensitive: c.IsSensitive}
			for k := range c.ConfigSynonyms {
				// The broker's key that a topic's follows may have another unit: hours for milliseconds.
				if y := &c.ConfigSynonyms[k]; y.Source == kmsg.ConfigSourceDefaultConfig && (y.Name == c.Name || y.Name == "log."+c.Name) {
					s.Default = y.Value
				}
			}
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b setting) int { return strings.Compare(a.Key, b.Key) })
	return all, nil
}

// notDefault are the configs that somebody has set, for the entity or for what is above it.
func notDefault(all []setting) []setting {
	return slices.DeleteFunc(all, func(s setting) bool { return s.Source == sources[kmsg.ConfigSourceDefaultConfig] })
}

func settingsTable(all []setting) *present.Table {
	t := present.NewTable("CONFIG", "VALUE", "SET BY", "AT RUN TIME")
	for i := range all {
		s := &all[i]
		changes := "changes"
		if !s.Changes {
			changes = "fixed"
		}
		t.Add(s.Key, s.shown(), s.Source, changes)
	}
	return t
}

func configDescribeCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "describe TYPE NAME [KEY...]", Short: "Show configs with their source, and whether they change at run time",
		Long:    "Show configs with their source, and whether they change at run time: all of them, or those named.\n\n" + entityHelp,
		Example: "  leat config describe topic orders\n  leat config describe broker 1 log.retention.ms",
		Args:    cobra.MinimumNArgs(2), ValidArgsFunction: completeEntities,
	})
	c.check = checkEntity
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		e, all, err := settingsOf(ctx, cl, args)
		if err != nil {
			return err
		}
		for _, key := range args[2:] {
			if !slices.ContainsFunc(all, func(s setting) bool { return s.Key == key }) {
				return fmt.Errorf("%s: %s: there is no such config: without keys all are shown", e, key)
			}
		}
		if len(args) > 2 {
			all = slices.DeleteFunc(all, func(s setting) bool { return !slices.Contains(args[2:], s.Key) })
		}
		return c.Show(all, settingsTable(all))
	}
	return c.Command
}

// settingsOf reads the configs of what the arguments name.
func settingsOf(ctx context.Context, cl *cluster, args []string) (entity, []setting, error) {
	e, err := parseEntity(args)
	if err != nil {
		return e, nil, err
	}
	all, err := readSettings(ctx, cl, e)
	return e, all, err
}

func checkEntity(args []string) error {
	_, err := parseEntity(args)
	return err
}

func configDiffCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "diff TYPE NAME", Short: "Show the configs that are not the defaults, beside the defaults",
		Long:    "Show the configs that are not the defaults, beside the defaults.\n\n" + entityHelp,
		Example: "  leat config diff broker 1\n  leat config diff topic orders",
		Args:    cobra.ExactArgs(2), ValidArgsFunction: completeEntities,
	})
	c.check = checkEntity
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		e, all, err := settingsOf(ctx, cl, args)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(notDefault(all), func(s setting) bool {
			return !s.Sensitive && s.Value != nil && s.Default != nil && *s.Value == *s.Default
		})
		t := present.NewTable("CONFIG", "VALUE", "DEFAULT", "SET BY")
		for i := range all {
			t.Add(all[i].Key, all[i].shown(), orNothing(all[i].Default), all[i].Source)
		}
		if len(all) == 0 {
			t.Head, t.Notes = nil, []string{e.String() + ": everything is as the defaults are"}
		}
		return c.Show(all, t)
	}
	return c.Command
}

// listedEntity is what `leat config list -o json` prints of each.
type listedEntity struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

func configListCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "list [TYPE]", Short: "List what has configs: topics, brokers, groups, subscriptions to client metrics, brokers with loggers",
		Example: "  leat config list\n  leat config list client-metrics",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeKinds,
	})
	c.check = func(args []string) error {
		for _, word := range args {
			if _, err := kindOf(word); err != nil {
				return err
			}
		}
		return nil
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		rq := kmsg.NewPtrListConfigResourcesRequest()
		for _, word := range args {
			kind, err := kindOf(word)
			if err != nil {
				return err
			}
			rq.ResourceTypes = append(rq.ResourceTypes, int8(kind))
		}
		resp, err := ask[*kmsg.ListConfigResourcesResponse](ctx, cl, rq)
		if err == nil {
			err = answered(resp.ErrorCode, nil)
		}
		if err != nil {
			return err
		}
		all, t := []listedEntity{}, present.NewTable("TYPE", "NAME")
		for _, k := range entityKinds {
			for _, r := range resp.ConfigResources {
				if kmsg.ConfigResourceType(r.Type) == k.kind {
					all = append(all, listedEntity{k.word, r.Name})
				}
			}
		}
		slices.SortStableFunc(all, func(a, b listedEntity) int {
			if a.Type != b.Type {
				return 0
			}
			return strings.Compare(a.Name, b.Name)
		})
		for _, e := range all {
			t.Add(e.Type, e.Name)
		}
		return c.Show(all, t)
	}
	return c.Command
}
