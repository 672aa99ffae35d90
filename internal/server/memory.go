package server

import (
	"runtime"
	"runtime/debug"
	"sync"
)

// keptAfterStart is how much memory a node may hold after its start without looking for what it needs no more.
const keptAfterStart = 64 << 20

// returnMemory gives back to the system what the start took and a running node does not need: opening very many partitions leaves as much
// garbage as it leaves partitions, and a node without traffic would never collect it.
func (n *node) returnMemory() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapSys-m.HeapReleased < keptAfterStart {
		return
	}
	var collecting sync.WaitGroup
	collecting.Go(debug.FreeOSMemory)
	n.onClose("return of memory", func() error { collecting.Wait(); return nil })
}

const (
	// manyOpened is how much of the heap the logs must take for a start to be careful with the rest.
	manyOpened = 16 << 20
	// careful is GOGC of such a start: garbage up to a third of what lives. What lives grows only while a start lasts, so that more collections
	// cost it little, and with the usual setting it would leave as much garbage as partitions, for which a machine must have the memory.
	careful = 33
)

// carefulStarts are the starts in this process that are careful just now; the setting that the first of them found comes back with the last.
var carefulStarts struct {
	mu      sync.Mutex
	count   int
	usually int
}

// startCarefully collects garbage more often, if very many logs were opened, until the function that it returns is called.
func startCarefully() (done func()) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc < manyOpened {
		return func() {}
	}
	s := &carefulStarts
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == 0 {
		s.usually = debug.SetGCPercent(careful)
		if s.usually >= 0 && s.usually < careful {
			debug.SetGCPercent(s.usually)
		}
	}
	s.count++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.count--; s.count == 0 {
			debug.SetGCPercent(s.usually)
		}
	}
}
