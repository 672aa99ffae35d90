package storage

// raceDetector is true when tests run with it. It looks for unguarded memory and makes them many times slower: of steps and seeds that are
// many and alike, every few are enough for that, and the run without it takes all.
var raceDetector bool

// stride is how far the steps of a test lie apart that are all alike.
func stride() int {
	if raceDetector {
		return 7
	}
	return 1
}

// some is how many of n seeds are tried.
func some(n uint64) uint64 { return max(1, n/uint64(stride())) }
