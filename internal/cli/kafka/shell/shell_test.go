package shell

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"leat/internal/cli/run"
	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/record"
)

var update = flag.Bool("update", false, "write the checkpoint anew; what Kafka's shell says of it then has to be written down again")

// everything is a checkpoint with something of each kind; everything.txt is what the shell of Apache Kafka prints of it (tree /image).
const everything = "testdata/everything.checkpoint"

func id(n byte) record.UUID { return record.UUID{1, 2, 3, n} }

func text(s string) *string { return &s }

func TestTheCheckpointHasSomethingOfEachKind(t *testing.T) {
	d := metadata.NewDelta(metadata.Empty)
	for _, r := range []metadata.Record{
		&metadata.FeatureLevelRecord{Name: "metadata.version", FeatureLevel: 33},
		&metadata.FeatureLevelRecord{Name: "group.version", FeatureLevel: 1},
		&metadata.RegisterBrokerRecord{BrokerID: 1, IncarnationID: id(1), BrokerEpoch: 4, EndPoints: []metadata.RecordEndpoint{{Name: "PLAINTEXT", Host: "one", Port: 9092}, {Name: "IN", Host: "1.2.3.4", Port: 9094, SecurityProtocol: 3}},
			Features: []metadata.RecordFeature{{Name: "metadata.version", MinSupportedVersion: 7, MaxSupportedVersion: 33}, {Name: "kraft.version", MinSupportedVersion: 1, MaxSupportedVersion: 1}},
			Rack:     text("r1"), LogDirs: []record.UUID{id(9), id(8)}, CordonedLogDirs: []record.UUID{id(9)}},
		&metadata.RegisterBrokerRecord{BrokerID: 2, IncarnationID: id(2), BrokerEpoch: 5, Fenced: true, EndPoints: []metadata.RecordEndpoint{{Name: "PLAINTEXT", Host: "two", Port: 9092}}},
		&metadata.RegisterControllerRecord{ControllerID: 3, IncarnationID: id(3), EndPoints: []metadata.RecordEndpoint{{Name: "CONTROLLER", Host: "three", Port: 9093, SecurityProtocol: 2}}},
		&metadata.TopicRecord{Name: "orders", TopicID: id(4)},
		&metadata.PartitionRecord{TopicID: id(4), Replicas: []int32{1, 2}, ISR: []int32{1}, RemovingReplicas: []int32{2}, AddingReplicas: []int32{1}, Leader: 1, LeaderEpoch: 3, PartitionEpoch: 6,
			Directories: []record.UUID{id(8), {15: 1}}, EligibleLeaderReplicas: []int32{2}, LastKnownELR: []int32{1}},
		&metadata.PartitionRecord{PartitionID: 1, TopicID: id(4), Replicas: []int32{2}, ISR: []int32{2}, Leader: -1, LeaderRecoveryState: 1, Directories: []record.UUID{{15: 2}}},
		&metadata.ConfigRecord{ResourceType: 2, ResourceName: "orders", Name: "retention.ms", Value: text("1000")},
		&metadata.ConfigRecord{ResourceType: 4, Name: "log.retention.ms", Value: text("5")},
		&metadata.ConfigRecord{ResourceType: 4, ResourceName: "1", Name: "ssl.keystore.password", Value: text("secret")},
		&metadata.ConfigRecord{ResourceType: 16, ResourceName: "m", Name: "interval.ms", Value: text("1000")},
		&metadata.ConfigRecord{ResourceType: 32, ResourceName: "g", Name: "consumer.session.timeout.ms", Value: text("50000")},
		&metadata.ClientQuotaRecord{Entity: []metadata.QuotaEntityPart{{EntityType: "user", EntityName: text("a(b)\\c")}, {EntityType: "client-id", EntityName: text("d")}}, QuotaKey: "producer_byte_rate", Value: 1e8},
		&metadata.ClientQuotaRecord{Entity: []metadata.QuotaEntityPart{{EntityType: "ip", EntityName: text("10.0.0.1")}}, QuotaKey: "connection_creation_rate", Value: 2.5},
		&metadata.ProducerIdsRecord{BrokerID: 1, BrokerEpoch: 4, NextProducerID: 3000},
		&metadata.AccessControlEntryRecord{ID: id(5), ResourceType: 2, ResourceName: "orders", PatternType: 4, Principal: "User:alice", Host: "*", Operation: 3, PermissionType: 3},
		&metadata.AccessControlEntryRecord{ID: id(6), ResourceType: 4, ResourceName: "kafka-cluster", PatternType: 3, Principal: "User:*", Host: "10.0.0.1", Operation: 12, PermissionType: 2},
		&metadata.UserScramCredentialRecord{Name: "bob", Mechanism: 2, Salt: []byte{1, 2}, StoredKey: []byte{0xab}, ServerKey: []byte{0xcd, 0xef}, Iterations: 4096},
		&metadata.DelegationTokenRecord{Owner: "User:bob", Requester: "User:bob", Renewers: []string{"User:carol", "User:dave"}, IssueTimestamp: 1, MaxTimestamp: 2, ExpirationTimestamp: 3, TokenID: "tok"},
	} {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 60e6, time.UTC)
	data, err := metalog.FormatCheckpoint(d.Image(99, 7, at.UnixMilli()), at)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(everything, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if was, err := os.ReadFile(everything); err != nil || !bytes.Equal(was, data) {
		t.Errorf("%s is something else (%v): go test -update, and write down what Kafka's shell says of it", everything, err)
	}
}

// said runs the shell.
func said(t *testing.T, input string, args ...string) (status int, out, problems string) {
	t.Helper()
	var o, e bytes.Buffer
	status = MetadataShell().Main(t.Context(), args, run.Streams{In: strings.NewReader(input), Out: &o, Err: &e})
	return status, o.String(), e.String()
}

func TestTheTreeIsThatOfKafkasShell(t *testing.T) {
	for _, c := range []struct{ file, golden string }{
		{everything, "testdata/everything.txt"},
		{"../../../quorum/testdata/kafka/00000000000000000000.log", "testdata/log.txt"},
	} {
		want, err := os.ReadFile(c.golden)
		if err != nil {
			t.Fatal(err)
		}
		status, got, problems := said(t, "", "-s", c.file, "tree", "/image")
		if status != 0 || problems != "" {
			t.Errorf("%s: %d %s", c.file, status, problems)
		}
		a, b := strings.Split(string(want), "\n"), strings.Split(got, "\n")
		for i := range max(len(a), len(b)) {
			if i >= len(a) || i >= len(b) || a[i] != b[i] {
				t.Fatalf("%s: line %d is\n%q\nnot\n%q", c.file, i+1, at(b, i), at(a, i))
			}
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// TestCommandsSayWhatKafkasSay has what the shell of Apache Kafka 4.3.1 said, but for the words of help.
func TestCommandsSayWhatKafkasSay(t *testing.T) {
	for _, c := range []struct{ command, says string }{
		{"ls", "image\nlocal\n"},
		{"ls /image/topics", "byId\nbyName\n"},
		{"ls /image/topics/byName/orders/id /image/topics /image/cluster", "id\n\ntopics:\nbyId\nbyName\n\ncluster:\nbrokers\ncontrollers\n"},
		{"ls /nothing", "ls: /nothing: no such file or directory.\n"},
		{"ls /image/t*", "byId\nbyName\n"},
		{"ls /image/{cluster,topics}/by*", "byId:\nAQIDBAAAAAAAAAAAAAAAAA\n\nbyName:\norders\n"},
		{"cat /image/topics/byName/orders/name image/producerIds/nextProducerId", "orders\n3000\n"},
		{"cat /image", "cat: /image: Is a directory\n"},
		{"cat /image/features/meta*", "Optional[4.4-IV2]\n"},
		{"cat /none", "cat: /none: No such file or directory.\n"},
		{"find /image/topics/byId", "/image/topics/byId\n/image/topics/byId/AQIDBAAAAAAAAAAAAAAAAA\n/image/topics/byId/AQIDBAAAAAAAAAAAAAAAAA/0\n" +
			"/image/topics/byId/AQIDBAAAAAAAAAAAAAAAAA/1\n/image/topics/byId/AQIDBAAAAAAAAAAAAAAAAA/id\n/image/topics/byId/AQIDBAAAAAAAAAAAAAAAAA/name\n"},
		{"find none", "find: none: no such file or directory.\n"},
		{"tree none", "tree: none: No such file or directory.\n"},
		{"cat", "too few arguments\n"},
		{"cd", "invalid choice: 'cd' (choose from 'cat', 'find', 'ls', 'tree')\n"},
		{"l", "invalid choice: 'l': did you mean 'ls'?\n"},
	} {
		status, got, problems := said(t, "", append([]string{"--snapshot", everything}, strings.Fields(c.command)...)...)
		if status != 0 || got != c.says || problems != "" {
			t.Errorf("%s: %d\n%s%s", c.command, status, got, problems)
		}
	}
}

func TestAPrompt(t *testing.T) {
	status, got, problems := said(t, "cd image\npwd\nls t*\ncd ../..\npwd\ncd local/version\ncd nowhere\n cat x\nls 'a b'\nls 'a b'\nhistory 2\nman pwd\nman walk\nfoo\nexit\npwd\n", "-s", everything)
	want := "Loading...\nStarting...\n[ Kafka Metadata Shell ]\n>> >> /image\n>> byId\nbyName\n>> >> /\n>> cd: local/version: not a directory.\n>> cd: nowhere: no such directory.\n" +
		">> cat: x: No such file or directory.\n>> ls: a b: no such file or directory.\n>> ls: a b: no such file or directory.\n>>     7  ls 'a b'\n    8  history 2\n" +
		">> pwd: Show in which directory this is.\n\nusage: pwd\n>> man: unknown command walk. Type help to get a list of commands.\n" +
		">> invalid choice: 'foo' (choose from 'cat', 'cd', 'exit', 'find', 'help', 'history', 'ls', 'man', 'pwd', 'tree')\n>> "
	if status != 0 || got != want || problems != "" {
		t.Errorf("%d\n%s%s", status, got, problems)
	}
	if _, help, _ := said(t, "help\n", "-s", everything); !strings.Contains(help, "usage:  {cat,cd,exit,find,help,history,ls,man,pwd,tree} ...\n\npositional arguments:\n") || !strings.HasSuffix(help, ">> ") {
		t.Error(help)
	}
}

func TestNamesAreCompleted(t *testing.T) {
	found, err := load(fs.OS, everything)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{root: root(found.image), at: "/image", prompt: true}
	for line, more := range map[string]string{"tr": "ee ", "h": "", "hi": "story ", "ls to": "pics/", "ls /im": "age/", "cat topics/by": "", "cat topics/byN": "ame/", "cat producerIds/": "nextProducerId ", "ls zz": ""} {
		if got := s.complete(line); got != more {
			t.Errorf("%q: %q, not %q", line, got, more)
		}
	}
}

func TestNamesStandInAsManyColumnsAsFit(t *testing.T) {
	var out bytes.Buffer
	s := &session{Streams: run.Streams{Out: &out}, columns: 20}
	s.columned("", []string{"one", "two", "three", "four", "five"})
	if got := out.String(); got != "one  three  five\ntwo  four   \n" {
		t.Errorf("%q", got)
	}
}

func TestADirectoryIsItsNewestCheckpointAndTheLogBehindIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), metadataDir)
	if err := os.CopyFS(dir, os.DirFS("../../../quorum/testdata/kafka")); err != nil {
		t.Fatal(err)
	}
	if _, got, problems := said(t, "", "-s", filepath.Dir(dir), "ls", "/image/topics/byName"); got != "or.ders\nor_ders\n" || problems != "" {
		t.Errorf("%s%s", got, problems)
	}
	data, err := os.ReadFile(everything)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "00000000000000000356-0000000001.checkpoint"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, got, problems := said(t, "", "-s", dir, "ls", "/image/topics/byName")
	if got != "orders\n" || problems != "" {
		t.Errorf("%s%s", got, problems)
	}
	if _, got, _ := said(t, "", "-s", dir, "cat", "/image/provenance"); !strings.HasPrefix(got, "offset 355, epoch 7, ") {
		t.Error(got)
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	dir := t.TempDir()
	logs := filepath.Join(dir, metadataDir)
	if err := os.CopyFS(logs, os.DirFS("../../../quorum/testdata/kafka")); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(logs, "00000000000000000000.log")
	if status, _, problems := said(t, "", "-s", filepath.Join(dir, "none"), "ls"); status != 1 || !strings.HasPrefix(problems, "Unexpected error: java.nio.file.NoSuchFileException: ") {
		t.Errorf("%d %s", status, problems)
	}
	if status, _, problems := said(t, "", "-s", t.TempDir(), "ls"); status != 1 || !strings.Contains(problems, "neither a metadata log nor a checkpoint is there") {
		t.Errorf("%d %s", status, problems)
	}
	lock, err := fs.OS.Lock(filepath.Join(dir, ".lock"))
	if err != nil {
		t.Fatal(err)
	}
	if status, _, problems := said(t, "", "-s", log, "ls"); status != 1 || !strings.HasPrefix(problems, "Unexpected error: Unable to lock "+dir+". ") {
		t.Errorf("%d %s", status, problems)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(log, data, 0o600); err != nil {
		t.Fatal(err)
	}
	status, got, problems := said(t, "", "-s", log, "ls")
	if status != 0 || got != "image\nlocal\n" || !strings.Contains(problems, "what comes behind it is not shown") {
		t.Errorf("%d %s%s", status, got, problems)
	}
}

func TestGlobs(t *testing.T) {
	for pattern, names := range map[string][]string{"*": {"", "a", "b.c"}, "a?": {"ab", "ax"}, "{one,two}": {"one", "two"}, "[a-c]x": {"ax", "cx"}, "[!a]x": {"cx"}, `a.\*`: nil, "[ab": nil, "{a": nil} {
		all := []string{"", "a", "ab", "b.c", "one", "two", "ax", "cx", "a.*"}
		expression := glob(pattern)
		if expression == nil {
			if names != nil {
				t.Errorf("%s is a name", pattern)
			}
			continue
		}
		for _, name := range all {
			if pattern != "*" && expression.MatchString(name) != slices.Contains(names, name) {
				t.Errorf("%s and %q: %t", pattern, name, expression.MatchString(name))
			}
		}
	}
}

func TestWordsOfALine(t *testing.T) {
	for line, want := range map[string][]string{"": nil, "  ls  a ": {"ls", "a"}, `ls 'a b' "c'd" e\ f`: {"ls", "a b", "c'd", "e f"}, `ls ''`: {"ls", ""}} {
		if got := words(line); !slices.Equal(got, want) {
			t.Errorf("%s: %q", line, got)
		}
	}
}
