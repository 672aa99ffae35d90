// Command floor is the program under the brokers: see package floor. It prints its address and serves until it is killed.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"

	"leat/bench/floor"
)

func main() {
	dir := flag.String("dir", "", "an existing directory for its files; a new temporary one if empty")
	flag.Parse()
	// A thread that comes back from a system call must not wait for its turn: two threads for each connection would be more than enough.
	runtime.GOMAXPROCS(64)
	fmt.Fprintln(os.Stderr, "floor:", run(*dir)) // it serves until something goes wrong
	os.Exit(1)
}

// run returns only with an error.
func run(dir string) error {
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "leat-floor-"); err != nil {
			return err
		}
	}
	fd, port, err := floor.Listen()
	if err != nil {
		return err
	}
	fmt.Printf("floor ready: 127.0.0.1:%d (process %d, files in %s)\n", port, os.Getpid(), dir)
	return floor.New(dir).Serve(fd, func(err error) { fmt.Fprintln(os.Stderr, "floor:", err) })
}
