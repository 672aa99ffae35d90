package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"leat/internal/cli/run"
	"leat/internal/server"
)

// fake is a program whose server does what the test says.
type fake struct {
	*program
	out, err bytes.Buffer
	got      *server.Config
}

func newFake(t *testing.T, serve func(context.Context, server.Config) error) *fake {
	t.Helper()
	f := &fake{}
	f.program = newProgram(run.Streams{Out: &f.out, Err: &f.err})
	f.limitMemory = func() (int64, error) { return 0, nil }
	f.exit = func(int) { t.Error("the process would have ended") }
	f.serve = func(ctx context.Context, cfg server.Config) error {
		f.got = &cfg
		if serve == nil {
			return nil
		}
		return serve(ctx, cfg)
	}
	return f
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "server.properties")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestExitStatusTellsFailureFromMisuse(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		status int
		stderr string
	}{
		{"no arguments show the help", nil, 0, ""},
		{"help", []string{"help"}, 0, ""},
		{"help of a command", []string{"server", "--help"}, 0, ""},
		{"version", []string{"version"}, 0, ""},
		{"completion", []string{"completion", "bash"}, 0, ""},
		{"server", []string{"server"}, 0, ""},
		{"unknown command", []string{"serve"}, 2, `leat: unknown command "serve" for "leat"`},
		{"a command with a slip", []string{"topic", "lst"}, 2, "did you mean leat topic list?\nsee 'leat topic --help'"},
		{"a command that there is not, with flags", []string{"topic", "lst", "-o", "json"}, 2, "leat topic: unknown command \"lst\" for \"leat topic\"\ndid you mean leat topic list?"},
		{"a family that there is not, with flags", []string{"topics", "list", "-o", "json"}, 2, "did you mean leat topic?"},
		{"a family with a flag that it has not", []string{"topic", "-o", "json"}, 2, "leat topic: unknown shorthand flag: 'o' in -o"},
		{"nothing listens", []string{"cluster", "nodes", "-b", "127.0.0.1:1"}, 1, "connection refused: is it running? --bootstrap-server or --profile name another"},
		{"a command of several", []string{"topics"}, 2, "did you mean leat topic?\nsee 'leat --help'"},
		{"why of what", []string{"why", "shop"}, 2, "leat why: shop: say what it is (group, topic, partition, client, node), as in: leat why group shop"},
		{"why of which", []string{"why", "group"}, 2, "leat why: group: say which one, as in: leat why group shop"},
		{"unknown flag", []string{"server", "--port=1"}, 2, "leat server: unknown flag: --port"},
		{"two files", []string{"server", "a", "b"}, 2, "leat server: accepts at most 1 arg(s), received 2"},
		{"a file twice", []string{"server", "a", "--config=b"}, 2, "leat server: the file is given twice: a and --config=b"},
		{"set without a value", []string{"server", "--set", "node.id"}, 2, "leat server: --set node.id: not KEY=VALUE"},
		{"unknown log format", []string{"server", "--log-format=xml"}, 2, `leat server: log format "xml": neither text nor json`},
		{"unknown log level", []string{"server", "--log-level=loud"}, 2, `leat server: log level "loud": not one of trace`},
		{"unknown output", []string{"version", "-o", "xml"}, 2, "leat version: --output=xml: neither table, json, yaml nor template=TEXT"},
		{"no such file", []string{"server", "missing.properties"}, 1, "leat server: configuration: open missing.properties"},
		{"wrong value", []string{"server", "--set", "node.id=x"}, 1, "node.id=x: not a whole number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, nil)
			if status := f.main(c.args); status != c.status {
				t.Errorf("status %d, not %d", status, c.status)
			}
			if !strings.Contains(f.err.String(), c.stderr) || c.status == 0 && f.err.Len() > 0 {
				t.Errorf("standard error is %q", f.err.String())
			}
			if c.status != 0 && f.out.Len() > 0 {
				t.Errorf("standard output is %q", f.out.String())
			}
		})
	}
}

func TestWrongConfigurationIsToldWholeBeforeTheServerStarts(t *testing.T) {
	f := newFake(t, nil)
	file := write(t, "log.retention.ms=7d\nnum.partitions=0\nlog.retention.hourz=5\n")
	if status := f.main([]string{"server", file}); status != 1 {
		t.Errorf("status %d", status)
	}
	for _, line := range []string{
		"leat server: wrong configuration:\n",
		"\n  log.retention.ms=7d: not a whole number of milliseconds: 7 days are 604800000, for ever is -1\n",
		"\n  num.partitions=0: too small: the least is 1\n",
		"log.retention.hourz: no such key, it is ignored: did you mean log.retention.hours",
	} {
		if !strings.Contains(f.err.String(), line) {
			t.Errorf("no %q in %s", line, f.err.String())
		}
	}
	if f.got != nil {
		t.Error("the server was started")
	}
}

func TestSetWinsOverTheFile(t *testing.T) {
	file := write(t, "num.partitions=3\nlog.retention.hours=5\n")
	for _, args := range [][]string{
		{"server", "--config", file, "--set", "num.partitions=7", "--set=broker.rack=a=b"},
		{"server", file, "--override", "num.partitions=7", "--override", "broker.rack=a=b"},
	} {
		f := newFake(t, nil)
		if status := f.main(args); status != 0 {
			t.Fatalf("status %d: %s", status, f.err.String())
		}
		v := f.got.Values
		if v.Int("num.partitions") != 7 || v.Int("log.retention.hours") != 5 || v.String("broker.rack") != "a=b" {
			t.Errorf("%v: %d partitions, %d hours, rack %q", args, v.Int("num.partitions"), v.Int("log.retention.hours"), v.String("broker.rack"))
		}
	}
}

func TestFeaturesNotBuiltAreNamedOnce(t *testing.T) {
	f := newFake(t, nil)
	if status := f.main([]string{"server", "--log-format=json", "--set", "remote.log.storage.system.enable=true", "--set", "num.io.threads=8",
		"--set", "ssl.provider=x"}); status != 0 {
		t.Fatalf("status %d: %s", status, f.err.String())
	}
	if n := strings.Count(f.err.String(), "not built"); n != 1 || !strings.Contains(f.err.String(), `"keys":"remote.log.storage.system.enable,ssl.provider"`) {
		t.Errorf("log is %s", f.err.String())
	}
}

func TestReadyLine(t *testing.T) {
	f := newFake(t, func(_ context.Context, cfg server.Config) error {
		cfg.Ready(server.Addresses{Bootstrap: "127.0.0.1:9092", HTTP: "127.0.0.1:9644", Controller: "127.0.0.1:9093", NodeID: 1, ClusterID: "abc"})
		cfg.Ready(server.Addresses{Bootstrap: "127.0.0.1:9092", NodeID: 1, ClusterID: "abc"})
		return nil
	})
	if status := f.main([]string{"server"}); status != 0 {
		t.Errorf("status %d", status)
	}
	want := "leat ready bootstrap=127.0.0.1:9092 controller=127.0.0.1:9093 http=127.0.0.1:9644 node=1 cluster=abc\n" +
		"leat ready bootstrap=127.0.0.1:9092 node=1 cluster=abc\n"
	if f.out.String() != want {
		t.Errorf("standard output is %q", f.out.String())
	}
}

func TestServerFailureIsStatusOne(t *testing.T) {
	f := newFake(t, func(context.Context, server.Config) error { return errors.New("listen 127.0.0.1:9092: address in use") })
	if status := f.main([]string{"server"}); status != 1 || f.err.String() != "leat server: listen 127.0.0.1:9092: address in use\n" {
		t.Errorf("status %d, %q", status, f.err.String())
	}
}

func raise(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

func TestFirstSignalStopsSecondEndsAtOnceHangupReloads(t *testing.T) {
	ended := make(chan int, 1)
	f := newFake(t, func(ctx context.Context, cfg server.Config) error {
		raise(t, syscall.SIGHUP)
		<-cfg.Reload
		raise(t, syscall.SIGTERM)
		<-ctx.Done()
		raise(t, syscall.SIGINT)
		ended <- <-ended
		return ctx.Err()
	})
	f.exit = func(status int) { ended <- status }
	f.sameSignal = 0
	if status := f.main([]string{"server"}); status != 0 {
		t.Errorf("status after an orderly stop is %d: %s", status, f.err.String())
	}
	if status := <-ended; status != 1 {
		t.Errorf("status after a second signal is %d", status)
	}
	if !strings.Contains(f.err.String(), "leat server: interrupt again: stopping at once\n") {
		t.Errorf("standard error is %q", f.err.String())
	}
}

func TestOneWishToldTwiceIsOneSignal(t *testing.T) {
	f := newFake(t, func(ctx context.Context, cfg server.Config) error {
		raise(t, syscall.SIGTERM)
		<-ctx.Done()
		raise(t, syscall.SIGTERM)
		raise(t, syscall.SIGHUP)
		<-cfg.Reload
		return nil
	})
	f.sameSignal = time.Hour
	if status := f.main([]string{"server"}); status != 0 {
		t.Errorf("status %d: %s", status, f.err.String())
	}
}

func TestVersion(t *testing.T) {
	f := newFake(t, nil)
	if status := f.main([]string{"version", "-o", "json"}); status != 0 {
		t.Fatalf("status %d", status)
	}
	var v version
	if err := json.Unmarshal(f.out.Bytes(), &v); err != nil || v.Protocol != "4.4" || v.Version == "" {
		t.Errorf("%+v, %v", v, err)
	}
	f = newFake(t, nil)
	if f.main([]string{"version"}); !strings.HasPrefix(f.out.String(), "leat ") || !strings.Contains(f.out.String(), "Kafka protocol 4.4") {
		t.Errorf("standard output is %q", f.out.String())
	}
}

func TestCompletionKnowsKeys(t *testing.T) {
	f := newFake(t, nil)
	if status := f.main([]string{"__complete", "server", "--set", "log.retention.m"}); status != 0 {
		t.Fatalf("status %d", status)
	}
	if !strings.Contains(f.out.String(), "log.retention.ms=\t") {
		t.Errorf("standard output is %q", f.out.String())
	}
}
