package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"

	"leat/internal/config"
	"leat/internal/fs"
	"leat/internal/telemetry"
)

// Config is what Run needs.
type Config struct {
	Values *config.Values
	Logger *slog.Logger
	// Ready is called once, when clients can be served.
	Ready func(Addresses)
	// Reload asks for certificates and dynamic files to be read again (SIGHUP). It may be nil.
	Reload <-chan struct{}
	// Reread makes the values anew from what was said at the start, with what files that they refer to hold now. It may be nil.
	Reread func() (*config.Values, error)
	// Holding are files that the values come from and that hold secrets themselves.
	Holding []string
	// FS, Listen and Dial are the seams to the machine; nil means the real ones.
	FS     fs.FS
	Listen ListenFunc
	Dial   DialFunc
}

// DialFunc is net.Dialer.DialContext, or a test's network.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// ListenFunc is net.Listen, or a test's network.
type ListenFunc func(network, address string) (net.Listener, error)

// Addresses are where a node that is ready can be reached.
type Addresses struct {
	Bootstrap  string // of clients: host:port, several separated by commas
	Controller string
	HTTP       string // "" if turned off
	NodeID     int32
	ClusterID  string
}

// logger is the one of a room.
func (n *node) logger(name string) *slog.Logger {
	return telemetry.Named(cmp.Or(n.base, n.Logger), name)
}

// Run starts a node and serves until ctx ends; then it shuts down in order. An error means that the node could not start, or could not be
// closed cleanly.
func Run(ctx context.Context, cfg Config) error {
	if cfg.FS == nil {
		cfg.FS = fs.OS
	}
	if cfg.Listen == nil {
		cfg.Listen = net.Listen
	}
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	n := &node{Config: cfg, base: cfg.Logger, failed: make(chan error, 1)}
	n.Logger = n.logger(telemetry.LogServer)
	if err := n.start(ctx); err != nil {
		return errors.Join(err, n.close())
	}
	n.Ready(n.addresses())
	for {
		select {
		case <-cfg.Reload:
			n.reload(ctx)
		case <-ctx.Done():
			return n.close()
		case err := <-n.failed:
			return errors.Join(err, n.close())
		}
	}
}
