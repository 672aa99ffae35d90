package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"leat/interop/fleet"
	"leat/interop/kafkatools"
	"leat/interop/target"
)

// run is one run of all stories.
type run struct {
	ctx            context.Context
	dir            string
	binary         string // of the nodes
	commands       string // of the tools
	only           string
	short, verbose bool
	box            *kafkatools.Toolbox
	shell          *kafkatools.Toolbox // with the classes of Kafka 4.4, whose metadata it reads; nil: nobody has asked for it
	kafka, leat    *world              // where Kafka's tools run, and where leat's
	compared       int
	tools          map[string]int // how many command lines of each were compared
	differ         int
}

func (r *run) all() error {
	root, err := target.Root()
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(root, "interop", "tools", "stories", "*.txt"))
	if err != nil || len(files) == 0 {
		return cmp.Or(err, errors.New("no stories"))
	}
	if r.box, err = kafkatools.New(r.ctx, r.dir); err != nil {
		return err
	}
	defer r.box.Close()
	defer func() {
		if r.shell != nil {
			r.shell.Close()
		}
	}()
	r.tools = make(map[string]int)
	began := time.Now()
	ready := make(chan error, 2)
	for _, side := range []struct {
		name string
		w    **world
	}{{"k", &r.kafka}, {"l", &r.leat}} {
		go func() {
			w, err := newWorld(r.ctx, r.binary, filepath.Join(r.dir, side.name))
			*side.w = w
			ready <- err
		}()
	}
	err = errors.Join(<-ready, <-ready)
	for _, w := range []*world{r.kafka, r.leat} {
		if w != nil {
			defer w.close()
		}
	}
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := r.story(file); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.tools)) {
		fmt.Printf("tools          %-34s %d\n", name, r.tools[name])
	}
	fmt.Printf("tools          %d command lines compared, %d differ, %s\n", r.compared, r.differ, time.Since(began).Round(100*time.Millisecond))
	if r.differ > 0 {
		return fmt.Errorf("%d of %d command lines say something else than Kafka's tools", r.differ, r.compared)
	}
	return nil
}

// story runs a file of lines: "$ tool arguments" is compared; anything else is done to both clusters.
func (r *run) story(file string) error {
	name := strings.TrimSuffix(filepath.Base(file), ".txt")
	if !strings.Contains(name, r.only) || r.short && strings.HasPrefix(name, "long-") {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words, err := split(line)
		if err == nil {
			err = r.line(name, words)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %s: %w", file, i+1, line, err)
		}
	}
	return nil
}

func (r *run) line(story string, words []string) error {
	switch words[0] {
	case "$":
		return r.compare(story, words[1:])
	case "metadata": // name: a directory with what the metadata log of one cluster has, the same on both sides
		return r.metadata(words[1])
	}
	return errors.Join(r.kafka.do(words), r.leat.do(words))
}

func (r *run) compare(story string, words []string) error {
	opts := ""
	if strings.HasPrefix(words[0], "(") { // ($ (sorted) tool ...)
		opts, words = words[0], words[1:]
	}
	r.compared++
	r.tools[words[0]]++
	line := strings.Join(words, " ")
	// What was done before is known to all nodes: a tool may ask any.
	other := make(chan error, 1)
	go func() { other <- fleet.CaughtUp(r.ctx, r.kafka.cl) }()
	if err := errors.Join(fleet.CaughtUp(r.ctx, r.leat.cl), <-other); err != nil {
		return err
	}
	want, got, err := r.look(opts, words)
	for end := time.Now().Add(lookingAgain); opts == again && err == nil && want != got && time.Now().Before(end); {
		time.Sleep(200 * time.Millisecond)
		want, got, err = r.look(opts, words)
	}
	if err != nil {
		return err
	}
	if r.verbose {
		fmt.Printf("$ %s\n%s%s[%d]\n", line, got.Out, got.Err, got.Status)
	}
	if want == got || allowed(line) {
		return nil
	}
	r.differ++
	want.Err, got.Err = brief(want.Err, got.Err)
	fmt.Printf("tools          %s: %s\n--- Kafka [%d]\n%s%s--- leat [%d]\n%s%s---\n", story, line, want.Status, want.Out, ifAny("(err) ", want.Err), got.Status, got.Out, ifAny("(err) ", got.Err))
	return nil
}

// look runs both tools and returns what they say, masked.
func (r *run) look(opts string, words []string) (want, got kafkatools.Said, err error) {
	var wrong error
	done := make(chan struct{})
	go func() {
		defer close(done)
		want, wrong = r.kafkaTool(opts, words[0], r.kafka.expand(words[1:]))
	}()
	got, err = r.leatTool(opts, words[0], r.leat.expand(words[1:]))
	<-done
	if err := errors.Join(err, wrong); err != nil {
		return want, got, err
	}
	r.kafka.note(want)
	r.leat.note(got)
	want, got = r.kafka.masked(want), r.leat.masked(got)
	want.Err, got.Err = withoutTrace(want.Err, want.Out), withoutTrace(got.Err, got.Out)
	want.Out, got.Out = withoutTrace(want.Out, want.Out), withoutTrace(got.Out, got.Out)
	want.Out, want.Err, got.Out, got.Err = prepare(opts, want.Out), prepare(opts, want.Err), prepare(opts, got.Out), prepare(opts, got.Err)
	return want, got, nil
}

func ifAny(mark, text string) string {
	if text == "" {
		return ""
	}
	return mark + text
}

func prepare(opts, text string) string {
	text = usage(text)
	if strings.Contains(opts, "sorted") {
		text = sorted(text)
	}
	return text
}

// brief leaves out a usage that is the same on both sides.
func brief(want, got string) (string, string) {
	head1, rest1, ok1 := strings.Cut(want, "\nOption\n")
	head2, rest2, ok2 := strings.Cut(got, "\nOption\n")
	if ok1 && ok2 && rest1 == rest2 {
		return head1 + "\n", head2 + "\n"
	}
	return want, got
}

// withoutTrace is what a tool said of an error without Java's class, which is the first line of a stack trace. Where there is only that, the message stays,
// unless the tool has said it on its standard output.
func withoutTrace(text, out string) string {
	lines := strings.SplitAfter(text, "\n")
	var kept []string
	for _, line := range lines {
		if !traced.MatchString(line) {
			kept = append(kept, line)
		} else if _, message, has := strings.Cut(strings.TrimSpace(line), ": "); len(kept) == 0 && has && !strings.Contains(out, message) {
			kept = append(kept, message+"\n")
		}
	}
	return strings.TrimRight(strings.Join(kept, ""), "\n")
}

// split cuts a line into words; those with spaces stand in single quotes.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quoted := false, false
	for _, c := range line {
		switch {
		case c == '\'':
			quoted, in = !quoted, true
		case c == ' ' && !quoted:
			if in {
				words = append(words, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteRune(c)
			in = true
		}
	}
	if quoted {
		return nil, errors.New("a quote is not closed")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
