package kafka

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

var update = flag.Bool("update", false, "write the reference")

const reference = "../../../docs/reference/kafka-tools.md"

// fact is a row of testdata/tools.tsv: an option of one of Kafka 4.4's tools.
type fact struct{ command, option, argument, required, status string }

func facts(t *testing.T) map[string][]fact {
	t.Helper()
	text, err := os.ReadFile("testdata/tools.tsv")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]fact)
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := append(strings.Split(line, "\t"), "", "", "", "", "")
		name := strings.TrimSuffix(f[0], ".sh")
		all[name] = append(all[name], fact{f[1], f[2], f[3], f[4], f[5]})
	}
	return all
}

// elsewhere are tools that the program is without this package.
var elsewhere = []string{"kafka-cluster", "kafka-dump-log", "kafka-metadata-quorum", "kafka-run-class", "kafka-server-start", "kafka-server-stop", "kafka-storage"}

func TestEveryToolOfKafkaIsHereOrSaysWhyNot(t *testing.T) {
	for name := range facts(t) {
		if !Has(name) && !slices.Contains(elsewhere, name) {
			t.Errorf("%s: nobody knows it", name)
		}
	}
}

func TestToolsHaveKafkasOptions(t *testing.T) {
	known := facts(t)
	for _, e := range entries {
		if e.build == nil {
			continue
		}
		built := e.build()
		if built.Name != e.name {
			t.Errorf("%s calls itself %s", e.name, built.Name)
		}
		if built.Parser != nil {
			continue // its commands are compared by what they say
		}
		has := map[string]tool.Option{"help": {}, "version": {}}
		for _, o := range built.Options {
			has[o.Name] = o
		}
		for _, f := range known[e.name] {
			name, isOption := strings.CutPrefix(f.option, "--")
			if !isOption || strings.Contains(name, ",") {
				continue
			}
			o, ok := has[name]
			if !ok {
				t.Errorf("%s has no --%s", e.name, name)
				continue
			}
			if takes := f.argument != ""; takes && o.Type == "" && name != "help" && name != "version" {
				t.Errorf("%s --%s takes no argument, Kafka's takes a %s", e.name, name, f.argument)
			}
			if o.Type != "" && o.Text == "" {
				t.Errorf("%s --%s says nothing about itself", e.name, name)
			}
			delete(has, name)
		}
		for name := range has {
			if name != "help" && name != "version" {
				t.Errorf("%s --%s: Kafka's tool has no such option", e.name, name)
			}
		}
	}
}

func TestToolsThatAreNotThereSayWhatToDo(t *testing.T) {
	for _, name := range []string{"kafka-jmx", "kafka-jmx.sh", "connect-standalone", "trogdor"} {
		var out, problems bytes.Buffer
		status := Main(t.Context(), name, nil, run.Streams{Out: &out, Err: &problems})
		if status != 1 || out.Len() > 0 || !strings.HasPrefix(problems.String(), strings.TrimSuffix(name, ".sh")+": ") {
			t.Errorf("%s: %d %s%s", name, status, out.String(), problems.String())
		}
	}
	if Has("kafka-nonsense") || !Has("kafka-topics.sh") {
		t.Error("names are not what they should be")
	}
}

// differences are what leat's tools do otherwise than Kafka's, and why.
var differences = []struct{ what, why string }{
	{"what an option is for, in the usage, is said in other words", "the layout, the names, the arguments and everything above the list are Kafka's"},
	{"what `kafka-streams-application-reset` says of itself above the list is in other words, too", "it is a page of advice"},
	{"`kafka-streams-application-reset` says what is wrong where a file of offsets does not fit the input topics, and where the group has members of another kind",
		"Kafka's tool meets a null pointer, and repeats advice for programs that consume"},
	{"a line of a file of offsets that lacks a field, or has a word for a number, is refused", "Kafka's tools take what is missing for 0, or the line for one with a group"},
	{"no stack traces and no lines of a Java log", "the message that comes before them is the same"},
	{"`--version` says 4.4.0", "leat speaks the protocol of Kafka 4.4"},
	{"a wrong value of a topic's setting is refused in the broker's words", "Kafka's tool checks it by itself before it asks, with a table of its own"},
	{"lists in the order of a hash table with a seed are in alphabetical order", "Kafka's differ from one run to the next"},
	{"what waits a minute for a topic that is not there says so at once (`kafka-delete-records`)", "nothing can come of waiting"},
	{"`kafka-reassign-partitions --generate` gives the brokers in turn", "Kafka's tool draws them by lot"},
	{"`kafka-consumer-groups --validate-regex` says in Go's words what is wrong with an expression", "the rules are those of RE2 on both sides"},
	{"`kafka-metadata-shell` also takes a directory, of which it shows the newest checkpoint with the log behind it", "Kafka's takes a file, and waits for ever if it is a directory"},
	{"`kafka-metadata-shell` names on the standard error what it could not take in, `man` and `help` have other words, and `/local/commitId` is `leat`", "the tree and its files are Kafka's"},
	{"`kafka-server-stop` finds nodes of leat, of this user, on Linux; files are looked for where the node was started; it says so if none has the role or id", "Kafka's script looks where it is called itself, and is silent then"},
	{"`kafka-run-class` knows the classes of Kafka's tools, in their packages of Kafka 3 and 4, and no others", "leat runs no Java"},
	{"`kafka-replica-verification` says on the standard error that no topic matches", "Kafka's tool writes it to its log"},
	{"`kafka-delegation-tokens --describe` without an owner shows the tokens of the user", "Kafka's tool says that it does, and asks for those of nobody"},
	{"`kafka-reassign-partitions` says why a replica cannot go to a directory", "Kafka's tool has it in a stack trace"},
	{"regular expressions of topics are those of Go (RE2)", "what Java has beyond it (lookahead, back references) is refused"},
}

func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Kafka's command-line tools\n\n<!-- written by go test ./internal/cli/kafka -run Reference -update -->\n\n" +
		"`leat install-tools DIR` makes links with these names, with and without `.sh`; `leat NAME` runs one without a link. How to use them:\n" +
		"[use Kafka's tools](../how-to/use-kafkas-tools.md).\n\n| tool | state |\n| --- | --- |\n")
	states := make(map[string]string)
	for _, e := range entries {
		states[e.name] = "Kafka's flags and form"
		if e.build == nil {
			states[e.name] = "no: " + e.instead
		}
	}
	for _, name := range elsewhere {
		states[name] = "Kafka's flags and form"
	}
	var names []string
	for name := range states {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, states[name])
	}
	b.WriteString("\nA tool that is not there says so on the standard error and ends with status 1.\n\n## Differences\n\n| what | why |\n| --- | --- |\n")
	for _, d := range differences {
		fmt.Fprintf(&b, "| %s | %s |\n", d.what, d.why)
	}
	b.WriteString("\n`interop/run.sh tools` runs Kafka's tools and leat's with the same arguments on two clusters that have gone through the same, and compares status and output.\n")
	if *update {
		if err := os.WriteFile(reference, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(reference)
	if err != nil || string(text) != b.String() {
		t.Errorf("%s is not what the tools are (%v): go test ./internal/cli/kafka -run Reference -update", reference, err)
	}
}
