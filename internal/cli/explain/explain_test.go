package explain

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/run"
)

const sick = `{"at":"2026-03-01T12:00:00Z","node":1,"nodes":[1,2],"silent":[3],"findings":[{"cause":"node-down","severity":"critical","chain":["node 3 is down"],"evidence":["no answer"],"next":["start it"]}]}`

// operations answers what an operations listener would.
func operations(t *testing.T, report string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/why":
			if about := r.URL.Query().Get("about"); about != "" && about != "group:shop" {
				http.Error(w, "about="+about, http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(w, report)
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "broker: starting\n")
		case "/balance":
			http.NotFound(w, r)
		default:
			_, _ = io.WriteString(w, r.URL.Path)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// command runs one of the commands.
func command(t *testing.T, args ...string) (out, errs string, err error) {
	t.Helper()
	t.Setenv("LEAT_BOOTSTRAP_SERVER", "127.0.0.1:1") // where nobody is
	var o, e bytes.Buffer
	for _, cmd := range Commands(run.Streams{Out: &o, Err: &e}) {
		if cmd.Name() == args[0] {
			cmd.SetArgs(args[1:])
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			err = cmd.ExecuteContext(t.Context())
			return o.String(), e.String(), err
		}
	}
	t.Fatalf("no command %s", args[0])
	return "", "", nil
}

func TestWhyAsksAnOperationsListener(t *testing.T) {
	out, _, err := command(t, "why", "group", "shop", "--operations", operations(t, sick))
	if status := run.Exit(0); !errors.As(err, &status) || status != 1 {
		t.Errorf("ended with %v", err)
	}
	if !strings.Contains(out, "1. node-down (critical)\n   node 3 is down\n   seen: no answer\n   next: start it\n") || !strings.Contains(out, "did not answer: nodes 3") {
		t.Errorf("printed %q", out)
	}
	if out, _, _ = command(t, "why", "-o", "json", "--operations", operations(t, sick)); !strings.Contains(out, `"cause": "node-down"`) {
		t.Errorf("printed %q", out)
	}
	if out, _, err = command(t, "why", "--operations", operations(t, `{"nodes":[1],"findings":[]}`)); err != nil || out != "nothing wrong with the cluster is known (1 node answered)\n" {
		t.Errorf("printed %q, ended with %v", out, err)
	}
}

func TestWhyRefusesWrongQuestions(t *testing.T) {
	for _, args := range [][]string{{"why", "pie", "apple"}, {"why", "group"}, {"why", "group", "a", "b"}, {"why", "node", "one"}} {
		if _, _, err := command(t, args...); err == nil || run.IsFailed(err) {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, _, err := command(t, "why", "--timeout", "2s"); !run.IsFailed(err) || !strings.Contains(err.Error(), "--operations") {
		t.Errorf("nobody answers: %v", err)
	}
}

func TestDiagnoseWritesWhatItCanHave(t *testing.T) {
	dir := t.TempDir()
	log, file := filepath.Join(dir, "server.log"), filepath.Join(dir, "d.tar.gz")
	if err := os.WriteFile(log, []byte("first line\nlast line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"diagnose", "--timeout", "2s", "--operations", operations(t, sick), "--log", log, "--log", log + ".missing", "--log-bytes", "10", "-f", file}
	out, errs, err := command(t, args...)
	if err != nil || !strings.Contains(out, file) {
		t.Fatalf("printed %q, ended with %v", out, err)
	}
	files := unpack(t, file)
	for name, want := range map[string]string{"about.json": `"at"`, "logs/1-server.log": "last line\n", "absent.txt": "why.json"} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s: %q", name, files[name])
		}
	}
	if strings.Contains(files["logs/1-server.log"], "first") {
		t.Error("more of the log than was asked for")
	}
	for _, absent := range []string{"why.json", "cluster", "balance.json", "server.log.missing"} {
		if !strings.Contains(errs, absent) {
			t.Errorf("not told that %s is not there: %q", absent, errs)
		}
	}
	ready := false
	for name, text := range files {
		ready = ready || strings.HasSuffix(name, "/readyz.txt") && text == "broker: starting\n"
	}
	if !ready {
		t.Errorf("no readyz among %d files", len(files))
	}
	if _, _, err := command(t, args...); !run.IsFailed(err) {
		t.Errorf("an archive that was there: %v", err)
	}
}

func TestDiagnoseThatHearsFromNobodyFails(t *testing.T) {
	dir := t.TempDir()
	log, file := filepath.Join(dir, "server.log"), filepath.Join(dir, "d.tar.gz")
	if err := os.WriteFile(log, []byte("last line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := command(t, "diagnose", "--timeout", "2s", "--log", log, "-f", file)
	if !run.IsFailed(err) || !strings.Contains(err.Error(), "no node answered") {
		t.Errorf("ended with %v", err)
	}
	if files := unpack(t, file); files["logs/1-server.log"] != "last line\n" || !strings.Contains(files["absent.txt"], "why.json") {
		t.Errorf("what could be had is not in the archive: %q", files)
	}
}

func unpack(t *testing.T, name string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(h.Name, "leat-diagnose/")] = string(text)
	}
}

func TestConfigurationsAreToldWithoutSecrets(t *testing.T) {
	secret, plain := "hunter2", "5"
	resp := kmsg.NewPtrDescribeConfigsResponse()
	r := kmsg.NewDescribeConfigsResponseResource()
	r.ResourceName = "1"
	for _, c := range []struct {
		name      string
		value     *string
		sensitive bool
		source    kmsg.ConfigSource
	}{
		{"ssl.keystore.password", &secret, false, kmsg.ConfigSourceStaticBrokerConfig}, {"own.thing", &secret, true, kmsg.ConfigSourceStaticBrokerConfig},
		{"num.partitions", &plain, false, kmsg.ConfigSourceStaticBrokerConfig}, {"log.dir", &plain, false, kmsg.ConfigSourceDefaultConfig},
	} {
		x := kmsg.NewDescribeConfigsResponseResourceConfig()
		x.Name, x.Value, x.IsSensitive, x.Source = c.name, c.value, c.sensitive, c.source
		r.Configs = append(r.Configs, x)
	}
	resp.Resources = append(resp.Resources, r)
	text := string(withoutSecrets(resp))
	if strings.Contains(text, secret) || !strings.Contains(text, "num.partitions") || !strings.Contains(text, "ssl.keystore.password") || strings.Contains(text, "log.dir") {
		t.Errorf("told %s", text)
	}
}
