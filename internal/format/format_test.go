package format_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leat/internal/config"
	"leat/internal/format"
	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/record"
)

const (
	dynamic = "controller.quorum.bootstrap.servers=localhost:19093"
	static  = "controller.quorum.voters=1@localhost:19093"
)

// request is one for node 1 with two data directories.
func request(t *testing.T, settings ...string) format.Request {
	t.Helper()
	given := map[string]string{
		"process.roles": "broker,controller", "node.id": "1", "controller.listener.names": "CONTROLLER", "log.dirs": "/d1,/d2",
		"listeners": "PLAINTEXT://localhost:19092,CONTROLLER://localhost:19093",
	}
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		given[key] = value
	}
	values, _, err := config.ParseBroker(given, nil)
	if err != nil {
		t.Fatal(err)
	}
	next := byte(0)
	return format.Request{Values: values, ClusterID: "abc", Release: format.Newest(), NewID: func() record.UUID { next++; return record.UUID{15: next} }}
}

const bootstrapLine = "Bootstrap metadata: BootstrapMetadata(records=[ApiMessageAndVersion(FeatureLevelRecord(name='metadata.version', featureLevel=33) at version 0), " +
	"ApiMessageAndVersion(FeatureLevelRecord(name='eligible.leader.replicas.version', featureLevel=1) at version 0), " +
	"ApiMessageAndVersion(FeatureLevelRecord(name='group.version', featureLevel=1) at version 0), " +
	"ApiMessageAndVersion(FeatureLevelRecord(name='share.version', featureLevel=2) at version 0), " +
	"ApiMessageAndVersion(FeatureLevelRecord(name='streams.version', featureLevel=1) at version 0), " +
	"ApiMessageAndVersion(FeatureLevelRecord(name='transaction.version', featureLevel=2) at version 0)], metadataVersionLevel=33, source=format command)\n"

// TestFormatSaysWhatKafkasToolSays holds output and refusals against what Apache Kafka 4.4.0 said; it goes through directories in no order, we
// in that of the configuration.
func TestFormatSaysWhatKafkasToolSays(t *testing.T) {
	newest := " with metadata.version 4.4-IV2.\n"
	for name, c := range map[string]struct {
		settings []string
		change   func(*format.Request)
		out, err string
	}{
		"standalone": {[]string{dynamic}, func(r *format.Request) { r.Standalone = true },
			bootstrapLine + "Formatting data directory /d2" + newest + "Formatting dynamic metadata voter directory /d1" + newest, ""},
		"static voters": {[]string{static}, func(*format.Request) {},
			bootstrapLine + "Formatting data directory /d2" + newest + "Formatting metadata directory /d1" + newest, ""},
		"one of others": {[]string{dynamic, "metadata.log.dir=/m"}, func(r *format.Request) { r.InitialControllers = "2@localhost:19093:AAAAAAAAAAAAAAAAAAAAAg" },
			bootstrapLine + "Formatting data directory /d1" + newest + "Formatting data directory /d2" + newest + "Formatting dynamic metadata directory /m" + newest, ""},
		"release by its short name": {[]string{static}, func(r *format.Request) { r.Release = format.Release{Level: 7, Name: "3.3"} },
			"Bootstrap metadata: BootstrapMetadata(records=[ApiMessageAndVersion(FeatureLevelRecord(name='metadata.version', featureLevel=7) at version 0)], metadataVersionLevel=7, source=format command)\n" +
				"Formatting data directory /d2 with metadata.version 3.3-IV3.\nFormatting metadata directory /d1 with metadata.version 3.3-IV3.\n", ""},
		"joins later": {[]string{dynamic}, func(r *format.Request) { r.NoInitialControllers = true },
			bootstrapLine + "Formatting data directory /d2" + newest + "Formatting metadata directory /d1" + newest, ""},
		"nobody named": {[]string{dynamic}, func(*format.Request) {}, "",
			"Because controller.quorum.voters is not set on this controller, you must specify one of the following: --standalone, --initial-controllers, or --no-initial-controllers."},
		"standalone and static": {[]string{static}, func(r *format.Request) { r.Standalone = true }, "",
			"You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. If you want to use dynamic quorum, please remove controller.quorum.voters and specify controller.quorum.bootstrap.servers instead."},
		"unknown feature": {[]string{static}, func(r *format.Request) { r.Levels = map[string]int16{"foo": 1} }, "",
			"Unsupported feature: foo. Supported features are: eligible.leader.replicas.version, group.version, kraft.version, share.version, streams.version, transaction.version"},
		"level too high": {[]string{static}, func(r *format.Request) { r.Levels = map[string]int16{"share.version": 9} }, "",
			"No feature:share.version with feature level 9"},
		"directory missing": {[]string{dynamic}, func(r *format.Request) { r.InitialControllers = "1@localhost:19093" }, "",
			"No colon following port could be found."},
		"same voter twice": {[]string{dynamic}, func(r *format.Request) {
			r.InitialControllers = "1@localhost:19093:AAAAAAAAAAAAAAAAAAAAAg,1@[::1]:19093:AAAAAAAAAAAAAAAAAAAAAw"
		}, "", "Node id 1 was specified more than once."},
	} {
		t.Run(name, func(t *testing.T) {
			r, mem, out := request(t, c.settings...), fs.NewMem(), new(bytes.Buffer)
			c.change(&r)
			err := formatted(mem, out, r)
			if out.String() != c.out || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Fatalf("%v\n%s\nnot %s\n%s", err, out, c.err, c.out)
			}
			if _, stat := mem.Stat("/d2"); err != nil && !errors.Is(stat, os.ErrNotExist) {
				t.Fatal("something was written although it was refused")
			}
		})
	}
}

// formatted formats, and says what was done.
func formatted(mem fs.FS, out *bytes.Buffer, r format.Request) error {
	done, err := format.Run(mem, r)
	if done != nil {
		done.Write(out)
	}
	return err
}

// informed says what directories are, and whether there is nothing wrong with them.
func informed(mem fs.FS, out *bytes.Buffer, v *config.Values) bool {
	found := format.Info(mem, v)
	found.Write(out)
	return len(found.Problems) == 0
}

// TestFormattedDirectoriesAreLeftAlone refuses them, passes over those of this node, and refuses others all the same.
func TestFormattedDirectoriesAreLeftAlone(t *testing.T) {
	mem := fs.NewMem()
	r := request(t, dynamic)
	r.Standalone = true
	if err := formatted(mem, new(bytes.Buffer), r); err != nil {
		t.Fatal(err)
	}
	before, err := fs.ReadFile(mem, "/d1/meta.properties")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*format.Request)
		out    string
		err    string
	}{
		{func(*format.Request) {}, "", "Log directory /d2 is already formatted. Use --ignore-formatted to ignore this directory and format the others."},
		{func(r *format.Request) { r.IgnoreFormatted = true }, "All of the log directories are already formatted.\n", ""},
		{func(r *format.Request) { r.IgnoreFormatted, r.ClusterID = true, "abd" }, "", "Invalid cluster.id in: /d2/meta.properties. Expected abd, but read abc"},
	} {
		again, out := r, new(bytes.Buffer)
		c.change(&again)
		err := formatted(mem, out, again)
		if out.String() != c.out || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%v\n%s\nnot %s\n%s", err, out, c.err, c.out)
		}
	}
	if after, err := fs.ReadFile(mem, "/d1/meta.properties"); err != nil || !bytes.Equal(before, after) {
		t.Errorf("meta.properties changed: %v\n%s", err, after)
	}
	out := new(bytes.Buffer)
	want := "Found log directories:\n  /d1\n  /d2\n\nFound metadata: {cluster.id=abc, directory.id=AAAAAAAAAAAAAAAAAAAAAQ, node.id=1, version=1}\n\n"
	if !informed(mem, out, r.Values) || out.String() != want {
		t.Errorf("info says\n%s\nnot\n%s", out, want)
	}
	if err := mem.Remove("/d2/meta.properties"); err != nil {
		t.Fatal(err)
	}
	if out.Reset(); informed(mem, out, r.Values) || out.String() != want+"Found problem:\n  /d2 is not formatted.\n\n" {
		t.Errorf("info says\n%s", out)
	}
}

// TestCheckpointIsThatOfKafka compares the bytes with files that Apache Kafka 4.4.0 made; times, ids and checksums are put in.
func TestCheckpointIsThatOfKafka(t *testing.T) {
	for name, change := range map[string]func(*format.Request){
		"standalone": func(r *format.Request) { r.Standalone = true },
		"joins":      func(r *format.Request) { r.NoInitialControllers = true },
		"static":     func(r *format.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			setting := dynamic
			if name == "static" {
				setting = static
			}
			r, mem := request(t, setting), fs.NewMem()
			change(&r)
			if err := formatted(mem, new(bytes.Buffer), r); err != nil {
				t.Fatal(err)
			}
			got, err := fs.ReadFile(mem, "/d1/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint")
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join("testdata", name+".checkpoint"))
			if err != nil {
				t.Fatal(err)
			}
			if g, w := timeless(t, got), timeless(t, want); g != w {
				t.Errorf("is\n%s\nnot\n%s", g, w)
			}
			records, err := metalog.ReadBootstrap(mem, "/d1")
			if f, ok := records[0].(*metadata.FeatureLevelRecord); err != nil || !ok || f.FeatureLevel != 33 || len(records) != 6 {
				t.Errorf("a node reads %v (%v)", records, err)
			}
		})
	}
}

// timeless is a checkpoint in hex without what differs from one run to the next: checksums, times, and directories' ids.
func timeless(t *testing.T, data []byte) string {
	t.Helper()
	var out strings.Builder
	for len(data) > 0 {
		b, rest, err := record.Split(data)
		if err != nil || b.Check() != nil {
			t.Fatal(err, b.Check())
		}
		raw := bytes.Clone(data[:len(data)-len(rest)])
		clear(raw[17:21]) // checksum
		clear(raw[27:43]) // times
		if b.Control() && len(raw) > 0x51 {
			clear(raw[0x4a:0x52]) // the header's time
		}
		if b.Control() && len(raw) > 0x80 {
			clear(raw[0x75:0x85]) // the voter's directory
		}
		out.WriteString(hex.EncodeToString(raw) + "\n")
		data = rest
	}
	return out.String()
}

// TestScramKeysAreThoseOfKafka compares with the keys that Apache Kafka 4.4.0 made of the same salt and password.
func TestScramKeysAreThoseOfKafka(t *testing.T) {
	r, mem := request(t, static), fs.NewMem()
	r.Scram = []string{`SCRAM-SHA-256=[name=alice,salt="MWx2NHBkbnc0ZndxN25vdGN4bTB5Y3BnY2U=",password=secret]`}
	out := new(bytes.Buffer)
	if err := formatted(mem, out, r); err != nil {
		t.Fatal(err)
	}
	records, err := metalog.ReadBootstrap(mem, "/d1")
	if err != nil || len(records) != 7 {
		t.Fatal(records, err)
	}
	c, ok := records[6].(*metadata.UserScramCredentialRecord)
	const stored, server = "9f670347d1103a49a9c3cb10d85d40770edc248eb16de0e5ec0c9de99f10153a", "304def7cefd18c7192d17666fb933728e2092d8f758b829d9d88d585d4e3b937"
	if !ok || c.Name != "alice" || c.Iterations != 4096 || hex.EncodeToString(c.StoredKey) != stored || hex.EncodeToString(c.ServerKey) != server {
		t.Errorf("%+v", c)
	}
	for _, wrong := range []string{"SCRAM-SHA-256", "MD5=[name=a,password=b]", "SCRAM-SHA-256=[name=a]", "SCRAM-SHA-256=[password=b]",
		"SCRAM-SHA-256=[name=a,password=b,iterations=1]", "SCRAM-SHA-512=[name=a,saltedpassword=YQ==]", "SCRAM-SHA-256=name"} {
		r.Scram = []string{wrong}
		var refusal *format.Refusal
		if err := formatted(fs.NewMem(), out, r); !errors.As(err, &refusal) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// TestReleasesStandForWhatKafkaSays compares with Kafka's version-mapping and feature-dependencies.
func TestReleasesStandForWhatKafkaSays(t *testing.T) {
	for name, want := range map[string]string{
		"":        "metadata.version=33 (4.4-IV2) kraft.version=1 transaction.version=2 group.version=1 eligible.leader.replicas.version=1 share.version=2 streams.version=1",
		"3.9":     "metadata.version=21 (3.9) kraft.version=1 transaction.version=0 group.version=0 eligible.leader.replicas.version=0 share.version=0 streams.version=0",
		"3.7-IV2": "metadata.version=17 (3.7-IV2) kraft.version=0 transaction.version=0 group.version=0 eligible.leader.replicas.version=0 share.version=0 streams.version=0",
	} {
		r, err := format.ParseRelease(name)
		if got := strings.Trim(fmt.Sprint(format.Mapping(r)), "[]"); err != nil || got != want {
			t.Errorf("%q: %v\n%s\nnot\n%s", name, err, got, want)
		}
	}
	if _, err := format.ParseRelease("2.8"); err == nil || !strings.HasPrefix(err.Error(), "Unknown metadata.version '2.8'. Supported metadata.version are: 3.3-IV3, 3.4-IV0,") {
		t.Error(err)
	}
	needed, err := format.Dependencies("eligible.leader.replicas.version", 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(needed.Lines(), "\n"); got != "eligible.leader.replicas.version=1 requires:\n    metadata.version=23 (4.0-IV1)" {
		t.Error(got)
	}
}
