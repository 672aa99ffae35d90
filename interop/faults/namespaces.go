package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// lost is the hardware address that nobody has. A neighbour entry that leads to it loses what is sent, silently and in one direction,
// which neither a route nor a link that is down can do; the kernel needs no filter for it.
const lost = "02:00:00:00:de:ad"

// namespaces is three network namespaces on a bridge. This process is the fourth end of it.
type namespaces struct {
	disks
	netem bool
}

func newNamespaces(dir string) (*namespaces, error) {
	n := &namespaces{disks: disks{dir: dir}}
	// Mounts stay in this mount namespace; /run is covered so that the names of network namespaces are this process's own.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return nil, fmt.Errorf("mount /run: %w", err)
	}
	steps := [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", "br0", "address", hardware(client), "type", "bridge"},
		{"ip", "addr", "add", address(client) + "/24", "dev", "br0"},
		{"ip", "link", "set", "br0", "up"},
	}
	for id := 1; id <= nodes; id++ {
		name, port := fmt.Sprintf("n%d", id), fmt.Sprintf("p%d", id)
		steps = append(steps,
			[]string{"ip", "netns", "add", name},
			[]string{"ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "address", hardware(id), "netns", name},
			[]string{"ip", "link", "set", port, "master", "br0", "up"},
			[]string{"ip", "-n", name, "addr", "add", address(id) + "/24", "dev", "eth0"},
			[]string{"ip", "-n", name, "link", "set", "lo", "up"},
			[]string{"ip", "-n", name, "link", "set", "eth0", "up"})
	}
	for _, argv := range steps {
		if err := tell(argv...); err != nil {
			return nil, err
		}
	}
	if err := n.mount(); err != nil {
		return nil, err
	}
	n.netem = tell("tc", "qdisc", "add", "dev", "p1", "root", "netem", "delay", "1ms") == nil
	if n.netem {
		if err := tell("tc", "qdisc", "del", "dev", "p1", "root"); err != nil {
			return nil, err
		}
	}
	return n, mendAll(n)
}

func (n *namespaces) says() string {
	slow := "delay and loss by netem"
	if !n.netem {
		slow = "no netem: slow links are narrow ones, with drops"
	}
	return fmt.Sprintf("three network namespaces; %s; disks: %s", slow, n.disks.says())
}

func address(id int) string {
	if id == client {
		return "10.77.0.254"
	}
	return fmt.Sprintf("10.77.0.%d", id)
}

func hardware(id int) string { return fmt.Sprintf("02:00:00:00:77:%02x", id) }

// namespace are the arguments of ip that mean where a node lives, and the name of its link there.
func namespace(id int) (args []string, link string) {
	if id == client {
		return []string{"ip"}, "br0"
	}
	return []string{"ip", "-n", fmt.Sprintf("n%d", id)}, "eth0"
}

func (n *namespaces) listens(id int) (data, control string) {
	return address(id) + ":9092", address(id) + ":9093"
}

func (n *namespaces) advertises(id int) (data, control string) { return n.listens(id) }

func (n *namespaces) reach(id int) string { return address(id) + ":9092" }

// command runs in a node's network; nsenter becomes the program, so the process is the node.
func (n *namespaces) command(id int, argv ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{fmt.Sprintf("--net=/run/netns/n%d", id)}, argv...)...)
}

func (n *namespaces) cut(from, to int) error { return neighbour(from, to, lost) }

func (n *namespaces) mend(from, to int) error { return neighbour(from, to, hardware(to)) }

func neighbour(from, to int, hardware string) error {
	argv, link := namespace(from)
	return tell(append(argv, "neigh", "replace", address(to), "lladdr", hardware, "dev", link, "nud", "permanent")...)
}

// slow makes what a node sends come late and in part. Without netem the link is narrow, and what does not fit is dropped.
func (n *namespaces) slow(id int) error {
	argv := []string{"nsenter", fmt.Sprintf("--net=/run/netns/n%d", id), "tc", "qdisc", "replace", "dev", "eth0", "root"}
	if n.netem {
		return tell(append(argv, "netem", "delay", "40ms", "30ms", "loss", "3%")...)
	}
	return tell(append(argv, "tbf", "rate", "1500kbit", "burst", "8kb", "limit", "24kb")...)
}

func (n *namespaces) fast(id int) error {
	out, err := exec.Command("nsenter", fmt.Sprintf("--net=/run/netns/n%d", id), "tc", "qdisc", "del", "dev", "eth0", "root").CombinedOutput()
	if err != nil && !strings.Contains(string(out), "handle of zero") { // there is none
		return fmt.Errorf("tc qdisc del: %w: %s", err, out)
	}
	return nil
}

func (n *namespaces) leave(keep bool) error { return n.unmount(keep) }

// tell runs a short command.
func tell(argv ...string) error {
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, firstLine(out))
	}
	return nil
}

// roomless tells whether an error is that of a full disk.
func roomless(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// clear empties a directory, which may be the root of a file system.
func clear(dir string) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(dir, name.Name())); err != nil {
			return err
		}
	}
	return nil
}
