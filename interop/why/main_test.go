package main

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// notInjected are causes that no fault brings about by itself, with the reason.
var notInjected = map[string]string{
	"storage-refused": "what makes a log unwritable is seen by itself, and explains it: log-dir-failed and disk-full",
}

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
		injected := slices.ContainsFunc(faults, func(f fault) bool { return f.cause == row[1] })
		if _, not := notInjected[row[1]]; injected == not {
			t.Errorf("%s: injected %v, left out %v", row[1], injected, not)
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
