package main

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

const whole = "# Page\n\n## One\n\n<!-- run -->\n```sh\necho a\n```\n\n<!-- output -->\n```\na\n```\n\n<!-- run node until leat ready -->\n```sh\nleat server\n```\n\n## Two\n<!-- stop node -->\n" +
	"<!-- not run: it removes everything -->\n```sh\nrm -rf /\n```\n```\nnot run\n```\n<!-- prepare true -->\n<!-- run by .ci/run -->\n```sh\ngo test ./...\n```\n"

func TestPagesAreTakenApart(t *testing.T) {
	p, err := parse(whole)
	if err != nil || len(p.steps) != 5 {
		t.Fatalf("%v %+v", err, p)
	}
	for i, want := range []step{{section: "One", kind: doIt, text: "echo a\n"}, {section: "One", kind: check, text: "a\n"}, {section: "One", kind: beside, name: "node", until: "leat ready", text: "leat server\n"},
		{section: "Two", kind: stop, name: "node"}, {section: "Two", kind: prepare, text: "true"}} {
		want.line = p.steps[i].line
		if !reflect.DeepEqual(p.steps[i], want) {
			t.Errorf("%d: %+v, want %+v", i, p.steps[i], want)
		}
	}
}

func TestACommentSaysHowABlockIsRun(t *testing.T) {
	for comment, want := range map[string]step{
		"run":                             {kind: doIt},
		"run until two words":             {kind: await, until: "two words"},
		"run node":                        {kind: beside, name: "node"},
		"run on b1,b2":                    {kind: doIt, on: []string{"b1", "b2"}},
		"run on b1 node until leat ready": {kind: beside, on: []string{"b1"}, name: "node", until: "leat ready"},
		"output but for numbers":          {kind: check, like: true},
		"run unless built":                {kind: doIt, builds: true},
		"run with -all":                   {kind: doIt, long: true},
		"run shorter 30s=1s,1G=1M":        {kind: doIt, shorter: []string{"30s", "1s", "1G", "1M"}},
		"run where 1G=$SIZE shorter 30s=1 s until it is done": {kind: await, where: []string{"1G", "$SIZE"}, shorter: []string{"30s", "1 s"}, until: "it is done"},
		"run whatever the status":                             {kind: doIt, fails: true},
		"run whatever the status on b1 with -all":             {kind: doIt, fails: true, on: []string{"b1"}, long: true},
		"write node.properties":                               {kind: write, name: "node.properties"},
		"append on b1,b2 /etc/leat/x":                         {kind: add, name: "/etc/leat/x", on: []string{"b1", "b2"}},
	} {
		p, err := parse("<!-- " + comment + " -->\n```sh\n30s 1G\n```\n")
		if err != nil {
			t.Errorf("%s: %v", comment, err)
			continue
		}
		want.line, want.text = 1, "30s 1G\n"
		if !reflect.DeepEqual(p.steps[0], want) {
			t.Errorf("%s: %+v, want %+v", comment, p.steps[0], want)
		}
	}
	p, err := parse("<!-- machines b1=10.0.0.1 b2=10.0.0.2 -->\n<!-- prepare on b1,b2: mkdir x -->\n<!-- page with -all: it takes an hour -->\n")
	if err != nil || p.long != "it takes an hour" || !reflect.DeepEqual(p.steps[0].on, []string{"b1=10.0.0.1", "b2=10.0.0.2"}) || !reflect.DeepEqual(p.steps[1].on, []string{"b1", "b2"}) || p.steps[1].text != "mkdir x" {
		t.Errorf("%v %+v", err, p)
	}
}

func TestWhatNothingRunsIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		"```sh\nls\n```\n":                           "line 1: a block of commands that nothing runs",
		"<!-- run -->\ntext\n":                       "line 1: no block follows",
		"<!-- run -->\n```\nls\n```\n":               "line 1: the block is not marked sh",
		"<!-- run node till x -->\n```sh\nls\n```\n": "write run, run NAME, run until TEXT, or run NAME until TEXT",
		"\n```sh\nls\n```\n<!-- run -->\n```sh\n":    "line 2",
		"<!-- run shorter 30s -->\n```sh\nls\n```\n": "write OLD=NEW",
		"<!-- run with care -->\n```sh\nls\n```\n":   "write run",
		"<!-- output for numbers -->\n```\nx\n```\n": "output but for numbers",
		"<!-- write a b -->\n```\nx\n```\n":          "name one file",
		"<!-- machines b1 -->\n":                     "write NAME=ADDRESS",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestBlocksInListsAreMovedToTheLeft(t *testing.T) {
	p, err := parse("1. Do:\n\n   <!-- run -->\n   ```sh\n   cat <<END\n     x\n   END\n   ```\n")
	if err != nil || p.steps[0].text != "cat <<END\n  x\nEND\n" {
		t.Errorf("%v %+v", err, p)
	}
}

func TestWhatTakesLongIsMadeShorterUnlessEverythingIsRun(t *testing.T) {
	s := step{text: "perf --duration 30s\n", shorter: []string{"30s", "1s"}}
	for all, want := range map[bool]string{false: "perf --duration 1s\n", true: "perf --duration 30s\n"} {
		if got, err := s.commands(all); err != nil || got != want {
			t.Errorf("%v: %q %v", all, got, err)
		}
	}
	s.where = []string{"perf", "leat perf"}
	if got, err := s.commands(true); err != nil || got != "leat perf --duration 30s\n" {
		t.Errorf("%q %v", got, err)
	}
	s.shorter[0] = "60s"
	if _, err := s.commands(false); err == nil || !strings.Contains(err.Error(), `"60s" is not in the block`) {
		t.Errorf("%v", err)
	}
}

func TestOutputsAreCompared(t *testing.T) {
	const printed = "TOPIC   LAG\norders  12\npayments  0\n"
	for shown, ok := range map[string]bool{
		"TOPIC  LAG\norders    12\n": true, "orders  ...\n": true, "...\npayments  0\n": true, "orders  13\n": false, "payments  0\norders  12\n": false, "order\n": false,
	} {
		if _, got := matches(shown, printed, false); got != ok {
			t.Errorf("%q: %v", shown, got)
		}
	}
	for shown, ok := range map[string]bool{"orders    99\npayments  7\n": true, "orders 99\n": false, "orders  x\n": false} {
		if _, got := matches(shown, printed, true); got != ok {
			t.Errorf("but for numbers, %q: %v", shown, got)
		}
	}
}

func TestSecondsAreWrittenIntoAPage(t *testing.T) {
	got, err := withSeconds("a\n<!-- seconds -->\nold\n<!-- end -->\nb\n", []section{{"First", 1250 * time.Millisecond}})
	if want := "a\n<!-- seconds -->\n| task | seconds |\n| --- | --- |\n| First | 1.2 |\n<!-- end -->\nb\n"; err != nil || got != want {
		t.Errorf("%v %q", err, got)
	}
	if _, err := withSeconds("nowhere", nil); err == nil {
		t.Error("a page without a place for seconds got some")
	}
}
