package tool

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The layout of joptsimple's usage.
const (
	usageWidth = 80
	usageGap   = 2
)

// row is an option and what it is for.
type row struct{ option, text string }

// usageText is how joptsimple lays out options: two columns, as wide as they need to be within 80 characters.
func usageText(options []Option) string {
	sorted := slices.Clone(options)
	slices.SortStableFunc(sorted, func(a, b Option) int { return strings.Compare(a.names()[0], b.names()[0]) })
	head := []row{{"Option", "Description"}, {"------", "-----------"}}
	if slices.ContainsFunc(sorted, func(o Option) bool { return o.Required }) {
		head = []row{{"Option (* = required)", "Description"}, {"---------------------", "-----------"}}
	}
	rows := head
	for i := range sorted {
		rows = append(rows, row{optionTitle(&sorted[i]), optionText(&sorted[i])})
	}
	left, right := columns(rows)
	var fitted []row
	for _, r := range rows {
		a, b := pieces(r.option, left), pieces(r.text, right)
		for i := range max(len(a), len(b)) {
			fitted = append(fitted, row{at(a, i), at(b, i)})
		}
	}
	left, right = columns(fitted)
	var out strings.Builder
	for _, r := range fitted {
		out.WriteString(Pad(r.option, left) + strings.Repeat(" ", usageGap) + Pad(r.text, right) + "\n")
	}
	return out.String()
}

// columns are the widths of the two columns of some rows.
func columns(rows []row) (left, right int) {
	for _, r := range rows {
		left, right = max(left, utf8.RuneCountInString(r.option)), max(right, utf8.RuneCountInString(r.text))
	}
	left = min((usageWidth-usageGap)/2, left)
	return left, min(usageWidth-left-usageGap, right)
}

func at(lines []string, i int) string {
	if i >= len(lines) {
		return ""
	}
	return lines[i]
}

// Pad is a text with spaces to a width.
func Pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

func optionTitle(o *Option) string {
	title := ""
	if o.Required {
		title = "* "
	}
	for i, name := range o.names() {
		if i > 0 {
			title += ", "
		}
		if len(name) > 1 {
			title += "-"
		}
		title += "-" + name
	}
	if !o.takesArgument() {
		return title
	}
	inside := o.Type
	if o.Argument != "" {
		inside += ": " + o.Argument
	}
	if o.MayLack {
		return title + " [" + inside + "]"
	}
	return title + " <" + inside + ">"
}

func optionText(o *Option) string {
	switch len(o.Default) {
	case 0:
		return o.Text
	case 1:
		return strings.TrimSpace(o.Text + " (default: " + o.Default[0] + ")")
	}
	return strings.TrimSpace(o.Text + " (default: [" + strings.Join(o.Default, ", ") + "])")
}

// pieces cuts a text into lines of a width; what continues a line is indented.
func pieces(text string, width int) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		next := ""
		for _, word := range breaks(line) {
			if utf8.RuneCountInString(next)+utf8.RuneCountInString(word) > width {
				lines = append(lines, strings.TrimRight(next, " \t"))
				next = "  "
			}
			next += word
		}
		if next != "" {
			lines = append(lines, next)
		}
	}
	return lines
}

// breaks cuts a line where Java's line breaker would allow an end of line: after spaces, after hyphens, colons and commas before a letter, before what opens
// a bracket within a word, and between a number and what closes one.
func breaks(line string) []string {
	var words []string
	start := 0
	runes := []rune(line)
	for i := 1; i < len(runes); i++ {
		before, here := runes[i-1], runes[i]
		if unicode.IsSpace(before) && !unicode.IsSpace(here) || (before == '-' || before == ':' || before == ',') && unicode.IsLetter(here) ||
			here == '(' && (unicode.IsLetter(before) || unicode.IsDigit(before)) || here == '>' && unicode.IsDigit(before) {
			words = append(words, string(runes[start:i]))
			start = i
		}
	}
	if start < len(runes) {
		words = append(words, string(runes[start:]))
	}
	return words
}
