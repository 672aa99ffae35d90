// Package listener is connections in: accepting, limits per node and address, framing, the order of replies, memory bounds,
// idle connections. It calls a handler and knows no broker.
//
// A connection has one goroutine, its reader. Requests of one connection reach the handler in arrival order and replies leave in the same
// order, whenever they are made. Whoever makes the reply that is next in order writes it, together with all that were waiting behind
// it, as far as the socket takes them without waiting; a second goroutine, the writer, exists only while the socket is full.
//
// Locks: conn.mu is never held while reading, writing or calling the handler. Shared.mu is taken with no other lock held.
//
// Invariants: at most one goroutine writes to a connection at a time (conn.writing). The reader ends last, after the writer. Every frame given to
// Reply is released exactly once. Request bytes of all connections together stay below QueuedMaxBytes plus one request.
package listener
