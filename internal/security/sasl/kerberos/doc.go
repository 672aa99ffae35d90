// Package kerberos is the server's side of the SASL mechanism GSSAPI with Kerberos 5 (RFC 4752 over RFC 4121): who has a ticket for this service, made by
// the cluster's KDC, gets in under the name that rules make of his principal.
//
// It asks no KDC: a ticket is proved by the service's key, which stands in a keytab. Only that is negotiated which Kafka has: authentication, and nothing
// over the bytes that follow it (qop auth); who wants those secret uses TLS.
//
// Terms. A principal is component/component@REALM. The service is the principal for which clients get tickets, such as kafka/host@REALM. A token is one
// message of an exchange.
//
// The library that decodes Kerberos's messages is kept in this package. Bytes of the network that make it panic refuse the client and nothing else.
package kerberos
