package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"leat/internal/cli/run"
	"leat/internal/config"
	"leat/internal/telemetry"
	"leat/internal/wire"
)

var update = flag.Bool("update", false, "write docs/reference anew from the tables")

const referenceDir = "../../docs/reference"

// TestReferenceIsWhatTheTablesSay holds the generated pages of docs/reference against the tables they are made of.
func TestReferenceIsWhatTheTablesSay(t *testing.T) {
	f := newFake(t, nil)
	pages := map[string]string{
		"broker-configs.md":         brokerConfigsPage(),
		"topic-configs.md":          scopePage(topicPage),
		"group-configs.md":          scopePage(groupPage),
		"client-metrics-configs.md": scopePage(clientMetricsPage),
		"cli.md":                    cliPage(f.root()),
		"http.md":                   httpPage(),
		"metrics.md":                metricsPage(),
		"apis.md":                   apisPage(),
		"causes.md":                 causesPage(),
		"loggers.md":                loggersPage(),
	}
	for name, want := range pages {
		path := filepath.Join(referenceDir, name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("%s is not what the tables say (%v): run go test ./internal/cli -run Reference -update", name, err)
		}
	}
}

const generated = "<!-- Made from the tables in the code by `go test ./internal/cli -run Reference -update`. Do not edit. -->\n\n"

// scope is what is particular about the page of one table.
type scope struct {
	scope       config.Scope
	title, text string
}

var (
	topicPage = scope{config.Topic, "Topic configs",
		"What a topic can set for itself, when it is created or with `kafka-configs`. A key that a topic does not set follows the broker's: the first of those " +
			"in the column \"else\" that is set."}
	groupPage = scope{config.Group, "Group configs",
		"What a group can set for itself with `kafka-configs --entity-type groups`. A key that a group does not set follows the broker's."}
	clientMetricsPage = scope{config.ClientMetrics, "Client metrics configs",
		"What a subscription to clients' metrics says (`kafka-client-metrics`)."}
)

const notBuiltNote = "Keys marked \"not yet\" are accepted and checked, and have no effect: their feature is not built. A node that is given one says so once when it starts.\n\n"

func brokerConfigsPage() string {
	var out strings.Builder
	out.WriteString("# Broker configs\n\n" + generated)
	out.WriteString("The keys of `server.properties` and of `leat server --set`: those of Apache Kafka 4.4 and leat's own, which begin with `leat.`.\n" + notBuiltNote)
	out.WriteString("Where leat's default differs from Kafka's it is because a node without any configuration is broker and controller at once, on the loopback " +
		"interface: `process.roles` is `broker,controller`, `node.id` is `1`, `controller.listener.names` is `CONTROLLER`, `listeners` is " +
		"`PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093`, `log.dirs` is `./leat-data`. While neither `controller.quorum.voters` nor " +
		"`controller.quorum.bootstrap.servers` is given, internal topics have one replica.\n\n")
	table(&out, config.Keys(config.Broker), "changes", func(k *config.Key) string { return k.Mode.String() })
	return out.String()
}

func scopePage(s scope) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# %s\n\n%s%s\n%s", s.title, generated, s.text, notBuiltNote)
	table(&out, config.Keys(s.scope), "else", func(k *config.Key) string { return strings.Join(k.Synonyms, ", ") })
	return out.String()
}

// table writes the public keys with one column that differs by page.
func table(out *strings.Builder, keys []*config.Key, column string, cell func(*config.Key) string) {
	fmt.Fprintf(out, "| key | type | default | allowed | %s | what it is |\n| --- | --- | --- | --- | --- | --- |\n", column)
	for _, k := range keys {
		if k.Internal || k.Unlisted {
			continue
		}
		standard, allowed, doc := code(k.Default), "", k.Doc
		if k.NoDefault {
			standard = ""
		}
		if k.Valid != nil {
			allowed = k.Valid.String()
		}
		if !k.Built {
			doc += " (not yet)"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s | %s | %s |\n", k.Name, k.Type, standard, cellText(allowed), cell(k), cellText(doc))
	}
}

func code(text string) string {
	if text == "" {
		return "empty"
	}
	return "`" + text + "`"
}

func cellText(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func cliPage(root *cobra.Command) string {
	var out strings.Builder
	out.WriteString("# Command line\n\n" + generated)
	out.WriteString("Exit status: 0 done, 1 failed, 2 wrong usage. Errors go to standard error.\n\n")
	command(&out, root)
	return out.String()
}

func command(out *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(out, "## `%s`\n\n", cmd.CommandPath())
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	out.WriteString(text + "\n\n")
	if cmd.Runnable() && cmd.HasParent() {
		fmt.Fprintf(out, "```\n%s\n```\n\n", cmd.UseLine())
	}
	if cmd.Example != "" {
		fmt.Fprintf(out, "```\n%s\n```\n\n", cmd.Example)
	}
	flags := false
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		if !flags {
			out.WriteString("| flag | default | what it does |\n| --- | --- | --- |\n")
			flags = true
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		standard := f.DefValue
		if standard == "[]" {
			standard = ""
		}
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", strings.TrimSpace(name+" "+value), standard, cellText(usage))
	})
	if flags {
		out.WriteString("\n")
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			command(out, sub)
		}
	}
}

func httpPage() string {
	var out strings.Builder
	out.WriteString("# Operations over HTTP\n\n" + generated)
	out.WriteString("Served on `leat.http.listener` (`127.0.0.1:9644`), without authentication: keep it on an address that only operators reach. " +
		"Empty turns it off; port 0 takes any free one, which the ready line names.\n\n| path | what it answers |\n| --- | --- |\n")
	for _, e := range telemetry.Endpoints {
		fmt.Fprintf(&out, "| `GET %s` | %s |\n", e.Path, e.Doc)
	}
	return out.String()
}

func loggersPage() string {
	var out strings.Builder
	out.WriteString("# Loggers\n\n" + generated)
	out.WriteString("Each line of a node's log names its logger (`logger=leat.storage`). A logger without a level of its own has that of the nearest one above it that has one: " +
		"`leat.coordinator` is above `leat.coordinator.group`, and `root` above all. Levels are given at the start (`leat server --log-level info,leat.storage=debug`), and changed " +
		"while the node runs by `kafka-configs --entity-type broker-loggers`, `leat config set logger` and `/log-level` ([how](../how-to/watch.md)).\n\n| logger | what it tells of |\n| --- | --- |\n")
	for _, l := range telemetry.Loggers {
		fmt.Fprintf(&out, "| `%s` | %s |\n", l.Name, cellText(l.Doc))
	}
	return out.String()
}

func metricsPage() string {
	var out strings.Builder
	out.WriteString("# Metrics\n\n" + generated)
	out.WriteString("`GET /metrics` shows these in Prometheus' text format, beside the `go_...` and `process_...` metrics of every Go program. What Apache Kafka also counts " +
		"has the name that Strimzi's rules for the JMX exporter give it, so that its dashboards fit.\n\n" +
		"A metric with the label `topic` has a line without it, too: the sum over all topics. At most `leat.metrics.topics.max` topics have lines of their own; " +
		"the sums always count everything. The label `partition` is there on request only (`?partitions=true`, `leat.metrics.partitions`): without it a line is the sum over the partitions of a topic. Quantiles are of the last two to four minutes.\n\n| metric | type | labels | what it counts |\n| --- | --- | --- | --- |\n")
	for _, m := range telemetry.Metrics() {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, strings.Join(m.Labels, ", "), cellText(m.Help))
	}
	return out.String()
}

// TestReferenceNamesNoOtherCommands: the page is made of the same tree of commands that runs.
func TestReferenceNamesNoOtherCommands(t *testing.T) {
	var out bytes.Buffer
	page := cliPage(newProgram(run.Streams{Out: &out, Err: &out}).root())
	for _, want := range []string{"## `leat server`", "--set KEY=VALUE", "## `leat version`"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
}

func apisPage() string {
	var out strings.Builder
	out.WriteString("# APIs\n\n" + generated)
	out.WriteString("The requests of the protocol of Apache Kafka 4.4. Those marked \"not yet\" are not advertised to clients and not answered: to a client leat is " +
		"then a Kafka without them. A request that is handed on is answered by the active controller, whichever broker was asked.\n\n" +
		"Produce is advertised from version 0 on, as by Kafka, and answered from version 3 on.\n\n")
	out.WriteString("| key | name | versions | listeners | handed on | answered |\n| --- | --- | --- | --- | --- | --- |\n")
	for i := range wire.APIs {
		api := &wire.APIs[i]
		if api.Max < api.Min {
			continue // only the number is kept
		}
		var listeners []string
		if api.Broker {
			listeners = append(listeners, "broker")
		}
		if api.Controller {
			listeners = append(listeners, "controller")
		}
		handed, answered := "", "not yet"
		if api.Forwarded {
			handed = "yes"
		}
		if api.Advertised {
			answered = "yes"
		}
		fmt.Fprintf(&out, "| %d | %s | %d to %d | %s | %s | %s |\n", api.Key, api.Name, api.Min, api.Max, strings.Join(listeners, ", "), handed, answered)
	}
	return out.String()
}
