// Package kerberos is both sides of the SASL mechanism GSSAPI with Kerberos 5 (RFC 4752 over RFC 4121): who has a ticket for this service, made by
// the cluster's KDC, gets in under the name that rules make of his principal.
//
// The Acceptor lets others in and asks no KDC: a ticket is proved by the service's key, which stands in a keytab. The Initiator logs in at others: by the key
// in its keytab it gets tickets from the KDC that krb5.conf names, and keeps them while they are good. Only that is negotiated which Kafka has:
// authentication, and nothing over the bytes that follow it (qop auth); who wants those secret uses TLS.
//
// Terms. A principal is component/component@REALM. The service is the principal for which clients get tickets, such as kafka/host@REALM. A token is one
// message of an exchange.
//
// The library that decodes Kerberos's messages is kept in this package. Bytes of the network that make it panic refuse the client and nothing else.
package kerberos
