package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leat/internal/cli/run"
)

const (
	cleanDir  = "../storage/testdata/kafka-clean/"
	killedDir = "../storage/testdata/kafka-killed/"
	quorumDir = "../quorum/testdata/kafka/"
)

func dumpLog(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Main(append([]string{"/opt/bin/kafka-dump-log.sh"}, args...), run.Streams{Out: &out, Err: &errs})
	return status, out.String(), errs.String()
}

// TestKafkaDumpLogSaysWhatKafkasToolSays compares with what the tool of Apache Kafka 4.3.1 prints for the recorded directories.
func TestKafkaDumpLogSaysWhatKafkasToolSays(t *testing.T) {
	orders := cleanDir + "orders-0/00000000000000000"
	for name, args := range map[string][]string{
		"records": {"--files", orders + "132.log," + orders + "153.log", "--deep-iteration", "--print-data-log"},
		"values":  {"--files=" + orders + "153.log", "--print-data-log", "--skip-record-metadata"},
		"batches": {"--files", orders + "132.log", "--max-bytes", "500"},
		"indexes": {"--files", orders + "000.index," + orders + "032.timeindex," + orders + "153.txnindex," + orders + "166.snapshot," +
			killedDir + "orders-0/00000000000000000153.timeindex," + killedDir + "orders-0/00000000000000000153.index"},
		"sanity":       {"--files", orders + "000.index," + orders + "032.timeindex", "--index-sanity-check"},
		"transactions": {"--files", cleanDir + "__transaction_state-0/00000000000000000000.log", "--transaction-log-decoder"},
		"metadata":     {"--files", quorumDir + "00000000000000000000.log," + quorumDir + "00000000000000000000-0000000000.checkpoint", "--cluster-metadata-decoder", "--max-bytes", "3000"},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("testdata", "kafka-dump-log", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			status, got, errs := dumpLog(t, args...)
			if status != 0 || got != string(want) {
				gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
				for i := range min(len(gotLines), len(wantLines)) {
					if gotLines[i] != wantLines[i] {
						t.Fatalf("status %d, line %d is\n%s\nnot\n%s", status, i+1, gotLines[i], wantLines[i])
					}
				}
				t.Fatalf("status %d, %d lines, not %d: %s", status, len(gotLines), len(wantLines), errs)
			}
		})
	}
}

func TestKafkaDumpLogTakesKafkasFlags(t *testing.T) {
	file := cleanDir + "orders-0/00000000000000000153.log"
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--value-decoder-class", "--key-decoder-class", "org.apache.kafka.tools.api.StringDecoder", "--files", file}, 0, "payload: tx-1-0"},
		{[]string{"--value-decoder-class=DefaultDecoder", "--files", file}, 0, "payload: 74782d312d30"},
		{[]string{"--value-decoder-class", "com.example.MyDecoder", "--files", file}, 2, "a Java class cannot be loaded"},
		{[]string{}, 1, `missing required argument "[files]"`},
		{[]string{"--files", "nothing.here"}, 0, "Ignoring unknown file nothing.here"},
		{[]string{"--files", "00000000000000000000.log"}, 1, "no such file"},
		{[]string{"--offsets-decoder", "--files", file}, 1, "message had a missing key"},
	} {
		status, out, errs := dumpLog(t, c.args...)
		if status != c.status || !strings.Contains(out+errs, c.want) {
			t.Errorf("%v: status %d, not %d; no %q in\n%s%s", c.args, status, c.status, c.want, out, errs)
		}
	}
}

func TestBrokenTextIsReplacedAsJavaDoes(t *testing.T) {
	for in, want := range map[string]string{
		"a\xffb": "a�b", "\xe2\x82": "�", "\xe2\x82\xe2": "��", "\xf0\x9f\x98x": "�x", "\xc0\x80": "��", "\xed\xa0\x80": "�", "\xed\xa0x": "�x", "\xf5\x80": "��", "é": "é",
	} {
		if got := javaText([]byte(in)); got != want {
			t.Errorf("%q is %q, not %q", in, got, want)
		}
	}
}

func leatWith(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Main(append([]string{"leat"}, args...), run.Streams{Out: &out, Err: &errs})
	return status, out.String(), errs.String()
}

func TestLogDumpShowsEveryKindOfFile(t *testing.T) {
	for _, output := range []string{"text", "json"} {
		status, out, errs := leatWith(t, "log", "dump", "--values", "-o", output, cleanDir)
		if status != 0 {
			t.Fatalf("status %d: %s", status, errs)
		}
		wanted := []string{"tx-1-0", "transactionalId", "endTxnMarker: ABORT"}
		if output == "json" {
			wanted = append(wanted, `{"kind":"batch","position":0,"bytes":78,"magic":2,"base_offset":153,"last_offset":153,"records":1,"codec":"none",`+
				`"timestamp_type":"CreateTime","max_timestamp":1795273142919,"leader_epoch":0,"producer_id":5,"producer_epoch":1,"base_sequence":-1,`+
				`"transactional":true,"control":true,"delete_horizon":null,"crc":3975144428,"valid":true}`,
				`{"kind":"aborted_transaction","producer_id":5,"first_offset":150,"last_offset":153,"last_stable_offset":154}`,
				`{"kind":"epoch","epoch":0,"start_offset":0}`, `{"kind":"offset","topic":"orders","partition":0,"offset":166}`,
				`{"kind":"time_entry","timestamp":1700000152000,"offset":152}`, `"kind":"producer","producer_id":5`, `"kind":"property","topic_id":`)
		}
		for _, want := range wanted {
			if !strings.Contains(out, want) {
				t.Errorf("-o %s: no %s", output, want)
			}
		}
	}
	file := cleanDir + "orders-0/leader-epoch-checkpoint"
	for output, want := range map[string]string{
		"table":                         file + " (8 bytes)\n  epoch 0  start offset 0\n",
		"yaml":                          "---\nkind: file\nfile: \"" + file + "\"\ntype: leader-epoch-checkpoint\nbytes: 8\n---\nkind: epoch\nepoch: 0\nstart_offset: 0\n",
		"template={{.kind}} {{.epoch}}": "file \nepoch 0\n",
	} {
		if status, out, errs := leatWith(t, "log", "dump", "-o", output, file); status != 0 || out != want {
			t.Errorf("-o %s: status %d, %s\n%s\nnot\n%s", output, status, errs, out, want)
		}
	}
	for _, command := range []string{"dump", "verify"} {
		if status, _, errs := leatWith(t, "log", command, "-o", "xml", cleanDir); status != 2 || !strings.Contains(errs, "leat log "+command+": --output=xml: neither table, json, yaml nor template=TEXT") {
			t.Errorf("log %s -o xml: status %d, %s", command, status, errs)
		}
	}
}

func TestLogVerifyTellsByItsStatus(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(cleanDir)); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := leatWith(t, "log", "verify", "--deep", dir); status != 0 || !strings.Contains(out, "3 partitions, 8 segments, 329 batches, 329 records") {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	path := filepath.Join(dir, "orders-0", "00000000000000000132.log")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[200] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, errs := leatWith(t, "log", "verify", dir)
	if status != 1 || !strings.Contains(out, "damage: "+path+": position 119: batch of offset 133 has CRC") || !strings.Contains(errs, "damage was found") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	if status, out, _ := leatWith(t, "log", "verify", "-o", "json", dir); status != 1 || !strings.Contains(out, `"severity": "damage"`) || !strings.Contains(out, `"position": 119`) {
		t.Errorf("status %d\n%s", status, out)
	}
	if status, out, _ := leatWith(t, "log", "verify", "-o", "template={{.damage}} {{range .findings}}{{.severity}}{{end}}", dir); status != 1 || out != "1 damage\n" {
		t.Errorf("status %d\n%s", status, out)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "partition.metadata"), []byte("version: 0\ntopic_id: XiCyThKvQguvtyW9ML0unQ\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := leatWith(t, "log", "verify", filepath.Dir(path)); status != 2 || out != "" || !strings.Contains(errs, "it is the directory of a partition: name the log directory that it is in") {
		t.Errorf("a partition's directory: status %d\n%s%s", status, out, errs)
	}
	if status, _, errs := leatWith(t, "log", "verify", filepath.Join(dir, "nothing")); status != 1 || !strings.Contains(errs, "no such file or directory") {
		t.Errorf("status %d: %s", status, errs)
	}
}
