package server

import (
	"context"
	"strings"
	"sync"

	"leat/internal/coordinator/group"
	"leat/internal/machine"
	"leat/internal/why"
)

// describeMembers asks the coordinator who is in the groups.
func (n *node) describeMembers(ctx context.Context, groups []why.Group) {
	var work sync.WaitGroup
	for i := range groups {
		work.Go(func() { n.describeGroup(ctx, &groups[i]) })
	}
	work.Wait()
}

// describeGroup fills in what a group is and who is in it, unless its coordinator does not answer in time.
func (n *node) describeGroup(ctx context.Context, g *why.Group) {
	answer := make(chan group.Roster, 1)
	n.groups.Coordinator.Submit(g.Group, func(t machine.Ticket) group.Event { return group.Event{Ticket: t, Roster: g.Group} }, func(r any, err error) {
		roster, _ := r.(group.Roster) // none with an error
		answer <- roster
	})
	select {
	case <-ctx.Done():
	case r := <-answer:
		g.Type, g.State = r.Type, r.State
		for _, m := range r.Members {
			g.Members = append(g.Members, why.Member{ID: m.ID, ClientID: m.ClientID, Host: strings.TrimPrefix(m.ClientHost, "/")})
		}
	}
}
