package wire

import (
	"hash/maphash"
	"sync/atomic"
)

// Client ids and topic names come again with every request. Recent ones are kept, one per slot, so that reading them costs
// no allocation and the strings stay valid after the request's buffer has gone to another request.
const (
	internSlots  = 8192
	internLength = 255 // longer strings are not kept, so that the cache stays below 2.5 MiB whatever clients send
)

var (
	interned   [internSlots]atomic.Pointer[string]
	internSeed = maphash.MakeSeed()
)

// intern returns b as a string of its own.
func intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > internLength {
		return string(b)
	}
	slot := &interned[maphash.Bytes(internSeed, b)%internSlots]
	if s := slot.Load(); s != nil && *s == string(b) {
		return *s
	}
	s := string(b)
	slot.Store(&s)
	return s
}
