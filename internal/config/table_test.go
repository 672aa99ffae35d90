package config

import (
	"os"
	"strings"
	"testing"
)

// readTSV reads one of the tables recorded from Kafka: a row is a map of column to value.
func readTSV(t *testing.T, name string) []map[string]string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	columns := strings.Split(lines[0], "\t")
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, field := range strings.Split(line, "\t") {
			row[columns[i]] = field
		}
		rows = append(rows, row)
	}
	return rows
}

func TestTablesAreKafkas(t *testing.T) {
	for _, c := range []struct {
		scope Scope
		file  string
		rows  int
	}{
		{Broker, "kafka-4.4-broker-configs.tsv", 379}, {Topic, "kafka-4.4-topic-configs.tsv", 38},
		{Group, "kafka-4.4-group-configs.tsv", 27}, {ClientMetrics, "kafka-4.4-client-metrics-configs.tsv", 3},
	} {
		rows := readTSV(t, c.file)
		if len(rows) != c.rows {
			t.Errorf("%s has %d rows, not %d", c.file, len(rows), c.rows)
		}
		theirs := map[string]bool{}
		for _, row := range rows {
			theirs[row["name"]] = true
			k, ok := Lookup(c.scope, row["name"])
			if !ok {
				t.Errorf("%s is missing", row["name"])
				continue
			}
			compareRow(t, k, row)
		}
		for _, k := range Keys(c.scope) {
			if !theirs[k.Name] && !strings.HasPrefix(k.Name, "leat.") && !k.Unlisted {
				t.Errorf("%s is not a key of Kafka's and does not begin with leat.", k.Name)
			}
		}
	}
}

func compareRow(t *testing.T, k *Key, row map[string]string) {
	t.Helper()
	same := func(what, ours, kafkas string) {
		t.Helper()
		if ours != kafkas {
			t.Errorf("%s: %s is %q, Kafka has %q", k.Name, what, ours, kafkas)
		}
	}
	same("type", k.Type.String(), strings.ToLower(row["type"]))
	same("default", tableDefault(k), row["default"])
	if rule := tableRule(k); rule != "" || row["valid_values"] != "non-null string" {
		same("rule", rule, row["valid_values"])
	}
	same("mode", k.Mode.String(), row["dynamic_mode"])
	if importance, ok := row["importance"]; ok {
		same("importance", k.Importance, importance)
	}
	same("internal", map[bool]string{true: "true", false: "false"}[k.Internal], row["internal"])
	if first, ok := row["broker_default_key"]; ok {
		synonyms := row["all_broker_synonyms"]
		if synonyms == "" {
			synonyms = first
		}
		same("synonyms", strings.Join(k.Synonyms, " > "), synonyms)
	}
	if k.Doc == "" || !strings.HasSuffix(k.Doc, ".") {
		t.Errorf("%s: no sentence says what it is", k.Name)
	}
}

// tableDefault writes a default as the recorded tables do.
func tableDefault(k *Key) string {
	switch required := map[string]bool{"node.id": true, "process.roles": true, "controller.listener.names": true}; {
	case k.NoDefault && required[k.Name]:
		return "(required)"
	case k.NoDefault:
		return "null"
	case k.Type == List && strings.HasPrefix(k.Name, "group.") || k.Type == List:
		return "[" + strings.ReplaceAll(k.Default, ",", ", ") + "]"
	case k.Default == "":
		return `""`
	}
	return k.Default
}

// tableRule writes a rule as the recorded tables do. Kafka does not describe the rules that a list has an item and that limits parse.
func tableRule(k *Key) string {
	if k.Valid == nil || k.Name == "match" || k.Valid.String() == filledList.String() && !strings.HasPrefix(k.Name, "controller.quorum.") || k.Valid.String() == addressLimits.String() {
		return ""
	}
	return k.Valid.String()
}
