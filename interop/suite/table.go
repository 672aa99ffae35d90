package suite

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"leat/interop/target"
)

// remembered is the part of an outcome that the table needs, kept between the runs against the two targets.
type remembered struct {
	Client, Language, Version string
	Passed, Checks            int
	Failures, LeftOut         []string
}

func memory(name string) (string, error) {
	cache, err := target.Cache()
	return filepath.Join(cache, "outcome-"+name+".json"), err
}

// Remember keeps the outcome of a whole run for the table.
func Remember(name string, outcomes []Outcome) error {
	rows := make([]remembered, len(outcomes))
	for i, o := range outcomes {
		rows[i] = remembered{Client: o.Client, Language: o.Language, Version: o.Version, Passed: o.Passed(), Checks: len(o.Checks), LeftOut: o.LeftOut}
		for _, c := range o.Checks {
			if c.Err != nil {
				rows[i].Failures = append(rows[i].Failures, c.Name)
			}
		}
	}
	path, err := memory(name)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(rows, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func recall(name string) (map[string]remembered, []remembered, error) {
	path, err := memory(name)
	if err != nil {
		return nil, nil, err
	}
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil, nil
	}
	var rows []remembered
	if err == nil {
		err = json.Unmarshal(data, &rows)
	}
	byName := map[string]remembered{}
	for _, row := range rows {
		byName[row.Client] = row
	}
	return byName, rows, err
}

const tableHead = `# Clients

Every row is a client as its users install it, unchanged, taken from its public registry by ` + "`interop/setup.sh`" + `. Each one creates
a topic, produces keyed records with headers in every codec it has, reads them back in a consumer group with committed
offsets, leaves, comes back and goes on where it stopped, and reads what the Java client wrote; franz-go then reads what it
wrote. Keys, values, headers, timestamps, order, partition and offset are compared byte for byte. The same suite runs against
Apache Kafka 4.4.0, so that it is known to ask for the right thing.

This page is written by ` + "`interop/run.sh --docs`" + `: checks passed, of checks made.

| client | language | version | leat | Apache Kafka 4.4.0 |
| --- | --- | --- | --- | --- |
`

// tableSecurity is what interop/security has the clients do, at leat and at Kafka alike; that suite fails when a line is not so any more.
const tableSecurity = `
## How they log in

What ` + "`interop/run.sh security`" + ` has seen, at leat and at Apache Kafka 4.4.0 alike: with the right certificate, password or token they get in, with others they
are kept out and their users are told why.

| client | TLS, also with a certificate of its own | PLAIN | SCRAM-SHA-256, -512 | OAUTHBEARER | authenticates again when a session ends |
| --- | --- | --- | --- | --- | --- |
| Java client 4.4.0 | yes | yes | yes | yes, fetches its tokens (OpenID Connect) | yes |
| confluent-kafka 2.16.1 | yes | yes | yes | yes, fetches its tokens (OpenID Connect) | yes |
| franz-go v1.22.2 | yes | yes | yes | yes, is handed tokens | yes |
| kafkajs 2.2.4 | yes | yes | yes | yes, is handed tokens | yes |
| kafka-go v0.4.51 | yes | yes | yes | has none | no, it connects again |
| kcat 1.7.1 (librdkafka 2.0.2) | yes | yes | no: librdkafka before 2.6.1 repeats its nonce | tokens without a signature only | not tried |

When a token is refused, franz-go and kafkajs do not say so: the one calls the answer unexpected, the other goes on and is cut off. The log of the broker names the cause.
`

// WriteTable writes the page of clients from what the last runs against each target found.
func WriteTable(path string) error {
	onLeat, rows, err := recall(string(target.Leat))
	if err != nil {
		return err
	}
	onKafka, kafkaRows, err := recall(string(target.Kafka))
	if err != nil {
		return err
	}
	if len(kafkaRows) > len(rows) {
		rows = kafkaRows
	}
	var text strings.Builder
	text.WriteString(tableHead)
	for _, row := range rows {
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s |\n", row.Client, row.Language, row.Version, cell(onLeat, row.Client), cell(onKafka, row.Client))
	}
	text.WriteString(tableSecurity)
	return os.WriteFile(path, []byte(text.String()), 0o644)
}

func cell(rows map[string]remembered, client string) string {
	row, ok := rows[client]
	if !ok {
		return "not run"
	}
	text := fmt.Sprintf("%d of %d", row.Passed, row.Checks)
	if len(row.Failures) > 0 {
		text += ", not: " + strings.Join(row.Failures, "; ")
	}
	if len(row.LeftOut) > 0 {
		text += ", left out: " + strings.Join(row.LeftOut, "; ")
	}
	return text
}
