package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"leat/internal/cli/run"
	"leat/internal/config"
	"leat/internal/server"
)

// startNode runs a node of its own for a test, and returns where it is reached.
func startNode(t *testing.T) string {
	t.Helper()
	v, _, err := config.ParseBroker(map[string]string{
		"log.dirs": t.TempDir(), "listeners": "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0", "leat.http.listener": "",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan server.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Config{Values: v, Logger: slog.New(slog.DiscardHandler), Ready: func(a server.Addresses) { ready <- a }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	select {
	case a := <-ready:
		return a.Bootstrap
	case err := <-ended:
		ended <- nil
		t.Fatalf("node did not start: %v", err)
		return ""
	}
}

// leat runs a command line.
func leat(args ...string) (status int, stdout, stderr string) {
	var out, problems bytes.Buffer
	status = newProgram(run.Streams{Out: &out, Err: &problems}).main(args)
	return status, out.String(), problems.String()
}

func TestBalanceIsShownPausedAndResumed(t *testing.T) {
	at := startNode(t)
	mode := func() (s balanceShown) {
		t.Helper()
		status, out, problems := leat("cluster", "balance", "--status", "-o", "json", "--bootstrap-server", at)
		if err := json.Unmarshal([]byte(out), &s); status != done || err != nil {
			t.Fatalf("status %d: %v %s %s", status, err, out, problems)
		}
		return s
	}
	if s := mode(); s.Mode != "auto" || len(s.Brokers) != 1 || s.Planned != 0 {
		t.Errorf("a fresh node shows %+v", s)
	}
	if status, out, _ := leat("cluster", "balance", "--plan", "--bootstrap-server", at); status != done || !strings.Contains(out, "nothing to move") {
		t.Errorf("status %d: plan of a single node: %s", status, out)
	}
	for _, c := range []struct{ flag, mode string }{{"--pause", "off"}, {"--resume", "auto"}} {
		if status, _, problems := leat("cluster", "balance", c.flag, "--bootstrap-server", at); status != done {
			t.Errorf("%s: status %d: %s", c.flag, status, problems)
		}
		if s := mode(); s.Mode != c.mode {
			t.Errorf("after %s the mode is %s", c.flag, s.Mode)
		}
	}
}

func TestDrainIsSetAndTakenBack(t *testing.T) {
	at := startNode(t)
	drained := func() []int32 {
		var s balanceShown
		_, out, _ := leat("cluster", "balance", "--status", "-o", "json", "--bootstrap-server", at)
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			t.Fatal(err)
		}
		return s.Drained
	}
	if status, _, problems := leat("cluster", "drain", "7", "--bootstrap-server", at); status != failed || !strings.Contains(problems, "no such broker") {
		t.Errorf("status %d: %s", status, problems)
	}
	if status, out, problems := leat("cluster", "drain", "1", "--plan", "-o", "template={{.object}} {{.action}} {{.done}}", "--bootstrap-server", at); status != done || out != "broker 1 drain false\n" {
		t.Errorf("status %d: %s %s", status, out, problems)
	}
	if got := drained(); len(got) != 0 {
		t.Errorf("drained by a plan: %v", got)
	}
	if status, out, problems := leat("cluster", "drain", "1", "--wait", "--bootstrap-server", at); status != done || !strings.Contains(out, "0 replicas and 0 leaders are left") {
		t.Errorf("status %d: %s %s", status, out, problems)
	}
	if got := drained(); len(got) != 1 || got[0] != 1 {
		t.Errorf("drained: %v", got)
	}
	if status, _, problems := leat("cluster", "drain", "1", "--undo", "--bootstrap-server", at); status != done {
		t.Errorf("status %d: %s", status, problems)
	}
	if got := drained(); len(got) != 0 {
		t.Errorf("drained: %v", got)
	}
	for _, args := range [][]string{{"cluster", "balance"}, {"cluster", "balance", "--plan", "--pause"}, {"cluster", "drain", "x"}, {"cluster", "drain", "1", "--wait", "--undo"}} {
		if status, _, problems := leat(args...); status != misuse {
			t.Errorf("%v: status %d: %s", args, status, problems)
		}
	}
}
