// Package sasl is who somebody is by SASL: the server's and the client's side of the mechanisms PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER, and the
// login lines in which Kafka's users write their credentials.
//
// It exchanges tokens and knows neither connections nor requests: the listener carries the tokens of clients here, and package peer those of this node
// to others. An exchange belongs to one connection and one goroutine.
//
// What a client is told of a failure is Refusal.Told, in Kafka's words, which give nothing away. What the operator reads is the whole error.
package sasl
