package tool

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"leat/internal/cli/run"
)

// lift is a tool in the manner of joptsimple.
func lift(do func(*Call) error) *Tool {
	return &Tool{Name: "kafka-lift", Purpose: "This tool lifts.", Options: []Option{
		{Name: "bootstrap-server", Type: "String", Argument: "server to connect to", Required: true, Text: "Where the lift is."},
		{Name: "weight", Type: "Integer", Text: "In kilograms."},
		{Name: "load", Type: "String", Separator: ",", Text: "What to lift, and if there is so much that a line does not suffice, then the next one has to serve as well."},
		{Name: "down", Text: "The other way."},
		{Name: "speed", Type: "Integer", MayLack: true, Default: []string{"3"}},
	}, Run: func(_ context.Context, c *Call) error { return do(c) }}
}

func call(t *Tool, args ...string) (status int, out, problems string) {
	var o, e bytes.Buffer
	status = t.Main(context.Background(), args, run.Streams{Out: &o, Err: &e})
	return status, o.String(), e.String()
}

func TestOptionsAreReadAsJoptsimpleReadsThem(t *testing.T) {
	for _, c := range []struct {
		args string
		want string // of what is asked below, or the message
	}{
		{"--bootstrap-server a --weight 3", "a 3 [] false 3"},
		{"--bootstrap-server=a --weight=3 --down", "a 3 [] true 3"},
		{"-bootstrap-server a --load x,y --load z", "a 0 [x y z] false 3"},
		{"--bootstrap-server= --speed 7", " 0 [] false 7"},
		{"--bootstrap-server a --speed --down", "a 0 [] true 3"},
		{"--bootstrap-server a --down=no word -- --weight", "a 0 [] true 3"},
		{"--bootstrap-server a --weig 3", "weig is not a recognized option"},
		{"--bootstrap-server a -x", "x is not a recognized option"},
		{"--bootstrap-server a --weight", "Option weight requires an argument"},
		{"--bootstrap-server a --weight much", "Cannot parse argument 'much' of option weight"},
		{"--bootstrap-server a --weight 99999999999", "Cannot parse argument '99999999999' of option weight"},
		{"--bootstrap-server a --bootstrap-server b", "Found multiple arguments for option bootstrap-server, but you asked for only one"},
		{"--weight 3", "Missing required option(s) [bootstrap-server]"},
	} {
		status, out, problems := call(lift(func(c *Call) error {
			server, weight, speed := c.Value("bootstrap-server"), c.Int32("weight"), c.Int32("speed")
			if c.Wrong() != nil {
				return errors.New("this comes later")
			}
			c.Println(server, weight, c.Values("load"), c.Has("down"), speed)
			return nil
		}), strings.Fields(c.args)...)
		if got := strings.TrimSuffix(out+problems, "\n"); got != c.want || status != 0 && out != "" {
			t.Errorf("%s: %d %q, want %q", c.args, status, got, c.want)
		}
	}
}

func TestUsageIsLaidOutAsJoptsimpleDoes(t *testing.T) {
	lines := []string{
		"This tool lifts.",
		"Option (* = required)                 Description                          ",
		"---------------------                 -----------                          ",
		"* --bootstrap-server <String: server  Where the lift is.                   ",
		"  to connect to>                                                           ",
		"--down                                The other way.                       ",
		"--help                                Show this text.                      ",
		"--load <String>                       What to lift, and if there is so much",
		"                                        that a line does not suffice, then ",
		"                                        the next one has to serve as well. ",
		"--speed [Integer]                     (default: 3)                         ",
		"--version                             Show the version.                    ",
		"--weight <Integer>                    In kilograms.                        ",
	}
	if status, out, problems := call(lift(nil), "--help"); status != 1 || out != "" || problems != strings.Join(lines, "\n")+"\n" {
		t.Errorf("%d %q\n%s", status, out, problems)
	}
	if status, _, problems := call(lift(nil)); status != 1 || problems != "Missing required option(s) [bootstrap-server]\n" {
		t.Errorf("without anything: %d %s", status, problems)
	}
	if status, out, _ := call(lift(nil), "--version"); status != 0 || out != "4.4.0\n" {
		t.Errorf("version: %d %q", status, out)
	}
}

func TestOptionsThatGoTogetherOrNot(t *testing.T) {
	for want, do := range map[string]func(*Call) error{
		`Missing required argument "[weight]"`:                                           func(c *Call) error { return c.Require("down", "weight") },
		`Option "[down]" can't be used with option "[bootstrap-server]"`:                 func(c *Call) error { return c.Exclude("down", "bootstrap-server") },
		"Exactly one of the following arguments is required: [bootstrap-server], [down]": func(c *Call) error { return c.OneOf("bootstrap-server", "down") },
	} {
		status, _, problems := call(lift(do), "--bootstrap-server", "a", "--down")
		if first, usage, _ := strings.Cut(problems, "\n"); status != 1 || first != want || !strings.HasPrefix(usage, "Option (* = required)") {
			t.Errorf("%s: %d %s", want, status, problems)
		}
	}
}

func TestOrderOfJavasMaps(t *testing.T) {
	// As jshell prints new HashSet<>(List.of(...)).
	if got := HashOrder([]string{"topic-a", "topic-b", "orders", "payments", "__consumer_offsets"}); !slices.Equal(got, []string{"payments", "orders", "topic-a", "topic-b", "__consumer_offsets"}) {
		t.Errorf("%v", got)
	}
	if HashCode("bootstrap-server") != -1097706622 || HashCode("") != 0 {
		t.Errorf("%d %d", HashCode("bootstrap-server"), HashCode(""))
	}
}

func TestWhatAnAnswerIsCalled(t *testing.T) {
	own := "no such thing"
	for want, err := range map[string]error{
		"org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition.":               Refused(3, nil),
		"org.apache.kafka.common.errors.InvalidRequestException: no such thing":                                                          Refused(42, &own),
		"java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.GroupIdNotFoundException: The group id does not exist.": Executed(Refused(69, nil)),
		"joptsimple.UnrecognizedOptionException: x is not a recognized option":                                                           unrecognized("x"),
	} {
		if got := Describe(err); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if Refused(0, &own) != nil || Executed(nil) != nil || !IsRefused(Refused(3, nil), 3) || IsRefused(Refused(3, nil), 4) {
		t.Error("no error is one, or one is another")
	}
}

func TestSomeOptionsGoOnlyWithOthers(t *testing.T) {
	lamp := func() *Tool {
		return &Tool{Name: "kafka-lamp", Purpose: "This tool gives light.", Options: []Option{{Name: "on"}, {Name: "off"}, {Name: "bright", With: []string{"on"}}, {Name: "slowly", With: []string{"on", "off"}}},
			Run: func(context.Context, *Call) error { return nil }}
	}
	for args, want := range map[string]string{
		"--on --bright --slowly": "",
		"--off --slowly":         "",
		"--off --bright":         "Option(s) [bright] are unavailable given other options on the command line\n",
		"--bright --slowly":      "Option(s) [bright, slowly] are unavailable given other options on the command line\n",
		"--version --bright":     "",
	} {
		status, _, problems := call(lamp(), strings.Fields(args)...)
		if problems != want || (status == 0) != (want == "") {
			t.Errorf("%s: %d %q, want %q", args, status, problems, want)
		}
	}
}
