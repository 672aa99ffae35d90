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
	"strings"
	"syscall"
	"time"
)

// shell is a shell at one of the machines of a page, so that directories and variables stay from step to step.
type shell struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	status *bufio.Reader // a line for each step that has ended
}

// start starts a shell. It tells of each step that has ended on a file of its own, so that steps may print what they like.
func (r *runner) start(ctx context.Context, dir string, argv ...string) (*shell, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = write.Close() }()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, r.environment
	cmd.ExtraFiles = []*os.File{write}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &shell{cmd, in, bufio.NewReader(read)}, cmd.Start()
}

// tell has the shell do something, and returns the line that this writes to file 3.
func (s *shell) tell(ctx context.Context, timeout time.Duration, script string) (string, error) {
	if _, err := io.WriteString(s.in, script); err != nil {
		return "", err
	}
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() {
		text, err := s.status.ReadString('\n')
		got <- line{strings.TrimSpace(text), err}
	}()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case l := <-got:
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	case <-timer.C:
		return "", fmt.Errorf("not done after %v", timeout)
	}
}

// machines makes the machines of a page: each a shell with a name, a network, and directories of its own, joined by a bridge on which the reader's machine is the last.
func (r *runner) machines(ctx context.Context, list []string) error {
	hosts := "127.0.0.1 localhost\n::1 localhost\n"
	network := ""
	for _, m := range list {
		name, address, _ := strings.Cut(m, "=")
		hosts += address + " " + name + "\n"
		network = address[:strings.LastIndex(address, ".")]
	}
	hosts += network + ".254 here\n"
	if err := os.WriteFile("/etc/hosts", []byte(hosts), 0o644); err != nil { //nolint:gosec // everybody reads it
		return err
	}
	if err := sh(ctx, "ip link add br0 type bridge && ip addr add "+network+".254/24 dev br0 && ip link set br0 up"); err != nil {
		return err
	}
	for i, m := range list {
		name, address, _ := strings.Cut(m, "=")
		if err := r.machine(ctx, i, name, address, hosts); err != nil {
			return fmt.Errorf("machine %s: %w", name, err)
		}
	}
	return nil
}

func (r *runner) machine(ctx context.Context, i int, name, address, hosts string) error {
	dir := filepath.Join(r.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // as a home is
		return err
	}
	s, err := r.start(ctx, dir, "unshare", "--net", "--mount", "--uts", "--", "bash", "--noprofile", "--norc")
	if err != nil {
		return err
	}
	r.shells[name] = s
	if _, err := s.tell(ctx, r.timeout, "echo here >&3\n"); err != nil {
		return err
	}
	port := fmt.Sprintf("port%d", i)
	if err := sh(ctx, fmt.Sprintf("ip link add %s type veth peer name eth0 netns %d && ip link set %s master br0 up", port, s.cmd.Process.Pid, port)); err != nil {
		return err
	}
	// bash keeps the directory that it is in: the checkout is not laid over once more.
	script := fmt.Sprintf("ip link set lo up && ip addr add %s/24 dev eth0 && ip link set eth0 up && hostname %s && world=%s/world &&\n%s", address, name, r.dir,
		strings.ReplaceAll(strings.TrimSuffix(over(name, owned), "\n"), "\n", " &&\n"))
	status, err := s.tell(ctx, r.timeout, script+" &&\nprintf '"+strings.ReplaceAll(hosts, "\n", `\n`)+"' >/etc/hosts\necho $? >&3\n")
	if err == nil && status != "0" {
		err = errors.New("its network or its directories could not be made")
	}
	return err
}

// sh runs commands that make the world.
func sh(ctx context.Context, script string) error {
	if out, err := exec.CommandContext(ctx, "sh", "-c", script).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, out)
	}
	return nil
}
