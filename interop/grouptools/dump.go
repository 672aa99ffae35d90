package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"leat/interop/target"
)

// decoders are the internal topics and how kafka-dump-log reads their records.
var decoders = []struct{ topic, option string }{
	{"__consumer_offsets", "--offsets-decoder"},
	{"__transaction_state", "--transaction-log-decoder"},
	{"__share_group_state", "--share-group-state-decoder"},
}

// recordLine is what the tool prints of a record: in the key its type, in the payload its version.
var recordLine = regexp.MustCompile(`key: \{"type":"?(\w+)"?,.*payload: (?:\{"version":"?(\w+)"?,|(null|<DELETE>))`)

// dump has kafka-dump-log decode every record that this run left in the internal topics. Their kinds are those that Kafka leaves, which records.txt lists.
func (r *run) dump() (int, error) {
	records := 0
	var kinds []string
	for _, d := range decoders {
		logs, err := filepath.Glob(filepath.Join(r.node.DataDir(), d.topic+"-*", "*.log"))
		if err != nil {
			return 0, err
		}
		for _, log := range logs {
			if info, err := os.Stat(log); err != nil || info.Size() == 0 {
				continue
			}
			said, err := r.box.Run("kafka-dump-log", "--deep-iteration", d.option, "--files", log)
			if err != nil || said.Status != 0 {
				return records, fmt.Errorf("%s: status %d: %w", log, said.Status, err)
			}
			n, found, err := decoded(d.topic, said.Text())
			if err != nil {
				return records, err
			}
			records += n
			kinds = append(kinds, found...)
		}
	}
	slices.Sort(kinds)
	return records, r.known(slices.Compact(kinds))
}

// decoded counts the records of a dump and tells their kinds; control records have none.
func decoded(topic, said string) (n int, kinds []string, err error) {
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(strings.TrimSpace(line), "| offset:") {
			for _, bad := range []string{"nknown", "xception", "orrupt", "skipping"} {
				if strings.Contains(line, bad) {
					err = errors.Join(err, fmt.Errorf("%s: %s", topic, strings.TrimSpace(line)))
				}
			}
			continue
		}
		n++
		found := recordLine.FindStringSubmatch(line)
		switch {
		case found != nil && found[2] != "":
			kinds = append(kinds, fmt.Sprintf("%s type %s version %s", topic, found[1], found[2]))
		case found != nil:
			kinds = append(kinds, fmt.Sprintf("%s type %s tombstone", topic, found[1]))
		case strings.Contains(line, "endTxnMarker: "):
			kinds = append(kinds, topic+" marker")
		default:
			err = errors.Join(err, fmt.Errorf("%s: not decoded: %s", topic, strings.TrimSpace(line)))
		}
	}
	return n, kinds, err
}

// known compares kinds of records with those that Kafka left.
func (r *run) known(kinds []string) error {
	root, err := target.Root()
	if err != nil {
		return err
	}
	path := filepath.Join(root, "interop", "grouptools", "stories", "records.list")
	if r.update {
		return os.WriteFile(path, []byte(strings.Join(kinds, "\n")+"\n"), 0o644)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	want, kinds := r.allow("records.list", strings.Split(strings.TrimSpace(string(text)), "\n"), kinds)
	if !slices.Equal(kinds, want) {
		return fmt.Errorf("other kinds of records than Kafka's:\n%s", difference(want, kinds))
	}
	return nil
}
