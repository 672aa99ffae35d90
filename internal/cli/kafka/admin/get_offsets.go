package admin

import (
	"cmp"
	"context"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"

	"leat/internal/cli/kafka/tool"
)

// GetOffsets is kafka-get-offsets.
func GetOffsets() *tool.Tool {
	const purpose = "An interactive shell for getting topic-partition offsets."
	return &tool.Tool{Name: "kafka-get-offsets", Purpose: purpose, Options: getOffsetsOptions(), Run: getOffsets,
		Fails: func(c *tool.Call, err error) { c.Warnln("Error occurred: " + err.Error()) }}
}

func getOffsets(ctx context.Context, c *tool.Call) error {
	if err := c.Require("bootstrap-server"); err != nil {
		return err
	}
	if err := checkAddresses(c.Value("bootstrap-server")); err != nil {
		return tool.Usage(err.Error())
	}
	if c.Has("topic-partitions") && c.Count("topic", "partitions") > 0 {
		return errors.New("--topic-partitions cannot be used with --topic or --partitions")
	}
	at, err := offsetTime(c.Value("time"))
	if err != nil {
		return err
	}
	wanted, err := partitionFilter(c)
	if err = tool.First(c.Wrong(), err); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	names, err := topicNames(ctx, cluster, !c.Has("exclude-internal-topics"))
	if err != nil {
		return tool.Executed(err)
	}
	all, err := partitionsOf(ctx, cluster, names)
	if err != nil {
		return tool.Executed(err)
	}
	all = slices.DeleteFunc(all, func(p partition) bool { return !wanted(p) })
	if len(all) == 0 {
		return tool.Said("Could not match any topic-partitions with the specified filters")
	}
	offsets, err := listOffsets(ctx, cluster, all, at)
	if err != nil {
		return tool.Executed(err)
	}
	slices.SortFunc(all, func(a, b partition) int { return cmp.Compare(a.String(), b.String()) })
	for _, p := range all {
		if f := offsets[p]; f.err != nil {
			c.Warnln("Skip getting offsets for topic-partition " + p.String() + " due to error: " + tool.Describe(f.err))
		}
	}
	for _, p := range all {
		if f := offsets[p]; f.err == nil && f.offset != -1 {
			c.Printf("%s:%d:%d\n", p.topic, p.index, f.offset)
		}
	}
	return nil
}

// checkAddresses tells what is wrong with a list of addresses, as some tools do before they connect.
func checkAddresses(servers string) error {
	if strings.TrimSpace(servers) == "" {
		return tool.Illegal("Error while validating the bootstrap address\n")
	}
	address := regexp.MustCompile(`^(?:[a-zA-Z][a-zA-Z0-9+.-]*://)?\[?[0-9a-zA-Z\-%._:]*\]?:[0-9]+$`)
	var bad []string
	for server := range strings.SplitSeq(servers, ",") {
		if !address.MatchString(server) {
			bad = append(bad, server)
		}
	}
	if len(bad) > 0 {
		return tool.Illegal("Please provide valid host:port like host1:9091,host2:9092\n ")
	}
	return nil
}

// offsetTime is the time that --time names.
func offsetTime(text string) (int64, error) {
	names := map[string]int64{"latest": -1, "earliest": -2, "max-timestamp": -3, "earliest-local": -4, "latest-tiered": -5, "earliest-pending-upload": -6}
	if at, ok := names[text]; ok {
		return at, nil
	}
	at, err := parseInt(text, 64)
	if err != nil {
		return 0, tool.Said("Malformed time argument " + text + ". Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / " +
			"-5 or latest-tiered / -6 or earliest-pending-upload, or a specified long format timestamp")
	}
	return at, nil
}

// partitionFilter is which partitions the options ask for.
func partitionFilter(c *tool.Call) (func(partition) bool, error) {
	if c.Has("topic-partitions") {
		return partitionRules(c.Value("topic-partitions"))
	}
	expression := ".*"
	if c.Has("topic") {
		expression = c.Value("topic")
	}
	topics, err := included(expression)
	if err != nil {
		return nil, err
	}
	var some []int32
	if list := c.Value("partitions"); list != "" {
		for word := range strings.SplitSeq(list, ",") {
			n, err := parseInt32(word)
			if err != nil {
				return nil, errors.New("--partitions expects a comma separated list of numeric partition ids, but received: " + list)
			}
			some = append(some, n)
		}
	}
	return func(p partition) bool {
		return topics.MatchString(p.topic) && (len(some) == 0 || slices.Contains(some, p.index))
	}, nil
}

var partitionRule = regexp.MustCompile(`^([^:,]*)(?::(?:([0-9]*)|(?:([0-9]*)-([0-9]*))))?$`)

// partitionRules are TOPIC, TOPIC:3, TOPIC:1-4 and the like, with commas between; one of them has to hold.
func partitionRules(text string) (func(partition) bool, error) {
	var rules []func(partition) bool
	for word := range strings.SplitSeq(text, ",") {
		parts := partitionRule.FindStringSubmatch(word)
		if parts == nil {
			return nil, errors.New("org.apache.kafka.tools.TerseException: Invalid rule specification: " + word)
		}
		topics, err := included(cmp.Or(parts[1], ".*"))
		if err != nil {
			return nil, err
		}
		from, to := int32(0), int32(math.MaxInt32)
		for i, bound := range []*int32{nil, nil, nil, &from, &to} {
			if bound != nil && parts[i] != "" {
				if *bound, err = parseInt32(parts[i]); err != nil {
					return nil, err
				}
			}
		}
		if parts[2] != "" {
			if from, err = parseInt32(parts[2]); err != nil {
				return nil, err
			}
			to = from + 1
		}
		rules = append(rules, func(p partition) bool { return topics.MatchString(p.topic) && from <= p.index && p.index < to })
	}
	return func(p partition) bool {
		return slices.ContainsFunc(rules, func(rule func(partition) bool) bool { return rule(p) })
	}, nil
}
