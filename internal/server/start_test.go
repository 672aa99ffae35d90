package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leat/internal/config"
)

// running is a node in this process, on loopback ports that the system chose.
type running struct {
	Addresses
	stop context.CancelFunc
	done chan error
}

// values are the settings of a test's node: its own directory and free ports, and what the test sets on top.
func values(t *testing.T, dir string, set map[string]string) *config.Values {
	t.Helper()
	v, _, err := config.ParseBroker(map[string]string{
		"log.dirs":           dir,
		"listeners":          "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
		"leat.http.listener": "127.0.0.1:0",
	}, set)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// start runs a node until the test ends or stops it.
func start(t *testing.T, dir string, set map[string]string) *running {
	t.Helper()
	r, err := tryStart(t, dir, set, slog.DiscardHandler)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryStart(t *testing.T, dir string, set map[string]string, logs slog.Handler) (*running, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{stop: cancel, done: make(chan error, 1)}
	ready := make(chan Addresses, 1)
	v := values(t, dir, set)
	go func() {
		r.done <- Run(ctx, Config{Values: v, Logger: slog.New(logs), Ready: func(a Addresses) { ready <- a }})
	}()
	select {
	case r.Addresses = <-ready:
		t.Cleanup(func() { r.shutDown(t) })
		return r, nil
	case err := <-r.done:
		cancel()
		return nil, err
	}
}

// shutDown stops the node and waits; a second call does nothing.
func (r *running) shutDown(t *testing.T) {
	t.Helper()
	r.stop()
	if err, open := <-r.done; open {
		close(r.done)
		if err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}
}

func wantStartError(t *testing.T, dir string, set map[string]string, parts ...string) {
	t.Helper()
	r, err := tryStart(t, dir, set, slog.DiscardHandler)
	if err == nil {
		r.shutDown(t)
		t.Fatalf("the node started, want an error with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestPortInUseIsNamedBeforeDataIsTouched(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := filepath.Join(t.TempDir(), "data")
	address := taken.Addr().String()
	wantStartError(t, dir, map[string]string{"listeners": "PLAINTEXT://" + address + ",CONTROLLER://127.0.0.1:0"}, address, "in use")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the data directory was made although the port was taken: %v", err)
	}
}

func TestDirectoryInUseIsNamed(t *testing.T) {
	dir := t.TempDir()
	start(t, dir, nil)
	wantStartError(t, dir, nil, dir, "in use")
}

func TestDirectoryOfAnotherNodeIsRefused(t *testing.T) {
	dir := t.TempDir()
	start(t, dir, map[string]string{"node.id": "1"}).shutDown(t)
	wantStartError(t, dir, map[string]string{"node.id": "2"}, dir, "1", "2")
}

func TestDirectoriesOfTwoClustersAreRefused(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	start(t, one, nil).shutDown(t)
	start(t, two, nil).shutDown(t)
	wantStartError(t, one+","+two, nil, one, two)
}

func TestDirectoryThatCannotBeMadeIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	wantStartError(t, filepath.Join(file, "data"), nil, file)
}

func TestProtectedListenersAreNotServedInTheClear(t *testing.T) {
	wantStartError(t, t.TempDir(), map[string]string{
		"listeners":                      "SSL://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
		"inter.broker.listener.name":     "SSL",
		"listener.security.protocol.map": "SSL:SSL,CONTROLLER:PLAINTEXT",
	}, "listener SSL", "ssl.keystore.location")
}

func TestReadyNodeAnswersOverHTTPAndKeepsItsClusterID(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir, nil)
	for path, want := range map[string]string{"/livez": "", "/readyz": "", "/metrics": "kafka_server"} {
		resp, err := http.Get("http://" + first.HTTP + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(want)) {
			t.Errorf("GET %s = %d %.80q (%v), want 200 with %q", path, resp.StatusCode, body, err, want)
		}
	}
	first.shutDown(t)
	if second := start(t, dir, nil); second.ClusterID != first.ClusterID {
		t.Errorf("cluster id after a restart is %q, was %q", second.ClusterID, first.ClusterID)
	}
}
