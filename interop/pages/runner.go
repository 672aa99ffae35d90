package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// runner runs the steps of a page in one shell, so that directories and variables stay.
type runner struct {
	binary  string
	timeout time.Duration
	verbose bool

	dir     string // everything of it; removed at the end
	shell   *exec.Cmd
	in      io.WriteCloser
	status  *bufio.Reader // a line for each step that has ended
	running map[string]*started
	output  string // of the steps before, since the last that was checked
	count   int
}

// started is what runs beside.
type started struct {
	pid int
	log string
}

func (r *runner) begin(ctx context.Context) (err error) {
	if r.dir, err = os.MkdirTemp("", "leat-pages-"); err != nil {
		return err
	}
	r.running = map[string]*started{}
	bin := filepath.Join(r.dir, "bin")
	home := filepath.Join(r.dir, "home")
	if err := errors.Join(os.Mkdir(bin, 0o755), os.Mkdir(home, 0o755), os.Mkdir(filepath.Join(r.dir, "work"), 0o755)); err != nil {
		return err
	}
	source, err := os.Getwd()
	if err != nil {
		return err
	}
	if r.binary != "" {
		binary, err := filepath.Abs(r.binary)
		if err != nil {
			return err
		}
		if err := os.Symlink(binary, filepath.Join(bin, "leat")); err != nil {
			return err
		}
	}
	in, done, err := r.start(ctx, bin, home, source)
	if err != nil {
		return err
	}
	r.in, r.status = in, bufio.NewReader(done)
	return nil
}

// start starts the shell. It tells of each step that has ended on a file of its own, so that steps may print what they like.
func (r *runner) start(ctx context.Context, bin, home, source string) (io.WriteCloser, io.Reader, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = write.Close() }()
	r.shell = exec.CommandContext(ctx, "bash", "--noprofile", "--norc")
	r.shell.Dir = filepath.Join(r.dir, "work")
	r.shell.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "XDG_CONFIG_HOME="+home, "LEAT_SOURCE="+source, "PAGES_LOGS="+r.dir, "LEAT_CONFIG=", "LEAT_BUILT="+r.binary, "NO_COLOR=1")
	r.shell.ExtraFiles = []*os.File{write}
	r.shell.Stdout, r.shell.Stderr = os.Stderr, os.Stderr
	r.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := r.shell.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	return in, read, r.shell.Start()
}

// end stops what still runs, and removes everything.
func (r *runner) end() {
	for name := range r.running {
		_ = r.stop(name)
	}
	_ = r.in.Close()
	_ = syscall.Kill(-r.shell.Process.Pid, syscall.SIGKILL)
	_ = r.shell.Wait()
	// What the shell left in the background still has its ports until it is gone, and the next page wants the same.
	for until := time.Now().Add(10 * time.Second); syscall.Kill(-r.shell.Process.Pid, 0) == nil && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	_ = os.RemoveAll(r.dir)
}

func (r *runner) step(ctx context.Context, s *step) error {
	if r.verbose && s.text != "" {
		fmt.Fprintf(os.Stderr, "--- %s\n%s", s.section, s.text)
	}
	if s.builds && r.binary != "" {
		return nil
	}
	switch s.kind {
	case stop:
		return r.stop(s.name)
	case check:
		missing, ok := matches(s.text, r.output)
		if !ok {
			return fmt.Errorf("no line %q in what was printed:\n%s", missing, r.output)
		}
		r.output = ""
		return nil
	case beside:
		return r.beside(ctx, s)
	}
	return r.run(ctx, s)
}

// run runs commands in the shell, and waits until they have ended. The first that fails ends them.
func (r *runner) run(ctx context.Context, s *step) error {
	r.count++
	file := filepath.Join(r.dir, fmt.Sprintf("step-%d", r.count))
	log := file + ".log"
	if err := os.WriteFile(file, []byte(s.text), 0o600); err != nil {
		return err
	}
	// In the shell itself, for its directory and variables; errexit of a sourced file would end the shell, so that a trap tells of the first failure.
	script := fmt.Sprintf("trap 'failed=$?; trap - ERR; return $failed 2>/dev/null' ERR; failed=0; . %s >%s 2>&1 </dev/null; ended=$?; trap - ERR; [ $failed != 0 ] || failed=$ended; echo $failed >&3\n", file, log)
	if _, err := io.WriteString(r.in, script); err != nil {
		return err
	}
	status, err := r.answer(ctx)
	text, _ := os.ReadFile(log)
	if r.verbose {
		fmt.Fprintf(os.Stderr, "%s", text)
	}
	if err != nil {
		return fmt.Errorf("%w, having printed:\n%s", err, text)
	}
	if status != "0" {
		return fmt.Errorf("exit status %s, having printed:\n%s", status, text)
	}
	if s.kind != prepare {
		r.output += string(text)
	}
	return nil
}

// answer is the next line from the shell.
func (r *runner) answer(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() {
		text, err := r.status.ReadString('\n')
		got <- line{strings.TrimSpace(text), err}
	}()
	timer := time.NewTimer(r.timeout)
	defer timer.Stop()
	select {
	case l := <-got:
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	case <-timer.C:
		return "", fmt.Errorf("not done after %v", r.timeout)
	}
}

// beside starts commands, and waits until they have printed that they are ready.
func (r *runner) beside(ctx context.Context, s *step) error {
	log := filepath.Join(r.dir, s.name+".log")
	file := filepath.Join(r.dir, s.name+".sh")
	if err := os.WriteFile(file, []byte("set -e\n"+last(s.text)), 0o600); err != nil {
		return err
	}
	script := fmt.Sprintf("( . %s ) >%s 2>&1 </dev/null & echo $! >&3\n", file, log)
	if _, err := io.WriteString(r.in, script); err != nil {
		return err
	}
	text, err := r.answer(ctx)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	r.running[s.name] = &started{pid, log}
	for until := time.Now().Add(r.timeout); ; time.Sleep(20 * time.Millisecond) {
		printed, _ := os.ReadFile(log)
		switch {
		case strings.Contains(string(printed), s.until):
			r.output += string(printed)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case syscall.Kill(pid, 0) != nil || time.Now().After(until):
			return fmt.Errorf("%s has not printed %q, but:\n%s", s.name, s.until, printed)
		}
	}
}

// last has the last command take the place of the shell, so that a signal reaches it.
func last(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	at := len(lines) - 1
	for at > 0 && strings.HasSuffix(lines[at-1], "\\") {
		at--
	}
	lines[at] = "exec " + lines[at]
	return strings.Join(lines, "\n") + "\n"
}

// stop ends what runs beside as Ctrl-C would, and waits for it.
func (r *runner) stop(name string) error {
	p, ok := r.running[name]
	if !ok {
		return fmt.Errorf("stop %s: nothing of this name runs", name)
	}
	delete(r.running, name)
	if _, err := fmt.Fprintf(r.in, "kill -TERM %d; wait %d; echo $? >&3\n", p.pid, p.pid); err != nil {
		return err
	}
	_, err := r.answer(context.Background())
	return err
}
