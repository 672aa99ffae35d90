package tlsstore

import (
	"fmt"
	"regexp"
	"strings"
)

// Rules turn distinguished names into the names of principals (ssl.principal.mapping.rules). The first that fits counts.
type Rules []rule

// rule is DEFAULT if it has no pattern: the name as it is.
type rule struct {
	pattern     *regexp.Regexp
	replacement string
	change      byte // 'L', 'U' or 0
}

// A rule as Kafka's own pattern has it, at the start of what is left: slashes inside are escaped.
var nextRule = regexp.MustCompile(`^\s*(?:(DEFAULT)|RULE:((?:\\.|[^\\/])*)/((?:\\.|[^\\/])*)/([LU]?))\s*(?:,\s*|$)`)

// ParseRules reads ssl.principal.mapping.rules.
func ParseRules(text string) (Rules, error) {
	var rules Rules
	for rest := strings.TrimSpace(text); rest != ""; {
		m := nextRule.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("ssl.principal.mapping.rules=%s: %q is neither DEFAULT nor RULE:pattern/replacement/[LU]", text, rest)
		}
		rest = rest[len(m[0]):]
		if m[1] != "" {
			rules = append(rules, rule{})
			continue
		}
		pattern, err := regexp.Compile("^(?:" + m[2] + ")$")
		if err != nil {
			return nil, fmt.Errorf("ssl.principal.mapping.rules=%s: %w", text, err)
		}
		r := rule{pattern: pattern, replacement: groups(m[3], pattern.NumSubexp())}
		if m[4] != "" {
			r.change = m[4][0]
		}
		rules = append(rules, r)
	}
	if len(rules) == 0 {
		rules = Rules{{}}
	}
	return rules, nil
}

// groups writes a replacement of Java's form as Go wants it: $1 ends after the digits that name a group, \x is x, and a dollar that names no group is one.
func groups(java string, count int) string {
	var b strings.Builder
	for i := 0; i < len(java); i++ {
		switch c := java[i]; {
		case c == '\\' && i+1 < len(java):
			i++
			if java[i] == '$' {
				b.WriteByte('$')
			}
			b.WriteByte(java[i])
		case c == '$' && i+1 < len(java) && java[i+1] >= '0' && java[i+1] <= '9' && int(java[i+1]-'0') <= count:
			number := int(java[i+1] - '0')
			for i++; i+1 < len(java) && java[i+1] >= '0' && java[i+1] <= '9' && 10*number+int(java[i+1]-'0') <= count; i++ {
				number = 10*number + int(java[i+1]-'0')
			}
			fmt.Fprintf(&b, "${%d}", number)
		case c == '$':
			b.WriteString("$$")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Name maps a distinguished name. A name that no rule fits is an error: whoever it is must not get in under a name that nobody chose.
func (rules Rules) Name(distinguished string) (string, error) {
	for _, r := range rules {
		if r.pattern == nil {
			return distinguished, nil
		}
		m := r.pattern.FindStringSubmatchIndex(distinguished)
		if m == nil {
			continue
		}
		name := string(r.pattern.ExpandString(nil, r.replacement, distinguished, m))
		switch r.change {
		case 'L':
			name = strings.ToLower(name)
		case 'U':
			name = strings.ToUpper(name)
		}
		return name, nil
	}
	return "", fmt.Errorf("no rule of ssl.principal.mapping.rules fits %q: add DEFAULT at their end to take names as they are", distinguished)
}
