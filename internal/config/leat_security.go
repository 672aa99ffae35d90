package config

// leatSecurityKeys are about connections whose clients are not known yet, and about certificates.
var leatSecurityKeys = []Key{
	{Name: "leat.authentication.pending.max", Type: Int, Default: "5000", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How many connections of this node may be in a TLS handshake or SASL exchange; for one more the oldest of them is closed. 0: however many."},
	{Name: "leat.authentication.timeout.ms", Type: Int, Default: "30000", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How long a client may take for TLS handshake and SASL exchange together before its connection is closed; 0: as long as it likes."},
	{Name: "leat.request.min.bytes.per.second", Type: Long, Default: "1024", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How fast a request must come once it has begun, over 10 s; while others wait for its part of queued.max.request.bytes, over 1 s, and so that it is whole within 30 s. Slower connections are closed. 0: none."},
	{Name: "leat.ssl.reload.interval.ms", Type: Int, Default: "10000", Valid: atLeast(0), Importance: "LOW", Built: true,
		Doc: "How often the files of key and trust stores are looked at for changes; 0: only after a change of their keys, and on SIGHUP."},
}
