// Package wire knows the bytes of Kafka requests and responses: the table of API keys, request and response headers, bounded
// decoding, and the codecs of Produce and Fetch that do not touch record bytes. Everything else is encoded by package kmsg, behind
// guards.
//
// It knows no connection, no handler and no log. What it decodes is foreign: it never panics and never allocates more than a
// small multiple of the bytes that really arrived.
//
// Terms: a frame is everything after the four length bytes of a request, or, as type Frame, a whole encoded response with them. The
// schema is the layout of every message by version (schema.txt); a body is walked along it before kmsg decodes it, because
// kmsg allocates arrays as long as a body claims them to be.
//
// Invariants: a body that the walk accepts is decoded by kmsg without error, and decoding it costs at most decodeFactor times its length
// plus decodeSlack. A Frame's size is decided before its first byte is written.
package wire
