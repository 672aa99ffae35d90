package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/peer"
	"leat/internal/uplink"
	"leat/internal/why"
	"leat/internal/wire"
)

const (
	// whyOwn bounds what this node does to tell what it knows itself.
	whyOwn = 500 * time.Millisecond
	// whyOthers is how long the others have to answer. One that needs longer counts as silent: whoever asks why wants an answer within a second.
	whyOthers = 800 * time.Millisecond
	// mostAnswer bounds what is taken from another node.
	mostAnswer = 32 << 20
)

// explainer answers what is wrong. It implements broker.Why and telemetry.Why.
type explainer struct{ *node }

// Facts is what this node knows itself, as JSON.
func (x explainer) Facts(ctx context.Context, about why.About) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, whyOwn)
	defer cancel()
	return json.Marshal(x.facts(ctx, about))
}

// Report is what is wrong with the cluster, as JSON.
func (x explainer) Report(ctx context.Context, about why.About) ([]byte, error) {
	return json.Marshal(why.Explain(x.gather(ctx, about), about))
}

// gather asks all nodes for their facts.
func (n *node) gather(ctx context.Context, about why.About) *why.Cluster {
	c := &why.Cluster{Asked: n.id, Window: n.whyWindow()}
	ctx, cancel := context.WithTimeout(ctx, whyOthers)
	defer cancel()
	var mu sync.Mutex
	var work sync.WaitGroup
	for _, a := range n.whyAddresses() {
		work.Go(func() {
			f, err := n.factsOf(ctx, a, about)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				c.Silent = append(c.Silent, why.Silent{Node: a.node, Address: a.address, Err: unanswered(err, a.address), Refused: notDialled(err)})
				return
			}
			c.Nodes = append(c.Nodes, *f)
		})
	}
	own, end := context.WithTimeout(ctx, whyOwn)
	f := n.facts(own, about)
	end()
	work.Wait()
	c.Nodes = append(c.Nodes, f)
	c.At = time.Now()
	return c
}

// whyAddress is a node to ask for its facts.
type whyAddress struct {
	node       int32
	address    string
	controller uplink.Address // if it is no broker
}

// whyAddresses are all other nodes: brokers as the image has them, controllers as this node knows them.
func (n *node) whyAddresses() []whyAddress {
	var all []whyAddress
	known := map[int32]bool{n.id: true}
	for _, b := range n.images.image().Brokers() {
		if !known[b.ID] {
			address, _ := n.brokerAddress(b.ID)
			all = append(all, whyAddress{node: b.ID, address: address})
			known[b.ID] = true
		}
	}
	if !n.identified.Load() { // the controllers may not have been looked for
		return all
	}
	for _, a := range n.knownControllers().Addresses() {
		if a.NodeID >= 0 && !known[a.NodeID] {
			all = append(all, whyAddress{node: a.NodeID, address: a.String(), controller: a})
			known[a.NodeID] = true
		}
	}
	return all
}

// factsOf asks one node.
func (n *node) factsOf(ctx context.Context, a whyAddress, about why.About) (*why.Facts, error) {
	rq := &wire.Why{Facts: true, About: about.String()}
	began := time.Now()
	var resp kmsg.Response
	var err error
	if a.controller.Host != "" {
		resp, err = n.knownControllers().Ask(ctx, a.controller, rq)
	} else {
		resp, err = n.askWhy(ctx, a.node, rq)
	}
	if errors.Is(err, peer.ErrUnsupported) {
		return nil, fmt.Errorf("it does not tell what it knows: it is of another make or of an earlier version")
	}
	if err != nil {
		return nil, err
	}
	r, ok := resp.(*wire.WhyResponse)
	if !ok {
		return nil, fmt.Errorf("LeatWhy was answered with %T", resp)
	}
	if r.ErrorCode != 0 {
		return nil, fmt.Errorf("%s: %w", r.Message, kerr.ErrorForCode(r.ErrorCode))
	}
	f := &why.Facts{}
	if err := json.Unmarshal(r.JSON, f); err != nil {
		return nil, fmt.Errorf("answer of node %d: %w", a.node, err)
	}
	f.Node, f.Took = a.node, time.Since(began)
	return f, nil
}

// notDialled reports whether there was no connection at all.
func notDialled(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && !op.Timeout()
}

// unanswered says why a node told nothing, for a text that has named it and its address already.
func unanswered(err error, address string) string {
	var e *peer.Error
	if !errors.As(err, &e) {
		return without(address, err)
	}
	return e.Doing + ": " + without(address, e.Err)
}

// askWhy asks another broker, over a connection of its own. That it cannot be reached is not noted as for replication: it is told here.
func (n *node) askWhy(ctx context.Context, nodeID int32, rq kmsg.Request) (kmsg.Response, error) {
	peers := n.peers()
	peers.MaxResponseBytes, peers.ConnectTimeout = mostAnswer, whyOthers
	p := peer.New(peers, nodeID, func() (string, error) { return n.brokerAddress(nodeID) })
	defer p.Close()
	return p.Do(ctx, rq)
}
