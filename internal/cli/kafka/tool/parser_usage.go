package tool

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"leat/internal/cli/run"
)

// The layout of argparse4j's help.
const (
	helpWidth  = 75
	helpIndent = 25
)

// print says what is wrong, or shows the help, and returns the exit status.
func (m *misuse) print(s run.Streams) int {
	switch {
	case m.help && m.parser.HelpFails:
		fmt.Fprint(s.Out, m.parser.help())
		return failed
	case m.help:
		fmt.Fprint(s.Out, m.parser.help())
		return 0
	case m.version:
		fmt.Fprintln(s.Out, Version)
		return 0
	case m.parser.Brief:
		fmt.Fprintf(s.Err, "Command line error: %s. Type --help for help.", m.message)
		return failed
	}
	fmt.Fprint(s.Err, m.parser.usage())
	fmt.Fprint(s.Err, wrap(fmt.Sprintf("%s: error: %s\n", m.parser.Program, m.message), 0, ""))
	if near := nearest(m.near, m.hints); len(near) > 0 {
		fmt.Fprint(s.Err, "\nDid you mean:\n\t"+strings.Join(near, "\n\t")+"\n")
	}
	return failed
}

// metavar is what stands for the values of an argument.
func (a *Arg) metavar() string {
	if a.Switch {
		return ""
	}
	one := a.Metavar
	switch {
	case one != "":
	case len(a.Choices) > 0:
		one = "{" + strings.Join(a.Choices, ",") + "}"
	case len(a.Flags) == 0:
		one = a.name()
	default:
		one = strings.ToUpper(strings.ReplaceAll(a.name(), "-", "_"))
	}
	switch a.Many {
	case AtMostOne:
		return "[" + one + "]"
	case Any:
		return "[" + one + " [" + one + " ...]]"
	case AtLeastOne:
		return one + " [" + one + " ...]"
	}
	return one
}

func (a *Arg) bare() string {
	if len(a.Flags) == 0 {
		return a.metavar()
	}
	return strings.TrimSpace(a.Flags[0] + " " + a.metavar())
}

func (a *Arg) short() string {
	if len(a.Flags) == 0 || a.Required {
		return a.bare()
	}
	return "[" + a.bare() + "]"
}

// usage is the first lines of the help, which come before what is wrong.
func (p *Parser) usage() string {
	start := "usage: " + p.Program
	indent := strings.Repeat(" ", min(len(start), 30))
	first := ""
	if len(start) > 30 {
		start, first, indent = start+"\n", strings.Repeat(" ", 6), strings.Repeat(" ", 6)
	}
	out, width := start+first, len(indent)
	if first != "" {
		width = 12
	}
	for i, part := range p.syntax() {
		if i > 0 && width+len(part)+1 > helpWidth {
			out, width = out+"\n"+indent, len(indent)
		}
		out, width = out+" "+part, width+1+len(part)
	}
	return out + "\n"
}

// syntax is the parts of the usage, between which a line may end.
func (p *Parser) syntax() []string {
	parts := p.above.asAbove()
	if p.command != "" {
		parts = append(parts, p.command)
	}
	for _, s := range p.optional() {
		if !s.Secret && !s.exclusive {
			parts = append(parts, s.short())
		}
	}
	for i := range p.Groups {
		parts = append(parts, p.groupSyntax(i)...)
	}
	for _, a := range p.placed() {
		if !a.Secret {
			parts = append(parts, a.short())
		}
	}
	if len(p.Commands) > 0 {
		parts = append(parts, p.choices(), "...")
	}
	return parts
}

// asAbove is what the usage of a command shows of the parsers above it: what must be there.
func (p *Parser) asAbove() []string {
	if p == nil {
		return nil
	}
	parts := p.above.asAbove()
	if p.command != "" {
		parts = append(parts, p.command)
	}
	for _, s := range p.optional() {
		if !s.Secret && s.Required && !s.exclusive {
			parts = append(parts, s.short())
		}
	}
	for i := range p.Groups {
		if p.Groups[i].Required {
			parts = append(parts, p.groupSyntax(i)...)
		}
	}
	for _, a := range p.placed() {
		parts = append(parts, a.short())
	}
	return parts
}

func (p *Parser) groupSyntax(group int) []string {
	g := &p.Groups[group]
	if g.Plain {
		return nil
	}
	var parts []string
	for i, a := range p.grouped(group) {
		if i > 0 {
			parts = append(parts, "|")
		}
		parts = append(parts, a.bare())
	}
	if len(parts) == 0 {
		return nil
	}
	left, right := "[", "]"
	if g.Required {
		left, right = "(", ")"
		if len(parts) == 1 {
			left, right = "", ""
		}
	}
	parts[0] = left + parts[0]
	parts[len(parts)-1] += right
	return parts
}

func (p *Parser) choices() string {
	if p.Metavar != "" {
		return p.Metavar
	}
	names := make([]string, len(p.Commands))
	for i := range p.Commands {
		names[i] = p.Commands[i].Name
	}
	return "{" + strings.Join(names, ",") + "}"
}

// help is all there is to say about a parser.
func (p *Parser) help() string {
	out := p.usage()
	if p.Text != "" {
		out += "\n" + wrap(p.Text, 0, "") + "\n"
	}
	places, among := p.placed(), len(p.Commands) > 0 && p.Title == ""
	if len(places) > 0 || among {
		out += "\npositional arguments:\n"
	}
	for _, a := range places {
		one := *a
		one.Many = One
		out += helpLine(one.metavar(), a.Text)
	}
	if among {
		out += p.commandLines()
	}
	flags := p.optional()
	if len(flags) > 0 {
		out += "\noptional arguments:\n"
	}
	for _, s := range flags {
		if s.Secret || s.group >= 0 && p.Groups[s.group].Title != "" {
			continue
		}
		out += s.helpLine()
	}
	if p.Title != "" {
		out += "\n" + p.Title + ":\n" + p.commandLines()
	}
	for i := range p.Groups {
		if g := &p.Groups[i]; g.Title != "" {
			out += "\n" + g.Title + ":\n"
			if g.Text != "" {
				out += "  " + wrap(g.Text, 2, "  ") + "\n\n"
			}
			for _, a := range p.grouped(i) {
				out += a.helpLine()
			}
		}
	}
	return out
}

// commandLines are the commands in the help.
func (p *Parser) commandLines() string {
	out := helpLine(p.choices(), "")
	for i := range p.Commands {
		if p.Commands[i].Text != "" {
			out += helpLine("  "+p.Commands[i].Name, p.Commands[i].Text)
		}
	}
	return out
}

func (a *Arg) helpLine() string {
	titles := make([]string, len(a.Flags))
	for i, f := range a.Flags {
		titles[i] = strings.TrimSpace(f + " " + a.metavar())
	}
	return helpLine(strings.Join(titles, ", "), a.Text)
}

func helpLine(title, text string) string {
	if text == "" {
		return "  " + title + "\n"
	}
	indent := strings.Repeat(" ", helpIndent)
	if len(title) <= 21 {
		return Pad("  "+title, helpIndent) + wrap(text, helpIndent, indent) + "\n"
	}
	return "  " + title + "\n" + indent + wrap(text, helpIndent, indent) + "\n"
}

// wrap breaks a text into lines, which but for the last reach to the margin; what continues one is indented.
func wrap(text string, offset int, indent string) string {
	out, line, width := "", "", offset
	for _, word := range breaks(text) {
		n := utf8.RuneCountInString(word)
		if width += n; width > helpWidth {
			out += justified(line, helpWidth-(width-n)) + "\n" + indent
			line, width = "", len(indent)+n
		}
		line += word
	}
	return out + line
}

// justified is a line without the spaces around it and with as many more between its words.
func justified(line string, more int) string {
	trimmed := strings.Trim(line, " ")
	more += len(line) - len(trimmed)
	words := strings.Fields(trimmed)
	gaps := len(words) - 1
	if gaps <= 0 {
		return trimmed
	}
	each, rest := more/gaps, more%gaps
	first := (gaps - rest + 1) / 2
	out := words[0]
	at := len(words[0])
	for b, word := range words[1:] {
		start := at
		for trimmed[at] == ' ' {
			at++
		}
		add := each
		if first <= b && b < first+rest {
			add++
		}
		out += trimmed[start:at] + strings.Repeat(" ", add) + word
		at += len(word)
	}
	return out
}

// nearest are the names that somebody may have meant.
func nearest(word string, names []string) []string {
	if word == "" || len(names) == 0 {
		return nil
	}
	type candidate struct {
		name     string
		distance int
	}
	var all []candidate
	for _, name := range names {
		body, far := strings.TrimLeft(name, "-"), 0
		if !strings.HasPrefix(body, word) {
			far = distance(word, body)
		}
		all = append(all, candidate{name, far})
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	if all[0].distance >= 7 {
		return nil
	}
	var near []string
	for _, c := range all {
		if c.distance == all[0].distance {
			near = append(near, c.name)
		}
	}
	return near
}

// distance counts what must be changed in a word to become another: 2 for another letter, 1 for one more, 4 for one less, nothing for two that change places.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 2
			if a[i-1] == b[j-1] {
				change = 0
			}
			best := min(rows[i-1][j-1]+change, rows[i][j-1]+1, rows[i-1][j]+4)
			if i > 1 && j > 1 && a[i-2] == b[j-1] && a[i-1] == b[j-2] && a[i-1] != b[j-1] {
				best = min(best, rows[i-2][j-2])
			}
			rows[i][j] = best
		}
	}
	return rows[len(a)][len(b)]
}
