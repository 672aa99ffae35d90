package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// thisMachine finds processes below /proc.
var thisMachine = machine{processes: func() ([]process, error) { return processesIn("/proc", os.Getuid()) }, signal: sendSignal}

// processesIn are those that a file system like /proc shows; of other users only for the one who may signal them.
func processesIn(proc string, user int) ([]process, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, err
	}
	var all []process
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil || id == os.Getpid() {
			continue
		}
		dir := filepath.Join(proc, e.Name())
		var st unix.Stat_t
		if err := unix.Stat(dir, &st); err != nil || user != 0 && int(st.Uid) != user {
			continue
		}
		if p := (process{id: id, argv: words(dir, "cmdline"), environ: words(dir, "environ")}); len(p.argv) > 0 { // those of the kernel have none
			p.dir, _ = os.Readlink(filepath.Join(dir, "cwd")) // one that ends meanwhile is not asked for its files
			all = append(all, p)
		}
	}
	return all, nil
}

// words are those of a file in which each ends with a zero; none of a process that is gone.
func words(dir, name string) []string {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}

// sendSignal sends a signal by its name, with or without SIG, or number; "" is TERM.
func sendSignal(id int, name string) error {
	name = strings.ToUpper(cmp.Or(name, "TERM"))
	signal := unix.SignalNum("SIG" + strings.TrimPrefix(name, "SIG"))
	if n, err := strconv.Atoi(name); err == nil {
		signal = unix.Signal(n)
	}
	if signal == 0 {
		return fmt.Errorf("SIGNAL=%s: not a signal: name one like TERM or INT", name)
	}
	return unix.Kill(id, signal)
}
