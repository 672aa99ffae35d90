package sasl

import (
	"errors"
	"fmt"
	"strings"
)

// Login is a line of sasl.jaas.config: a login module of Java, of which only the options count here.
type Login struct {
	Module  string // class of the module
	Options map[string]string
}

// maxLogin bounds a line. One with 10,000 users has half a megabyte.
const maxLogin = 16 << 20

// ParseLogin reads one login line as Kafka's users write it:
//
//	org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="x" user_admin="x";
//
// Errors name the place and never the text around it, which has passwords.
func ParseLogin(text string) (Login, error) {
	if len(text) > maxLogin {
		return Login{}, fmt.Errorf("login of %d bytes, at most %d are allowed", len(text), maxLogin)
	}
	t := &tokens{text: text}
	login := Login{Options: map[string]string{}}
	var err error
	if login.Module, err = t.word("the class of a login module"); err != nil {
		return Login{}, err
	}
	flag, err := t.word("required")
	if err != nil {
		return Login{}, err
	}
	switch strings.ToLower(flag) {
	case "required", "requisite", "sufficient", "optional":
	default:
		return Login{}, fmt.Errorf("after the login module, at byte %d: expected required, requisite, sufficient or optional", t.at)
	}
	for {
		if t.end() {
			return Login{}, errors.New("the login does not end with a semicolon: write one behind the last option")
		}
		if t.skip(';') {
			break
		}
		if err := t.option(login.Options); err != nil {
			return Login{}, err
		}
	}
	if !t.end() {
		return Login{}, fmt.Errorf("there is something behind the semicolon, at byte %d: a listener has one login module", t.at)
	}
	return login, nil
}

// tokens reads a line as Java's tokenizer does: words, quoted texts with escapes, comments.
type tokens struct {
	text string
	at   int
}

// space passes over blanks and comments.
func (t *tokens) space() {
	for t.at < len(t.text) {
		rest := t.text[t.at:]
		switch {
		case strings.ContainsRune(" \t\r\n\f", rune(rest[0])):
			t.at++
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			t.at += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				t.at = len(t.text)
				return
			}
			t.at += n + 4
		default:
			return
		}
	}
}

func (t *tokens) end() bool {
	t.space()
	return t.at >= len(t.text)
}

// skip passes over a character if it is next.
func (t *tokens) skip(c byte) bool {
	t.space()
	if t.at < len(t.text) && t.text[t.at] == c {
		t.at++
		return true
	}
	return false
}

// word reads a word or a quoted text.
func (t *tokens) word(what string) (string, error) {
	t.space()
	if t.at >= len(t.text) {
		return "", fmt.Errorf("the login ends where %s should be", what)
	}
	if c := t.text[t.at]; c == '"' || c == '\'' {
		return t.quoted(c)
	}
	from := t.at
	for t.at < len(t.text) && !strings.ContainsRune(" \t\r\n\f\"'=;", rune(t.text[t.at])) {
		t.at++
	}
	if from == t.at {
		return "", fmt.Errorf("at byte %d: expected %s", t.at, what)
	}
	return t.text[from:t.at], nil
}

// quoted reads up to the closing quote.
func (t *tokens) quoted(quote byte) (string, error) {
	from := t.at
	var b strings.Builder
	for t.at++; t.at < len(t.text); t.at++ {
		switch c := t.text[t.at]; {
		case c == quote:
			t.at++
			return b.String(), nil
		case c == '\n' || c == '\r':
			return "", fmt.Errorf("the quote at byte %d is not closed on its line", from)
		case c == '\\' && t.at+1 < len(t.text):
			t.at++
			t.escape(&b)
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("the quote at byte %d is not closed", from)
}

// escape writes what the character behind a backslash stands for.
func (t *tokens) escape(b *strings.Builder) {
	const letters, meaning = "abfnrtv", "\a\b\f\n\r\t\v"
	c := t.text[t.at]
	if i := strings.IndexByte(letters, c); i >= 0 {
		b.WriteByte(meaning[i])
		return
	}
	if c < '0' || c > '7' {
		b.WriteByte(c)
		return
	}
	value, most := int(c-'0'), 2
	if c <= '3' {
		most = 3
	}
	for n := 1; n < most && t.at+1 < len(t.text) && t.text[t.at+1] >= '0' && t.text[t.at+1] <= '7'; n++ {
		t.at++
		value = 8*value + int(t.text[t.at]-'0')
	}
	b.WriteRune(rune(value))
}

// option reads name=value.
func (t *tokens) option(into map[string]string) error {
	name, err := t.word("an option")
	if err != nil {
		return err
	}
	if !t.skip('=') {
		return fmt.Errorf("option %d, at byte %d: expected = behind its name", len(into)+1, t.at)
	}
	value, err := t.word("the value of an option")
	if err != nil {
		return err
	}
	into[name] = value
	return nil
}
