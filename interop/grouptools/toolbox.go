package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"leat/interop/target"
)

// toolTime is how long a tool may take; then it is stuck.
const toolTime = 60 * time.Second

// toolbox is one process that runs Kafka's tools, one after the other: they start in milliseconds instead of a second.
type toolbox struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func newToolbox(ctx context.Context, dir string) (*toolbox, error) {
	root, err := target.Root()
	if err != nil {
		return nil, err
	}
	cache, err := target.Cache()
	if err != nil {
		return nil, err
	}
	classes := filepath.Join(dir, "classes")
	path := classes + string(os.PathListSeparator) + filepath.Join(cache, "kafka-tools", "*")
	built, err := exec.CommandContext(ctx, "javac", "-cp", path, "-d", classes, filepath.Join(root, "interop", "grouptools", "Toolbox.java")).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("javac (interop/setup.sh kafka first): %w: %s", err, built)
	}
	cmd := exec.Command("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path,
		"-Dlog4j2.configurationFile="+filepath.Join(root, "interop", "kafka", "log4j2.properties"), "Toolbox")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	errs, err := os.Create(filepath.Join(dir, "toolbox.err"))
	if err != nil {
		return nil, err
	}
	defer errs.Close()
	cmd.Stderr = errs
	box := &toolbox{cmd: cmd}
	if box.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	box.out = bufio.NewReader(out)
	return box, cmd.Start()
}

// run runs a tool and returns its exit status and what it said.
func (b *toolbox) run(name string, args ...string) (int, string, error) {
	class, err := target.ToolClass(name)
	if err != nil {
		return 0, "", err
	}
	timer := time.AfterFunc(toolTime, func() { _ = b.cmd.Process.Kill() })
	defer timer.Stop()
	if _, err := fmt.Fprintln(b.in, strings.Join(append([]string{class}, args...), "\t")); err != nil {
		return 0, "", err
	}
	line, err := b.out.ReadString('\n')
	if err != nil {
		return 0, "", fmt.Errorf("%s: no answer within %s: %w", name, toolTime, err)
	}
	status, said, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
	code, err := strconv.Atoi(status)
	if !ok || err != nil {
		return 0, "", fmt.Errorf("%s: the process of the tools says %q", name, line)
	}
	text, err := base64.StdEncoding.DecodeString(said)
	return code, string(text), err
}

func (b *toolbox) close() {
	_ = b.in.Close()
	timer := time.AfterFunc(5*time.Second, func() { _ = b.cmd.Process.Kill() })
	defer timer.Stop()
	_ = b.cmd.Wait() // it may have been killed
}
