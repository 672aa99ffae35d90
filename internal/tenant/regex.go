package tenant

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// A regular expression of a tenant is about plain names; the inner one also wants the prefix. What a tenant's expression is must be seen by itself, because
// "x)|(.*" would otherwise end the group that it stands in.

func (x *Exchange) regexIn(pattern string) string {
	if pattern == "" {
		return "" // none
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "*" + pattern // no frame mends it; who resolves it says what is wrong
	}
	begins := anywhere(parsed)
	inner := x.regexPrefix() + pattern + regexSuffix
	if _, err := regexp.Compile(inner); err != nil || begins || !closed(pattern) {
		inner = x.regexPrefix() + parsed.String() + regexSuffix
		if remark := remarkPrefix + regexp.QuoteMeta(pattern) + remarkSuffix; len(inner)+len(remark) <= longestRegex {
			inner += remark
		}
	}
	return inner
}

func (x *Exchange) regexOut(pattern string) string {
	if rewritten, ok := strings.CutSuffix(pattern, remarkSuffix); ok {
		if at := strings.LastIndex(rewritten, remarkPrefix); at >= 0 {
			return unquoted(rewritten[at+len(remarkPrefix):])
		}
	}
	if plain, ok := cutAround(pattern, x.regexPrefix(), regexSuffix); ok {
		return plain
	}
	return x.plainText(pattern)
}

func (x *Exchange) regexPrefix() string { return x.Name + `\.(?:` }

const regexSuffix = `)`

// Behind an expression that had to be rewritten stands, quoted and wanted no times, what the tenant wrote: descriptions tell it back.
const (
	remarkPrefix = `(?:`
	remarkSuffix = `){0}`
	longestRegex = 4096 // that coordinators take
)

// unquoted takes back what QuoteMeta did.
func unquoted(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// closed reports whether an expression is free of what could reach beyond it: a quotation that nothing ends.
func closed(pattern string) bool {
	for i := 0; i+1 < len(pattern); i++ {
		if pattern[i] == '\\' {
			if pattern[i+1] == 'Q' {
				return false
			}
			i++
		}
	}
	return true
}

// anywhere takes out of an expression that it wants the beginning of the text, which is where the prefix is; the whole name has to fit in any case. It reports
// whether there was anything to take out.
func anywhere(x *syntax.Regexp) bool {
	if x.Op == syntax.OpBeginText || x.Op == syntax.OpBeginLine {
		x.Op = syntax.OpEmptyMatch
		return true
	}
	found := false
	for _, sub := range x.Sub {
		found = anywhere(sub) || found
	}
	return found
}
