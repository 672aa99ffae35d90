// Command scale measures what a partition and a broker cost at rest, and computes from that what larger clusters need:
//
//	go build -o leat ./cmd/leat && go run ./bench/scale -binary ./leat     # measures (two minutes), writes measured.json and the page
//	go run ./bench/scale                                                   # writes the page from measured.json
//
// The brokers are processes of their own in a network of their own (Linux: unshare), so that processor time, memory and bytes of the network can be told apart.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// inside says that the program is in a network of its own already.
const inside = "LEAT_SCALE_INSIDE"

const (
	resultsFile = "bench/scale/measured.json"
	pageFile    = "docs/explanation/scaling.md"
)

func main() {
	binary := flag.String("binary", "", "leat's `program`; without one nothing is measured")
	partitions := flag.Int("partitions", 50_000, "how many partitions are made on one broker")
	flag.Parse()
	if err := run(*binary, *partitions); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(binary string, partitions int) error {
	if binary != "" {
		if os.Getenv(inside) == "" {
			return again()
		}
		ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer cancel()
		m, err := measure(ctx, binary, partitions)
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(resultsFile, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	m, err := load(resultsFile)
	if err != nil {
		return err
	}
	page, err := os.ReadFile(pageFile)
	if err != nil {
		return err
	}
	page, err = fill(page, m)
	if err != nil {
		return err
	}
	return os.WriteFile(pageFile, page, 0o644)
}

func load(path string) (measured, error) {
	var m measured
	text, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(text, &m)
}

// again runs the program in a network of its own, with nothing in it but its loopback.
func again() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append([]string{"--user", "--map-root-user", "--net", "--", "sh", "-c", `ip link set lo up && exec "$@"`, "sh", self}, os.Args[1:]...)
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return errors.Join(errors.New("in a network of its own"), err)
	}
	return nil
}
