// Command pages runs the commands of pages of documentation, as somebody would who reads them: in their order, in one shell, with the program that was just built.
//
//	go run ./interop/pages docs/tutorial/six-tasks.md
//
// Each page has a world of its own (Linux: unshare): an empty directory, the network, the processes, and all that is below /etc, /usr, /var and in the checkout,
// which it may change as it likes. Where a page speaks of several machines, each of them is such a world, and they are joined by a network. What the page shows as
// output is compared. It tells how long each section took; -write puts that into the page, between <!-- seconds --> and <!-- end -->. What a page can say is in
// [parse].
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// options are the flags of the program.
type options struct {
	binary   string
	all      bool
	write    bool
	timeout  time.Duration
	parallel int
	verbose  bool
}

func main() {
	o := options{}
	flag.StringVar(&o.binary, "binary", "", "the `leat` to use; the pages have it as leat")
	flag.BoolVar(&o.all, "all", false, "run what takes minutes, too, and everything at its full length")
	flag.BoolVar(&o.write, "write", false, "write into the pages how long they took")
	flag.DurationVar(&o.timeout, "timeout", 0, "how long one block may take (six minutes, with -all half an hour)")
	flag.IntVar(&o.parallel, "parallel", 1, "how many pages are run at a time")
	flag.BoolVar(&o.verbose, "v", false, "print what is run and what it prints")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: pages [flags] PAGE.md...")
		os.Exit(2)
	}
	if o.timeout == 0 {
		o.timeout = 6 * time.Minute
		if o.all {
			o.timeout = 30 * time.Minute
		}
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if dir := os.Getenv(inside); dir != "" {
		os.Exit(o.one(ctx, dir, flag.Arg(0)))
	}
	os.Exit(o.each(ctx, flag.Args()))
}

// section is a section of a page, and how long its commands took.
type section struct {
	Name string
	Took time.Duration
}

// one runs a page in the world that was made for it, and leaves how long it took in a file.
func (o *options) one(ctx context.Context, dir, path string) int {
	r := &runner{binary: o.binary, timeout: o.timeout, verbose: o.verbose, all: o.all, dir: dir}
	text, err := os.ReadFile(path)
	var took []section
	if err == nil {
		took, err = r.page(ctx, string(text))
	}
	for _, s := range took {
		fmt.Printf("%6.1f s  %s\n", s.Took.Seconds(), s.Name)
	}
	var out *leftOutError
	switch {
	case errors.As(err, &out):
		fmt.Printf("pages: %s: LEFT OUT: %s\n", path, out.reason)
		return 0
	case err == nil && o.write:
		err = keepSeconds(dir, path, took)
	}
	if err != nil {
		fmt.Printf("pages: %s: %v\n", path, err)
		return 1
	}
	fmt.Printf("pages: %s: all of it does what it says\n", path)
	return 0
}

// leftOutError says that a page cannot be tried, and why.
type leftOutError struct{ reason string }

func (e *leftOutError) Error() string { return "left out: " + e.reason }

// page runs the steps of one page.
func (r *runner) page(ctx context.Context, text string) ([]section, error) {
	p, err := parse(text)
	if err != nil {
		return nil, err
	}
	if len(p.steps) == 0 {
		return nil, errors.New("nothing on it is run: mark blocks with <!-- run -->")
	}
	if p.long != "" && !r.all {
		return nil, &leftOutError{"only with -all: " + p.long}
	}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	defer r.end()
	var all []section
	for i := range p.steps {
		s := &p.steps[i]
		began := time.Now()
		if err := r.step(ctx, s); err != nil {
			return all, fmt.Errorf("line %d: %w", s.line, err)
		}
		if s.kind == prepare || s.kind == check || s.kind == machines {
			continue
		}
		if len(all) == 0 || all[len(all)-1].Name != s.section {
			all = append(all, section{Name: s.section})
		}
		all[len(all)-1].Took += time.Since(began)
	}
	return all, nil
}

var seconds = regexp.MustCompile(`(?s)<!-- seconds -->\n.*?<!-- end -->`)

// withSeconds is a page with a table of how long its sections took.
func withSeconds(text string, took []section) (string, error) {
	var b strings.Builder
	b.WriteString("<!-- seconds -->\n| task | seconds |\n| --- | --- |\n")
	for _, s := range took {
		fmt.Fprintf(&b, "| %s | %.1f |\n", s.Name, s.Took.Seconds())
	}
	b.WriteString("<!-- end -->")
	if !seconds.MatchString(text) {
		return "", errors.New("it has no place for seconds: write <!-- seconds --> and <!-- end --> into it")
	}
	return seconds.ReplaceAllLiteralString(text, b.String()), nil
}

// keepSeconds leaves the page as it shall be: where it is run, the checkout is only seen.
func keepSeconds(dir, path string, took []section) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fresh, err := withSeconds(string(text), took)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "page.md"), []byte(fresh), 0o600)
}
