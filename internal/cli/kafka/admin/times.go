package admin

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"leat/internal/cli/kafka/tool"
)

// parseException is what Java says of a text that is not what it should be.
const parseException = "java.text.ParseException"

// parseDateTime reads a time as Kafka's tools do: 2006-01-02T15:04:05.000, perhaps with an offset from UTC, which is meant where there is none.
func parseDateTime(text string) (int64, error) {
	parts := strings.Split(text, "T")
	if len(parts) != 2 {
		return 0, &tool.Exception{Class: parseException, Message: "Error parsing timestamp. It does not contain a 'T' according to ISO8601 format"}
	}
	if !strings.ContainsAny(parts[1], "+-Z") {
		text += "Z"
	}
	for _, layout := range []string{"2006-01-02T15:04:05.000Z07:00", "2006-01-02T15:04:05.000Z0700", "2006-01-02T15:04:05.000Z07"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, &tool.Exception{Class: parseException, Message: "Unparseable date: \"" + text + "\""}
}

var duration = regexp.MustCompile(`^(?i)([-+]?)P(?:([-+]?\d+)D)?(?:T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+)(?:\.(\d{0,9}))?S)?)?$`)

// parseDuration reads a duration of ISO 8601: P1DT2H3M4.5S.
func parseDuration(text string) (time.Duration, error) {
	wrong := &tool.Exception{Class: "java.time.format.DateTimeParseException", Message: "Text cannot be parsed to a Duration"}
	m := duration.FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(strings.ToUpper(text), "T") || m[2]+m[3]+m[4]+m[5] == "" {
		return 0, wrong
	}
	total := 0.0
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[2+i] == "" {
			continue
		}
		n, err := strconv.ParseFloat(m[2+i], 64)
		if err != nil {
			return 0, wrong
		}
		total += n * float64(unit)
	}
	if m[6] != "" {
		n, err := strconv.ParseFloat("0."+m[6], 64)
		if err != nil {
			return 0, wrong
		}
		total += n * float64(time.Second)
	}
	if m[1] == "-" {
		total = -total
	}
	if math.Abs(total) > math.MaxInt64 {
		return 0, wrong
	}
	return time.Duration(total), nil
}
