package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/bench/load"
	"leat/interop/target"
)

// descriptorLimit is how many files the broker may open that runs out of them.
const descriptorLimit = 300

// outOfFiles starts a broker that may open few files and takes them all: it must go on serving who is connected, spend next to nothing on those who are not, say so in
// few words, and take connections again once some have ended.
func outOfFiles(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "leat-hostile-files-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "limited")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec '%s' \"$@\"\n", descriptorLimit, binary)
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		return err
	}
	node, err := target.New(target.Config{Kind: target.Leat, Binary: program, Dir: filepath.Join(dir, "node")})
	if err != nil {
		return err
	}
	if _, err := node.Start(ctx); err != nil {
		return err
	}
	defer node.Kill()
	b := &broker{options: o, node: node}
	served, err := load.Dial(node.Bootstrap())
	if err != nil {
		return err
	}
	defer served.Close()
	if _, err := served.Do(metadataOfNone()); err != nil {
		return fmt.Errorf("before: %w", err)
	}
	linesBefore, err := b.logLines()
	if err != nil {
		return err
	}
	crowd := takeAll(node.Bootstrap())
	defer crowd.leave()
	said, err := b.withoutFiles(linesBefore)
	if err != nil {
		return err
	}
	if _, err := served.Do(metadataOfNone()); err != nil {
		return fmt.Errorf("a client that was connected is not served when there are no more files: %w", err)
	}
	crowd.leave()
	if err := load.Create(node.Bootstrap(), "afterwards", 1, nil); err != nil {
		return fmt.Errorf("when there are files again: %w", err)
	}
	fmt.Println(said)
	return node.Stop()
}

// connections are those of a crowd.
type connections []net.Conn

// takeAll connects more often than the broker has files. The system's queue takes those that the broker does not.
func takeAll(address string) (all connections) {
	for range 2 * descriptorLimit {
		nc, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			break
		}
		all = append(all, nc)
	}
	return all
}

func (all connections) leave() {
	for _, nc := range all {
		nc.Close() // again, perhaps
	}
}

// withoutFiles looks at a broker that has no more files to open, and says what it saw.
func (b *broker) withoutFiles(linesBefore int) (string, error) {
	const look = 3 * time.Second
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(100 * time.Millisecond) { // until it has taken what it can
		if files, err := openFiles(b.node.PID()); err != nil || files >= descriptorLimit-5 {
			break
		}
	}
	before, err1 := load.CPUSeconds(b.node.PID())
	time.Sleep(look)
	after, err2 := load.CPUSeconds(b.node.PID())
	files, err3 := openFiles(b.node.PID())
	lines, err4 := b.logLines()
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return "", err
	}
	used := (after - before) / look.Seconds()
	switch {
	case files < descriptorLimit-5:
		return "", fmt.Errorf("the broker has %d files open of %d: it did not run out", files, descriptorLimit)
	case used > 0.3:
		return "", fmt.Errorf("a broker without files to open uses %.2f processors", used)
	case lines-linesBefore > 40:
		return "", fmt.Errorf("a broker without files to open has written %d lines to its log", lines-linesBefore)
	}
	return fmt.Sprintf("out of files: %d of %d open, %.2f processors, %d lines in the log", files, descriptorLimit, used, lines-linesBefore), nil
}

func metadataOfNone() kmsg.Request {
	rq := kmsg.NewPtrMetadataRequest()
	rq.Version, rq.Topics = 9, []kmsg.MetadataRequestTopic{}
	return rq
}
