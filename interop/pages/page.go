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
	on      []string // the machines of the page that do it; none: the one at which the reader sits
	name    string   // of what runs beside the others, or of the file that is written
	until   string   // what it prints when it is ready
	text    string   // commands, or what they shall have printed, or what is written
	shorter []string // old, new, old, new...: what stands for what unless everything is run
	where   []string // the same, always: what a page shows as an example
	builds  bool     // what it is for is there, if the program was handed over
	long    bool     // takes minutes: only when everything is run
	fails   bool     // its commands may end with any status
	like    bool     // other numbers may stand where the page has numbers
}

type kind int

const (
	doIt     kind = iota // run commands, and wait for them
	await                // run commands until they have printed something, and interrupt them
	beside               // run commands beside the others, until the page says stop
	stop                 // end what runs beside
	check                // what the commands before have printed
	prepare              // commands that are not on the page: a comment has them
	write                // a file that the page shows
	add                  // lines of a file that the page shows
	machines             // the machines that the page speaks of
)

var (
	heading = regexp.MustCompile(`^## (.*)$`)
	marked  = regexp.MustCompile(`^\s*<!-- (run by|run|output|stop|prepare|write|append|machines|page with -all:)(?: (.*?))? *-->$`)
	refused = regexp.MustCompile(`^\s*<!-- not run: .+ -->$`)
	opened  = regexp.MustCompile("^(\\s*)```(\\w*)$")
	next    = regexp.MustCompile(` (where|shorter|until) `)
	machine = regexp.MustCompile(`^[a-z][a-z0-9-]*=\d+\.\d+\.\d+\.\d+$`)
)

// page is a page taken apart.
type page struct {
	steps []step
	long  string // why all of it is run only when everything is
}

// parse takes a page apart. A comment in the line before a block says what the block is for:
//
//	<!-- run -->                    run these commands, as a person would who reads the page, and wait for them
//	<!-- run NAME until TEXT -->    run them beside the others, and go on when they have printed TEXT
//	<!-- run NAME -->               run them beside the others, and go on at once
//	<!-- run until TEXT -->         run them until they have printed TEXT, and press Ctrl-C
//	<!-- stop NAME -->              end what runs beside, by Ctrl-C; needs no block
//	<!-- output -->                 this is what the commands before print; ... stands for anything
//	<!-- output but for numbers --> the same; any numbers may stand in the place of those
//	<!-- write FILE -->             write the block into a file, as the reader would
//	<!-- append FILE -->            write it at the end of a file
//	<!-- machines NAME=ADDRESS... --> the page speaks of these machines; needs no block
//	<!-- prepare COMMANDS -->       what a test needs and a person has; needs no block
//	<!-- run by FILE -->            that program of the repository runs the same lines; [rules] look whether they stand in it
//	<!-- not run: REASON -->        nothing runs these commands, and why
//	<!-- page with -all: REASON --> the whole page is run only with -all, by hand, and why; needs no block
//
// Between run and NAME or until may stand, in any order:
//
//	on MACHINE,...       on these machines, one after the other
//	unless built         not if a program was handed over (-binary), which these commands make
//	with -all            only by hand, with -all: it takes minutes
//	where OLD=NEW,...    with NEW in the place of OLD, which is an example
//	shorter OLD=NEW,...  the same, but not with -all
//	whatever the status  it need not end with status 0
//
// A block of commands (sh) without a comment is an error: it would be documented and never run.
//
// [rules]: the house rules in internal/rules
func parse(text string) (*page, error) {
	p := &page{}
	section := ""
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if m := heading.FindStringSubmatch(lines[i]); m != nil {
			section = m[1]
			continue
		}
		m := marked.FindStringSubmatch(lines[i])
		switch {
		case refused.MatchString(lines[i]), m != nil && m[1] == "run by":
			i, _, _ = block(lines, i+1)
			continue
		case m == nil:
			end, language, _ := block(lines, i)
			if language == "sh" {
				return nil, fmt.Errorf("line %d: a block of commands that nothing runs: write <!-- run --> or <!-- not run: REASON --> above it", i+1)
			}
			i = end
			continue
		case m[1] == "page with -all:":
			p.long = m[2]
			continue
		}
		s := step{line: i + 1, section: section}
		end, language, body := block(lines, i+1)
		err := s.read(m[1], m[2])
		if err == nil && s.hasBlock() {
			err = s.take(i+1, end, language, body)
			i = end
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", s.line, err)
		}
		p.steps = append(p.steps, s)
	}
	return p, nil
}

// hasBlock reports whether a step is about the block below its comment.
func (s *step) hasBlock() bool { return s.kind != stop && s.kind != prepare && s.kind != machines }

// take takes the block below the comment.
func (s *step) take(begin, end int, language, body string) error {
	if end == begin {
		return fmt.Errorf("no block follows the comment")
	}
	if commands := s.kind == doIt || s.kind == await || s.kind == beside; commands && language != "sh" {
		return fmt.Errorf("the block is not marked sh")
	}
	s.text = body
	return nil
}

// read takes in what a comment says.
func (s *step) read(word, rest string) error {
	switch word {
	case "output":
		s.kind, s.like = check, rest == "but for numbers"
		if rest != "" && !s.like {
			return fmt.Errorf("%q: write output, or output but for numbers", rest)
		}
	case "stop":
		s.kind, s.name = stop, rest
	case "write", "append":
		s.kind = map[string]kind{"write": write, "append": add}[word]
		if to, ok := strings.CutPrefix(rest, "on "); ok {
			on, file, _ := strings.Cut(to, " ")
			s.on, rest = strings.Split(on, ","), file
		}
		if s.name = rest; rest == "" || strings.Contains(rest, " ") {
			return fmt.Errorf("%q: name one file", rest)
		}
	case "prepare":
		if to, ok := strings.CutPrefix(rest, "on "); ok {
			on, commands, _ := strings.Cut(to, ": ")
			s.on, rest = strings.Split(on, ","), commands
		}
		s.kind, s.text = prepare, rest
	case "machines":
		s.kind, s.on = machines, strings.Fields(rest)
		for _, m := range s.on {
			if !machine.MatchString(m) {
				return fmt.Errorf("%q: write NAME=ADDRESS", m)
			}
		}
	default:
		return s.options(rest)
	}
	return nil
}

// options takes in what stands behind run.
func (s *step) options(rest string) error {
	for rest != "" {
		word, behind, _ := strings.Cut(rest, " ") // of some more than the next word
		value, last, _ := strings.Cut(behind, " ")
		switch {
		case word == "until" && behind != "":
			s.until, rest = behind, ""
			if s.kind == doIt {
				s.kind = await
			}
		case word == "on" && value != "":
			s.on, rest = strings.Split(value, ","), last
		case word == "unless" && value == "built":
			s.builds, rest = true, last
		case word == "with" && value == "-all":
			s.long, rest = true, last
		case word == "whatever" && strings.HasPrefix(last, "status"):
			s.fails, rest = true, strings.TrimSpace(strings.TrimPrefix(last, "status"))
		case word == "where", word == "shorter":
			to := map[string]*[]string{"where": &s.where, "shorter": &s.shorter}[word]
			end := len(behind)
			if at := next.FindStringIndex(behind); at != nil {
				end = at[0]
			}
			for pair := range strings.SplitSeq(behind[:end], ",") {
				long, short, ok := strings.Cut(pair, "=")
				if !ok {
					return fmt.Errorf("%q: write OLD=NEW", pair)
				}
				*to = append(*to, long, short)
			}
			rest = strings.TrimSpace(behind[end:])
		case s.name == "" && word != "unless" && word != "with" && word != "whatever" && word != "on" && word != "until":
			s.kind, s.name, rest = beside, word, behind
		default:
			return fmt.Errorf("%q: write run, run NAME, run until TEXT, or run NAME until TEXT", rest)
		}
	}
	return nil
}

// commands is the text of a step as it is run.
func (s *step) commands(all bool) (string, error) {
	text := s.text
	for i, pairs := range [][]string{s.where, s.shorter} {
		for j := 0; j < len(pairs); j += 2 {
			if !strings.Contains(text, pairs[j]) {
				return "", fmt.Errorf("%q is not in the block: nothing can stand for it", pairs[j])
			}
			if i == 0 || !all {
				text = strings.ReplaceAll(text, pairs[j], pairs[j+1])
			}
		}
	}
	return text, nil
}

// block is the fenced block that begins at a line, and where it ends; the same line if none begins there. Its lines are moved to the left as far as its fence is indented.
func block(lines []string, at int) (end int, language, body string) {
	if at >= len(lines) {
		return at, "", ""
	}
	m := opened.FindStringSubmatch(lines[at])
	if m == nil {
		return at, "", ""
	}
	for end = at + 1; end < len(lines) && strings.TrimSpace(lines[end]) != "```"; end++ {
		body += strings.TrimPrefix(lines[end], m[1]) + "\n"
	}
	return end, m[2], body
}

var (
	wide   = regexp.MustCompile(` {2,}`)
	number = regexp.MustCompile(`\d+`)
)

// matches reports whether an output has the lines that a page shows, in their order; "..." in a line stands for anything, a line of it for any lines.
// If it need only be like that, numbers stand for other numbers.
func matches(shown, output string, like bool) (missing string, ok bool) {
	rest := strings.Split(output, "\n")
	for want := range strings.Lines(shown) {
		if want = strings.TrimRight(want, " \n"); want == "..." || want == "" {
			continue
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(want), `\.\.\.`, `.*`)
		// Columns are as wide as what is in them.
		pattern = wide.ReplaceAllString(pattern, ` {2,}`)
		if like {
			pattern = number.ReplaceAllString(strings.ReplaceAll(pattern, ` {2,}`, `\s\s+`), `\d+`)
		}
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
