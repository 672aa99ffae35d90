package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
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

	"leat/interop/target"
)

// toolTime is how long a tool may take; then it is stuck.
const toolTime = 90 * time.Second

// said is what a tool said, and how it ended.
type said struct {
	status   int
	out, err string
}

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
	built, err := exec.CommandContext(ctx, "javac", "-cp", path, "-d", classes, filepath.Join(root, "interop", "tools", "Tools.java")).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("javac (interop/setup.sh kafka first): %w: %s", err, built)
	}
	cmd := exec.Command("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path,
		"-Dlog4j2.configurationFile="+filepath.Join(root, "interop", "kafka", "log4j2.properties"), "Tools")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Dir = dir
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

// run runs Kafka's tool.
func (b *toolbox) run(name string, args []string) (said, error) {
	class, err := toolClass(name)
	if err != nil {
		return said{}, err
	}
	timer := time.AfterFunc(toolTime, func() { _ = b.cmd.Process.Kill() })
	defer timer.Stop()
	words := []string{class}
	for _, arg := range args {
		words = append(words, base64.StdEncoding.EncodeToString([]byte(arg)))
	}
	if _, err := fmt.Fprintln(b.in, strings.Join(words, "\t")); err != nil {
		return said{}, err
	}
	line, err := b.out.ReadString('\n')
	if err != nil {
		return said{}, fmt.Errorf("%s: no answer within %s: %w", name, toolTime, err)
	}
	fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
	if len(fields) != 3 {
		return said{}, fmt.Errorf("%s: the process of the tools says %q", name, line)
	}
	status, err := strconv.Atoi(fields[0])
	out, err1 := base64.StdEncoding.DecodeString(fields[1])
	problems, err2 := base64.StdEncoding.DecodeString(fields[2])
	return said{status, string(out), string(problems)}, errors.Join(err, err1, err2)
}

func (b *toolbox) close() {
	_ = b.in.Close()
	timer := time.AfterFunc(5*time.Second, func() { _ = b.cmd.Process.Kill() })
	defer timer.Stop()
	_ = b.cmd.Wait() // it may have been killed
}

// toolClass is the class behind one of Kafka's commands.
func toolClass(name string) (string, error) {
	more := map[string]string{
		"kafka-broker-api-versions":       "org.apache.kafka.tools.BrokerApiVersionsCommand",
		"kafka-client-metrics":            "org.apache.kafka.tools.ClientMetricsCommand",
		"kafka-streams-application-reset": "org.apache.kafka.tools.StreamsResetter",
		"kafka-acls":                      "org.apache.kafka.tools.AclCommand",
		"kafka-cluster":                   "org.apache.kafka.tools.ClusterTool",
		"kafka-configs":                   "kafka.admin.ConfigCommand",
		"kafka-delegation-tokens":         "org.apache.kafka.tools.DelegationTokenCommand",
	}
	if class, ok := more[name]; ok {
		return class, nil
	}
	return target.ToolClass(name)
}

// leatTool runs leat's.
func leatTool(ctx context.Context, binary, dir, name string, args []string) (said, error) {
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{name}, args...)...)
	cmd.Dir = dir
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	if ctx.Err() != nil {
		return said{}, fmt.Errorf("leat %s: no end within %s", name, toolTime)
	}
	return said{cmd.ProcessState.ExitCode(), out.String(), problems.String()}, err
}
