// Package peer is connections out, to other nodes: it dials, agrees on versions, and puts many requests on one connection.
//
// It knows no request in particular: package kmsg's, or types of the caller that implement kmsg.Request. It opens no connection before the first
// request and keeps it until it breaks; what a request means, and whether to ask again, is for the caller.
//
// Terms. A Peer is the line to one node; a connection is one TCP connection of it, of which there is at most one at a time. Answers come in the order
// of the requests, as Kafka promises, so that a request that the other node lets wait (Fetch) keeps those behind it waiting: who waits
// long takes a Peer of its own. A request is unsent while no byte of it was handed to a connection; after that it may have been carried out
// although no answer came.
//
// A request that gets no answer in its time ends its connection, and with it all others on it: on a half-open connection nothing comes ever, and
// behind a late answer all others would be late.
//
// Cost: one goroutine per connection, which reads; on an undivided line whoever waits does. Requests are written by those who make them, one at a time. Locks are not held over
// waiting; Peer.mu and conn.mu are never held together.
package peer

import (
	"errors"
	"fmt"
)

// Kinds of failure; every error of this package is an *Error that wraps one of these or what the network said.
var (
	ErrClosed      = errors.New("closed")
	ErrGarbage     = errors.New("answer that is not Kafka's protocol")
	ErrUnsupported = errors.New("not supported by the other node")
	ErrNoAnswer    = errors.New("no answer in time")
	ErrHungUp      = errors.New("connection closed by the other node")
)

// Error says which node could not be asked, what for, and how far it got.
type Error struct {
	NodeID  int32
	Address string // "": not known
	Doing   string // "connect", "send Fetch", ...
	Sent    bool   // the request may have reached the node
	Err     error
}

func (e *Error) Error() string {
	at := ""
	if e.Address != "" {
		at = " at " + e.Address
	}
	if e.NodeID < 0 { // nobody has told yet who is at that address
		return fmt.Sprintf("node%s: %s: %v", at, e.Doing, e.Err)
	}
	return fmt.Sprintf("node %d%s: %s: %v", e.NodeID, at, e.Doing, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// MaybeSent reports whether the request that ended with err may have been carried out by the other node.
func MaybeSent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Sent
}
