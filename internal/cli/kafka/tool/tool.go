// Package tool is the frame of what stands in for Kafka's command-line tools.
//
// A [Tool] is a table of options, in one of the two manners that Kafka's tools have, and a function that gets what was parsed as a [Call]. Options in the
// manner of joptsimple ([Tool.Options]) are a flat list: `--topic a` or `--topic=a`, no abbreviations, the same option again as often as somebody likes.
// Those in the manner of argparse4j ([Tool.Parser]) know commands with options of their own, groups of which one is needed, and abbreviations. What is wrong
// with a command line is said in the words of these libraries, with their layout of the usage, to the stream and with the status that Kafka's tools have.
// What an option is for is said in leat's own words.
//
// An error of [Tool.Run] is printed as the tool prints what it throws ([Tool.Fails]); an [Exception] has the name and message that Kafka's clients give to an answer.
// Nothing is built before a tool is called: tools are functions that return a Tool.
package tool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"leat/internal/cli/run"
)

// Version is what the tools say that they are of.
const Version = "4.4.0"

// failed is the status of a tool that did not do what it was asked for, or did not understand it.
const failed = 1

// A Tool stands in for one of Kafka's.
type Tool struct {
	Name    string // without .sh
	Purpose string // what is said above the usage that was asked for
	Bare    string // what is said instead if there are no arguments at all; "": Purpose

	Options []Option // in the manner of joptsimple, without help and version
	Strict  bool     // what joptsimple does not take is a wrong use, with the usage
	NoHelp  bool     // the tool looks after help and version by itself
	Parser  *Parser  // or in the manner of argparse4j

	Older func(args []string, s run.Streams) ([]string, error) // turns arguments in an older manner into those of Options

	Run   func(context.Context, *Call) error
	Fails func(*Call, error) // prints what Run, or the parser of Options, returned; nil: the message on the standard error
}

// A Call is one run of a tool: its streams, and its parsed options.
type Call struct {
	run.Streams
	*Set
	Tool *Tool
	Args []string // as they were given
}

// Usage is a wrong use of a tool: its message comes above the usage.
type Usage string

func (u Usage) Error() string { return string(u) }

// Main runs a tool and returns the exit status.
func (t *Tool) Main(ctx context.Context, args []string, s run.Streams) int {
	c := &Call{Streams: s, Tool: t, Args: args}
	var err error
	if t.Older != nil {
		if args, err = t.Older(args, s); err != nil {
			fmt.Fprintln(s.Err, err)
			return failed
		}
	}
	if t.Parser != nil {
		c.Set, err = t.Parser.parse(args)
	} else if c.Set, err = parse(t.options(), args); err != nil && t.Strict {
		err = Usage(err.Error())
	} else if err == nil && !t.NoHelp {
		err = c.helpOrVersion(args)
	}
	if err == nil {
		var status run.Exit
		if err = t.Run(ctx, c); c.Set.wrong != nil && !errors.As(err, &status) {
			err = c.Set.wrong // what an option has instead of a value was met before whatever followed from it
		}
	}
	return c.end(err)
}

// end says what there is to say about an error, and returns the exit status.
func (c *Call) end(err error) int {
	var (
		usage  Usage
		status run.Exit
		wrong  *misuse
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		fmt.Fprintln(c.Err, string(usage))
		c.PrintUsage(c.Err)
	case errors.As(err, &wrong):
		return wrong.print(c.Streams)
	case c.Tool.Fails != nil:
		c.Tool.Fails(c, err)
	default:
		fmt.Fprintln(c.Err, err)
	}
	return failed
}

// options are those of the tool and the two that all have.
func (t *Tool) options() []Option {
	if t.NoHelp {
		return t.Options
	}
	return append([]Option{
		{Name: "help", Help: true, Text: "Show this text."},
		{Name: "version", Help: true, Text: "Show the version."},
	}, t.Options...)
}

func (c *Call) helpOrVersion(args []string) error {
	switch {
	case len(args) == 0 && c.Tool.Bare != "":
		return Usage(c.Tool.Bare)
	case len(args) == 0 || c.Has("help"):
		return Usage(c.Tool.Purpose)
	case c.Has("version"):
		fmt.Fprintln(c.Out, Version)
		return run.Exit(0)
	}
	return nil
}

// PrintUsage prints the options.
func (c *Call) PrintUsage(w io.Writer) {
	fmt.Fprint(w, usageText(c.Tool.options()))
}

// Printf prints to the standard output.
func (c *Call) Printf(format string, args ...any) { fmt.Fprintf(c.Out, format, args...) }

// Println prints a line to the standard output.
func (c *Call) Println(args ...any) { fmt.Fprintln(c.Out, args...) }

// Warnln prints a line to the standard error.
func (c *Call) Warnln(args ...any) { fmt.Fprintln(c.Err, args...) }

// First is the first of some errors that is one.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Require is nil if the options are there; otherwise it names the first that is missing.
func (c *Call) Require(names ...string) error {
	for _, name := range names {
		if !c.Has(name) {
			return Usage(fmt.Sprintf("Missing required argument %q", "["+name+"]"))
		}
	}
	return nil
}

// Exclude is nil unless an option is there together with one of the others.
func (c *Call) Exclude(used string, others ...string) error {
	if !c.Has(used) {
		return nil
	}
	for _, name := range others {
		if c.Has(name) {
			return Usage(fmt.Sprintf("Option \"[%s]\" can't be used with option \"[%s]\"", used, name))
		}
	}
	return nil
}

// OneOf is nil if exactly one of some options is there.
func (c *Call) OneOf(names ...string) error {
	if c.Count(names...) == 1 {
		return nil
	}
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = "[" + name + "]"
	}
	return Usage("Exactly one of the following arguments is required: " + strings.Join(words, ", "))
}

// Count tells how many of some options are there.
func (c *Call) Count(names ...string) int {
	n := 0
	for _, name := range names {
		if c.Has(name) {
			n++
		}
	}
	return n
}
