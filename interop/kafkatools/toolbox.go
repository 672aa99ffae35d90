// Package kafkatools runs Apache Kafka's own command-line tools for the suites that look at what they say.
//
// A [Toolbox] is one process of Java that runs them one after the other: a tool starts in milliseconds instead of a second. It tells their standard output and
// their standard error apart, and knows how they ended. What stories of several suites do to a cluster beside the tools is here as well: records as if
// of long ago, and a transaction that hangs.
package kafkatools

import (
	"bufio"
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

// Patience is how long a tool may take; then it is stuck.
const Patience = 5 * time.Minute

// Said is what a tool said, and how it ended.
type Said struct {
	Status   int
	Out, Err string
}

// uncaught is what Java puts before an exception that nobody caught.
const uncaught = "Exception in thread \"main\" "

// Problems is what a tool said on its standard error, without what Java puts before an exception.
func (s Said) Problems() string { return strings.ReplaceAll(s.Err, uncaught, "") }

// Text is what a tool said on both outputs, the standard output first, without what Java puts before an exception.
func (s Said) Text() string { return s.Out + s.Problems() }

// Toolbox is one process that runs Kafka's tools.
type Toolbox struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// New starts a toolbox that works in a directory, where it also keeps what it was built to and what went wrong in it. The folders of the cache with the jars
// that it takes classes from are those of the tools, unless others are named, earlier ones first.
func New(ctx context.Context, dir string, folders ...string) (*Toolbox, error) {
	root, err := target.Root()
	if err != nil {
		return nil, err
	}
	cache, err := target.Cache()
	if err != nil {
		return nil, err
	}
	classes := filepath.Join(dir, "classes")
	if len(folders) == 0 {
		folders = []string{"kafka-tools"}
	}
	path := classes
	for _, folder := range folders {
		path += string(os.PathListSeparator) + filepath.Join(cache, folder, "*")
	}
	built, err := exec.CommandContext(ctx, "javac", "-cp", path, "-d", classes, filepath.Join(root, "interop", "kafkatools", "Toolbox.java")).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("javac (interop/setup.sh kafka first): %w: %s", err, built)
	}
	cmd := exec.Command("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path, "-Djava.io.tmpdir="+dir,
		"-Dlog4j2.configurationFile="+filepath.Join(root, "interop", "kafka", "log4j2.properties"), "Toolbox")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Dir = dir
	errs, err := os.Create(filepath.Join(dir, "toolbox.err"))
	if err != nil {
		return nil, err
	}
	defer errs.Close()
	cmd.Stderr = errs
	box := &Toolbox{cmd: cmd}
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

// runClass is the script that runs a class: its first argument.
const runClass = "kafka-run-class"

// Run runs a tool by the name that its users know.
func (b *Toolbox) Run(name string, args ...string) (Said, error) {
	if name == runClass && len(args) > 0 {
		return b.class(args[0], args[1:])
	}
	class, err := target.ToolClass(name)
	if err != nil {
		return Said{}, err
	}
	return b.class(class, args)
}

func (b *Toolbox) class(name string, args []string) (Said, error) {
	timer := time.AfterFunc(Patience, func() { _ = b.cmd.Process.Kill() })
	defer timer.Stop()
	words := []string{name}
	for _, arg := range args {
		words = append(words, base64.StdEncoding.EncodeToString([]byte(arg)))
	}
	if _, err := fmt.Fprintln(b.in, strings.Join(words, "\t")); err != nil {
		return Said{}, err
	}
	line, err := b.out.ReadString('\n')
	if err != nil {
		return Said{}, fmt.Errorf("%s: no answer within %s: %w", name, Patience, err)
	}
	fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
	if len(fields) != 3 {
		return Said{}, fmt.Errorf("%s: the process of the tools says %q", name, line)
	}
	status, err := strconv.Atoi(fields[0])
	out, err1 := base64.StdEncoding.DecodeString(fields[1])
	problems, err2 := base64.StdEncoding.DecodeString(fields[2])
	return Said{status, string(out), string(problems)}, errors.Join(err, err1, err2)
}

// Close ends the process.
func (b *Toolbox) Close() {
	_ = b.in.Close()
	timer := time.AfterFunc(30*time.Second, func() { _ = b.cmd.Process.Kill() })
	defer timer.Stop()
	_ = b.cmd.Wait() // it may have been killed
}
