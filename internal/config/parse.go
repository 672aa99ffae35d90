package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// parse turns text into a value of the key's type and checks it. The rules are those of Kafka's ConfigDef: white space around a value does
// not count, booleans are true or false in any case, whole numbers are decimal and fit their type, lists are separated by commas.
func (k *Key) parse(text string) (any, error) {
	text = trim(text)
	value, err := k.convert(text)
	if err == nil && k.Valid != nil {
		err = k.Valid.Check(value)
	}
	if err != nil {
		return nil, &ValueError{Key: k, Text: text, Reason: err}
	}
	return value, nil
}

// ValueError is a value that a key cannot have.
type ValueError struct {
	Key    *Key
	Text   string
	Reason error
}

// Error names key, value and what would be right. A password is not repeated.
func (e *ValueError) Error() string {
	shown := e.Text
	if e.Key.Sensitive() {
		shown = "[hidden]"
	}
	return fmt.Sprintf("%s=%s: %v", e.Key.Name, shown, e.Reason)
}

// Unwrap gives the reason alone.
func (e *ValueError) Unwrap() error { return e.Reason }

func (k *Key) convert(text string) (any, error) {
	switch k.Type {
	case Boolean:
		switch {
		case strings.EqualFold(text, "true"):
			return true, nil
		case strings.EqualFold(text, "false"):
			return false, nil
		}
		return nil, fmt.Errorf("neither true nor false")
	case Int:
		return k.whole(text, math.MinInt32, math.MaxInt32)
	case Short:
		return k.whole(text, math.MinInt16, math.MaxInt16)
	case Long:
		return k.whole(text, math.MinInt64, math.MaxInt64)
	case Double:
		return parseDouble(text)
	case List:
		return parseList(text)
	case String, Class, Password, Unknown:
	}
	return text, nil
}

// whole parses a whole number that must lie within its type.
func (k *Key) whole(text string, least, most int64) (any, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err == nil && n >= least && n <= most:
		return n, nil
	case err == nil || isRangeError(err):
		return nil, fmt.Errorf("outside the type %s: from %d to %d", k.Type, least, most)
	case text == "":
		return nil, fmt.Errorf("no value: give a %s, or leave the key out", k.noun())
	}
	return nil, fmt.Errorf("not a %s%s", k.noun(), k.suggestion(text))
}

func isRangeError(err error) bool {
	return errors.Is(err, strconv.ErrRange)
}

// parseDouble reads what Java's Double.parseDouble reads.
func parseDouble(text string) (any, error) {
	digits := text
	if len(text) > 1 && strings.ContainsRune("dDfF", rune(text[len(text)-1])) {
		digits = text[:len(text)-1] // Java lets a literal's suffix stand there
	}
	switch digits {
	case "NaN", "Infinity", "+Infinity", "-Infinity": // Java's words; Go has more of them
	default:
		if strings.ContainsAny(digits, "iInN_") {
			return nil, fmt.Errorf("not a number: write it like 0.5")
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil && !isRangeError(err) { // too large is Infinity in Java, too
		return nil, fmt.Errorf("not a number: write it like 0.5")
	}
	return n, nil
}

// parseList splits and wants every item to be something. Of equal items the first stays, as in Kafka.
func parseList(text string) (any, error) {
	items := splitList(text)
	kept := items[:0:len(items)]
	for _, item := range items {
		if item == "" {
			return nil, fmt.Errorf("an empty item: take the comma out")
		}
		if !slices.Contains(kept, item) {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

// splitList splits at commas. White space around items does not count; an empty text is an empty list.
func splitList(text string) []string {
	if text == "" {
		return []string{}
	}
	items := strings.Split(text, ",")
	for i := range items {
		items[i] = trim(items[i])
	}
	return items
}

// trim is Java's String.trim: everything up to the space goes, other white space stays.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}
