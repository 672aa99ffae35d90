package listener

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/wire"
)

// fileRange is a range of a real file.
type fileRange struct {
	f        *os.File
	pos      int64
	size     int
	hidden   bool // no descriptor
	inMemory bool
	released *atomic.Int32
}

func (r *fileRange) Len() int        { return r.size }
func (r *fileRange) Position() int64 { return r.pos }
func (r *fileRange) Release()        { r.released.Add(1) }

// InMemory: what a page cache holds of it is sent without telling the runtime.
func (r *fileRange) InMemory(int, int) bool { return r.inMemory }

func (r *fileRange) ReadAt(p []byte, off int64) (int, error) {
	return r.f.ReadAt(p, r.pos+off)
}
func (r *fileRange) SyscallConn() (syscall.RawConn, error) {
	if r.hidden {
		return nil, errors.ErrUnsupported
	}
	return r.f.SyscallConn()
}

// segment is a file of size bytes that are easy to tell apart by position.
func segment(t testing.TB, size int) (*os.File, []byte) {
	t.Helper()
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i*31>>9 ^ i)
	}
	name := filepath.Join(t.TempDir(), "segment")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, content
}

// fetchOf is a fetch response with one partition for each range.
func fetchOf(h wire.RequestHeader, ranges ...wire.FileRange) *wire.Frame {
	topic := wire.FetchTopic{Topic: "t"}
	for i, r := range ranges {
		p := wire.NewFetchPartition(int32(i))
		p.Records = r
		topic.Partitions = append(topic.Partitions, p)
	}
	return wire.EncodeFetch(h, &wire.FetchResponse{Topics: []wire.FetchTopic{topic}})
}

// fetchFrame is a fetch request, v12.
func fetchFrame(correlationID int32) []byte {
	req := kmsg.NewPtrFetchRequest()
	req.Version = 12
	return wire.AppendRequest(nil, correlationID, "test", req)
}

func records(t testing.TB, body []byte) [][]byte {
	t.Helper()
	resp := kmsg.NewPtrFetchResponse()
	resp.Version = 12
	if err := wire.DecodeResponse(resp, body[1:]); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, p := range resp.Topics[0].Partitions {
		all = append(all, p.RecordBatches)
	}
	return all
}

func TestFileRangesArriveWhole(t *testing.T) {
	f, content := segment(t, 9<<20)
	for _, c := range []struct {
		name     string
		hidden   bool // the file has no descriptor
		inMemory bool
		later    bool // answered by another goroutine
	}{
		{"by sendfile from the reader", false, false, false},
		{"by sendfile from a writer", false, false, true},
		{"from memory, by the reader", false, true, false},
		{"from memory, by a writer", false, true, true},
		{"copied", true, false, false},
		{"copied by a writer", true, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var released atomic.Int32
			s, _ := start(t, Limits{}, func(r *Request) {
				piece := func(pos int64, size int) wire.FileRange {
					return &fileRange{f: f, pos: pos, size: size, hidden: c.hidden, inMemory: c.inMemory, released: &released}
				}
				reply := fetchOf(r.Header, piece(1, 10), piece(4097, 6<<20), piece(77, 40_000), piece(8<<20, 1<<20))
				if c.later {
					go r.Reply(reply)
					return
				}
				r.Reply(reply)
			})
			conn := dial(t, s)
			for round := range int32(5) {
				conn.Write(fetchFrame(round))
			}
			for round := range int32(5) {
				id, body := readReply(t, conn)
				if id != round {
					t.Fatalf("reply %d has correlation id %d", round, id)
				}
				got := records(t, body)
				for i, want := range [][]byte{content[1:11], content[4097 : 4097+6<<20], content[77:40_077], content[8<<20:]} {
					if !bytes.Equal(got[i], want) {
						t.Errorf("range %d differs", i)
					}
				}
			}
			s.Close()
			if n := released.Load(); n != 20 {
				t.Errorf("ranges were released %d times, want 20", n)
			}
		})
	}
}

func TestARangeThatBecameShorterClosesTheConnection(t *testing.T) {
	f, _ := segment(t, 100_000)
	for _, hidden := range []bool{false, true} {
		var released atomic.Int32
		s, book := start(t, Limits{}, func(r *Request) {
			r.Reply(fetchOf(r.Header, &fileRange{f: f, size: 200_000, hidden: hidden, released: &released}))
		})
		c := dial(t, s)
		c.Write(fetchFrame(1))
		awaitClosed(t, c)
		book.awaitClosed(t, 1)
		if lines := book.all(); len(lines) != 1 {
			t.Errorf("log: %q", lines)
		}
		if n := released.Load(); n != 1 {
			t.Errorf("released %d times", n)
		}
	}
}

func TestAStalledClientHoldsUpNobody(t *testing.T) {
	f, _ := segment(t, 8<<20)
	var released atomic.Int32
	s, _ := start(t, Limits{MaxInFlight: 4, SendBuffer: 64 << 10}, func(r *Request) {
		if r.Header.Key == 12 {
			answerHeartbeat(r)
			return
		}
		r.Reply(fetchOf(r.Header, &fileRange{f: f, size: 8 << 20, released: &released}))
	})
	for range 8 { // none of them ever reads
		stalled := dial(t, s)
		for i := range int32(10) {
			stalled.Write(fetchFrame(i))
		}
	}
	c := dial(t, s)
	for i := range int32(100) {
		c.Write(heartbeat(i))
		readReply(t, c)
	}
	c.Write(fetchFrame(100))
	readReply(t, c)
	s.Close()
	if n := released.Load(); n < 8 || n > 8*5+1 {
		t.Errorf("%d ranges were made and released, want at most 5 for each stalled client", n)
	}
}

func TestManyRepliesFromManyGoroutines(t *testing.T) {
	s, _ := start(t, Limits{MaxInFlight: 1000}, func(r *Request) { go answerHeartbeat(r) })
	var wg sync.WaitGroup
	for range 4 {
		c := dial(t, s)
		wg.Go(func() {
			for i := range int32(2000) {
				c.Write(heartbeat(i))
			}
		})
		wg.Go(func() {
			for i := range int32(2000) {
				if id, _ := readReply(t, c); id != i {
					t.Errorf("reply %d has correlation id %d", i, id)
					return
				}
			}
		})
	}
	wg.Wait()
}
