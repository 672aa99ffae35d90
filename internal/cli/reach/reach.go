// Package reach is how commands come to a cluster: by the addresses and the properties that its users have for Kafka's own clients and tools.
//
// A [Line] says how nodes are reached (in the clear, under TLS, after a login). On it stand a client of the Kafka protocol ([Client]), which finds its way
// through a cluster by itself, and single requests to one node ([PeerConfig]), where it matters which one answers. What is asked, and how it is
// printed, is the business of the commands.
package reach

import (
	"context"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/peer"
)

// ClientID is what these commands call themselves.
const ClientID = "leat-cli"

// connectTimeout is for everything before the first request.
const connectTimeout = 5 * time.Second

// Client is a client of the Kafka protocol for the cluster at some addresses. It connects when it is used.
func Client(addresses []string, l *Line, opts ...kgo.Opt) (*kgo.Client, error) {
	all := []kgo.Opt{kgo.SeedBrokers(addresses...), kgo.ClientID(ClientID), kgo.Dialer(l.Dial)}
	return kgo.NewClient(append(all, opts...)...)
}

// lineKey is under which the context of a command has its line: every node that the command comes to is reached the same way.
type lineKey struct{}

// With is a context whose single requests go over a line.
func With(ctx context.Context, l *Line) context.Context {
	return context.WithValue(ctx, lineKey{}, l)
}

// PeerConfig is for a command's few requests to one node: it gives up on an address soon, because there are others.
func PeerConfig(ctx context.Context) peer.Config {
	cfg := peer.Config{ClientID: ClientID, Dial: new(net.Dialer).DialContext, ConnectTimeout: connectTimeout}
	if l, ok := ctx.Value(lineKey{}).(*Line); ok && l != nil {
		cfg.Wrap = l.wrap
	}
	return cfg
}
