package broker

// fetchSessions is the cache of incremental fetch sessions (KIP-227).
type fetchSessions struct{}
