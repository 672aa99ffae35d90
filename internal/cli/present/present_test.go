package present

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"leat/internal/cli/run"
)

type row struct {
	Name string            `json:"name"`
	Lag  int64             `json:"lag"`
	Tags map[string]string `json:"tags,omitempty"`
	List []int32           `json:"partitions"`
}

// shows runs an output with flags over two values.
func shows(t *testing.T, s *screen, args ...string) (out, problems string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	output := To(run.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	output.screen = s
	cmd := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error {
		if err := output.Check(); err != nil {
			return err
		}
		values := []row{{"orders.of.the.north", 9007199254740993, nil, []int32{1, 2}}, {"yes", 0, map[string]string{"a": "<b>"}, nil}}
		table := NewTable("NAME", "LAG", "STATE")
		table.Add(values[0].Name, values[0].Lag, Bad("lost")).Add(values[1].Name+"\x1b[2J", values[1].Lag, nil)
		return output.Show(values, table)
	}}
	output.Add(cmd)
	cmd.SetArgs(args)
	err = cmd.Execute()
	return o.String(), e.String(), err
}

func TestOneValueInEveryForm(t *testing.T) {
	for args, want := range map[string]string{
		"":                               "NAME                 LAG               STATE\norders.of.the.north  9007199254740993  lost\nyes\uFFFD[2J              0                 -\n",
		"-otext":                         "NAME                 LAG               STATE\norders.of.the.north  9007199254740993  lost\nyes\uFFFD[2J              0                 -\n",
		"-ojson":                         "[\n  {\n    \"name\": \"orders.of.the.north\",\n    \"lag\": 9007199254740993,\n    \"partitions\": [\n      1,\n      2\n    ]\n  },\n  {\n    \"name\": \"yes\",\n    \"lag\": 0,\n    \"tags\": {\n      \"a\": \"<b>\"\n    },\n    \"partitions\": []\n  }\n]\n",
		"-oyaml":                         "- name: orders.of.the.north\n  lag: 9007199254740993\n  partitions:\n    - 1\n    - 2\n- name: \"yes\"\n  lag: 0\n  tags:\n    a: \"<b>\"\n  partitions: []\n",
		`-otemplate={{.name}}\t{{.lag}}`: "orders.of.the.north\t9007199254740993\nyes\t0\n",
	} {
		t.Run(args, func(t *testing.T) {
			out, _, err := shows(t, nil, strings.Fields(args)...)
			if err != nil || out != want {
				t.Errorf("%v\n%q, want\n%q", err, out, want)
			}
		})
	}
	for _, args := range []string{"-oxml", "-ojson=1", "-otemplate", "-otemplate={{"} {
		if out, _, err := shows(t, nil, args); err == nil || run.IsFailed(err) || out != "" {
			t.Errorf("%s: %v, %q", args, err, out)
		}
	}
	t.Setenv(EnvOutput, "json")
	if out, _, err := shows(t, nil); err != nil || !strings.HasPrefix(out, "[") {
		t.Errorf("%v %q", err, out)
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	out, _, err := shows(t, &screen{width: 38})
	if err != nil || !strings.HasPrefix(out, "NAME           LAG  ") {
		t.Errorf("%v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 38 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	if !strings.Contains(out, "…") || !strings.Contains(out, "9007199254740993") {
		t.Errorf("the wrong column was cut:\n%s", out)
	}
	if out, _, _ := shows(t, &screen{width: 5}); !strings.Contains(out, "9007199254740993") {
		t.Errorf("a number was cut:\n%s", out)
	}
	if out, _, _ := shows(t, &screen{width: 200, colour: true}); !strings.Contains(out, "\x1b[31mlost\x1b[0m") || !strings.Contains(out, "\x1b[1mNAME\x1b[0m") {
		t.Errorf("no colours: %q", out)
	}
}

func TestCutInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{{"abcdefghij", 10, "abcdefghij"}, {"abcdefghij", 9, "abcd…ghij"}, {"abcdefghij", 8, "abc…ghij"}} {
		if got := middle(c.text, c.width); got != c.want {
			t.Errorf("%s in %d: %s, want %s", c.text, c.width, got, c.want)
		}
	}
}

func TestLongTablesAreLimitedOnlyIfAsked(t *testing.T) {
	var b bytes.Buffer
	if err := NewTable("N").Add(1).Add(2).Add(3).Limit(2).write(&b, screen{}); err != nil || b.String() != "N\n1\n2\n... and 1 more (-o json prints all)\n" {
		t.Errorf("%v %q", err, b.String())
	}
}

func TestNothingIsDestroyedUnasked(t *testing.T) {
	gone := errors.New("gone")
	did := 0
	steps := func() Steps {
		return Steps{{Object: "topic a", Action: "delete", What: "x"}, {Object: "topic a", Action: "delete", Do: func(context.Context) error { did++; return nil }},
			{Object: "topic b", Action: "delete", Do: func(context.Context) error { did++; return gone }}}
	}
	var out, problems bytes.Buffer
	o := To(run.Streams{In: strings.NewReader("y\n"), Out: &out, Err: &problems})
	if err := o.Carry(t.Context(), steps(), "delete 2 topics"); err == nil || run.IsFailed(err) || did != 0 || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("%v, %d done", err, did)
	}
	o.plan = true
	if err := o.Carry(t.Context(), steps(), "delete 2 topics"); err != nil || did != 0 || !strings.Contains(out.String(), "topic b  delete") || !strings.Contains(problems.String(), "nothing was changed") {
		t.Errorf("%v, %d done: %s %s", err, did, out.String(), problems.String())
	}
	o.plan, o.yes = false, true
	out.Reset()
	s := steps()
	if err := o.Carry(t.Context(), s, "delete 2 topics"); !run.IsFailed(err) || !errors.Is(err, gone) || err.Error() != "topic b: gone" || did != 2 {
		t.Errorf("%v, %d done", err, did)
	}
	if !s[0].Done || !s[1].Done || s[2].Done || s[2].Err != "gone" || strings.Contains(out.String(), "topic b") {
		t.Errorf("%+v\n%s", s, out.String())
	}
	out.Reset()
	if err := o.Carry(t.Context(), nil, ""); err != nil || out.String() != "nothing to change\n" {
		t.Errorf("%v %q", err, out.String())
	}
}

func TestSecretsComeFromTheInput(t *testing.T) {
	o := To(run.Streams{In: strings.NewReader("s3 cret\r\nmore\n")})
	if got, err := o.Secret("password"); err != nil || got != "s3 cret" {
		t.Errorf("%q, %v", got, err)
	}
	o.In = strings.NewReader("\n")
	if _, err := o.Secret("password"); err == nil {
		t.Error("an empty one was taken")
	}
}

func TestProgressIsForTerminalsOnly(t *testing.T) {
	var b bytes.Buffer
	o := To(run.Streams{Err: &b})
	p := o.Progress()
	p.Say("half")
	p.End()
	if b.Len() > 0 {
		t.Errorf("%q in a pipe", b.String())
	}
	o.screen = &screen{width: 10}
	p = o.Progress()
	p.Say("%s", "0123456789abc")
	p.Say("ab")
	p.End()
	if want := "\r0123…9abc\rab       \r  \r"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

// What comes line by line is an object on each line, a document, or what a template makes of it.
func TestLinesInEveryForm(t *testing.T) {
	for args, want := range map[string]string{
		"":                    "one of 1\ntwo\uFFFD[2J of 2\n",
		"-ojson":              "{\"name\":\"one\",\"lag\":1}\n{\"name\":\"two\\u001b[2J\",\"lag\":2}\n",
		"-oyaml":              "---\nname: one\nlag: 1\n---\nname: \"two\\e[2J\"\nlag: 2\n",
		`-otemplate={{.lag}}`: "1\n2\n",
	} {
		var o bytes.Buffer
		output := To(run.Streams{Out: &o})
		cmd := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error {
			if err := output.Check(); err != nil {
				return err
			}
			lines := output.Lines()
			lines.Add(&said{"one", 1})
			lines.Add(&said{"two\x1b[2J", 2})
			return lines.Flush()
		}}
		output.Add(cmd)
		cmd.SetArgs(strings.Fields(args))
		if err := cmd.Execute(); err != nil || o.String() != want {
			t.Errorf("%s: %v\n%q, want\n%q", args, err, o.String(), want)
		}
	}
}

type said struct {
	Name string `json:"name"`
	Lag  int64  `json:"lag"`
}

func (s *said) String() string { return fmt.Sprintf("%s of %d", s.Name, s.Lag) }
