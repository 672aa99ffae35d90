package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Limit is one item of leat.topic.limits: what topics of the cluster may be like.
type Limit struct {
	What  string // "partitions", "replication.factor", or a topic config
	Op    string // "<=", ">=" or "="
	Value string
}

// What a limit may bound beside topic configs.
const (
	LimitPartitions        = "partitions"
	LimitReplicationFactor = "replication.factor"
)

func (l Limit) String() string { return l.What + l.Op + l.Value }

// Allows reports whether a value keeps a limit. A value that is no number keeps no limit of numbers.
func (l Limit) Allows(value string) bool {
	if l.Op == "=" {
		return value == l.Value
	}
	have, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return false
	}
	bound, _ := strconv.ParseFloat(l.Value, 64) // checked by ParseLimits
	if l.Op == "<=" {
		return have <= bound
	}
	return have >= bound
}

// ParseLimits reads the items of leat.topic.limits.
func ParseLimits(items []string) ([]Limit, error) {
	var limits []Limit
	for _, item := range items {
		l, err := parseLimit(item)
		if err != nil {
			return nil, err
		}
		limits = append(limits, l)
	}
	return limits, nil
}

func parseLimit(item string) (Limit, error) {
	for _, op := range []string{"<=", ">=", "="} {
		what, value, ok := strings.Cut(item, op)
		if !ok {
			continue
		}
		l := Limit{strings.TrimSpace(what), op, strings.TrimSpace(value)}
		if _, err := strconv.ParseFloat(l.Value, 64); op != "=" && err != nil {
			return l, fmt.Errorf("%q: %q is not a number", item, l.Value)
		}
		return l, nil
	}
	return Limit{}, fmt.Errorf("%q is no limit: write for instance partitions<=100, replication.factor>=3 or cleanup.policy=delete", item)
}

// checkLimits refuses limits of what topics do not have.
func (v *Values) checkLimits() error {
	limits, _ := ParseLimits(v.List("leat.topic.limits")) // the key's own rule has read them
	for _, l := range limits {
		if k, known := Lookup(Topic, l.What); l.What != LimitPartitions && l.What != LimitReplicationFactor && (!known || k.Unlisted) {
			return wrong("leat.topic.limits", v.text("leat.topic.limits"), fmt.Errorf("%q is neither partitions nor replication.factor nor a topic config", l.What))
		}
	}
	return nil
}

var topicLimits Rule = described{"limits like partitions<=100", func(value any) error {
	_, err := ParseLimits(value.([]string))
	return err
}}
