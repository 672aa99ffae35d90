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
