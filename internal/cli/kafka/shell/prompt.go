package shell

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

const prompt = ">> "

// interact does what somebody says at a prompt, until there is nothing more to read.
func (s *session) interact() error {
	s.prompt = true
	next, done, err := s.reader()
	if err != nil {
		return err
	}
	defer done()
	for !s.ended {
		line, err := next()
		if err != nil {
			return err
		}
		s.remember(line)
		s.do(words(line))
	}
	return nil
}

// remember keeps a line in the history, unless it is the same as before or begins with a space.
func (s *session) remember(line string) {
	if line = strings.TrimRight(line, " \t"); line != "" && line[0] != ' ' && (len(s.history) == 0 || s.history[len(s.history)-1] != line) {
		s.history = append(s.history, line)
	}
}

// reader gives lines: those of a terminal can be edited, and the tabulator completes names.
func (s *session) reader() (next func() (string, error), done func(), err error) {
	in, ok := s.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		lines := bufio.NewReader(s.In)
		return func() (string, error) {
			fmt.Fprint(s.Out, prompt)
			line, err := lines.ReadString('\n')
			if err == io.EOF && line != "" {
				err = nil
			}
			return strings.TrimRight(line, "\r\n"), err
		}, func() {}, nil
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, nil, err
	}
	screen := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, s.Out}, prompt)
	if columns, rows, err := term.GetSize(int(in.Fd())); err == nil && columns > 0 {
		s.columns = columns
		_ = screen.SetSize(columns, rows) // it was asked for its size
	}
	screen.AutoCompleteCallback = func(line string, at int, key rune) (string, int, bool) {
		if key != '\t' || at != len(line) {
			return "", 0, false
		}
		line += s.complete(line)
		return line, len(line), true
	}
	s.Out = screen
	return screen.ReadLine, func() { _ = term.Restore(int(in.Fd()), before) }, nil
}

// complete is what may be added to a line: of a command's name, or of a path, as far as there is only one way to go on.
func (s *session) complete(line string) string {
	cut := strings.LastIndexByte(line, ' ') + 1
	word := line[cut:]
	var ways []string
	if cut == 0 {
		for _, c := range commands() {
			ways = append(ways, c.name+" ")
		}
	} else {
		slash := strings.LastIndexByte(word, '/') + 1
		s.each(word[:slash], func(p place) {
			if !p.node.directory() {
				return
			}
			for _, name := range p.node.sorted() {
				end := " "
				if p.node.child(name).directory() {
					end = "/"
				}
				ways = append(ways, word[:slash]+name+end)
			}
		})
	}
	ways = slices.DeleteFunc(ways, func(way string) bool { return !strings.HasPrefix(way, word) })
	if len(ways) == 0 {
		return ""
	}
	common := ways[0]
	for _, way := range ways {
		for !strings.HasPrefix(way, common) {
			common = common[:len(common)-1]
		}
	}
	return common[len(word):]
}

// words cuts a line at its spaces; quotes and backslashes keep them.
func words(line string) []string {
	var all []string
	var word strings.Builder
	var quote rune
	inside, escaped := false, false
	for _, c := range line {
		switch {
		case escaped:
			escaped = false
			word.WriteRune(c)
		case c == '\\':
			escaped, inside = true, true
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteRune(c)
			}
		case c == '\'' || c == '"':
			quote, inside = c, true
		case c == ' ' || c == '\t':
			if inside {
				all = append(all, word.String())
			}
			word.Reset()
			inside = false
		default:
			inside = true
			word.WriteRune(c)
		}
	}
	if inside {
		all = append(all, word.String())
	}
	return all
}
