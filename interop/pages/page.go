package main

import (
	"fmt"
	"regexp"
	"strings"
)

// step is one thing to do of a page.
type step struct {
	line    int    // of the page
	section string // the heading that it stands below
	kind    kind
	name    string // of what runs beside the others
	until   string // what it prints when it is ready
	text    string // commands, or what they shall have printed
	builds  bool   // what it is for is there, if the program was handed over
}

type kind int

const (
	doIt    kind = iota // run commands, and wait for them
	beside              // run commands beside the others, until the page says stop
	stop                // end what runs beside
	check               // what the commands before have printed
	prepare             // commands that are not on the page: a comment has them
)

var (
	heading = regexp.MustCompile(`^## (.*)$`)
	marked  = regexp.MustCompile(`^\s*<!-- (run|output|stop|prepare)(?: (.*?))? *-->$`)
	refused = regexp.MustCompile(`^\s*<!-- not run: .+ -->$`)
	opened  = regexp.MustCompile("^\\s*```(\\w*)$")
	named   = regexp.MustCompile(`^(\S+)(?: until (.+))?$`)
)

// parse takes a page apart. A comment in the line before a block says what the block is for:
//
//	<!-- run -->                    run these commands, as a person would who reads the page, and wait for them
//	<!-- run unless built -->       run these commands, but for a program that was handed over (-binary), which they make
//	<!-- run NAME until TEXT -->    run them beside the others, and go on when they have printed TEXT
//	<!-- run NAME -->               run them beside the others, and go on at once
//	<!-- stop NAME -->              end those; needs no block
//	<!-- output -->                 this is what the commands before print; ... stands for anything
//	<!-- prepare COMMANDS -->       what a test needs and a person has; needs no block
//	<!-- not run: REASON -->        nothing runs these commands, and why
//
// A block of commands (sh) without a comment is an error: it would be documented and never run.
func parse(text string) ([]step, error) {
	var steps []step
	section := ""
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if m := heading.FindStringSubmatch(lines[i]); m != nil {
			section = m[1]
			continue
		}
		if refused.MatchString(lines[i]) {
			i, _, _ = block(lines, i+1)
			continue
		}
		m := marked.FindStringSubmatch(lines[i])
		if m == nil {
			end, language, _ := block(lines, i)
			if language == "sh" {
				return nil, fmt.Errorf("line %d: a block of commands that nothing runs: write <!-- run --> or <!-- not run: REASON --> above it", i+1)
			}
			i = end
			continue
		}
		s := step{line: i + 1, section: section}
		switch m[1] {
		case "stop":
			s.kind, s.name = stop, m[2]
		case "prepare":
			s.kind, s.text = prepare, m[2]
		default:
			end, language, body := block(lines, i+1)
			if end == i+1 {
				return nil, fmt.Errorf("line %d: no block follows the comment", i+1)
			}
			s.text, i = body, end
			if err := s.read(m[1], m[2], language); err != nil {
				return nil, fmt.Errorf("line %d: %w", s.line, err)
			}
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// read takes in what a comment says of the block below it.
func (s *step) read(word, rest, language string) error {
	if word == "output" {
		s.kind = check
		return nil
	}
	if language != "sh" {
		return fmt.Errorf("the block is not marked sh")
	}
	if rest == "" {
		return nil
	}
	if rest == "unless built" {
		s.builds = true
		return nil
	}
	m := named.FindStringSubmatch(rest)
	if m == nil {
		return fmt.Errorf("%q: write run, run NAME, or run NAME until TEXT", rest)
	}
	s.kind, s.name, s.until = beside, m[1], m[2]
	return nil
}

// block is the fenced block that begins at a line, and where it ends; the same line if none begins there.
func block(lines []string, at int) (end int, language, body string) {
	if at >= len(lines) {
		return at, "", ""
	}
	m := opened.FindStringSubmatch(lines[at])
	if m == nil {
		return at, "", ""
	}
	for end = at + 1; end < len(lines) && strings.TrimSpace(lines[end]) != "```"; end++ {
	}
	return end, m[1], strings.Join(lines[at+1:min(end, len(lines))], "\n") + "\n"
}

// matches reports whether an output has the lines that a page shows, in their order; "..." in a line stands for anything, a line of it for any lines.
func matches(shown, output string) (missing string, ok bool) {
	rest := strings.Split(output, "\n")
	for want := range strings.Lines(shown) {
		if want = strings.TrimRight(want, " \n"); want == "..." || want == "" {
			continue
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(want), `\.\.\.`, `.*`)
		// Columns are as wide as what is in them.
		pattern = regexp.MustCompile(` {2,}`).ReplaceAllString(pattern, ` {2,}`)
		re := regexp.MustCompile("^" + pattern + " *$")
		for {
			if len(rest) == 0 {
				return want, false
			}
			line := rest[0]
			if rest = rest[1:]; re.MatchString(line) {
				break
			}
		}
	}
	return "", true
}
