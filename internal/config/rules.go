package config

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Rule checks a parsed value and describes what is right ("[0,...]", "one of a, b"). A value is a bool, string, int64, float64 or []string.
type Rule interface {
	Check(value any) error
	String() string
}

// bounds is a range of numbers, both ends included, and at most one exception.
type bounds struct {
	least, most float64
	capped      bool
	except      *float64
}

func atLeast(least float64) Rule       { return bounds{least: least, most: math.Inf(1)} }
func between(least, most float64) Rule { return bounds{least: least, most: most, capped: true} }
func betweenOr(least, most, except float64) Rule {
	return bounds{least: least, most: most, capped: true, except: &except}
}

func (b bounds) Check(value any) error {
	var n float64
	switch v := value.(type) {
	case int64:
		n = float64(v)
	case float64:
		n = v
	}
	or := ""
	if b.except != nil {
		if n == *b.except {
			return nil
		}
		or = " or " + number(*b.except)
	}
	switch {
	case n < b.least:
		return fmt.Errorf("too small: the least is %s%s", number(b.least), or)
	case n > b.most:
		return fmt.Errorf("too large: the most is %s%s", number(b.most), or)
	}
	return nil
}

// String writes the range as Kafka's documentation does.
func (b bounds) String() string {
	switch {
	case !b.capped:
		return "[" + number(b.least) + ",...]"
	case b.except != nil:
		return fmt.Sprintf("[%s,...,%s] or %s", number(b.least), number(b.most), number(*b.except))
	}
	return fmt.Sprintf("[%s,...,%s]", number(b.least), number(b.most))
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// words is a choice among texts, for a string or for every item of a list.
type words struct {
	allowed []string
	fold    bool // in any case
	list    bool
	filled  bool // at least one
}

func oneOf(allowed ...string) Rule     { return words{allowed: allowed} }
func oneOfFold(allowed ...string) Rule { return words{allowed: allowed, fold: true} }
func eachOf(allowed ...string) Rule    { return words{allowed: allowed, list: true} }
func someOf(allowed ...string) Rule    { return words{allowed: allowed, list: true, filled: true} }

func (w words) Check(value any) error {
	items, ok := value.([]string)
	if !ok {
		items = []string{value.(string)}
	}
	if w.filled && len(items) == 0 {
		return fmt.Errorf("empty: give one or more of %s", strings.Join(w.allowed, ", "))
	}
	for _, item := range items {
		match := func(a string) bool { return a == item || w.fold && strings.EqualFold(a, item) }
		if slices.ContainsFunc(w.allowed, match) {
			continue
		}
		if w.list {
			return fmt.Errorf("%q is not one of %s", item, strings.Join(w.allowed, ", "))
		}
		return fmt.Errorf("not one of %s", strings.Join(w.allowed, ", "))
	}
	return nil
}

func (w words) String() string {
	text := "[" + strings.Join(w.allowed, ", ") + "]"
	if w.fold {
		return "(case insensitive) " + text
	}
	return text
}

// described is a rule given by a function.
type described struct {
	text  string
	check func(value any) error
}

func (d described) Check(value any) error { return d.check(value) }
func (d described) String() string        { return d.text }

// nonEmpty wants a text with something in it.
var nonEmpty Rule = described{"non-empty string", func(value any) error {
	if value.(string) == "" {
		return fmt.Errorf("empty: give a value, or leave the key out")
	}
	return nil
}}

// filledList wants at least one item.
var filledList Rule = described{"non-empty list", func(value any) error {
	if len(value.([]string)) == 0 {
		return fmt.Errorf("empty: give at least one, or leave the key out")
	}
	return nil
}}

// throttled is a list of replicas whose replication is throttled: "*", or partition:broker pairs.
var throttled Rule = described{"[partitionId]:[brokerId],[partitionId]:[brokerId],...", func(value any) error {
	items := value.([]string)
	if len(items) == 1 && items[0] == "*" {
		return nil
	}
	for _, item := range items {
		if !throttledReplica.MatchString(item) {
			return fmt.Errorf("%q is not a pair partition:broker: write 0:101,1:102, or * for all replicas", item)
		}
	}
	return nil
}}

var throttledReplica = regexp.MustCompile(`^[0-9]+:[0-9]+$`)

// offsetReset is where a share group begins.
var offsetReset Rule = described{"[latest, earliest, by_duration:PnDTnHnMn.nS]", func(value any) error {
	text := strings.ToLower(value.(string))
	if text == "latest" || text == "earliest" {
		return nil
	}
	if span, ok := strings.CutPrefix(text, "by_duration:"); ok && span != "p" && !strings.HasSuffix(span, "t") && isoDuration.MatchString(span) {
		return nil
	}
	return fmt.Errorf("not one of latest, earliest, by_duration: a duration of an hour and a half is by_duration:PT1H30M")
}}

var isoDuration = regexp.MustCompile(`^p(?:[0-9]+d)?(?:t(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+(?:\.[0-9]{1,9})?s)?)?$`)

// clientMatch is name=pattern pairs about clients (KIP-714).
var clientMatch Rule = described{"name=pattern,...", func(value any) error {
	for _, item := range value.([]string) {
		name, pattern, ok := strings.Cut(item, "=")
		if !ok || !slices.Contains(clientProperties, trim(name)) {
			return fmt.Errorf("%q is not name=pattern with a name of %s", item, strings.Join(clientProperties, ", "))
		}
		if _, err := regexp.Compile(trim(pattern)); err != nil {
			return fmt.Errorf("%q has a pattern that is not a regular expression: %w", item, err)
		}
	}
	return nil
}}

var clientProperties = []string{"client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address",
	"client_source_port"}

// addressLimits are exceptions for single addresses: host:number, separated by commas.
var addressLimits Rule = described{"host:number,...", func(value any) error {
	_, err := ParseAddressLimits(value.(string))
	return err
}}

// ParseAddressLimits reads max.connections.per.ip.overrides.
func ParseAddressLimits(text string) (map[string]int, error) {
	limits := map[string]int{}
	for _, item := range splitList(text) {
		colon := strings.LastIndexByte(item, ':')
		if colon <= 0 {
			return nil, fmt.Errorf("%q is not host:number", item)
		}
		host, digits := item[:colon], trim(item[colon+1:])
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q has %q, which is not a number of connections", item, digits)
		}
		if strings.ContainsAny(host, "/ \t") {
			return nil, fmt.Errorf("%q has the host %q, which is neither a name nor an address", item, host)
		}
		host = strings.Trim(host, "[]")
		if a, err := netip.ParseAddr(host); err == nil {
			host = a.Unmap().WithZone("").String() // as connections tell theirs, however it is written
		}
		limits[host] = int(n)
	}
	return limits, nil
}

// voterList and serverList accept the empty list, although Kafka describes them as non-empty.
var voterList Rule = described{"non-empty list", func(value any) error {
	_, err := parseVoters(value.([]string))
	return err
}}

var serverList Rule = described{"non-empty list", func(value any) error {
	for _, item := range value.([]string) {
		if _, _, err := splitHostPort(item); err != nil {
			return err
		}
	}
	return nil
}}
