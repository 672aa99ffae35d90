// Command pages runs the commands of pages of documentation, as somebody would who reads them: in their order, in one shell, with the program that was just built.
//
//	go run ./interop/pages docs/tutorial/six-tasks.md
//
// Each page begins in an empty directory of its own and, as pages have the ports that everybody has, in a network of its own (Linux: unshare). What the page
// shows as output is compared. It tells how long each section took; -write puts that into the page, between <!-- seconds --> and <!-- end -->. What a page can
// say is in [parse].
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// inside says that the program is in a network of its own already.
const inside = "LEAT_PAGES_INSIDE"

func main() {
	binary := flag.String("binary", "", "the `leat` to use; the pages have it as leat")
	write := flag.Bool("write", false, "write into the pages how long they took")
	timeout := flag.Duration("timeout", 2*time.Minute, "how long one block may take")
	verbose := flag.Bool("v", false, "print what is run and what it prints")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: pages [flags] PAGE.md...")
		os.Exit(2)
	}
	if os.Getenv(inside) == "" {
		os.Exit(again())
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	status := 0
	for _, path := range flag.Args() {
		r := &runner{binary: *binary, timeout: *timeout, verbose: *verbose}
		took, err := r.page(ctx, path)
		for _, s := range took {
			fmt.Printf("%6.1f s  %s\n", s.took.Seconds(), s.name)
		}
		if err == nil && *write {
			err = writeSeconds(path, took)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "pages: %s: %v\n", path, err)
			status = 1
			continue
		}
		fmt.Printf("pages: %s: all of it does what it says\n", path)
	}
	os.Exit(status)
}

// again runs the program in a network of its own, with nothing in it but its loopback.
func again() int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	args := append([]string{"--user", "--map-root-user", "--net", "--", "sh", "-c", `ip link set lo up && exec "$@"`, "sh", self}, os.Args[1:]...)
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			return max(exit.ExitCode(), 1)
		}
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// section is a section of a page, and how long its commands took.
type section struct {
	name string
	took time.Duration
}

// page runs one page.
func (r *runner) page(ctx context.Context, path string) ([]section, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	steps, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	if len(steps) == 0 {
		return nil, errors.New("nothing on it is run: mark blocks with <!-- run -->")
	}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	defer r.end()
	var all []section
	for i := range steps {
		s := &steps[i]
		began := time.Now()
		if err := r.step(ctx, s); err != nil {
			return all, fmt.Errorf("line %d: %w", s.line, err)
		}
		if s.kind == prepare || s.kind == check {
			continue
		}
		if len(all) == 0 || all[len(all)-1].name != s.section {
			all = append(all, section{name: s.section})
		}
		all[len(all)-1].took += time.Since(began)
	}
	return all, nil
}

var seconds = regexp.MustCompile(`(?s)<!-- seconds -->\n.*?<!-- end -->`)

// writeSeconds writes a table into the page.
func writeSeconds(path string, took []section) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("<!-- seconds -->\n| task | seconds |\n| --- | --- |\n")
	for _, s := range took {
		fmt.Fprintf(&b, "| %s | %.1f |\n", s.name, s.took.Seconds())
	}
	b.WriteString("<!-- end -->")
	if !seconds.Match(text) {
		return errors.New("it has no place for seconds: write <!-- seconds --> and <!-- end --> into it")
	}
	fresh := seconds.ReplaceAllLiteral(text, []byte(b.String()))
	next := filepath.Join(filepath.Dir(path), ".pages-"+filepath.Base(path))
	if err := os.WriteFile(next, fresh, 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}
