// Package present is how commands show what they found, ask before they destroy, and tell how far they are.
//
// An [Output] has the flags -o, and for commands that change something --plan and --yes. A command hands it one value and how that looks as tables: the value
// is what -o json, -o yaml and -o template print, in the names that its JSON has; the tables are for people. On a terminal tables fit its width and have
// colours; in a pipe nothing is ever cut off. What a cluster says is printed without its control characters: a name must not move the cursor.
//
// Programs may rely on JSON and YAML; tables may change.
package present

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"leat/internal/cli/present/fill"
	"leat/internal/cli/run"
)

// EnvOutput is the form of the output where -o is not given.
const EnvOutput = "LEAT_OUTPUT"

// Output is where and how a command prints.
type Output struct {
	run.Streams

	form     string
	template *fill.Template
	plan     bool
	yes      bool
	screen   *screen // nil: what the streams are
}

// To is an output to streams.
func To(s run.Streams) *Output { return &Output{Streams: s} }

// Add gives a command the flag -o.
func (o *Output) Add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.form, "output", "o", "", "form of the output: table, json, yaml or template=`TEXT`, where TEXT is a template of Go with the names that JSON has, used for "+
		"each element of a list; else "+EnvOutput+", else table")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "yaml", "template="}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

// AddPlan gives a command the flag --plan.
func (o *Output) AddPlan(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.plan, "plan", false, "say what would be done, and do nothing")
}

// AddYes gives a command the flag --yes.
func (o *Output) AddYes(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
}

// Check reads the flags. Its errors are about how the command was called.
func (o *Output) Check() error {
	if o.form == "" {
		o.form = os.Getenv(EnvOutput)
	}
	form, text, has := strings.Cut(o.form, "=")
	switch {
	case form == "" || form == "text" || form == "table":
		o.form = "table"
	case form == "template" && has:
		t, err := fill.Parse(unescape(text))
		if err != nil {
			return fmt.Errorf("--output: %w", err)
		}
		o.form, o.template = "template", t
	case form == "template":
		return fmt.Errorf("--output=template: write template=TEXT, such as template='{{.name}}'")
	case has || form != "json" && form != "yaml":
		return fmt.Errorf("--output=%s: neither table, json, yaml nor template=TEXT", o.form)
	}
	return nil
}

// unescape lets a template have line ends and tabs without the help of a shell.
func unescape(text string) string {
	return strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(text)
}

// People reports whether the output is for people: sentences beside it are welcome.
func (o *Output) People() bool { return o.form == "table" || o.form == "" }

// Planning reports whether nothing shall be changed.
func (o *Output) Planning() bool { return o.plan }

// Show prints a value, or for people its tables.
func (o *Output) Show(v any, tables ...*Table) error {
	return run.Failed(o.show(v, tables))
}

func (o *Output) show(v any, tables []*Table) error {
	switch o.form {
	case "json":
		v = lists(v)
		e := json.NewEncoder(o.Out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case "yaml":
		return writeYAML(o.Out, v)
	case "template":
		return o.fillTo(o.Out, v)
	}
	s := o.screenOf(o.Out)
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(o.Out)
		}
		if err := t.write(o.Out, s); err != nil {
			return err
		}
	}
	return nil
}

// Line prints a sentence for people; other forms have none.
func (o *Output) Line(format string, args ...any) error {
	if !o.People() {
		return nil
	}
	_, err := fmt.Fprintf(o.Out, format+"\n", args...)
	return run.Failed(err)
}

// Note prints a sentence beside the output, on standard error, for people only.
func (o *Output) Note(format string, args ...any) {
	if o.People() {
		fmt.Fprintf(o.Err, format+"\n", args...)
	}
}

// plain is a value as JSON has it: maps, lists, texts, numbers.
func plain(v any) (any, error) {
	text, err := json.Marshal(lists(v))
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber() // offsets are larger than what a float64 keeps
	var out any
	return out, d.Decode(&out)
}

// writeYAML prints a value under the names, and in the order, that its JSON has: YAML reads JSON, and block style is only another look.
func writeYAML(w io.Writer, v any) error {
	text, err := json.Marshal(lists(v))
	if err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	blockStyle(&doc)
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return err
	}
	return e.Close()
}

// bare are texts that need no quotes, but for those that some reader of YAML takes for something else.
var bare = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./-]*$`)

var notBare = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

func blockStyle(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle
	if bare.MatchString(n.Value) && !slices.Contains(notBare, strings.ToLower(n.Value)) {
		n.Style &^= yaml.DoubleQuotedStyle
	}
	if len(n.Content) == 0 && (n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode) {
		n.Style |= yaml.FlowStyle
	}
	for _, c := range n.Content {
		blockStyle(c)
	}
}

// fillTo prints a value, or each of a list, by the template.
func (o *Output) fillTo(w io.Writer, v any) error {
	values := []any{v}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		values = nil
		for i := range r.Len() {
			values = append(values, r.Index(i).Interface())
		}
	}
	for _, v := range values {
		p, err := plain(v)
		if err != nil {
			return err
		}
		if err := o.template.Execute(w, p); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
	}
	return nil
}
