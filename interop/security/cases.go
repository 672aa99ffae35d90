package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"leat/interop/target"
)

// kase is one way to come, which every client goes unless it cannot.
type kase struct {
	name, listener string
	as             login
	want           string            // class
	of             map[string]string // class for clients that tell it otherwise; "-": the client cannot do this
	log            string            // what leat must log, once for each client that was kept out
	short          bool              // part of the short form
	leatOnly       bool
	clear          bool // the client is set to another protocol than the listener's: as.Protocol
}

// patience is how long a client may try what is expected to work; haste what is expected to come to nothing.
const (
	patience = 90 * time.Second
	haste    = 1500 * time.Millisecond
)

// one lets all clients come at once, and looks at what each says and at what the log says.
func (r *run) one(c *kase) {
	began := time.Now()
	behind := r.logSize()
	l := r.complete(c)
	type answer struct {
		who, class string
		err        error
	}
	var mu sync.Mutex
	var answers []answer
	var wg sync.WaitGroup
	for _, who := range r.clients {
		if c.expect(who.name()) == "-" {
			continue
		}
		wg.Go(func() {
			err := who.try(l, func() {})
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, answer{who.name(), classify(err), err})
		})
	}
	wg.Wait()
	slices.SortFunc(answers, func(a, b answer) int { return strings.Compare(a.who, b.who) })
	out, classes := 0, map[string]int{}
	for _, a := range answers {
		if r.verbose {
			fmt.Printf("          %-10s %-15s %s\n", a.who, a.class, short(fmt.Sprint(a.err)))
		}
		classes[a.class]++
		if !slices.Contains([]string{in, denied, ownCheck}, a.class) {
			out++
		}
		var problem error
		if want := c.expect(a.who); a.class != want && (want != outOf || a.class == in || a.class == denied) {
			problem = fmt.Errorf("%s, want %s: %s", a.class, want, short(fmt.Sprint(a.err)))
		}
		r.check(c.name+", "+a.who, problem)
	}
	if c.log != "" && r.node.Kind() == target.Leat && out > 0 {
		r.check(c.name+", log", r.logged(behind, c.log, out))
	}
	var told []string
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		told = append(told, fmt.Sprintf("%d %s", classes[class], class))
	}
	fmt.Printf("%s  %-44s %4.1fs  %s\n", r.node.Kind(), c.name, time.Since(began).Seconds(), strings.Join(told, ", "))
}

func (c *kase) expect(who string) string {
	if want, ok := c.of[who]; ok {
		return want
	}
	return c.want
}

// complete fills in what most cases have alike.
func (r *run) complete(c *kase) login {
	l := c.as
	switch c.listener {
	case "PLAINTEXT":
		l.Bootstrap = r.node.Bootstrap()
	case "CONTROLLER":
		l.Bootstrap = r.node.Controller()
	default:
		l.Bootstrap = r.node.Address(c.listener)
		if !c.clear {
			l.Protocol = listeners[c.listener]
		}
	}
	if l.CA == "" {
		l.CA = r.files.authority.file
	}
	if l.Topic == "" {
		l.Topic = topic
	}
	if l.Timeout == 0 {
		l.Timeout = int(patience.Milliseconds())
		if c.want == outOf {
			l.Timeout = int(haste.Milliseconds())
		}
	}
	if l.Mechanism == "OAUTHBEARER" && l.App != "" {
		l.TokenURL, l.Secret = r.issuer.url+"/token", appSecret
		l.Token, _ = r.issuer.sign(l.App) // it signs whatever it is asked for
	}
	return l
}

func (r *run) logSize() int64 {
	info, err := os.Stat(r.node.LogFile())
	if err != nil {
		return 0
	}
	return info.Size()
}

// logged waits until the log has so many lines of a kind behind a position.
func (r *run) logged(behind int64, pattern string, times int) error {
	line := regexp.MustCompile(pattern)
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		data, err := os.ReadFile(r.node.LogFile())
		if err != nil {
			return err
		}
		found := 0
		text := string(data[behind:])
		for l := range strings.Lines(text) {
			if strings.Contains(l, "connection closed") && line.MatchString(strings.ReplaceAll(l, `\"`, `"`)) {
				found++
			}
		}
		if found >= times {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d lines of %d have %q: %s", found, times, pattern, short(text))
		}
	}
}
