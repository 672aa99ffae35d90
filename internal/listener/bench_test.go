package listener

import (
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"leat/internal/wire"
)

func benchReply(b *testing.B, c net.Conn, buf []byte) {
	if _, err := io.ReadFull(c, buf); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRoundTrip is one small request after the other on one connection.
func BenchmarkRoundTrip(b *testing.B) {
	for _, later := range []bool{false, true} {
		name := "inline"
		if later {
			name = "from another goroutine"
		}
		b.Run(name, func(b *testing.B) {
			queue := make(chan *Request, 1)
			defer close(queue)
			go func() {
				for r := range queue {
					answerHeartbeat(r)
				}
			}()
			s, _ := start(b, Limits{}, func(r *Request) {
				if later {
					queue <- r
					return
				}
				answerHeartbeat(r)
			})
			c := dial(b, s)
			request, reply := heartbeat(1), make([]byte, 16)
			b.ReportAllocs()
			for b.Loop() {
				c.Write(request)
				benchReply(b, c, reply)
			}
		})
	}
}

// BenchmarkPipelined is small requests with 50 under way.
func BenchmarkPipelined(b *testing.B) {
	s, _ := start(b, Limits{}, answerHeartbeat)
	c := dial(b, s)
	request, reply := heartbeat(1), make([]byte, 16)
	tokens := make(chan struct{}, 50)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range b.N {
			tokens <- struct{}{}
			c.Write(request)
		}
	}()
	for range b.N {
		benchReply(b, c, reply)
		<-tokens
	}
}

// BenchmarkFileRange is fetch responses with 1 MiB of a file.
func BenchmarkFileRange(b *testing.B) {
	f, _ := segment(b, 1<<20)
	for _, hidden := range []bool{false, true} {
		name := "sendfile"
		if hidden {
			name = "copied"
		}
		b.Run(name, func(b *testing.B) {
			var released atomic.Int32
			s, _ := start(b, Limits{}, func(r *Request) {
				r.Reply(fetchOf(r.Header, &fileRange{f: f, size: 1 << 20, hidden: hidden, released: &released}))
			})
			c := dial(b, s)
			request := fetchFrame(1)
			frame := fetchOf(wire.RequestHeader{Key: 1, Version: 12}, &fileRange{f: f, size: 1 << 20, released: &released})
			reply := make([]byte, frame.Size)
			frame.Release()
			b.SetBytes(1 << 20)
			b.ReportAllocs()
			for b.Loop() {
				c.Write(request)
				benchReply(b, c, reply)
			}
		})
	}
}

// TestIdleConnectionsAreSmall holds the memory of a connection that waits for a request.
func TestIdleConnectionsAreSmall(t *testing.T) {
	const n, budget = 200, 16 << 10
	s, _ := start(t, Limits{}, answerHeartbeat)
	inUse := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := inUse()
	for i := range n {
		c := dial(t, s)
		c.Write(heartbeat(int32(i)))
		readReply(t, c)
	}
	each := (int64(inUse()) - int64(before)) / n
	t.Logf("%d bytes for both ends of an idle connection", each)
	if each > budget {
		t.Errorf("%d bytes, want at most %d", each, budget)
	}
}
