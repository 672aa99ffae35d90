package storage

import "sync"

// sharedConfigs is one copy of each config that logs have: thousands of them have the same.
var sharedConfigs struct {
	sync.Mutex
	known map[LogConfig]*LogConfig
}

// maxSharedConfigs bounds how many are remembered. Logs keep what they have when the rest is forgotten.
const maxSharedConfigs = 1000

// shared returns the copy of a config that all logs with that config have.
func shared(cfg LogConfig) *LogConfig {
	c := &sharedConfigs
	c.Lock()
	defer c.Unlock()
	if known := c.known[cfg]; known != nil {
		return known
	}
	if c.known == nil || len(c.known) >= maxSharedConfigs {
		c.known = make(map[LogConfig]*LogConfig)
	}
	copied := cfg
	c.known[cfg] = &copied
	return &copied
}
