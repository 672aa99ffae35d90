package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// runner runs the steps of a page, in one shell at each of its machines.
type runner struct {
	binary  string
	timeout time.Duration
	verbose bool
	all     bool
	dir     string // everything of it; whoever made it removes it

	environment []string
	shells      map[string]*shell // by machine; "": the one at which the reader sits
	running     map[string]*started
	output      string // of the steps before, since the last that was checked
	count       int
}

// started is what runs beside.
type started struct {
	shell *shell
	group int
	log   string
}

func (r *runner) begin(ctx context.Context) error {
	r.shells, r.running = map[string]*shell{}, map[string]*started{}
	bin, home, work := filepath.Join(r.dir, "bin"), filepath.Join(r.dir, "home"), filepath.Join(r.dir, "work")
	if err := errors.Join(os.Mkdir(bin, 0o755), os.Mkdir(home, 0o755), os.Mkdir(work, 0o755)); err != nil {
		return err
	}
	source, err := os.Getwd()
	if err != nil {
		return err
	}
	all := ""
	if r.all {
		all = "1"
	}
	r.environment = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "XDG_CONFIG_HOME="+home, "GIT_CONFIG_GLOBAL="+filepath.Join(home, "gitconfig"), "LEAT_SOURCE="+source,
		"PAGES_LOGS="+r.dir, "PAGES_ALL="+all, "LEAT_CONFIG=", "LEAT_BUILT="+r.binary, "NO_COLOR=1")
	if r.binary != "" {
		binary, err := filepath.Abs(r.binary)
		if err != nil {
			return err
		}
		if err := os.Symlink(binary, filepath.Join(bin, "leat")); err != nil {
			return err
		}
	}
	r.shells[""], err = r.start(ctx, work, "bash", "--noprofile", "--norc")
	return err
}

// end stops what still runs. What is left in the background ends with the world.
func (r *runner) end() {
	for name := range r.running {
		_ = r.stop(context.Background(), name)
	}
}

func (r *runner) step(ctx context.Context, s *step) error {
	if s.builds && r.binary != "" || s.long && !r.all {
		return nil
	}
	text, err := s.commands(r.all)
	if err != nil {
		return err
	}
	if r.verbose && s.text != "" {
		fmt.Fprintf(os.Stderr, "--- %s %s\n%s", s.section, strings.Join(s.on, ","), text)
	}
	switch s.kind {
	case stop:
		return r.stop(ctx, s.name)
	case check:
		missing, ok := matches(s.text, r.output, s.like)
		if !ok {
			return fmt.Errorf("no line %q in what was printed:\n%s", missing, r.output)
		}
		r.output = ""
		return nil
	case machines:
		return r.machines(ctx, s.on)
	}
	on := s.on
	if len(on) == 0 {
		on = []string{""}
	}
	for _, name := range on {
		shell, ok := r.shells[name]
		if !ok {
			return fmt.Errorf("%s: the page has no such machine: name it in <!-- machines -->", name)
		}
		if err := r.at(ctx, shell, s, text); err != nil {
			return err
		}
	}
	return nil
}

// at does a step at one machine.
func (r *runner) at(ctx context.Context, shell *shell, s *step, text string) error {
	switch s.kind {
	case write, add:
		return r.run(ctx, shell, s, fmt.Sprintf("cat %s%q <<'END OF FILE'\n%sEND OF FILE\n", map[kind]string{write: ">", add: ">>"}[s.kind], s.name, text))
	case beside:
		return r.beside(ctx, shell, s.name, text, s.until)
	case await:
		before := r.output
		if err := r.beside(ctx, shell, "until", text, s.until); err != nil {
			return err
		}
		log := r.running["until"].log
		err := r.stop(ctx, "until")
		printed, _ := os.ReadFile(log)
		r.output = before + string(printed)
		return err
	}
	return r.run(ctx, shell, s, text)
}

// file is what a step of this name is kept in, with what it prints beside it.
func (r *runner) file(name, text string) (file, log string, err error) {
	r.count++
	file = filepath.Join(r.dir, fmt.Sprintf("step-%d-%s", r.count, name))
	return file, file + ".log", os.WriteFile(file, []byte(text), 0o600)
}

// unavailable is the status of a preparation that cannot be had here, for a reason that it has printed.
const unavailable = "3"

// run runs commands in a shell, and waits until they have ended. The first that fails ends them.
func (r *runner) run(ctx context.Context, shell *shell, s *step, text string) error {
	file, log, err := r.file("run", text)
	if err != nil {
		return err
	}
	// In the shell itself, for its directory and variables; errexit of a sourced file would end the shell, so that a trap tells of the first failure.
	trap := "trap 'failed=$?; trap - ERR; return $failed 2>/dev/null' ERR; "
	if s.fails {
		trap = ""
	}
	status, err := shell.tell(ctx, r.timeout, fmt.Sprintf("%sfailed=0; . %s >%s 2>&1 </dev/null; ended=$?; trap - ERR; [ $failed != 0 ] || failed=$ended; echo $failed >&3\n", trap, file, log))
	printed, _ := os.ReadFile(log)
	if r.verbose {
		fmt.Fprintf(os.Stderr, "%s", printed)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w, having printed:\n%s", err, printed)
	case s.kind == prepare && status == unavailable:
		return &leftOutError{strings.TrimSpace(string(printed))}
	case status != "0" && !s.fails:
		return fmt.Errorf("exit status %s, having printed:\n%s", status, printed)
	case s.kind != prepare:
		r.output += string(printed)
	}
	return nil
}

// beside starts commands, as a process group of their own as in a terminal, and waits until they have printed that they are ready.
func (r *runner) beside(ctx context.Context, shell *shell, name, text, until string) error {
	if _, ok := r.running[name]; ok {
		return fmt.Errorf("%s runs already", name)
	}
	file, log, err := r.file(name, "set -e\n"+text)
	if err != nil {
		return err
	}
	answer, err := shell.tell(ctx, r.timeout, fmt.Sprintf("set -m; ( set +m; . %s ) >%s 2>&1 </dev/null & set +m; echo $! >&3\n", file, log))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(answer)
	if err != nil {
		return err
	}
	r.running[name] = &started{shell, pid, log}
	for end := time.Now().Add(r.timeout); ; time.Sleep(20 * time.Millisecond) {
		gone := syscall.Kill(pid, 0) != nil // asked first: what it printed at its end counts
		printed, _ := os.ReadFile(log)
		switch {
		case strings.Contains(string(printed), until):
			r.output += string(printed)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case gone || time.Now().After(end):
			return fmt.Errorf("%s has not printed %q, but:\n%s", name, until, printed)
		}
	}
}

// stop ends what runs beside as Ctrl-C does, and waits for it.
func (r *runner) stop(ctx context.Context, name string) error {
	p, ok := r.running[name]
	if !ok {
		return fmt.Errorf("stop %s: nothing of this name runs", name)
	}
	delete(r.running, name)
	_, err := p.shell.tell(ctx, r.timeout, fmt.Sprintf("kill -INT -- -%d 2>/dev/null; wait %d 2>/dev/null; echo $? >&3\n", p.group, p.group))
	if err != nil {
		printed, _ := os.ReadFile(p.log)
		return fmt.Errorf("stop %s: %w, having printed:\n%s", name, err, printed)
	}
	return nil
}
