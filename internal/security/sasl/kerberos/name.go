package kerberos

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Rules make user names of principals (sasl.kerberos.principal.to.local.rules). The first that fits counts.
type Rules struct {
	text  string
	realm string // of which DEFAULT takes the first component
	rules []rule
}

// rule is RULE:[n:format](match)s/from/to/g/L; the zero value is DEFAULT.
type rule struct {
	components  int
	format      string
	match, from *regexp.Regexp // nil: none
	to          string
	global      bool
	lower       bool
	own         bool // it is not DEFAULT
}

// ruleForm is Kafka's grammar of a rule.
var ruleForm = regexp.MustCompile(`^(?:(DEFAULT)|RULE:\[(\d+):([^\]]*)](?:\(([^)]*)\))?(?:s/([^/]*)/([^/]*)/(g)?)?)/?(L)?$`)

// ParseRules reads rules. The realm is that of which DEFAULT takes names as they are, without the realm.
func ParseRules(texts []string, realm string) (*Rules, error) {
	rules := &Rules{text: strings.Join(texts, ","), realm: realm}
	for _, text := range texts {
		m := ruleForm.FindStringSubmatch(text)
		if m == nil {
			return nil, fmt.Errorf("sasl.kerberos.principal.to.local.rules=%s: %q is neither DEFAULT nor RULE:[n:format](match)s/from/to/g/L", rules.text, text)
		}
		r, err := newRule(m)
		if err != nil {
			return nil, fmt.Errorf("sasl.kerberos.principal.to.local.rules=%s: %q: %w", rules.text, text, err)
		}
		rules.rules = append(rules.rules, r)
	}
	if len(rules.rules) == 0 {
		rules.rules = []rule{{}}
	}
	return rules, nil
}

func newRule(m []string) (rule, error) {
	r := rule{own: m[1] == "", lower: m[8] != "", format: m[3], global: m[7] != ""}
	if !r.own {
		return r, nil
	}
	var err error
	if r.components, err = strconv.Atoi(m[2]); err != nil {
		return r, err
	}
	if m[4] != "" {
		if r.match, err = regexp.Compile("^(?:" + m[4] + ")$"); err != nil {
			return r, err
		}
	}
	if m[5] != "" {
		if r.from, err = regexp.Compile(m[5]); err != nil {
			return r, err
		}
		r.to = replacement(m[6], r.from.NumSubexp())
	}
	return r, nil
}

// replacement writes one of Java's as Go wants it: a dollar and a digit name a group, a backslash makes what follows plain.
func replacement(java string, groups int) string {
	var b strings.Builder
	for i := 0; i < len(java); i++ {
		switch c := java[i]; {
		case c == '\\' && i+1 < len(java):
			i++
			b.WriteString(strings.ReplaceAll(java[i:i+1], "$", "$$"))
		case c == '$' && i+1 < len(java) && java[i+1] >= '0' && int(java[i+1]-'0') <= min(groups, 9):
			i++
			b.WriteString("${" + java[i:i+1] + "}")
		case c == '$':
			b.WriteString("$$")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// errPrincipal is a principal of a form that Kafka does not take, either.
var errPrincipal = errors.New("not a principal of the form name@REALM or name/host@REALM")

// Name makes a user name of a principal. One that no rule fits is refused: nobody must get in under a name that nobody chose.
func (r *Rules) Name(components []string, realm string) (string, error) {
	principal := strings.Join(components, "/") + "@" + realm
	if len(components) < 1 || len(components) > 2 || realm == "" || strings.ContainsAny(strings.Join(components, "")+realm, "/@") {
		return "", fmt.Errorf("%q: %w", principal, errPrincipal)
	}
	for _, rule := range r.rules {
		name, ok, err := rule.apply(components, realm, r.realm)
		if err != nil {
			return "", fmt.Errorf("%q: %w", principal, err)
		}
		if !ok {
			continue
		}
		if name == "" || strings.ContainsAny(name, "/@") {
			return "", fmt.Errorf("%q: a rule makes %q of it, which is no simple name", principal, name)
		}
		return name, nil
	}
	return "", fmt.Errorf("%q: no rule of sasl.kerberos.principal.to.local.rules=%s fits it, where DEFAULT takes principals of %s", principal, r.text, r.realm)
}

func (r *rule) apply(components []string, realm, own string) (name string, ok bool, err error) {
	if !r.own {
		name, ok = components[0], realm == own
	} else if r.components == len(components) {
		if name, err = fill(r.format, append([]string{realm}, components...)); err != nil {
			return "", false, err
		}
		if ok = r.match == nil || r.match.MatchString(name); ok && r.from != nil {
			name = r.replace(name)
		}
	}
	if r.lower {
		name = strings.ToLower(name)
	}
	return name, ok, nil
}

func (r *rule) replace(name string) string {
	if r.global {
		return r.from.ReplaceAllString(name, r.to)
	}
	m := r.from.FindStringSubmatchIndex(name)
	if m == nil {
		return name
	}
	return name[:m[0]] + string(r.from.ExpandString(nil, r.to, name, m)) + name[m[1]:]
}

var parameter = regexp.MustCompile(`\$(\d*)`)

// fill puts the parts of a principal into a format: $0 is the realm, $1 the first component.
func fill(format string, parts []string) (string, error) {
	var err error
	filled := parameter.ReplaceAllStringFunc(format, func(p string) string {
		n, bad := strconv.Atoi(p[1:])
		if bad != nil || n >= len(parts) {
			err = fmt.Errorf("format %q: %s is no part of it: there are $0 to $%d", format, p, len(parts)-1)
			return ""
		}
		return parts[n]
	})
	return filled, err
}
