// Command share runs unmodified Java share consumers against leat and checks what leat adds to share groups: order by key, and a time between tries.
//
// It is handed a built leat, and finds Kafka's client in the cache of interop/setup.sh.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "", "leat's program")
	only := flag.String("only", "", "run one scenario only: retry, letters, order, speed")
	keep := flag.Bool("keep", false, "keep the directory of the run")
	flag.Parse()
	if err := run(*binary, *only, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "share:", err)
		os.Exit(1)
	}
}

// scenarios in the order in which they run. Each has a group and a topic of its own.
var scenarios = []struct {
	name string
	run  func(*bench) error
}{
	{"retry", retryTimes},
	{"letters", deadLetters},
	{"order", orderUnderFailures},
	{"speed", sixteenAgainstOne},
}

func run(binary, only string, keep bool) error {
	dir, err := os.MkdirTemp("", "leat-share-")
	if err != nil {
		return err
	}
	if !keep {
		defer os.RemoveAll(dir)
	}
	b := &bench{dir: dir}
	if err := b.compile(); err != nil {
		return err
	}
	if b.node, err = target.New(target.Config{Kind: target.Leat, Dir: filepath.Join(dir, "node"), Binary: binary, Settings: map[string]string{
		"group.share.min.record.lock.duration.ms": "1000",
	}}); err != nil {
		return err
	}
	if _, err := b.node.Start(context.Background()); err != nil {
		return err
	}
	defer b.node.Kill()
	for _, s := range scenarios {
		if only != "" && only != s.name {
			continue
		}
		began := time.Now()
		if err := s.run(b); err != nil {
			return fmt.Errorf("%s: %w (directory %s)", s.name, err, dir)
		}
		fmt.Printf("%s: ok in %.1f s\n", s.name, time.Since(began).Seconds())
	}
	return nil
}

// bench is one node and what runs against it.
type bench struct {
	dir     string
	node    *target.Node
	classes string // class path of the workers
}

// compile builds the workers with the client of Kafka 4.4.0.
func (b *bench) compile() error {
	root, err := target.Root()
	if err != nil {
		return err
	}
	cache, err := target.Cache()
	if err != nil {
		return err
	}
	jars, err := filepath.Glob(filepath.Join(cache, "kafka", "*.jar"))
	if err != nil || len(jars) == 0 {
		return fmt.Errorf("no jars in %s: run interop/setup.sh kafka: %w", cache, err)
	}
	b.classes = filepath.Join(b.dir, "classes")
	for _, jar := range jars {
		b.classes += string(os.PathListSeparator) + jar
	}
	out, err := exec.Command("javac", "-cp", b.classes, "-d", filepath.Join(b.dir, "classes"), filepath.Join(root, "interop", "share", "Workers.java")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("javac: %w: %s", err, out)
	}
	return nil
}
