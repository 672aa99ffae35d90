package telemetry

import (
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync"
)

// What is recorded while somebody asks for a profile of waiting: on average one event per so many nanoseconds of waiting, and one in so many
// waits for a mutex. Nothing is recorded otherwise, for that costs every wait two looks at the clock.
const (
	blockRate     = 10_000
	mutexFraction = 10
)

// recording switches one of the runtime's records on while anybody wants it.
type recording struct {
	set func(on bool)

	mu    sync.Mutex
	wants int
}

func (r *recording) change(by int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.wants
	r.wants += by
	if (before == 0) != (r.wants == 0) {
		r.set(r.wants > 0)
	}
}

var blocking = recording{set: func(on bool) {
	rate := 0
	if on {
		rate = blockRate
	}
	runtime.SetBlockProfileRate(rate)
}}

var mutexes = recording{set: func(on bool) {
	fraction := 0
	if on {
		fraction = mutexFraction
	}
	runtime.SetMutexProfileFraction(fraction)
}}

// during serves a profile of the runtime. Asked for some seconds, it records for so long.
func during(name string, r *recording) http.Handler {
	serve := pprof.Handler(name)
	return http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		if rq.FormValue("seconds") != "" {
			r.change(1)
			defer r.change(-1)
		}
		serve.ServeHTTP(w, rq)
	})
}
