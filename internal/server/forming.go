package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"leat/internal/broker"
	"leat/internal/listener"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/telemetry"
	"leat/internal/uplink"
	"leat/internal/wire"
)

// Fresh controllers that name each other find one cluster id without being formatted: the one with the lowest id draws it, writes it down, and the
// others take it from there. Nobody else ever draws one, so there are never two clusters of one set. It draws only after enough of the others have said
// that they are fresh, too: if its own disk was replaced, it finds the cluster that is there.

const (
	// formPause is between rounds of asking.
	formPause = 100 * time.Millisecond
	// formAsk bounds one question.
	formAsk = 2 * time.Second
	// formComplain is how often it is told what is waited for.
	formComplain = 5 * time.Second
)

// form finds the cluster of a fresh controller.
func (n *node) form(ctx context.Context) error {
	others := n.others()
	if len(others) == 0 {
		n.clusterID = newUUID().String()
		return nil
	}
	n.serveForming()
	f := forming{node: n, others: others, static: len(n.Values.Voters()) > 0, dirID: n.dirToBe}
	complained := time.Now()
	for {
		if err := n.checkTwin(ctx); err != nil {
			return err
		}
		heard, why := f.ask(ctx)
		id, err := f.decide(heard)
		if err != nil {
			return err
		}
		if id != "" {
			n.clusterID = id
			n.logger(telemetry.LogQuorum).Info("cluster found", "node", n.id, "cluster_id", id)
			return quorum.RememberVoters(n.FS, n.Values.MetadataLogDir(), n.formed)
		}
		if time.Since(complained) > formComplain {
			complained = time.Now()
			n.logger(telemetry.LogQuorum).Warn("fresh controller has not found its cluster yet, trying on", "node", n.id, "waits_for", f.waitsFor(heard), "err", errors.Join(why...))
		}
		select {
		case <-time.After(formPause):
		case <-ctx.Done():
			return fmt.Errorf("find the cluster of fresh controller %d: %s: %w", n.id, f.waitsFor(heard), errors.Join(append(why, ctx.Err())...))
		}
	}
}

// forming is a fresh controller that looks for its cluster.
type forming struct {
	node   *node
	others []uplink.Address
	static bool
	dirID  record.UUID

	clusterID string // of a node that is not fresh
	forgot    int32  // see wire.Identity
}

// heardOf is what one of the others answered.
type heardOf struct {
	at uplink.Address
	*wire.IdentityResponse
}

// ask asks all others at once.
func (f *forming) ask(ctx context.Context) (heard []heardOf, why []error) {
	type outcome struct {
		heardOf
		err error
	}
	ctx, cancel := context.WithTimeout(ctx, formAsk)
	defer cancel()
	outcomes := make(chan outcome, len(f.others))
	for _, a := range f.others {
		go func() {
			resp, err := f.node.voice.controllers.Identify(ctx, a, &wire.Identity{NodeID: f.node.id, DirID: f.dirID, ClusterID: f.clusterID, Forgot: f.forgot})
			outcomes <- outcome{heardOf{a, resp}, err}
		}()
	}
	for range f.others {
		if o := <-outcomes; o.err != nil {
			why = append(why, o.err)
		} else {
			heard = append(heard, o.heardOf)
		}
	}
	return heard, why
}

// decide returns the id of the cluster if it is clear by now.
func (f *forming) decide(heard []heardOf) (string, error) {
	id, from := "", uplink.Address{}
	for _, h := range heard {
		switch {
		case f.static && h.NodeID >= 0 && h.NodeID != h.at.NodeID:
			return "", fmt.Errorf("%s answers as node %d: correct controller.quorum.voters, or that node's node.id", h.at, h.NodeID)
		case h.ClusterID == "":
		case id != "" && id != h.ClusterID:
			return "", fmt.Errorf("controllers belong to two clusters: %s to %s, %s to %s: name those of one cluster, or empty the log.dirs of those that are wrong",
				from, id, h.at, h.ClusterID)
		default:
			id, from = h.ClusterID, h.at
			f.take(h.Voters)
		}
	}
	if id != "" {
		return id, nil
	}
	if f.static {
		return f.draw(len(heard)+1 > len(f.node.Values.Voters())/2, f.lowestVoter()), nil
	}
	return f.decideDynamic(heard)
}

// draw draws an id if enough were heard and this node is who draws.
func (f *forming) draw(enough bool, lowest int32) string {
	if !enough || lowest != f.node.id {
		return ""
	}
	return newUUID().String()
}

func (f *forming) lowestVoter() int32 {
	lowest := f.node.id
	for _, v := range f.node.Values.Voters() {
		lowest = min(lowest, v.ID)
	}
	return lowest
}

// decideDynamic is decide where addresses are named and no ids: who answers there votes. All must have answered, since only then it is known who has
// the lowest id.
func (f *forming) decideDynamic(heard []heardOf) (string, error) {
	if len(heard) < len(f.others) {
		return "", nil
	}
	own := f.node
	voters := []quorum.Member{f.voter(own.id, f.dirID, own.ownEndpoint())}
	for _, h := range heard {
		if h.NodeID == own.id && h.DirID == f.dirID {
			continue // the configuration names this node by an address that it does not know of itself
		}
		if i := slices.IndexFunc(voters, func(m quorum.Member) bool { return m.ID == h.NodeID }); i >= 0 {
			return "", fmt.Errorf("%s has node.id=%d, and so has another controller: give each its own", h.at, h.NodeID)
		}
		voters = append(voters, f.voter(h.NodeID, h.DirID, own.endpointAt(h.at.Host, h.at.Port)))
	}
	slices.SortFunc(voters, func(a, b quorum.Member) int { return int(a.ID) - int(b.ID) })
	id := f.draw(true, voters[0].ID)
	if id != "" {
		own.formed = voters
	}
	return id, nil
}

func (f *forming) voter(id int32, dirID record.UUID, at quorum.Endpoint) quorum.Member {
	return quorum.Member{ID: id, DirID: dirID, Endpoints: []quorum.Endpoint{at}, MaxKRaft: 1}
}

// take keeps with whom a cluster began, if this node is one of them.
func (f *forming) take(voters []wire.IdentityVoter) {
	var members []quorum.Member
	among := false
	for _, v := range voters {
		members = append(members, f.voter(v.ID, v.DirID, f.node.endpointAt(v.Host, int(v.Port))))
		among = among || v.ID == f.node.id && v.DirID == f.dirID
	}
	if among {
		f.node.formed = members
	}
}

// waitsFor says what has to happen.
func (f *forming) waitsFor(heard []heardOf) string {
	var there []string
	for _, h := range heard {
		there = append(there, h.at.String())
	}
	have := "none has answered"
	if len(there) > 0 {
		have = "answered have " + strings.Join(there, ", ")
	}
	if !f.static {
		return fmt.Sprintf("all %d addresses of controller.quorum.bootstrap.servers must answer once; %s", len(f.others), have)
	}
	if lowest := f.lowestVoter(); lowest != f.node.id {
		return fmt.Sprintf("controller %d, the lowest of controller.quorum.voters, draws the cluster's id; %s", lowest, have)
	}
	return fmt.Sprintf("a majority of the %d voters must answer; %s", len(f.node.Values.Voters()), have)
}

// rememberForming finds out with whom this controller formed its cluster: it may have been killed before it told the others, or had a log that says so.
func (n *node) rememberForming() {
	if n.remote != nil || len(n.Values.Voters()) > 0 {
		return
	}
	voters, err := quorum.RememberedVoters(n.FS, n.Values.MetadataLogDir())
	if err != nil {
		n.logger(telemetry.LogQuorum).Warn("what was written when the quorum began cannot be read", "dir", n.Values.MetadataLogDir(), "err", err)
		return
	}
	n.formed = voters
	for _, v := range voters {
		if v.ID == n.id {
			n.dirToBe = v.DirID
		}
	}
}

// ownEndpoint is where this controller is reached.
func (n *node) ownEndpoint() quorum.Endpoint {
	if all := n.controllerEndpoints(); len(all) > 0 {
		return n.endpointAt(all[0].Host, int(all[0].Port))
	}
	return quorum.Endpoint{}
}

// serveForming opens the controller listeners for those who ask who this is.
func (n *node) serveForming() {
	n.dirToBe = newUUID()
	n.answerIdentity()
}

// answerIdentity answers on the controller listeners, and nothing else.
func (n *node) answerIdentity() {
	h := broker.New(broker.Rooms{NodeID: n.id, Image: n.images.image, Identity: n.identity, Metrics: n.ops.metrics, Logger: n.logger(telemetry.LogBroker)})
	n.handle.Store(new(listener.Handler(func(rq *listener.Request) {
		const keyApiVersions = 18
		if rq.Header.Key != keyApiVersions && rq.Header.Key != wire.KeyIdentity {
			rq.Hangup("this controller has not begun to take part in its cluster")
			return
		}
		h.Handle(rq)
	})))
	n.serve(controllers)
}

// identity is who this controller is, as it tells others. The cluster's id is told once it is written down.
func (n *node) identity() broker.Identity {
	id := broker.Identity{DirID: n.dirToBe}
	if q := n.voting.Load(); q != nil {
		epoch, ok := q.Promised()
		if id.Epoch = epoch; !ok {
			id.Epoch = wire.EpochUnknown
		}
	}
	if n.identified.Load() {
		id.ClusterID = n.clusterID
		if dir := n.dirID(n.Values.MetadataLogDir()); !dir.IsZero() {
			id.DirID = dir
		}
		for _, m := range n.formed {
			if len(m.Endpoints) == 0 {
				continue
			}
			id.Voters = append(id.Voters, wire.IdentityVoter{ID: m.ID, DirID: m.DirID, Host: m.Endpoints[0].Host, Port: m.Endpoints[0].Port})
		}
	}
	return id
}
