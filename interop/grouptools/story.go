package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"leat/interop/target"
)

// indent marks what a tool says, below its call.
const indent = "    "

// patience is how long a call that only looks (its line begins with ~) may say something else.
const patience = 90 * time.Second

func (r *run) stories() ([]string, error) {
	root, err := target.Root()
	if err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(root, "interop", "grouptools", "stories", "*.txt"))
}

// story follows the lines of a file and returns how many calls of tools said what they should. Lines:
//
//	# remark
//	do <something that is no tool>      see world.do
//	kafka-... <arguments>               a tool; $dir is a directory for files
//	~ kafka-... <arguments>             the same, again and again until it says what it should
//	    <what it says>                  in any order of lines; the last line is "exit 1" if it ends so
func (r *run) story(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var out strings.Builder
	var wrong []string
	checks := 0
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	for i := 0; i < len(lines); {
		line := lines[i]
		i++
		fmt.Fprintln(&out, line)
		var want []string
		for ; i < len(lines) && strings.HasPrefix(lines[i], indent); i++ {
			want = append(want, strings.TrimPrefix(lines[i], indent))
		}
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "do "):
			if err := r.world.do(strings.Fields(line)[1:]); err != nil {
				return checks, fmt.Errorf("%s:%d: %s: %w", filepath.Base(path), i, line, err)
			}
		default:
			got, err := r.call(line, want)
			if err != nil {
				return checks, err
			}
			for _, l := range got {
				fmt.Fprintln(&out, indent+l)
			}
			checks++
			want, got = r.allow(words(line), want, got)
			if !slices.Equal(got, want) && !r.update {
				wrong = append(wrong, fmt.Sprintf("%s:%d: %s\n%s", filepath.Base(path), i, line, difference(want, got)))
			}
		}
	}
	if r.update {
		return checks, os.WriteFile(path, []byte(out.String()), 0o644)
	}
	if len(wrong) > 0 {
		return checks, errors.New(strings.Join(wrong, "\n"))
	}
	return checks, nil
}

// call runs the tool of a line and returns what it says, masked.
func (r *run) call(line string, want []string) ([]string, error) {
	looks := strings.HasPrefix(line, "~ ")
	said := strings.Fields(strings.ReplaceAll(words(line), "$dir", r.dir))
	name, args := said[0], append([]string{"--bootstrap-server", r.node.Bootstrap()}, said[1:]...)
	var last []string
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		said, err := r.box.Run(name, args...)
		if err != nil {
			return nil, err
		}
		if r.verbose {
			fmt.Printf("$ %s\n%s\n", line, said.Text())
		}
		named := strings.NewReplacer(r.node.Bootstrap(), "<broker>", r.dir, "$dir")
		got := append(mask(named.Replace(said.Out)), mask(named.Replace(said.Problems()))...)
		slices.Sort(got)
		if said.Status != 0 {
			got = append(got, fmt.Sprint("exit ", said.Status))
		}
		if !looks || time.Now().After(end) {
			return got, nil
		}
		if r.update { // until it says the same for a while
			if last != nil && slices.Equal(got, last) {
				return got, nil
			}
			last = got
			time.Sleep(time.Second)
			continue
		}
		if allowed, as := r.allow(words(line), want, got); slices.Equal(as, allowed) {
			return got, nil
		}
	}
}

// words is the call of a line.
func words(line string) string { return strings.TrimPrefix(line, "~ ") }

// difference tells two outputs apart.
func difference(want, got []string) string {
	var out strings.Builder
	for _, l := range want {
		if !slices.Contains(got, l) {
			fmt.Fprintln(&out, "  missing:", l)
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			fmt.Fprintln(&out, "  instead:", l)
		}
	}
	if out.Len() == 0 {
		fmt.Fprintf(&out, "  %d lines instead of %d\n", len(got), len(want))
	}
	return out.String()
}
