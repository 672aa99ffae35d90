package shell

import (
	"regexp"
	"strings"
)

// glob is the expression that a name with wildcards stands for: ?, *, {one,other} and [a-z]. It is nil for a name that means itself, and for wildcards that
// are not closed, which mean themselves as well.
func glob(name string) *regexp.Regexp {
	var out strings.Builder
	wild, group := false, false
	for rest := name; rest != ""; {
		c := rest[0]
		rest = rest[1:]
		switch {
		case c == '?' || c == '*':
			wild = true
			out.WriteString(map[byte]string{'?': ".", '*': ".*"}[c])
		case c == '\\' && rest != "":
			out.WriteString(regexp.QuoteMeta(rest[:1]))
			rest = rest[1:]
		case c == '{':
			if group {
				return nil
			}
			wild, group = true, true
			out.WriteString("(?:(?:")
		case c == ',' && group:
			out.WriteString(")|(?:")
		case c == '}' && group:
			group = false
			out.WriteString("))")
		case c == '[':
			class, after, ok := bracket(rest)
			if !ok {
				return nil
			}
			wild = true
			out.WriteString(class)
			rest = after
		default:
			out.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	if !wild || group {
		return nil
	}
	expression, err := regexp.Compile("^(?s:" + out.String() + ")$")
	if err != nil {
		return nil
	}
	return expression
}

// bracket is a class of characters as an expression, and what comes behind it.
func bracket(text string) (class, rest string, ok bool) {
	not := ""
	if text != "" && strings.ContainsRune("!^", rune(text[0])) {
		not, text = "^", text[1:]
	}
	end := strings.IndexByte(text, ']')
	if end == 0 { // the first one is a character
		if end = strings.IndexByte(text[1:], ']'); end >= 0 {
			end++
		}
	}
	if end < 0 {
		return "", "", false
	}
	inside := strings.NewReplacer(`[`, `\[`, `]`, `\]`, `^`, `\^`).Replace(text[:end])
	return "[" + not + inside + "]", text[end+1:], true
}
