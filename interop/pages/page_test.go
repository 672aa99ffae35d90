package main

import (
	"strings"
	"testing"
)

const page = "# Page\n\n## One\n\n<!-- run -->\n```sh\necho a\n```\n\n<!-- output -->\n```\na\n```\n\n<!-- run node until leat ready -->\n```sh\nleat server\n```\n\n## Two\n<!-- stop node -->\n" +
	"<!-- not run: it removes everything -->\n```sh\nrm -rf /\n```\n```\nnot run\n```\n<!-- prepare true -->\n"

func TestPagesAreTakenApart(t *testing.T) {
	steps, err := parse(page)
	if err != nil || len(steps) != 5 {
		t.Fatalf("%v %+v", err, steps)
	}
	for i, want := range []step{{section: "One", kind: doIt, text: "echo a\n"}, {section: "One", kind: check, text: "a\n"}, {section: "One", kind: beside, name: "node", until: "leat ready", text: "leat server\n"},
		{section: "Two", kind: stop, name: "node"}, {section: "Two", kind: prepare, text: "true"}} {
		want.line = steps[i].line
		if steps[i] != want {
			t.Errorf("%d: %+v, want %+v", i, steps[i], want)
		}
	}
}

func TestWhatNothingRunsIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		"```sh\nls\n```\n":                           "line 1: a block of commands that nothing runs",
		"<!-- run -->\ntext\n":                       "line 1: no block follows",
		"<!-- run -->\n```\nls\n```\n":               "line 1: the block is not marked sh",
		"<!-- run node till x -->\n```sh\nls\n```\n": "write run, run NAME, or run NAME until TEXT",
		"\n```sh\nls\n```\n<!-- run -->\n```sh\n":    "line 2",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestOutputsAreCompared(t *testing.T) {
	const printed = "TOPIC   LAG\norders  12\npayments  0\n"
	for shown, ok := range map[string]bool{
		"TOPIC  LAG\norders    12\n": true, "orders  ...\n": true, "...\npayments  0\n": true, "orders  13\n": false, "payments  0\norders  12\n": false, "order\n": false,
	} {
		if _, got := matches(shown, printed); got != ok {
			t.Errorf("%q: %v", shown, got)
		}
	}
}

func TestTheLastCommandTakesTheShellsPlace(t *testing.T) {
	if got := last("cd x\nleat server \\\n  --set a=b\n"); got != "cd x\nexec leat server \\\n  --set a=b\n" {
		t.Errorf("%q", got)
	}
}
