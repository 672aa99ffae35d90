package main

import (
	"regexp"
	"slices"
	"strings"
)

// masked are the columns whose values no two runs have in common.
var masked = []string{"CONSUMER-ID", "MEMBER", "ProducerId", "CoordinatorEpoch", "LatestCoordinatorEpoch", "LastTimestamp", "TransactionStartTimeMs", "TransactionDurationMs", "PROCESS",
	"MEMBER-ID", "LastTimestamp(ms)", "Duration(s)", "Duration(min)"}

// volatile is what no two runs have in common within a text.
var volatile = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "<broker>"},
	{regexp.MustCompile(`\b[12]\d{12}\b`), "<time>"},
}

// mask makes outputs of two runs comparable: lines in the order of the alphabet with single blanks, no empty ones, and without ids and times.
func mask(text string) []string {
	for _, v := range volatile {
		text = v.what.ReplaceAllString(text, v.with)
	}
	var lines []string
	var hide []int
	columns := 1000
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if strings.HasPrefix(strings.TrimSpace(line), "at ") || strings.HasPrefix(line, "Caused by:") {
			continue // where in the tool it happened is its own business
		}
		if i := slices.IndexFunc(fields, func(f string) bool { return slices.Contains(masked, f) }); i >= 0 {
			hide, columns = nil, len(fields)
			for i, f := range fields {
				if slices.Contains(masked, f) {
					hide = append(hide, i)
				}
			}
		} else if len(fields) >= columns-1 { // the last column may be empty
			for _, i := range hide {
				if i < len(fields) && fields[i] != "-" && fields[i] != "None" {
					fields[i] = "*"
				}
			}
		}
		lines = append(lines, strings.Join(fields, " "))
	}
	slices.Sort(lines)
	return lines
}
