package telemetry

import (
	"compress/gzip"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Waiting is recorded while a profile of it is asked for, and neither before nor after.
func TestWaitingIsRecordedWhileItsProfileIsAskedFor(t *testing.T) {
	h := Handler(HTTPConfig{})
	get := func(path string) string {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if rec.Code != 200 {
			t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
		}
		return rec.Body.String()
	}
	for _, c := range []struct {
		path string
		r    *recording
	}{{"/debug/pprof/block", &blocking}, {"/debug/pprof/mutex", &mutexes}} {
		var seen []bool
		var mu sync.Mutex
		set := c.r.set
		c.r.set = func(on bool) {
			mu.Lock()
			seen = append(seen, on)
			mu.Unlock()
			set(on)
		}
		get(c.path)
		if len(seen) != 0 {
			t.Errorf("%s without seconds switched %v", c.path, seen)
		}
		var wg sync.WaitGroup
		for range 2 { // at once: on and off only once
			wg.Go(func() { get(c.path + "?seconds=1") })
		}
		wg.Wait()
		if len(seen) < 2 || seen[0] != true || seen[len(seen)-1] != false || c.r.wants != 0 {
			t.Errorf("%s switched %v, %d still want it", c.path, seen, c.r.wants)
		}
		c.r.set = set
	}
	// What blocks meanwhile is in the profile.
	var over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !over.Load() {
			c := make(chan int)
			time.AfterFunc(10*time.Millisecond, func() { close(c) })
			waitsHere(c)
		}
	})
	defer wg.Wait()
	defer over.Store(true)
	for until := time.Now().Add(time.Minute); ; { // a second in which this process had no processor has no wait in it
		zipped, err := gzip.NewReader(strings.NewReader(get("/debug/pprof/block?seconds=1")))
		if err != nil {
			t.Fatal(err)
		}
		profile, err := io.ReadAll(zipped)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(profile), "telemetry.waitsHere") {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("a profile of %d bytes without what waited", len(profile))
		}
	}
}

//go:noinline
func waitsHere(c chan int) { <-c }
