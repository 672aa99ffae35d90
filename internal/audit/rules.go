package audit

import (
	"fmt"
	"slices"
	"strings"
)

// Rules choose what access to data is told.
type Rules []rule

// rule is one of them: operations on resources, by some principals or by all but some.
type rule struct {
	read, write bool
	kind        string // of the resource
	name        string
	prefix      bool
	by, except  []string
}

// ParseRules reads rules, with ; between them:
//
//	read,write topic:payments-*; read topic:customers by User:eve|User:mallory; all group:* except User:monitor
func ParseRules(text string) (Rules, error) {
	var rules Rules
	for _, one := range strings.Split(text, ";") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		r, err := parseRule(one)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func parseRule(text string) (rule, error) {
	var r rule
	wrong := func(why string) (rule, error) {
		return rule{}, fmt.Errorf("rule %q: %s: write for instance read,write topic:payments-* except User:monitor", text, why)
	}
	head, except, _ := strings.Cut(text, " except ")
	head, by, _ := strings.Cut(head, " by ")
	r.by, r.except = principals(by), principals(except)
	words := strings.Fields(head)
	if len(words) != 2 {
		return wrong("it has not operations and a resource")
	}
	for _, op := range strings.Split(words[0], ",") {
		switch op {
		case "read":
			r.read = true
		case "write":
			r.write = true
		case "all":
			r.read, r.write = true, true
		default:
			return wrong(fmt.Sprintf("%q is not read, write or all", op))
		}
	}
	var ok bool
	if r.kind, r.name, ok = strings.Cut(words[1], ":"); !ok || r.name == "" || !slices.Contains([]string{"topic", "group", "transactional-id"}, r.kind) {
		return wrong(fmt.Sprintf("%q is not topic:NAME, group:NAME or transactional-id:NAME", words[1]))
	}
	r.name, r.prefix = strings.CutSuffix(r.name, "*")
	for _, p := range slices.Concat(r.by, r.except) {
		if kind, name, ok := strings.Cut(p, ":"); !ok || kind == "" || name == "" {
			return wrong(fmt.Sprintf("%q is not a principal such as User:alice; several are parted by |", p))
		}
	}
	return r, nil
}

func principals(text string) (all []string) {
	for _, p := range strings.Split(text, "|") {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	return all
}

// Want reports whether somebody's access is to be told. It allocates nothing unless rules name principals.
func (rs Rules) Want(write bool, kind, name string, principal func() string) bool {
	for i := range rs {
		r := &rs[i]
		if write && !r.write || !write && !r.read || kind != r.kind {
			continue
		}
		if r.prefix && !strings.HasPrefix(name, r.name) || !r.prefix && name != r.name {
			continue
		}
		if len(r.by) == 0 && len(r.except) == 0 {
			return true
		}
		who := principal()
		if (len(r.by) == 0 || slices.Contains(r.by, who)) && !slices.Contains(r.except, who) {
			return true
		}
	}
	return false
}
