package present

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Table is what people see.
type Table struct {
	Title string   // a line above; may be empty
	Head  []string // names of the columns
	Notes []string // lines below

	rows  [][]cell
	shown int // at most so many rows; 0: all
}

// cell is a text in a table, and how serious it is.
type cell struct {
	text  string
	level level
}

type level int

const (
	usual level = iota
	good
	warn
	bad
)

// The kinds of texts that stand out on a terminal.
type (
	Good string // as it shall be
	Warn string // on its way, or nearly too much
	Bad  string // needs somebody
)

// NewTable is a table with columns.
func NewTable(head ...string) *Table { return &Table{Head: head} }

// Add adds a row. An empty text and nil are shown as a dash.
func (t *Table) Add(cells ...any) *Table {
	row := make([]cell, 0, len(cells))
	for _, c := range cells {
		row = append(row, cellOf(c))
	}
	t.rows = append(t.rows, row)
	return t
}

// Len counts the rows.
func (t *Table) Len() int { return len(t.rows) }

// Limit shows only the first rows, and how many more there are.
func (t *Table) Limit(n int) *Table {
	t.shown = n
	return t
}

func cellOf(v any) cell {
	c := cell{}
	switch v := v.(type) {
	case nil:
	case Good:
		c = cell{string(v), good}
	case Warn:
		c = cell{string(v), warn}
	case Bad:
		c = cell{string(v), bad}
	case string:
		c.text = v
	case []int32:
		var texts []string
		for _, n := range v {
			texts = append(texts, strconv.Itoa(int(n)))
		}
		c.text = strings.Join(texts, ",")
	default:
		c.text = fmt.Sprint(v)
	}
	if c.text = clean(c.text); c.text == "" {
		c.text = "-"
	}
	return c
}

// clean replaces what is not to be printed, so that what others have named cannot drive a terminal.
func clean(text string) string {
	whole := func(r rune) bool { return !unicode.IsPrint(r) }
	if strings.IndexFunc(text, whole) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		if whole(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

const gap = 2 // spaces between columns

// write prints the table.
func (t *Table) write(w io.Writer, s screen) error {
	b := bufio.NewWriter(w)
	if t.Title != "" {
		fmt.Fprintln(b, clean(t.Title))
	}
	rows := t.rows
	if t.shown > 0 {
		rows = rows[:min(t.shown, len(rows))]
	}
	if len(t.Head) > 0 {
		widths := t.widths(rows)
		if s.width > 0 {
			t.fit(widths, rows, s.width)
		}
		head := make([]cell, len(t.Head))
		for i, name := range t.Head {
			head[i] = cell{text: name}
		}
		line(b, head, widths, s, true)
		for _, row := range rows {
			line(b, row, widths, s, false)
		}
	}
	if more := len(t.rows) - len(rows); more > 0 {
		fmt.Fprintf(b, "... and %d more (-o json prints all)\n", more)
	}
	for _, note := range t.Notes {
		fmt.Fprintln(b, note)
	}
	return b.Flush()
}

func (t *Table) widths(rows [][]cell) []int {
	widths := make([]int, len(t.Head))
	for i, name := range t.Head {
		widths[i] = utf8.RuneCountInString(name)
	}
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	return widths
}

const leastWidth = 8 // of a column that is cut

// fit makes the widest columns of text narrower until the table fits. Numbers stay whole: a part of one would be another.
func (t *Table) fit(widths []int, rows [][]cell, width int) {
	total := gap * (len(widths) - 1)
	cut := make([]bool, len(widths))
	for i := range widths {
		total += widths[i]
		for _, row := range rows {
			if i < len(row) && !number(row[i].text) {
				cut[i] = true
			}
		}
	}
	for total > width {
		widest := -1
		for i, w := range widths {
			if cut[i] && w > max(leastWidth, utf8.RuneCountInString(t.Head[i])) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
		total--
	}
}

func number(text string) bool {
	return text != "" && strings.Trim(text, "0123456789.,-+%") == ""
}

// middle cuts a text in its middle: names mostly differ at their ends.
func middle(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	front := (width - 1) / 2
	return string(r[:front]) + "…" + string(r[len(r)-(width-1-front):])
}

// line writes a row. What goes wrong is told when the writer is flushed.
func line(b *bufio.Writer, row []cell, widths []int, s screen, head bool) {
	for i, c := range row {
		text := middle(c.text, widths[i])
		fmt.Fprint(b, s.paint(text, c.level, head))
		if i < len(row)-1 {
			fmt.Fprint(b, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)+gap))
		}
	}
	fmt.Fprintln(b)
}
