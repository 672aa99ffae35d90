package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// member is one process.
type member struct {
	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{} // closed when all that it said is taken in
	errs  string        // file
}

// start starts another member of the group.
func (w *world) start(g *group) error {
	args := []string{w.bootstrap, topic, g.name, g.protocol}
	var argv []string
	switch g.client {
	case "java":
		argv = append([]string{"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", w.classes, "Member"}, args...)
	case "librdkafka":
		argv = append([]string{w.python, w.script}, args...)
	default:
		argv = append([]string{w.self, "-member"}, args...)
	}
	w.made++
	m := &member{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{}), errs: filepath.Join(w.dir, fmt.Sprintf("%s-%d.err", g.name, w.made))}
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	errs, err := os.Create(m.errs)
	if err != nil {
		return err
	}
	defer errs.Close()
	m.cmd.Stderr = errs
	if m.stdin, err = m.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	go m.listen(g, out)
	g.members = append(g.members, m)
	return nil
}

// listen takes in what the member says.
func (m *member) listen(g *group, out io.Reader) {
	defer close(m.ended)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var what string
		var partition int32
		var offset int64
		if n, _ := fmt.Sscan(lines.Text(), &what, &partition, &offset); n == 3 {
			g.said(what, partition, offset)
		}
	}
	_ = m.cmd.Wait() // whoever ended it knows how
}

// leave has the member leave in order.
func (m *member) leave() error {
	_ = m.stdin.Close()
	select {
	case <-m.ended:
		return nil
	case <-time.After(patience):
		m.kill()
		return fmt.Errorf("member did not leave within %s: %s", patience, m.errs)
	}
}

// kill ends the member at once.
func (m *member) kill() {
	_ = m.cmd.Process.Kill()
	<-m.ended
}

// alive reports whether the member has not ended by itself.
func (m *member) alive() bool {
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}
