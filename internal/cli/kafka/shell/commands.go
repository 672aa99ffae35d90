package shell

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"leat/internal/cli/kafka/tool"
)

// command is one that the shell knows.
type command struct {
	name, text string
	args       []tool.Arg
	prompted   bool // it makes sense at a prompt only
	do         func(*session, *tool.Set)
}

// commands are in the order of the alphabet, in which they are shown.
func commands() []command {
	return []command{
		{name: "cat", text: "Print files of the tree.", args: []tool.Arg{{Name: "targets", Many: tool.AtLeastOne, Text: "The files."}}, do: (*session).cat},
		{name: "cd", text: "Go to a directory.", args: []tool.Arg{{Name: "target", Many: tool.AtMostOne, Text: "The directory; without it the root."}}, prompted: true, do: (*session).cd},
		{name: "exit", text: "Leave the shell.", prompted: true, do: func(s *session, _ *tool.Set) { s.ended = true }},
		{name: "find", text: "List everything below a directory.", args: []tool.Arg{{Name: "paths", Many: tool.Any, Text: "Where to begin."}}, do: (*session).find},
		{name: "help", text: "Show this text.", prompted: true, do: (*session).help},
		{name: "history", text: "Show the commands given so far.", prompted: true,
			args: []tool.Arg{{Name: "numEntriesToShow", Type: "Integer", Many: tool.AtMostOne, Text: "How many."}}, do: (*session).past},
		{name: "ls", text: "List files and directories.", args: []tool.Arg{{Name: "targets", Many: tool.Any, Text: "What to list."}}, do: (*session).ls},
		{name: "man", text: "Show how a command is used.", args: []tool.Arg{{Name: "cmd", Text: "The command."}}, prompted: true, do: (*session).man},
		{name: "pwd", text: "Show in which directory this is.", prompted: true, do: func(s *session, _ *tool.Set) { fmt.Fprintln(s.Out, s.at) }},
		{name: "tree", text: "Print a directory with everything below it.", args: []tool.Arg{{Name: "targets", Many: tool.AtLeastOne, Text: "The directories."}}, do: (*session).tree},
	}
}

// parser is what the shell reads a command with.
func (s *session) parser() *tool.Parser {
	p := &tool.Parser{}
	for _, c := range commands() {
		if s.prompt || !c.prompted {
			p.Commands = append(p.Commands, tool.Command{Name: c.name, Text: c.text, Parser: tool.Parser{Args: append([]tool.Arg{tool.HelpArg()}, c.args...)}})
		}
	}
	return p
}

// do does what a line of words says, or prints what is wrong with it: the shell goes on, and a tool that was called with a command ends well.
func (s *session) do(words []string) {
	for len(words) > 0 && words[len(words)-1] == "" {
		words = words[:len(words)-1]
	}
	if len(words) == 0 {
		return
	}
	set, answer := s.parser().Line(words)
	if set == nil {
		fmt.Fprint(s.Out, answer)
		return
	}
	name := set.Value(tool.CommandName)
	if name != words[0] {
		fmt.Fprintf(s.Out, "invalid choice: '%s': did you mean '%s'?\n", words[0], name)
		return
	}
	all := commands()
	all[slices.IndexFunc(all, func(c command) bool { return c.name == name })].do(s, set)
}

// each calls do with what a path means. It is false if that is nothing.
func (s *session) each(path string, do func(place)) bool {
	if path == "" || path[0] != '/' {
		path = s.at + "/" + path
	}
	found := s.root.matches(components(path))
	for _, p := range found {
		do(p)
	}
	return len(found) > 0
}

func (s *session) cat(set *tool.Set) {
	for _, target := range set.Values("targets") {
		if !s.each(target, func(p place) {
			if p.node.directory() {
				fmt.Fprintf(s.Out, "cat: %s: Is a directory\n", target)
				return
			}
			p.node.print(s.Out, 0)
		}) {
			fmt.Fprintf(s.Out, "cat: %s: No such file or directory.\n", target)
		}
	}
}

func (s *session) tree(set *tool.Set) {
	for _, target := range set.Values("targets") {
		if !s.each(target, func(p place) { p.node.print(s.Out, 0) }) {
			fmt.Fprintf(s.Out, "tree: %s: No such file or directory.\n", target)
		}
	}
}

func (s *session) cd(set *tool.Set) {
	target := cmp.Or(set.Value("target"), "/")
	at := s.at
	if !s.each(target, func(p place) {
		if !p.node.directory() {
			fmt.Fprintf(s.Out, "cd: %s: not a directory.\n", target)
			return
		}
		at = absolute(p.path)
	}) {
		fmt.Fprintf(s.Out, "cd: %s: no such directory.\n", target)
	}
	s.at = at
}

// paths are those of a list that are not empty, or the directory where the session is.
func paths(set *tool.Set, name string) []string {
	all := slices.DeleteFunc(slices.Clone(set.Values(name)), func(path string) bool { return path == "" })
	if len(all) == 0 {
		return []string{"."}
	}
	return all
}

func (s *session) find(set *tool.Set) {
	for _, path := range paths(set, "paths") {
		if !s.each(path, func(p place) { p.node.find(s.Out, path) }) {
			fmt.Fprintf(s.Out, "find: %s: no such file or directory.\n", path)
		}
	}
}

func (s *session) help(*tool.Set) {
	fmt.Fprintf(s.Out, "Welcome to the Apache Kafka metadata shell.\n\n%s", s.parser().Help())
}

func (s *session) man(set *tool.Set) {
	name := set.Value("cmd")
	for _, c := range commands() {
		if c.name == name {
			fmt.Fprintf(s.Out, "%s: %s\n\n%s", c.name, c.text, (&tool.Parser{Program: c.name, Args: c.args}).Help())
			return
		}
	}
	fmt.Fprintf(s.Out, "man: unknown command %s. Type help to get a list of commands.\n", name)
}

func (s *session) past(set *tool.Set) {
	n := math.MaxInt32
	if set.Has("numEntriesToShow") {
		n, _ = strconv.Atoi(set.Value("numEntriesToShow")) // the parser took it for a number
	}
	for i := max(0, len(s.history)-max(0, n)); i < len(s.history); i++ {
		fmt.Fprintf(s.Out, "% 5d  %s\n", i, s.history[i])
	}
}
