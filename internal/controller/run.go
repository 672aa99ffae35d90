package controller

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/security"
)

// Running is a machine at work on a log.
type Running struct {
	runner *machine.Runner[Event, Record]
}

// Run starts a machine on its log. failed is called once, when the log refused records: the machine is then behind the log or ahead of
// it, and must be made anew. meter may be nil.
func Run(m *Machine, log machine.Log[Record], failed func(error), meter machine.Meter) *Running {
	tell := func(e machine.Effect) {
		if n, ok := e.(Notice); ok && m.cfg.Tell != nil {
			m.cfg.Tell(n)
		}
	}
	return &Running{machine.NewRunner(machine.RunnerConfig[Event, Record]{Name: "controller", Machine: m, Log: log, Failed: failed, Perform: tell, Meter: meter})}
}

// Submit hands a request to the machine; done is called exactly once, with the response or an error.
func (r *Running) Submit(principal security.Principal, clientID string, request kmsg.Request, done func(response any, err error)) {
	r.runner.Submit(func(t machine.Ticket) Event {
		return Event{Ticket: t, Request: request, Principal: principal, ClientID: clientID}
	}, done)
}

// Suspect hands a suspicion to the machine; done is called exactly once, with whether the broker is fenced for it, or an error.
func (r *Running) Suspect(s Suspicion, done func(fenced bool, err error)) {
	r.runner.Submit(func(t machine.Ticket) Event { return Event{Ticket: t, Suspicion: &s} }, func(response any, err error) {
		fenced, _ := response.(bool)
		done(fenced, err)
	})
}

// Close stops the machine; waiting callers get machine.ErrUnloaded.
func (r *Running) Close() { r.runner.Close() }
