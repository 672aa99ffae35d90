// Package suite is the story that every client has to live through: create a topic, produce keyed records with headers in
// every codec, read them back in a group, leave, come back, and go on where it stopped; and read each other's records.
package suite

import (
	"context"
	"fmt"
	"io"
	"time"

	"leat/interop/clients"
)

// partitions is what every topic of the suite has, also those made by auto-creation.
const partitions = 3

// Check is the outcome of one step of one client.
type Check struct {
	Name string
	Err  error
	Took time.Duration
}

// Outcome is what one client did.
type Outcome struct {
	Client, Language, Version string
	Checks                    []Check
	LeftOut                   []string
}

// Passed counts the checks that passed.
func (o Outcome) Passed() int {
	passed := 0
	for _, c := range o.Checks {
		if c.Err == nil {
			passed++
		}
	}
	return passed
}

// Suite runs clients against one broker and prints a line for each check.
type Suite struct {
	Target    string
	Bootstrap string
	Seed      uint64
	Run       string // keeps topics and groups of several runs on one broker apart
	Out       io.Writer

	shared *sharedTopic
}

// story is one client on its way through the suite.
type story struct {
	*Suite
	ctx     context.Context
	client  clients.Client
	outcome Outcome
	failed  bool
}

// check runs one step and reports it. A step that builds on a failed one is not tried: its failure would say nothing.
func (s *story) check(name string, step func() error) {
	began := time.Now()
	err := fmt.Errorf("not tried: an earlier step failed")
	if !s.failed {
		err = step()
	}
	s.failed = s.failed || err != nil
	s.report(name, err, time.Since(began))
}

// alone runs a step that nothing builds on.
func (s *story) alone(name string, step func() error) {
	began := time.Now()
	err := step()
	s.report(name, err, time.Since(began))
}

func (s *story) report(name string, err error, took time.Duration) {
	s.outcome.Checks = append(s.outcome.Checks, Check{Name: name, Err: err, Took: took})
	verdict := "ok"
	if err != nil {
		verdict = "FAILED: " + err.Error()
	}
	fmt.Fprintf(s.Out, "%s  %-15s  %-28s  %5.1fs  %s\n", s.Target, s.client.Name, name, took.Seconds(), verdict)
}

// Client runs the whole story of one client.
func (s *Suite) Client(ctx context.Context, client clients.Client) Outcome {
	st := &story{Suite: s, ctx: ctx, client: client, outcome: Outcome{Client: client.Name, Language: client.Language}}
	version, err := client.Driver.Version(ctx)
	if err != nil {
		st.alone("version", func() error { return err })
		return st.outcome
	}
	st.outcome.Version = version
	st.life()
	st.cross()
	return st.outcome
}
