package config

import (
	"math"
	"strconv"
)

// unitOf is how many milliseconds one unit of a broker key is, for the keys whose topic counterpart counts in milliseconds.
var unitOf = map[string]int64{
	"log.retention.minutes": 60_000,
	"log.retention.hours":   3_600_000,
	"log.roll.hours":        3_600_000,
	"log.roll.jitter.hours": 3_600_000,
}

// translate turns the value of a broker key into one of k, a key of a topic or group: other units are converted, every negative
// retention is -1, and a key for one name takes the first of a broker's list. It is false for a value that k's own rule forbids.
func (k *Key) translate(from *Key, e entry) (entry, bool) {
	switch value := e.parsed.(type) {
	case int64:
		factor, convert := unitOf[from.Name]
		if !convert {
			factor = 1
		}
		n := scale(value, factor)
		if k.Name == "retention.ms" && n < 0 {
			n = -1
		}
		if n != value {
			e = entry{strconv.FormatInt(n, 10), n}
		}
	case []string:
		if k.Type == String {
			if len(value) == 0 {
				return entry{}, false
			}
			e = entry{value[0], value[0]}
		}
	}
	if k.Valid != nil && k.Valid.Check(e.parsed) != nil {
		return entry{}, false
	}
	return e, true
}

// scale multiplies and stays at the ends of the range instead of wrapping.
func scale(n, factor int64) int64 {
	switch {
	case n > math.MaxInt64/factor:
		return math.MaxInt64
	case n < math.MinInt64/factor:
		return math.MinInt64
	}
	return n * factor
}
