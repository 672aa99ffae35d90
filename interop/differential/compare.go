package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// report counts and prints differences.
type report struct {
	compared, different, onPurpose int
	answered                       map[[2]int16]bool
	ranges                         map[int16][2]int16 // what leat advertises
}

// compare holds the answers of the two sides against each other, step by step.
func (r *report) compare(scenario string, sides []*side) {
	if r.answered == nil {
		r.answered = map[[2]int16]bool{}
	}
	leat, kafka := sides[0].entries, sides[1].entries
	for i := range max(len(leat), len(kafka)) {
		if i >= len(leat) || i >= len(kafka) || leat[i].step != kafka[i].step || leat[i].version != kafka[i].version {
			r.different++
			fmt.Printf("DIFFERENT  %s: the scenario went another way at step %d: leat %s, kafka %s\n", scenario, i, at(leat, i), at(kafka, i))
			return
		}
		r.compared++
		r.answered[[2]int16{kafka[i].key, kafka[i].version}] = true
		r.entry(scenario, leat[i], kafka[i])
	}
}

func at(entries []entry, i int) string {
	if i >= len(entries) {
		return "ended"
	}
	return fmt.Sprintf("%s v%d %q %v", keyName(entries[i].key), entries[i].version, entries[i].step, entries[i].lines["saw"])
}

func keyName(key int16) string {
	if key < 0 {
		return "connection"
	}
	return kmsg.NameForKey(key)
}

func (r *report) entry(scenario string, leat, kafka entry) {
	if _, a := leat.lines["connection"]; a {
		kafka.lines = onlyConnection(kafka.lines)
	} else if _, b := kafka.lines["connection"]; b {
		leat.lines = onlyConnection(leat.lines)
	}
	paths := maps.Clone(leat.lines)
	maps.Copy(paths, kafka.lines)
	onPurpose, different := false, false
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		a, inA := leat.lines[path]
		b, inB := kafka.lines[path]
		if a == b && inA == inB {
			continue
		}
		if !inA {
			a = "(absent)"
		}
		if !inB {
			b = "(absent)"
		}
		d := difference{api: keyName(kafka.key), version: kafka.version, scenario: scenario, step: kafka.step, path: path, leat: a, kafka: b}
		if d.allowed() {
			onPurpose = true
			continue
		}
		different = true
		fmt.Printf("DIFFERENT  %s v%d  %s / %s  %s\n    leat   %s\n    kafka  %s\n", d.api, d.version, scenario, d.step, path, a, b)
	}
	if different {
		r.different++
	} else if onPurpose {
		r.onPurpose++
	}
}

// checkAllowances fails for an allowance that nothing needed: it would hide the next difference.
func (r *report) checkAllowances() {
	for i, a := range allowances {
		if !allowancesUsed[i] {
			r.different++
			fmt.Printf("DIFFERENT  nothing needs the allowance for %s %s %s: %s\n", a.api, a.step, a.path, a.why)
		}
	}
}

// checkCoverage fails for a version of an advertised API that no step asked for.
func (r *report) checkCoverage() {
	for _, key := range slices.Sorted(maps.Keys(r.ranges)) {
		for v := r.ranges[key][0]; v <= r.ranges[key][1]; v++ {
			if !r.answered[[2]int16{key, v}] {
				r.different++
				fmt.Printf("DIFFERENT  %s v%d  no scenario asks for it\n", keyName(key), v)
			}
		}
	}
}

// onlyConnection stands for an answer where the other side gave none.
func onlyConnection(lines map[string]string) map[string]string {
	if what, ok := lines["connection"]; ok {
		return map[string]string{"connection": what}
	}
	answer := "an answer"
	for _, path := range slices.Sorted(maps.Keys(lines)) {
		if strings.HasSuffix(path, "ErrorCode") {
			answer += " " + path + "=" + lines[path]
		}
	}
	return map[string]string{"connection": answer}
}
