package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// node is a process. Node 1 is the only controller; the network is the program's own, so that ports are free.
type node struct {
	id  int
	dir string
	cmd *exec.Cmd
}

func brokerPort(id int) int { return 20_000 + id }

// start starts a node and waits until it serves.
func start(binary, dir string, id int, roles string, sets ...string) (*node, error) {
	n := &node{id: id, dir: filepath.Join(dir, fmt.Sprintf("node%d", id))}
	all := append([]string{
		"process.roles=" + roles, fmt.Sprintf("node.id=%d", id), "log.dirs=" + n.dir, "leat.http.listener=",
		"controller.quorum.bootstrap.servers=127.0.0.1:19093", "offsets.topic.replication.factor=1",
	}, sets...)
	switch roles {
	case "controller":
		all = append(all, "listeners=CONTROLLER://127.0.0.1:19093", "controller.quorum.voters=1@127.0.0.1:19093")
	default:
		all = append(all, fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d", brokerPort(id)), "controller.quorum.voters=1@127.0.0.1:19093")
	}
	args := []string{"server"}
	for _, s := range all {
		args = append(args, "--set", s)
	}
	n.cmd = exec.Command(binary, args...)
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := os.Create(n.dir + ".log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	n.cmd.Stderr = log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "leat ready") {
			return n, nil
		}
	}
	text, _ := os.ReadFile(n.dir + ".log")
	n.stop()
	return nil, fmt.Errorf("node %d ended: %s", id, text)
}

// stop stops a node in order.
func (n *node) stop() {
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // if it is gone already, there is nothing to stop
	_ = n.cmd.Wait()
}

func stopAll(nodes []*node) {
	for i := len(nodes) - 1; i >= 0; i-- {
		nodes[i].stop()
	}
}

// cpu is the time in user and kernel mode that the process has had, in seconds.
func (n *node) cpu() float64 {
	total := 0.0
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", n.cmd.Process.Pid))
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		ns, _ := strconv.ParseFloat(strings.Fields(string(stat))[0], 64)
		total += ns / 1e9
	}
	return total
}

// resident is the memory of the process, in bytes.
func (n *node) resident() float64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kilobytes * 1024
		}
	}
	return 0
}

// loopback is how many bytes went over the loopback, with the headers of IP and TCP.
func loopback() float64 {
	text, _ := os.ReadFile("/proc/net/dev")
	_, rest, _ := bytes.Cut(text, []byte("lo:"))
	fields := strings.Fields(string(rest))
	if len(fields) == 0 {
		return 0
	}
	sent, _ := strconv.ParseFloat(fields[0], 64)
	return sent
}

// lies is what lies below a directory: files and directories, and the room that they take on the disk.
func lies(dir string) (files int, room float64, err error) {
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		files++
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			room += float64(stat.Blocks) * 512
		}
		return nil
	})
	return files, room, err
}
