package quorum_test

import (
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/quorum"
)

// decision registers a controller anew, which is one small record.
func decision(n int) *kmsg.ControllerRegistrationRequest {
	rq := kmsg.NewPtrControllerRegistrationRequest()
	rq.ControllerID, rq.IncarnationID = int32(1000+n%100), [16]byte{byte(n), byte(n >> 8), byte(n >> 16), 1}
	return rq
}

// BenchmarkDecision is one decision after the other by the only voter, on real files, each waited for.
func BenchmarkDecision(b *testing.B) {
	q := open(b, fs.OS, b.TempDir(), quorum.LogSettings{})
	defer q.Close()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		do[*kmsg.ControllerRegistrationResponse](b, q, decision(n))
	}
}

// BenchmarkDecisions is 64 at once, which share a sync.
func BenchmarkDecisions(b *testing.B) {
	q := open(b, fs.OS, b.TempDir(), quorum.LogSettings{})
	defer q.Close()
	b.ReportAllocs()
	for n := 0; b.Loop(); n += 64 {
		var wait sync.WaitGroup
		for i := range 64 {
			wait.Go(func() { do[*kmsg.ControllerRegistrationResponse](b, q, decision(n+i)) })
		}
		wait.Wait()
	}
}
