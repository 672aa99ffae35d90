package tool

import (
	"fmt"
	"math"
	"strings"
)

// A Parser is the options of a tool in the manner of argparse4j.
type Parser struct {
	Program  string // the name in messages; commands have that of their tool
	Text     string // what it is for
	Args     []Arg
	Groups   []Group
	Commands []Command

	Brief     bool   // what is wrong is said in one line, without the usage
	HelpFails bool   // who asks for help gets it with the status of a failure
	Title     string // above the commands in the help; "": they stand among the arguments that are known by their place
	Metavar   string // what stands for the commands in the usage; "": their names

	command string
	above   *Parser
}

// A Command of a parser: what comes behind it is its own.
type Command struct {
	Name, Text string
	Parser     Parser
}

// A Group is arguments of which one may be there, or must.
type Group struct {
	Required bool
	Plain    bool // they stand below each other in the help under Title, and do not exclude each other
	Title    string
	Text     string // below the title
}

// An Arg of a parser.
type Arg struct {
	Flags    []string // with their hyphens; none: the argument is known by its place
	Name     string   // of one without flags, and under which any is found; "": the first long flag
	Metavar  string   // what the usage says for the value; "": the name in capitals
	Type     string   // Integer, Long, Short, Double, Boolean, or "" for text
	Choices  []string
	Required bool
	Default  string
	Switch   bool // takes no value
	Many     int  // how many values: 0 one, AtLeastOne, Any, AtMostOne
	Append   bool // may be there again, and then has all values
	Secret   bool // not in the help
	Help     bool // shows the help
	Version  bool // shows the version
	Group    int  // of the parser, from 1 on; 0: none
	Text     string
}

// How many values an argument has.
const (
	One = iota
	AtLeastOne
	Any
	AtMostOne
)

// HelpArg is what every parser begins with.
func HelpArg() Arg {
	return Arg{Flags: []string{"-h", "--help"}, Switch: true, Help: true, Text: "show this help message and exit"}
}

func (a *Arg) name() string {
	if a.Name != "" {
		return a.Name
	}
	for _, flag := range a.Flags {
		if rest, long := strings.CutPrefix(flag, "--"); long {
			return rest
		}
	}
	return strings.TrimLeft(a.Flags[0], "-")
}

func (a *Arg) textual() string {
	if len(a.Flags) == 0 {
		return a.name()
	}
	return strings.Join(a.Flags, "/")
}

func (a *Arg) least() int {
	switch a.Many {
	case AtLeastOne:
		return 1
	case Any, AtMostOne:
		return 0
	}
	return -1
}

func (a *Arg) most() int {
	switch a.Many {
	case AtLeastOne, Any:
		return math.MaxInt
	}
	return 1
}

// optional are the arguments with flags, in the order in which they are declared.
func (p *Parser) optional() []*slot {
	var slots []*slot
	for i := range p.Args {
		a := &p.Args[i]
		if len(a.Flags) > 0 {
			slots = append(slots, &slot{Arg: a, group: a.Group - 1, exclusive: a.Group > 0 && !p.Groups[a.Group-1].Plain})
		}
	}
	return slots
}

// grouped are the arguments of a group.
func (p *Parser) grouped(group int) []*Arg {
	var args []*Arg
	for i := range p.Args {
		if p.Args[i].Group == group+1 && !p.Args[i].Secret {
			args = append(args, &p.Args[i])
		}
	}
	return args
}

// slot is an argument and the group that it stands in.
type slot struct {
	*Arg
	group     int
	exclusive bool
}

func (p *Parser) placed() []*Arg {
	var args []*Arg
	for i := range p.Args {
		if len(p.Args[i].Flags) == 0 {
			args = append(args, &p.Args[i])
		}
	}
	return args
}

// misuse is a command line that a parser does not take, or one that asks for its help.
type misuse struct {
	parser  *Parser
	message string
	help    bool
	version bool
	hints   []string
	near    string
}

func (m *misuse) Error() string { return m.message }

func (p *Parser) wrong(format string, args ...any) *misuse {
	return &misuse{parser: p, message: fmt.Sprintf(format, args...)}
}

// Misused is a wrong use that the tool itself finds: it is said as one that the parser found.
func (c *Call) Misused(message string) error {
	return c.Tool.Parser.wrong("%s", message)
}
