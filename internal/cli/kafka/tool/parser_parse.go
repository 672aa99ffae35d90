package tool

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// CommandName is under which a [Set] has the command that was called, as its only value.
const CommandName = "command"

var negative = regexp.MustCompile(`^-(([0-9]+)(\.[0-9]*)?|\.[0-9]+)$`)

// walk is a command line on its way through argparse4j's rules.
type walk struct {
	rest      []string
	separated bool // by --
	set       *Set
	deferred  *misuse // what is missing at the parser above, which is said after what is wrong below
}

func (p *Parser) parse(args []string) (*Set, error) {
	w := &walk{rest: args, set: &Set{given: make(map[string][]string), known: make(map[string]*Option)}}
	if err := w.parser(p); err != nil {
		return w.set, err
	}
	if w.deferred != nil {
		return w.set, w.deferred
	}
	return w.set, nil
}

// level is where a walk is within one parser.
type level struct {
	*Parser
	slots  []*slot
	places []*Arg
	used   map[*Arg]bool
	groups map[int]*Arg
	words  []string // for places
	place  int
}

func (w *walk) parser(p *Parser) error {
	l := &level{Parser: p, slots: p.optional(), places: p.placed(), used: make(map[*Arg]bool), groups: make(map[int]*Arg)}
	for _, s := range l.slots {
		w.declare(s.Arg)
	}
	for _, a := range l.places {
		w.declare(a)
	}
	for len(w.rest) > 0 {
		word := w.rest[0]
		switch {
		case w.flag(word) && word != "--":
			w.rest = w.rest[1:]
			if err := w.flagged(l, word); err != nil {
				return err
			}
		case word == "--" && !w.separated:
			w.separated = true
			w.rest = w.rest[1:]
		case l.place < len(l.places):
			w.accumulate(l)
		case !w.separated && len(p.Commands) > 0:
			return w.command(l, word)
		default:
			return p.wrong("unrecognized arguments: '%s'", strings.Join(w.rest, " "))
		}
	}
	if len(p.Commands) > 0 {
		return p.wrong("too few arguments")
	}
	return w.finish(l)
}

func (w *walk) declare(a *Arg) {
	o := &Option{Name: a.name()}
	if a.Default != "" {
		o.Default = []string{a.Default}
	}
	w.set.known[o.Name] = o
}

func (w *walk) flag(word string) bool {
	return !w.separated && (word == "--" || strings.HasPrefix(word, "-") && word != "-" && !negative.MatchString(word))
}

// flagged reads an argument with a flag.
func (w *walk) flagged(l *level, word string) error {
	flag, value, has := strings.Cut(word, "=")
	s, err := l.find(flag)
	if err != nil {
		return err
	}
	if s != nil {
		return w.take(l, s, value, has)
	}
	if strings.HasPrefix(word, "--") || len(word) < 2 {
		return l.unknown(word)
	}
	letters := word[1:]
	for i := range letters {
		s := l.exact("-" + letters[i:i+1])
		if s == nil {
			return l.unknown(word)
		}
		if !s.Switch {
			return w.take(l, s, letters[i+1:], i+1 < len(letters))
		}
		if err := w.take(l, s, "", false); err != nil {
			return err
		}
	}
	return nil
}

func (l *level) unknown(word string) error {
	m := l.wrong("unrecognized arguments: '%s'", word)
	if m.near = strings.TrimLeft(word, "-"); len(m.near) < 2 {
		return m
	}
	for _, s := range l.slots {
		for _, f := range s.Flags {
			if len(strings.TrimLeft(f, "-")) > 1 {
				m.hints = append(m.hints, f)
			}
		}
	}
	return m
}

func (l *level) exact(flag string) *slot {
	for _, s := range l.slots {
		if slices.Contains(s.Flags, flag) {
			return s
		}
	}
	return nil
}

// find is the argument of a flag, which may be abbreviated.
func (l *level) find(flag string) (*slot, error) {
	if s := l.exact(flag); s != nil {
		return s, nil
	}
	var found *slot
	var could []string
	for _, s := range l.slots {
		for _, f := range s.Flags {
			if strings.HasPrefix(f, flag) {
				found = s
				could = append(could, f)
			}
		}
	}
	slices.Sort(could)
	if len(could) > 1 {
		return nil, l.wrong("ambiguous option: %s could match %s", flag, strings.Join(could, ", "))
	}
	return found, nil
}

// take gives an argument its values.
func (w *walk) take(l *level, s *slot, value string, has bool) error {
	if s.exclusive {
		if other := l.groups[s.group]; other != nil && other != s.Arg {
			return l.wrong("argument %s: not allowed with argument %s", s.textual(), other.textual())
		}
		l.groups[s.group] = s.Arg
	}
	l.used[s.Arg] = true
	var values []string
	switch {
	case s.Switch && has:
		return l.wrong("argument %s: ignore implicit argument '%s'", s.textual(), value)
	case s.Help:
		return &misuse{parser: l.Parser, help: true}
	case s.Version:
		return &misuse{parser: l.Parser, version: true}
	case s.Switch:
		w.set.add(&Option{Name: s.name()})
		return nil
	case has:
		values = []string{value}
	default:
		for len(values) < s.most() && len(w.rest) > 0 && !w.flag(w.rest[0]) {
			values = append(values, w.rest[0])
			w.rest = w.rest[1:]
		}
	}
	if s.least() == -1 && len(values) == 0 {
		return l.wrong("argument %s: expected one argument", s.textual())
	}
	if len(values) < s.least() {
		return l.wrong("argument %s: expected %d argument(s)", s.textual(), s.least())
	}
	return w.store(l, s.Arg, values)
}

func (w *walk) store(l *level, a *Arg, values []string) error {
	for _, v := range values {
		if message := a.check(v); message != "" {
			return l.wrong("argument %s: %s", a.textual(), message)
		}
	}
	if !a.Append {
		delete(w.set.given, a.name())
	}
	w.set.add(&Option{Name: a.name()}, values...)
	return nil
}

// check says what is wrong with a value, "": nothing.
func (a *Arg) check(v string) string {
	bits := map[string]int{"Integer": 32, "Long": 64, "Short": 16}[a.Type]
	switch {
	case bits != 0:
		if _, err := strconv.ParseInt(strings.TrimPrefix(v, "+"), 10, bits); err != nil {
			return a.noNumber(v)
		}
	case a.Type == "Double":
		if _, err := strconv.ParseFloat(v, 64); err != nil {
			return a.noNumber(v)
		}
	}
	if len(a.Choices) > 0 && !slices.Contains(a.Choices, v) {
		return fmt.Sprintf("invalid choice: '%s' (choose from {%s})", v, strings.Join(a.Choices, ","))
	}
	return ""
}

func (a *Arg) noNumber(v string) string {
	return fmt.Sprintf("could not convert '%s' to %s (For input string: \"%s\")", v, a.Type, v)
}

// accumulate takes a word for the next place.
func (w *walk) accumulate(l *level) {
	a := l.places[l.place]
	if a.most() == 1 {
		l.words = append(l.words, w.rest[0])
		w.rest = w.rest[1:]
		l.place++
		return
	}
	for len(w.rest) > 0 && !w.flag(w.rest[0]) {
		l.words = append(l.words, w.rest[0])
		w.rest = w.rest[1:]
	}
}

func (w *walk) command(l *level, word string) error {
	if err := w.finish(l); err != nil {
		return err
	}
	var found *Command
	var could, all []string
	for i := range l.Commands {
		c := &l.Commands[i]
		all = append(all, "'"+c.Name+"'")
		if c.Name == word {
			found, could = c, []string{c.Name}
			break
		}
		if strings.HasPrefix(c.Name, word) {
			found, could = c, append(could, c.Name)
		}
	}
	switch len(could) {
	case 0:
		m := l.wrong("invalid choice: '%s' (choose from %s)", word, strings.Join(all, ", "))
		m.near = word
		for _, c := range l.Commands {
			m.hints = append(m.hints, c.Name)
		}
		return m
	case 1:
	default:
		slices.Sort(could)
		return l.wrong("ambiguous command: %s could match %s", word, strings.Join(could, ", "))
	}
	w.rest = w.rest[1:]
	w.set.add(&Option{Name: CommandName}, found.Name)
	below := found.Parser
	below.command, below.above, below.Program = found.Name, l.Parser, l.Program
	below.Brief, below.HelpFails = l.Brief, l.HelpFails
	return w.parser(&below)
}

// finish gives places their words, and notes what is missing.
func (w *walk) finish(l *level) error {
	must := 0
	for _, a := range l.places {
		must += max(0, a.least(), -a.least())
	}
	if must > len(l.words) {
		return l.wrong("too few arguments")
	}
	words := l.words
	for _, a := range l.places {
		n := min(a.most(), len(words))
		if n > 0 {
			if err := w.store(l, a, words[:n]); err != nil {
				return err
			}
			words = words[n:]
		}
	}
	if w.deferred == nil {
		w.deferred = l.lacking()
	}
	return nil
}

// lacking is what is missing at a parser: the last of what is said, as argparse4j has it.
func (l *level) lacking() *misuse {
	var m *misuse
	for _, s := range l.slots {
		if s.Required && !l.used[s.Arg] {
			m = l.wrong("argument %s is required", s.textual())
		}
	}
	if m != nil {
		return m
	}
	for g := range l.Groups {
		if l.Groups[g].Plain || !l.Groups[g].Required || l.groups[g] != nil {
			continue
		}
		names := ""
		for _, a := range l.grouped(g) {
			names += a.textual() + " "
		}
		m = l.wrong("one of the arguments %sis required", names)
	}
	return m
}
