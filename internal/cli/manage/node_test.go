package manage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"leat/internal/cli/present"
	"leat/internal/cli/reach"
	"leat/internal/cli/run"
	"leat/internal/config"
	"leat/internal/server"
)

// TestMain keeps the settings of whoever runs the tests away from them.
func TestMain(m *testing.M) {
	for _, name := range []string{reach.EnvServers, reach.EnvProfile, reach.EnvCommand, reach.EnvTimeout, present.EnvOutput} {
		_ = os.Unsetenv(name)
	}
	_ = os.Setenv(reach.EnvProfiles, filepath.Join(os.TempDir(), "leat-no-such-profiles.yaml"))
	os.Exit(m.Run())
}

// startNode runs a node of its own for a test, and returns where it is reached.
func startNode(t *testing.T, settings ...string) string {
	t.Helper()
	return run1(t, settings...).Bootstrap
}

// startCluster runs a node that is broker and controller, and more that are brokers.
func startCluster(t *testing.T, nodes int, settings ...string) string {
	t.Helper()
	first := run1(t, append([]string{"node.id=1", "broker.rack=a", "default.replication.factor=1", "offsets.topic.replication.factor=1"}, settings...)...)
	for id := 2; id <= nodes; id++ {
		run1(t, append([]string{fmt.Sprintf("node.id=%d", id), "process.roles=broker", "listeners=PLAINTEXT://127.0.0.1:0", "controller.listener.names=CONTROLLER",
			"controller.quorum.bootstrap.servers=" + first.Controller, "cluster.id=" + first.ClusterID, fmt.Sprintf("broker.rack=%c", 'a'+id-1)}, settings...)...)
	}
	return first.Bootstrap
}

// run1 runs a node until the test ends.
func run1(t *testing.T, settings ...string) server.Addresses {
	t.Helper()
	at, stop := runUntil(t, settings...)
	t.Cleanup(stop)
	return at
}

// runUntil runs a node until it is stopped.
func runUntil(t *testing.T, settings ...string) (at server.Addresses, stop func()) {
	t.Helper()
	set := map[string]string{"log.dirs": t.TempDir(), "listeners": "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0", "leat.http.listener": ""}
	for _, text := range settings {
		key, value, _ := strings.Cut(text, "=")
		set[key] = value
	}
	v, _, err := config.ParseBroker(set, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan server.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Config{Values: v, Logger: slog.New(slog.DiscardHandler), Ready: func(a server.Addresses) { ready <- a }})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	select {
	case at = <-ready:
		return at, stop
	case err := <-ended:
		cancel()
		t.Fatalf("node did not start: %v", err)
		return at, nil
	}
}

// leat runs a command line without anybody at a terminal.
func leat(args ...string) (status int, stdout, stderr string) { return leatReading("", args...) }

// leatReading is leat with something to read.
func leatReading(in string, args ...string) (status int, stdout, stderr string) {
	var out, problems bytes.Buffer
	s := run.Streams{In: strings.NewReader(in), Out: &out, Err: &problems}
	root := &cobra.Command{Use: "leat", SilenceErrors: true, SilenceUsage: true}
	root.SetOut(&out)
	root.SetErr(&problems)
	root.AddCommand(Commands(s)...)
	root.AddCommand(family("cluster", "", Health(s), Describe(s)))
	root.SetArgs(args)
	cmd, err := root.ExecuteC()
	exit := run.Exit(0)
	switch {
	case err == nil:
	case errors.As(err, &exit):
		status = int(exit)
	case run.IsFailed(err):
		status = 1
		problems.WriteString(cmd.CommandPath() + ": " + err.Error() + "\n")
	default:
		status = 2
		problems.WriteString(cmd.CommandPath() + ": " + err.Error() + "\n")
	}
	return status, out.String(), problems.String()
}

// does runs a command line that must succeed.
func does(t *testing.T, at string, args ...string) string {
	t.Helper()
	status, out, problems := leat(append(args, "-b", at)...)
	if status != 0 {
		t.Fatalf("%s: status %d: %s %s", strings.Join(args, " "), status, out, problems)
	}
	return out
}

// fails runs a command line that must end with a status and say something.
func fails(t *testing.T, at string, want int, says string, args ...string) {
	t.Helper()
	status, out, problems := leat(append(args, "-b", at)...)
	if status != want || !strings.Contains(problems, says) {
		t.Errorf("%s: status %d, want %d with %q: %s %s", strings.Join(args, " "), status, want, says, out, problems)
	}
}
