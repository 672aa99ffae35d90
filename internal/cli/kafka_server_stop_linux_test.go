package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestProcessesAreThoseThatProcShows(t *testing.T) {
	proc := t.TempDir()
	for name, text := range map[string]string{"12/cmdline": "leat\x00server\x00", "12/environ": "A=1\x00B=2\x00", "13/cmdline": "", "self/cmdline": "x\x00"} {
		if err := os.MkdirAll(filepath.Join(proc, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/srv", filepath.Join(proc, "12", "cwd")); err != nil {
		t.Fatal(err)
	}
	all, err := processesIn(proc, os.Getuid())
	if err != nil || len(all) != 1 || all[0].id != 12 || all[0].dir != "/srv" || !slices.Equal(all[0].argv, []string{"leat", "server"}) || !slices.Equal(all[0].environ, []string{"A=1", "B=2"}) {
		t.Errorf("%v %v", all, err)
	}
	if os.Getuid() == 0 {
		return // may signal all
	}
	if all, err := processesIn(proc, os.Getuid()+1); err != nil || len(all) != 0 {
		t.Errorf("of another user: %v %v", all, err)
	}
}

func TestSignalsHaveNames(t *testing.T) {
	for _, name := range []string{"", "INT", "sigkill", "15"} {
		cmd := exec.Command("sleep", "100")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := sendSignal(cmd.Process.Pid, name); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s: it ended well", name)
		}
	}
	if err := sendSignal(os.Getpid(), "NONSENSE"); err == nil || err.Error() != "SIGNAL=NONSENSE: not a signal: name one like TERM or INT" {
		t.Error(err)
	}
}
