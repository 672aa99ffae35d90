package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// entered marks the process that runs in namespaces of its own.
const entered = "LEAT_FAULTS_ENTERED"

// enter runs this program again in a network and a mount namespace of its own, so that bridges, addresses and mounts are gone with it,
// and ends with its status. It returns true in that process, and false where the system does not allow such a thing.
func enter() bool {
	if os.Getenv(entered) != "" {
		return true
	}
	if err := probe(); err != nil {
		fmt.Printf("faults  no namespaces here (%v): processes on loopback, without slow links and full or slow disks\n", err)
		return false
	}
	self, err := os.Executable()
	if err != nil {
		return false
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), entered+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = apart()
	// An interrupt goes to both processes; this one only waits for the other.
	signal.Ignore(os.Interrupt)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // it may have ended
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		os.Exit(exit.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "faults:", err)
	os.Exit(1)
	return true
}

// probe tries what newNamespaces will need first.
func probe() error {
	for _, tool := range []string{"ip", "nsenter", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return err
		}
	}
	cmd := exec.Command("sh", "-c", "mount -t tmpfs tmpfs /run && ip netns add probe && ip link add type veth && ip link add br0 type bridge")
	cmd.SysProcAttr = apart()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, firstLine(out))
	}
	return nil
}

// apart are the attributes of a process with namespaces of its own; for a user that is not root that takes a user namespace, too.
func apart() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		Unshareflags: syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
	}
	if os.Getuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

func firstLine(out []byte) []byte {
	for i, b := range out {
		if b == '\n' {
			return out[:i]
		}
	}
	return out
}
