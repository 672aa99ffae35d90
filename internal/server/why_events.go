package server

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"leat/internal/coordinator/group"
	"leat/internal/listener"
	"leat/internal/why"
	"leat/internal/why/recent"
)

// whyWindow is how long events count.
func (n *node) whyWindow() time.Duration { return n.settings.now().values.Millis("leat.why.window.ms") }

// openRecent makes the memory of what happened lately, before any listener tells of clients.
func (n *node) openRecent() { n.recent = recent.New(n.whyWindow, time.Now) }

// remember has a listener's troubles with clients remembered, besides what is counted.
func (n *node) remember(name string, o listener.Observe) listener.Observe {
	event := func(kind why.Kind, c *listener.Conn) why.Event {
		return why.Event{Kind: kind, Listener: name, Host: c.Remote.Addr().Unmap().String()}
	}
	refused, failed, expired := o.Refused, o.AuthenticationFailed, o.Expired
	o.Refused = func(addr netip.Addr) {
		refused(addr)
		n.recent.Note(why.Event{Kind: why.TooMany, Listener: name, Host: addr.Unmap().String(), Detail: "more connections than max.connections.per.ip from this address"})
	}
	o.Waiting = func(limit int) {
		n.recent.Note(why.Event{Kind: why.TooMany, Listener: name, Detail: fmt.Sprintf("max.connections=%d are open, others wait", limit)})
	}
	o.Foreign = func(c *listener.Conn, clientID string, err error) {
		e := event(why.Foreign, c)
		e.ClientID, e.Detail = clientID, err.Error()
		n.recent.Note(e)
	}
	o.AuthenticationFailed = func(c *listener.Conn, again bool, err error) {
		failed(c, again, err)
		kind := why.Unauthenticated
		if errors.As(err, &listener.Mismatch{}) {
			kind = why.Foreign
		}
		e := event(kind, c)
		e.Detail = err.Error()
		n.recent.Note(e)
	}
	o.Expired = func(c *listener.Conn) {
		expired(c)
		e := event(why.Expired, c)
		e.Principal = c.Principal.String()
		n.recent.Note(e)
	}
	return o
}

// noticed remembers what group coordinators tell that bears on whether groups read.
func (n *node) noticed(g group.Notice) {
	e := why.Event{Resource: "group:" + g.Group, Detail: g.Reason, ClientID: g.ClientID, Host: strings.TrimPrefix(g.ClientHost, "/")}
	switch {
	case strings.HasPrefix(g.Message, "removed member"):
		e.Kind, e.Detail = why.SessionEnded, g.Message+": "+g.Member
	case g.Quiet != nil && n.waited(g.Group, g.Quiet):
		e.Kind, e.Detail = why.Quiet, quietly(time.Now(), g.Quiet)
	case g.Message == "member left group":
		e.Kind = why.Left
		if e.Detail == "" {
			e.Detail = "no reason given"
		}
	case g.Reason == "its session timed out", g.Reason == "the member session expired": // of share and streams groups
		e.Kind, e.Detail = why.SessionEnded, g.Message+", "+g.Reason+": "+g.Member
	case g.Message == "group has a new generation":
		e.Kind = why.Rebalanced
	default:
		return
	}
	n.recent.Note(e)
}

// quietly says what speaks for it that the application of a member does not poll any more.
func quietly(now time.Time, q *group.Quiet) string {
	return fmt.Sprintf("it had committed nothing of %s for %v, max.poll.interval.ms is %d, and records waited there", q.Named(), now.Sub(q.Since).Round(time.Second), q.PollInterval.Milliseconds())
}

// waited reports whether one of a member's partitions had records to read for as long as the member may take between two polls, as far as looks at the
// lag of groups tell: what was there first may have come up to two looks before it was seen.
func (n *node) waited(id string, q *group.Quiet) bool {
	const looks = 2
	least := q.PollInterval - looks*n.settings.now().values.Millis("leat.group.lag.interval.ms")
	return n.standings.waiting(id, q.Partitions, time.Now().Add(-least))
}
