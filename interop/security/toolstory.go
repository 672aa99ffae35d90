package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"leat/interop/target"
)

// indent marks what a tool says, below its call.
const indent = "    "

// playbook is a file of calls of Kafka's tools with what they say of Apache Kafka, which `-target kafka -update` writes down. Lines:
//
//	# remark
//	do login <client> <n> <class>     a client comes by token n, and ends in that class
//	do restart                        of the node
//	do await <client> <n> <class>     the same, again and again until it does
//	do create <user>                  a token by leat's own command line
//	do expire <user> <n>              token n, by the same
//	<user> kafka-... <arguments>      a tool; $hmac1 is of the first token that was made, and so on; "anyone" has no login
//	    <what it says>                lines in the order of the alphabet; "exit 1" if it ends so
type playbook struct {
	r     *run
	node  *target.Node
	box   *toolbox
	files map[string]string
	ids   []string // of tokens, in the order of their making
	hmacs []string
}

// playbookUsers may log in by PLAIN. The first may do everything.
var playbookUsers = []string{"admin", "alice", "bob"}

// playTools runs the tools of a file against a node of its own.
func (r *run) playTools(name string) error {
	root, err := target.Root()
	if err != nil {
		return err
	}
	p := &playbook{r: r, files: map[string]string{}}
	if err := p.start(name); err != nil {
		return err
	}
	defer p.node.Kill()
	if p.box, err = r.newToolbox(); err != nil {
		return err
	}
	defer p.box.Close()
	return p.follow(filepath.Join(root, "interop", "security", "stories", name+".txt"))
}

func (p *playbook) start(name string) error {
	login := modules + "plain.PlainLoginModule required"
	for _, user := range playbookUsers {
		login += fmt.Sprintf(" user_%s=%q", user, user+"-secret")
	}
	var err error
	p.node, err = target.New(target.Config{Kind: p.r.node.Kind(), Dir: p.r.files.path("tools-" + name), Binary: p.r.binary, Listeners: map[string]string{"LOGIN": "SASL_PLAINTEXT"}, Settings: map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS;User:admin",
		"sasl.enabled.mechanisms":                            "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.login.plain.sasl.jaas.config":         login + ";",
		"listener.name.login.scram-sha-256.sasl.jaas.config": modules + "scram.ScramLoginModule required;",
		"listener.name.login.scram-sha-512.sasl.jaas.config": modules + "scram.ScramLoginModule required;",
		"delegation.token.secret.key":                        "a secret that all nodes know",
		"delegation.token.expiry.check.interval.ms":          "500",
		"connection.failed.authentication.delay.ms":          "10",
	}})
	if err != nil {
		return err
	}
	for _, user := range playbookUsers {
		p.files[user] = p.r.files.path(name + "-" + user + ".properties")
		text := fmt.Sprintf("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=%splain.PlainLoginModule required username=%q password=%q;\n",
			modules, user, user+"-secret")
		if err := os.WriteFile(p.files[user], []byte(text), 0o600); err != nil {
			return err
		}
	}
	_, err = p.node.Start(p.r.ctx)
	return err
}

func (p *playbook) follow(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var out strings.Builder
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	for i := 0; i < len(lines); {
		line := lines[i]
		i++
		fmt.Fprintln(&out, line)
		var want []string
		for ; i < len(lines) && strings.HasPrefix(lines[i], indent); i++ {
			want = append(want, strings.TrimPrefix(lines[i], indent))
		}
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "do "):
			p.r.check(fmt.Sprintf("  %s:%d: %s", filepath.Base(path), i, line), p.do(strings.Fields(line)[1:]))
		default:
			got, err := p.call(line)
			if err != nil {
				return err
			}
			for _, l := range got {
				fmt.Fprintln(&out, indent+l)
			}
			if !p.r.update {
				p.r.check(fmt.Sprintf("  %s:%d: %s", filepath.Base(path), i, line), compareLines(want, got))
			}
		}
	}
	if p.r.update {
		return os.WriteFile(path, []byte(out.String()), 0o644)
	}
	return nil
}

// call runs the tool of a line and returns what it says, masked.
func (p *playbook) call(line string) ([]string, error) {
	for i := len(p.hmacs) - 1; i >= 0; i-- {
		line = strings.ReplaceAll(line, "$hmac"+strconv.Itoa(i+1), p.hmacs[i])
	}
	words := strings.Fields(line)
	who, tool := words[0], words[1]
	args := []string{"--bootstrap-server", p.node.Bootstrap()}
	if who != "anyone" {
		args = []string{"--bootstrap-server", p.node.Address("LOGIN"), "--command-config", p.files[who]}
	}
	said, err := p.box.Run(tool, append(args, words[2:]...)...)
	if err != nil {
		return nil, err
	}
	if p.r.verbose {
		fmt.Printf("$ %s\n%s\n", line, said.Text())
	}
	got := p.mask(said.Text())
	if said.Status != 0 {
		got = append(got, fmt.Sprint("exit ", said.Status))
	}
	return got, nil
}

// do is what no tool does.
func (p *playbook) do(words []string) error {
	switch words[0] {
	case "restart":
		if err := p.node.Stop(); err != nil {
			return err
		}
		_, err := p.node.Start(p.r.ctx)
		return err
	case "create", "expire":
		return p.ownToken(words[0], words[1], words[2:])
	case "login", "await":
		for until := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
			err := p.byToken(words[1], words[2])
			class := classify(err)
			if class == words[3] {
				return nil
			}
			if words[0] == "login" || time.Now().After(until) {
				return fmt.Errorf("%s, want %s: %w", class, words[3], err)
			}
		}
	}
	return fmt.Errorf("nothing is called %q", words)
}

// byToken lets a client come by token n, as its name says or with a word behind it: "java/other" has the HMAC of the token that was made before, and
// "java/user" does not say that it has a token.
func (p *playbook) byToken(who, number string) error {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(p.ids) {
		return fmt.Errorf("there is no token %s among %d", number, len(p.ids))
	}
	who, how, _ := strings.Cut(who, "/")
	l := login{Bootstrap: p.node.Address("LOGIN"), Protocol: "SASL_PLAINTEXT", Mechanism: "SCRAM-SHA-256", User: p.ids[n-1], Password: p.hmacs[n-1], IsToken: how != "user",
		Topic: topic, Timeout: int(patience.Milliseconds())}
	if how == "other" {
		l.Password = p.hmacs[n-2]
	}
	if how == "512" {
		l.Mechanism = "SCRAM-SHA-512"
	}
	for _, c := range p.r.clients {
		if c.name() == who {
			return c.try(l, nil)
		}
	}
	return fmt.Errorf("no client %s takes part", who)
}

// ownToken makes or ends a token by leat's own command line.
func (p *playbook) ownToken(action, who string, number []string) error {
	c, err := newOwn(p.r.binary, p.r.dir)
	if err != nil {
		return err
	}
	o, ok := c.(own)
	if !ok {
		return fmt.Errorf("%T is not leat's own", c)
	}
	args := []string{"token", action, "-o", "json", "--bootstrap-server", p.node.Address("LOGIN"), "--command-config", p.files[who]}
	if action == "expire" {
		n, err := strconv.Atoi(strings.Join(number, " "))
		if err != nil || n < 1 || n > len(p.ids) {
			return fmt.Errorf("there is no token %s among %d", number, len(p.ids))
		}
		args = append(args, p.ids[n-1], "--yes")
	}
	said, err := o.command(args...)
	if err != nil || action == "expire" {
		return err
	}
	var made struct{ ID, Secret, Owner string }
	if err := json.Unmarshal([]byte(said), &made); err != nil {
		return fmt.Errorf("%w: %s", err, short(said))
	}
	if made.Owner != "User:"+who || made.Secret == "" {
		return fmt.Errorf("it is of %s: %s", made.Owner, short(said))
	}
	p.ids, p.hmacs = append(p.ids, made.ID), append(p.hmacs, made.Secret)
	return nil
}

var (
	createdToken = regexp.MustCompile(`(?m)^([A-Za-z0-9_-]{22})\s+([A-Za-z0-9+/=]{80,})\s`)
	sets         = regexp.MustCompile(`\[[A-Z_]+(, [A-Z_]+)+\]|SCRAM-SHA-\d+=iterations=\d+(, SCRAM-SHA-\d+=iterations=\d+)+`)
	// changing is what no two runs have in common.
	changing = []struct {
		what *regexp.Regexp
		with string
	}{
		{regexp.MustCompile(`127\.0\.0\.1:\d+`), "<broker>"},
		{regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d\b`), "<date>"},
		{regexp.MustCompile(`Request (Request\(.*\)|\w+) needs `), "Request <request> needs "},
		{regexp.MustCompile(`(?s)^(.*\n)?Option\s+Description.*`), "$1"}, // the help
		{regexp.MustCompile(`salt=[^,\s]*|stored_key=[^,\s]*|server_key=[^,\s]*`), "<secret>"},
	}
)

// mask makes outputs of two runs comparable: lines in the order of the alphabet with single blanks, no empty ones, tokens by number, and without dates.
func (p *playbook) mask(text string) []string {
	for _, found := range createdToken.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(p.ids, found[1]) {
			p.ids, p.hmacs = append(p.ids, found[1]), append(p.hmacs, found[2])
		}
	}
	for i := range p.ids {
		text = strings.ReplaceAll(strings.ReplaceAll(text, p.ids[i], fmt.Sprintf("<id%d>", i+1)), p.hmacs[i], fmt.Sprintf("<hmac%d>", i+1))
	}
	text = strings.ReplaceAll(text, p.r.dir, "$dir")
	text = sets.ReplaceAllStringFunc(text, func(set string) string { // which a set of Java has in another order each time
		all := strings.Split(strings.Trim(set, "[]"), ", ")
		slices.Sort(all)
		return strings.Join(all, ", ")
	})
	for _, c := range changing {
		text = c.what.ReplaceAllString(text, c.with)
	}
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(line), " ")
		if line == "" || strings.HasPrefix(line, "at ") || strings.HasPrefix(line, "Caused by:") || strings.HasPrefix(line, "...") {
			continue // where in the tool it happened is its own business
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func compareLines(want, got []string) error {
	if slices.Equal(want, got) {
		return nil
	}
	var problems []error
	for _, l := range want {
		if !slices.Contains(got, l) {
			problems = append(problems, errors.New("missing: "+l))
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			problems = append(problems, errors.New("instead: "+l))
		}
	}
	return errors.Join(append(problems, fmt.Errorf("%d lines, want %d", len(got), len(want)))...)
}
