package main

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// Every row of the table of causes has a fault that brings it about, so that what a row says is tried on real nodes.
func TestEveryCauseHasAFault(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/causes.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(string(page), -1)
	if len(rows) < 40 {
		t.Fatalf("%d causes in the table", len(rows))
	}
	var names []string
	for _, row := range rows {
		names = append(names, row[1])
		if !slices.ContainsFunc(faults, func(f fault) bool { return f.cause == row[1] }) {
			t.Errorf("no fault brings %s about", row[1])
		}
	}
	seen := map[string]bool{}
	for _, f := range faults {
		if !slices.Contains(names, f.cause) || seen[f.name] {
			t.Errorf("fault %s: cause %s is no row, or the name stands twice", f.name, f.cause)
		}
		seen[f.name] = true
	}
}
