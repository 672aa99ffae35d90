package tool

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An OptionError is a command line that joptsimple does not take.
type OptionError struct {
	Class   string // the exception
	Message string
}

func (e *OptionError) Error() string { return e.Message }

// Class of an error as Java has it, in front of its message, for tools that print both.
func (e *OptionError) describe() string { return "joptsimple." + e.Class + ": " + e.Message }

// reading is a command line on its way through joptsimple's rules.
type reading struct {
	rest  []string
	names map[string]*Option
	set   *Set
}

// parse reads a command line as joptsimple does, without abbreviations.
func parse(options []Option, args []string) (*Set, error) {
	r := &reading{rest: args, names: make(map[string]*Option), set: &Set{given: make(map[string][]string), known: make(map[string]*Option)}}
	for i := range options {
		o := &options[i]
		r.set.known[o.Name] = o
		for _, name := range o.names() {
			r.names[name] = o
		}
	}
	for len(r.rest) > 0 {
		word := r.next()
		if word == "--" {
			r.set.Words = append(r.set.Words, r.rest...)
			break
		}
		if err := r.handle(word); err != nil {
			return r.set, err
		}
	}
	return r.set, First(missing(options, r.set), unavailable(options, r.set))
}

func (r *reading) next() string {
	word := r.rest[0]
	r.rest = r.rest[1:]
	return word
}

func (r *reading) handle(word string) error {
	switch {
	case strings.HasPrefix(word, "--"):
		name, argument, has := strings.Cut(word[2:], "=")
		if r.names[name] == nil {
			return unrecognized(name)
		}
		return r.option(r.names[name], argument, has)
	case strings.HasPrefix(word, "-") && word != "-":
		name, argument, has := strings.Cut(word[1:], "=")
		if r.names[name] != nil {
			return r.option(r.names[name], argument, has)
		}
		return r.cluster(word[1:])
	}
	r.set.Words = append(r.set.Words, word)
	return nil
}

// cluster is -abc: short options, the last perhaps with its argument.
func (r *reading) cluster(letters string) error {
	for _, letter := range letters {
		o := r.names[string(letter)]
		if o == nil {
			return unrecognized(string(letter))
		}
		if o.takesArgument() {
			break
		}
	}
	for i, letter := range letters {
		o := r.names[string(letter)]
		if after := letters[i+len(string(letter)):]; o.takesArgument() && after != "" {
			return r.option(o, after, true)
		}
		if err := r.option(o, "", false); err != nil {
			return err
		}
	}
	return nil
}

func unrecognized(name string) error {
	return &OptionError{"UnrecognizedOptionException", name + " is not a recognized option"}
}

func (r *reading) option(o *Option, argument string, has bool) error {
	switch {
	case !o.takesArgument():
		r.set.add(o)
		return nil
	case has:
	case o.MayLack:
		if !r.wouldTake(o) {
			r.set.add(o)
			return nil
		}
		argument = r.next()
	case len(r.rest) == 0:
		return &OptionError{"OptionMissingRequiredArgumentException", fmt.Sprintf("Option %s requires an argument", strings.Join(o.names(), "/"))}
	default:
		argument = r.next()
	}
	parts := []string{argument}
	if o.Separator != "" {
		if cut := strings.FieldsFunc(argument, func(c rune) bool { return strings.ContainsRune(o.Separator, c) }); len(cut) > 0 {
			parts = cut
		}
	}
	r.set.add(o, parts...)
	return nil
}

// wouldTake tells whether the next word is the argument of an option that can do without.
func (r *reading) wouldTake(o *Option) bool {
	if len(r.rest) == 0 {
		return false
	}
	number := o.Type == "Integer" || o.Type == "Long"
	_, err := strconv.ParseInt(r.rest[0], 10, 64)
	if number {
		return err == nil
	}
	return !strings.HasPrefix(r.rest[0], "-") || r.rest[0] == "-"
}

// missing names the options that had to be there, in the order in which a Java map has them.
func missing(options []Option, set *Set) error {
	var names []string
	byName := make(map[string]*Option)
	for i := range options {
		o := &options[i]
		if o.Help && set.Has(o.Name) {
			return nil
		}
		for _, name := range o.names() {
			names = append(names, name)
			byName[name] = o
		}
	}
	var lacking []string
	told := make(map[string]bool)
	for _, name := range HashOrder(append([]string{"[arguments]"}, names...)) {
		if o := byName[name]; o != nil && o.Required && !set.Has(o.Name) && !told[o.Name] {
			told[o.Name] = true
			lacking = append(lacking, strings.Join(o.names(), "/"))
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return &OptionError{"MissingRequiredOptionsException", "Missing required option(s) [" + strings.Join(lacking, ", ") + "]"}
}

// unavailable names the options that are there without any of those that they go with, in the order in which a Java map has them.
func unavailable(options []Option, set *Set) error {
	var alone []string
	for i := range options {
		o := &options[i]
		if o.Help && set.Has(o.Name) {
			return nil
		}
		if len(o.With) > 0 && set.Has(o.Name) && !slices.ContainsFunc(o.With, set.Has) {
			alone = append(alone, strings.Join(o.names(), "/"))
		}
	}
	if len(alone) == 0 {
		return nil
	}
	alone = HashOrderFunc(alone, func(name string) int32 { return 31 + HashCode(name) }) // the keys of the map are lists of names
	return &OptionError{"UnavailableOptionException", "Option(s) [" + strings.Join(alone, ", ") + "] are unavailable given other options on the command line"}
}
