// Package tlsstore turns what Kafka's ssl.* keys say into the configuration of crypto/tls: keys and certificates from PEM, PKCS12 and JKS, versions
// and cipher suites by Java's names, and the names that certificates give to who shows them.
//
// It opens no connection, and reads files only through the function that it is given. A Store is one reading of the files; Watched holds the newest one
// that worked, for connections that begin from then on.
//
// Terms: a key store has this node's private key and certificate, a trust store those of the authorities that others' certificates must come from. Without a
// trust store the authorities of the system are trusted, as in Java.
package tlsstore
