package tool

import "errors"

// Line reads a line of a shell whose commands a parser knows. Without a set, the answer is what there is to say instead: what is wrong, or the help that was
// asked for.
func (p *Parser) Line(words []string) (set *Set, answer string) {
	set, err := p.parse(words)
	var wrong *misuse
	switch {
	case err == nil:
		return set, ""
	case errors.As(err, &wrong) && wrong.help:
		return nil, wrong.parser.help()
	}
	return nil, err.Error() + "\n"
}

// Help is all there is to say about a parser.
func (p *Parser) Help() string { return p.help() }
