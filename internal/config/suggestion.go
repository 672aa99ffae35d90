package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units of whole numbers, by the end of a key's name.
var units = []struct {
	suffix, noun string
	perUnit      float64 // in milliseconds; 0 for bytes
}{
	{".ms", "milliseconds", 1},
	{".millis", "milliseconds", 1},
	{".seconds", "seconds", 1000},
	{".secs", "seconds", 1000},
	{".minutes", "minutes", 60_000},
	{".hours", "hours", 3_600_000},
	{".bytes", "bytes", 0},
	{".buffer.size", "bytes", 0},
}

// noun says what the key counts: "whole number of milliseconds".
func (k *Key) noun() string {
	for _, u := range units {
		if strings.HasSuffix(k.Name, u.suffix) {
			return "whole number of " + u.noun
		}
	}
	return "whole number"
}

var spans = map[string]struct {
	one, many string
	millis    float64
}{
	"ms": {"millisecond", "milliseconds", 1}, "s": {"second", "seconds", 1000}, "sec": {"second", "seconds", 1000},
	"m": {"minute", "minutes", 60_000}, "min": {"minute", "minutes", 60_000}, "h": {"hour", "hours", 3_600_000},
	"d": {"day", "days", 86_400_000}, "w": {"week", "weeks", 604_800_000},
}

var sizes = map[string]struct {
	name  string
	bytes float64
}{
	"b": {"B", 1}, "k": {"KiB", 1 << 10}, "kb": {"KiB", 1 << 10}, "kib": {"KiB", 1 << 10}, "m": {"MiB", 1 << 20}, "mb": {"MiB", 1 << 20},
	"mib": {"MiB", 1 << 20}, "g": {"GiB", 1 << 30}, "gb": {"GiB", 1 << 30}, "gib": {"GiB", 1 << 30}, "t": {"TiB", 1 << 40},
	"tb": {"TiB", 1 << 40}, "tib": {"TiB", 1 << 40},
}

// suggestion works out the number that somebody meant by 7d or 1gb, and how to say "for ever" or "without bound" where a key can. It begins
// with a colon, or is empty.
func (k *Key) suggestion(text string) string {
	var hints []string
	amount, unit := splitAmount(text)
	for _, u := range units {
		if !strings.HasSuffix(k.Name, u.suffix) || unit == "" {
			continue
		}
		if span, ok := spans[unit]; ok && u.perUnit > 0 {
			hints = append(hints, spelled(amount, span.one, span.many, amount*span.millis/u.perUnit))
		}
		if size, ok := sizes[unit]; ok && u.perUnit == 0 {
			hints = append(hints, spelled(amount, size.name, size.name, amount*size.bytes))
		}
	}
	if k.unbounded() {
		word := "for ever"
		if strings.HasSuffix(k.Name, "bytes") {
			word = "without bound"
		}
		hints = append(hints, word+" is -1")
	}
	if len(hints) == 0 {
		return ""
	}
	return ": " + strings.Join(hints, ", ")
}

// unbounded tells whether -1 turns the limit off.
func (k *Key) unbounded() bool {
	name := strings.TrimPrefix(k.Name, "log.")
	return strings.HasPrefix(name, "retention.") && name != "retention.check.interval.ms"
}

// splitAmount splits "7d" into 7 and "d"; the unit is "" if the text does not have this form.
func splitAmount(text string) (float64, string) {
	end := strings.LastIndexAny(text, "0123456789.")
	if end < 0 {
		return 0, ""
	}
	amount, err := strconv.ParseFloat(text[:end+1], 64)
	if err != nil || amount < 0 || amount > 1e6 {
		return 0, ""
	}
	return amount, strings.ToLower(strings.TrimSpace(text[end+1:]))
}

func spelled(amount float64, one, many string, result float64) string {
	if result != math.Trunc(result) || result > math.MaxInt64/2 {
		return fmt.Sprintf("%v %s are not a whole number of them", amount, many)
	}
	if amount == 1 {
		return fmt.Sprintf("1 %s is %.0f", one, result)
	}
	return fmt.Sprintf("%v %s are %.0f", amount, many, result)
}
