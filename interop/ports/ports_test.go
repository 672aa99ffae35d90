package ports

import (
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestNoPortIsGivenTwice has several processes choose side by side.
func TestNoPortIsGivenTwice(t *testing.T) {
	const processes, each = 4, 50
	if os.Getenv("PORTS_CHILD") != "" {
		free, err := Free(each)
		if err != nil {
			t.Fatal(err)
		}
		t.Log("chose " + strings.Join(free, ","))
		_, _ = os.Stdout.WriteString("chose " + strings.Join(free, ",") + "\n")
		_, _ = os.Stdin.Read(make([]byte, 1)) // until all have chosen
		return
	}
	var all []string
	for range processes {
		child := exec.Command(os.Args[0], "-test.run=^TestNoPortIsGivenTwice$")
		child.Env = append(os.Environ(), "PORTS_CHILD=1")
		in, err := child.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close(); _ = child.Wait() }()
		buf := make([]byte, 64<<10)
		n, err := out.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		line, ok := strings.CutPrefix(strings.TrimSpace(string(buf[:n])), "chose ")
		if !ok {
			t.Fatalf("a child said %q", buf[:n])
		}
		all = append(all, strings.Split(line, ",")...)
	}
	if len(all) != processes*each {
		t.Fatalf("%d ports were given, want %d", len(all), processes*each)
	}
	slices.Sort(all)
	if unique := slices.Compact(slices.Clone(all)); len(unique) != len(all) {
		t.Errorf("of %d ports %d are different", len(all), len(unique))
	}
}

// TestPortsAreFreeAndNotAmongThoseThatTheSystemGives looks at what was given.
func TestPortsAreFreeAndNotAmongThoseThatTheSystemGives(t *testing.T) {
	free, err := Addresses(3)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range free {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Errorf("%s is not free: %v", address, err)
			continue
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(address)
		if n, err := strconv.Atoi(port); err != nil || n < lowest || n >= lowest+number {
			t.Errorf("port %s is not from %d on, %d of them: %v", port, lowest, number, err)
		}
	}
}
