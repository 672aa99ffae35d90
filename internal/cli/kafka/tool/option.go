package tool

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Option of a tool in the manner of joptsimple.
type Option struct {
	Name      string
	Also      []string // other names of it
	Type      string   // of its argument, as Java calls it: String, Integer, Long, Double; "": it takes none
	MayLack   bool     // the argument may be left out
	Argument  string   // what the usage says that the argument is
	Required  bool
	Default   []string
	Separator string   // an argument is cut into several at these characters
	With      []string // the options of which one has to be there as well
	Text      string   // what it is for
	Help      bool     // with it, nothing is required
}

// names are all names of an option, in the order of the usage: short ones first.
func (o *Option) names() []string {
	all := append([]string{o.Name}, o.Also...)
	slices.SortStableFunc(all, func(a, b string) int {
		if short := len(a) == 1; short != (len(b) == 1) {
			if short {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return all
}

func (o *Option) takesArgument() bool { return o.Type != "" }

// Set is what the options of a command line are.
type Set struct {
	given map[string][]string // by the name of the option: its arguments
	known map[string]*Option
	Words []string // what is no option
	Order []string // the options as they came
	wrong error
}

// Has tells whether an option is there.
func (s *Set) Has(name string) bool {
	_, ok := s.given[name]
	return ok
}

// Values are all arguments of an option, or its default.
func (s *Set) Values(name string) []string {
	if v := s.given[name]; len(v) > 0 {
		return v
	}
	if o := s.known[name]; o != nil {
		return o.Default
	}
	return nil
}

// Value is the argument of an option, or its default. Where it was given more than once, the tool ends with what joptsimple says.
func (s *Set) Value(name string) string {
	v := s.Values(name)
	switch len(v) {
	case 0:
		return ""
	case 1:
		return v[0]
	}
	s.fail(&OptionError{"MultipleArgumentsForOptionException", fmt.Sprintf("Found multiple arguments for option %s, but you asked for only one", s.name(name))})
	return ""
}

// Int is the argument of an option of a whole number of some bits. Where it is none, the tool ends with what joptsimple says.
func (s *Set) Int(name string, bits int) int64 {
	text := s.Value(name)
	if text == "" && !s.Has(name) {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "+"), 10, bits)
	if err != nil {
		s.fail(&OptionError{"OptionArgumentConversionException", fmt.Sprintf("Cannot parse argument '%s' of option %s", text, s.name(name))})
	}
	return n
}

// Int32 is the argument of an option of type Integer.
func (s *Set) Int32(name string) int32 { return int32(s.Int(name, 32)) }

// Wrong is what is wrong with a value that was asked for, or nil. The frame ends the tool with it; who would do something before that asks here.
func (s *Set) Wrong() error { return s.wrong }

func (s *Set) name(name string) string {
	if o := s.known[name]; o != nil {
		return strings.Join(o.names(), "/")
	}
	return name
}

func (s *Set) fail(err error) {
	if s.wrong == nil {
		s.wrong = err
	}
}

func (s *Set) add(o *Option, arguments ...string) {
	s.Order = append(s.Order, o.Name)
	s.given[o.Name] = append(s.given[o.Name], arguments...)
}
