package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/sim"
	"leat/internal/wire"
)

// node is what answers at the other end.
type node struct {
	t        *testing.T
	host     *sim.Host
	done     sync.WaitGroup
	listener net.Listener
	// answer returns the bytes to be sent for a request; nil: none, ever.
	answer func(h wire.RequestHeader, body []byte) []byte

	mu       sync.Mutex
	conns    []net.Conn
	accepted int
	asked    []wire.RequestHeader // but for ApiVersions
}

func serve(t *testing.T, host *sim.Host) *node {
	l, err := host.Listen("tcp", host.Name()+":9092")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, host: host, listener: l, answer: describe}
	n.done.Go(n.accept)
	return n
}

func (n *node) accept() {
	for {
		c, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.mu.Lock()
		n.accepted++
		n.conns = append(n.conns, c)
		n.mu.Unlock()
		n.done.Go(func() { n.talk(c) })
	}
}

func (n *node) talk(c net.Conn) {
	for {
		var size [4]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(c, frame); err != nil {
			return
		}
		h, body, err := wire.ParseHeader(frame)
		if err != nil {
			n.t.Error(err)
			return
		}
		if h.Key != keyApiVersions {
			n.mu.Lock()
			n.asked = append(n.asked, h)
			n.mu.Unlock()
		}
		if b := n.answer(h, body); b != nil {
			_, _ = c.Write(b)
		}
	}
}

func (n *node) stop() {
	_ = n.listener.Close()
	n.mu.Lock()
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.mu.Unlock()
	n.done.Wait()
}

// sealed is a response as it goes over the connection.
func sealed(h wire.RequestHeader, resp kmsg.Response) []byte {
	f := wire.EncodeResponse(h, resp)
	defer f.Release()
	var b []byte
	for _, p := range f.Parts {
		b = append(b, p.Bytes...)
	}
	return b
}

// versions tells that Metadata is answered in 0 to 9 and FindCoordinator in 50 to 60.
func versions(h wire.RequestHeader) []byte {
	resp := kmsg.NewPtrApiVersionsResponse()
	for _, r := range [][3]int16{{3, 0, 9}, {10, 50, 60}, {18, 0, 4}} {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = r[0], r[1], r[2]
		resp.ApiKeys = append(resp.ApiKeys, k)
	}
	return sealed(h, resp)
}

// describe answers Metadata with a cluster id that says which request it is for.
func describe(h wire.RequestHeader, _ []byte) []byte {
	if h.Key == keyApiVersions {
		return versions(h)
	}
	resp := kmsg.NewPtrMetadataResponse()
	resp.ClusterID = new(fmt.Sprintf("%s %d", h.ClientID, h.CorrelationID))
	resp.ControllerID = h.CorrelationID
	return sealed(h, resp)
}

// world is a client host a, a host b with a node on it, and the line from one to the other.
type world struct {
	t    *testing.T
	net  *sim.Network
	a, b *sim.Host
	node *node
	peer *Peer
	cfg  Config
}

func inWorld(t *testing.T, run func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		w := &world{t: t, net: n, a: n.Host("a"), b: n.Host("b")}
		w.node = serve(t, w.b)
		w.cfg = Config{ClientID: "test", Dial: w.a.DialContext, MaxResponseBytes: 1 << 16}
		w.open()
		run(w)
		w.peer.Close()
		w.node.stop()
	})
}

// open makes the peer, anew if the test has changed cfg.
func (w *world) open() {
	if w.peer != nil {
		w.peer.Close()
	}
	w.peer = New(w.cfg, 7, func() (string, error) { return "b:9092", nil })
}

func (w *world) ask(timeout time.Duration) (*kmsg.MetadataResponse, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), timeout)
	defer cancel()
	return w.do(ctx)
}

func (w *world) do(ctx context.Context) (*kmsg.MetadataResponse, error) {
	resp, err := w.peer.Do(ctx, kmsg.NewPtrMetadataRequest())
	if err != nil {
		return nil, err
	}
	return resp.(*kmsg.MetadataResponse), nil
}

// fails checks that an error is of a kind, and says which node and address, and whether the request may have arrived.
func (w *world) fails(err, kind error, sent bool) {
	w.t.Helper()
	if err == nil || kind != nil && !errors.Is(err, kind) || MaybeSent(err) != sent || !strings.Contains(err.Error(), "node 7") {
		w.t.Errorf("%v (may be sent: %v), want %v (%v)", err, MaybeSent(err), kind, sent)
	}
}

func TestRequestsArePipelinedInTheNewestCommonVersion(t *testing.T) {
	inWorld(t, func(w *world) {
		begun := time.Now()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				resp, err := w.ask(time.Minute)
				if err != nil || *resp.ClusterID != fmt.Sprintf("test %d", resp.ControllerID) {
					t.Errorf("%+v, %v", resp, err)
				}
			})
		}
		all.Wait()
		if w.node.accepted != 1 || len(w.node.asked) != 10 {
			t.Errorf("%d connections, %d requests", w.node.accepted, len(w.node.asked))
		}
		for _, h := range w.node.asked {
			if h.Version != 9 {
				t.Errorf("asked in version %d", h.Version)
			}
		}
		if took := time.Since(begun); took > 7*time.Millisecond { // connect, versions, and one way there and back for all
			t.Errorf("took %v", took)
		}
	})
}

func TestWhatTheOtherNodeDoesNotAnswerIsNotSent(t *testing.T) {
	inWorld(t, func(w *world) {
		_, err := w.peer.Do(w.t.Context(), kmsg.NewPtrFindCoordinatorRequest())
		w.fails(err, ErrUnsupported, false)
		if !strings.Contains(err.Error(), "versions 0 to 6, but it answers 50 to 60") {
			t.Errorf("%v", err)
		}
		_, err = w.peer.Do(w.t.Context(), kmsg.NewPtrDescribeClusterRequest())
		w.fails(err, ErrUnsupported, false)
		if len(w.node.asked) != 0 {
			t.Errorf("asked %v", w.node.asked)
		}
	})
}

func TestANodeThatKnowsOnlyTheFirstApiVersions(t *testing.T) {
	inWorld(t, func(w *world) {
		w.node.answer = func(h wire.RequestHeader, body []byte) []byte {
			if h.Key == keyApiVersions && h.Version > 0 {
				f := wire.UnsupportedVersion(h)
				defer f.Release()
				return append([]byte(nil), f.Parts[0].Bytes...)
			}
			return describe(h, body)
		}
		if _, err := w.ask(time.Second); err != nil {
			t.Error(err)
		}
	})
}

func TestANodeThatIsNotThereIsNamedAndAskedEverMoreSeldom(t *testing.T) {
	inWorld(t, func(w *world) {
		w.node.stop()
		dials := 0
		w.cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			dials++
			return w.a.DialContext(ctx, network, address)
		}
		w.open()
		for begun := time.Now(); time.Since(begun) < 10*time.Second; {
			_, err := w.ask(10 * time.Second)
			w.fails(err, nil, false)
			if !strings.Contains(err.Error(), "b:9092: connect:") || !strings.Contains(err.Error(), "refused") {
				t.Fatal(err)
			}
		}
		if dials < 10 || dials > 20 { // 50, 100, 200, 400, 800 ms, then every second, give or take a fifth
			t.Errorf("%d dials in 10 s", dials)
		}
		w.node = serve(t, w.b)
		if _, err := w.ask(2 * time.Second); err != nil {
			t.Errorf("after it came back: %v", err)
		}
	})
}

func TestACutLinkBeforeAndAfterTheRequest(t *testing.T) {
	inWorld(t, func(w *world) {
		w.net.Cut(w.a, w.b)
		_, err := w.ask(time.Second)
		w.fails(err, ErrNoAnswer, false)
		w.net.Heal(w.a, w.b)
		if _, err := w.ask(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		w.net.CutOneWay(w.b, w.a) // it hears us, we do not hear it
		_, err = w.ask(time.Second)
		w.fails(err, ErrNoAnswer, true)
		_, err = w.ask(time.Second)
		w.fails(err, ErrNoAnswer, false) // the old connection is not used again
		w.net.Heal(w.a, w.b)
		if _, err := w.ask(5 * time.Second); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAHalfOpenConnectionIsGivenUp(t *testing.T) {
	inWorld(t, func(w *world) {
		if _, err := w.ask(time.Second); err != nil {
			t.Fatal(err)
		}
		w.net.Isolate(w.b)
		w.b.Crash()
		w.node.done.Wait()
		begun := time.Now()
		_, err := w.ask(3 * time.Second)
		w.fails(err, ErrNoAnswer, true)
		if time.Since(begun) != 3*time.Second {
			t.Errorf("noticed after %v", time.Since(begun))
		}
		w.net.Rejoin(w.b)
		w.node = serve(t, w.b)
		if _, err := w.ask(5 * time.Second); err != nil {
			t.Fatal(err)
		}
	})
}

func TestASlowNodeEndsTheConnectionForAllWhoWaitOnIt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.node.answer = func(h wire.RequestHeader, body []byte) []byte {
			if h.Key != keyApiVersions {
				time.Sleep(2 * time.Second)
			}
			return describe(h, body)
		}
		var all sync.WaitGroup
		all.Go(func() {
			_, err := w.ask(time.Second)
			w.fails(err, ErrNoAnswer, true)
		})
		all.Go(func() {
			time.Sleep(100 * time.Millisecond)
			_, err := w.ask(time.Minute)
			w.fails(err, ErrNoAnswer, true)
		})
		all.Wait()
		if _, err := w.ask(5 * time.Second); err != nil {
			t.Error(err)
		}
	})
}

func TestAnAnswerNobodyWaitsForIsPassedOver(t *testing.T) {
	inWorld(t, func(w *world) {
		slow := true
		w.node.answer = func(h wire.RequestHeader, body []byte) []byte {
			if h.Key != keyApiVersions && slow {
				slow = false
				time.Sleep(time.Second)
			}
			return describe(h, body)
		}
		ctx, cancel := context.WithCancel(w.t.Context())
		time.AfterFunc(500*time.Millisecond, cancel)
		_, err := w.do(ctx)
		w.fails(err, context.Canceled, true)
		resp, err := w.ask(5 * time.Second)
		if err != nil || resp.ControllerID != w.node.asked[1].CorrelationID || w.node.accepted != 1 {
			t.Errorf("%+v, %v, %d connections", resp, err, w.node.accepted)
		}
	})
}

func TestGarbageEndsTheConnection(t *testing.T) {
	frame := func(size, id int32, rest ...byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(size))
		return append(binary.BigEndian.AppendUint32(b, uint32(id)), rest...)
	}
	for name, answer := range map[string]func(h wire.RequestHeader) []byte{
		"too long":            func(h wire.RequestHeader) []byte { return frame(1<<30, h.CorrelationID) },
		"negative":            func(h wire.RequestHeader) []byte { return frame(-1, h.CorrelationID) },
		"shorter than an id":  func(h wire.RequestHeader) []byte { return frame(3, h.CorrelationID) },
		"another's answer":    func(h wire.RequestHeader) []byte { return frame(5, h.CorrelationID+1, 0) },
		"endless tags":        func(h wire.RequestHeader) []byte { return frame(6, h.CorrelationID, 0xff, 0xff) },
		"body that ends soon": func(h wire.RequestHeader) []byte { return frame(6, h.CorrelationID, 0, 1) },
		"endless array": func(h wire.RequestHeader) []byte {
			return frame(14, h.CorrelationID, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 7)
		},
		"HTTP": func(wire.RequestHeader) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.node.answer = func(h wire.RequestHeader, body []byte) []byte {
					if h.Key == keyApiVersions {
						return versions(h)
					}
					return answer(h)
				}
				_, err := w.ask(time.Second)
				w.fails(err, ErrGarbage, true)
				w.node.answer = describe
				if _, err := w.ask(5 * time.Second); err != nil {
					t.Error(err)
				}
				w.node.answer = func(h wire.RequestHeader, _ []byte) []byte { return answer(h) }
				w.open()
				_, err = w.ask(time.Second)
				w.fails(err, ErrGarbage, false)
			})
		})
	}
}

func TestAnAnswerThatStopsInTheMiddle(t *testing.T) {
	inWorld(t, func(w *world) {
		w.node.answer = func(h wire.RequestHeader, body []byte) []byte {
			b := describe(h, body)
			if h.Key != keyApiVersions {
				time.AfterFunc(time.Second, func() { w.node.conns[0].Close() })
				b = b[:len(b)-3]
			}
			return b
		}
		_, err := w.ask(time.Minute)
		w.fails(err, io.ErrUnexpectedEOF, true)
	})
}

func TestARequestThatCannotBeWrittenInTime(t *testing.T) {
	inWorld(t, func(w *world) {
		if _, err := w.ask(time.Second); err != nil {
			t.Fatal(err)
		}
		w.net.Cut(w.a, w.b)
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		req := kmsg.NewPtrMetadataRequest() // more than the network takes without anybody reading
		for range 20 {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = new(strings.Repeat("x", 1<<15))
			req.Topics = append(req.Topics, topic)
		}
		_, err := w.peer.Do(ctx, req)
		w.fails(err, nil, true)
		w.net.Heal(w.a, w.b)
		if _, err := w.ask(5 * time.Second); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	inWorld(t, func(w *world) {
		w.node.answer = func(h wire.RequestHeader, _ []byte) []byte {
			if h.Key == keyApiVersions {
				return versions(h)
			}
			return nil
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				_, err := w.ask(time.Hour)
				w.fails(err, ErrClosed, true)
			})
		}
		time.Sleep(time.Second)
		w.peer.Close()
		all.Wait()
		_, err := w.ask(time.Hour)
		w.fails(err, ErrClosed, false)

		w.open()
		w.net.Cut(w.a, w.b)
		all.Go(func() {
			_, err := w.ask(time.Hour)
			w.fails(err, ErrClosed, false)
		})
		time.Sleep(time.Second)
		w.peer.Close()
		all.Wait()
		w.net.Heal(w.a, w.b)
	})
}

func TestAConnectionThatCannotBeSecured(t *testing.T) {
	inWorld(t, func(w *world) {
		secured := 0
		refused := errors.New("certificate of another host")
		w.cfg.Wrap = func(_ context.Context, c net.Conn, address string) (net.Conn, error) {
			if secured++; secured == 1 {
				_ = c.Close()
				return nil, refused
			}
			if address != "b:9092" {
				t.Errorf("wrap for %s", address)
			}
			return c, nil
		}
		w.open()
		_, err := w.ask(time.Second)
		w.fails(err, refused, false)
		if _, err := w.ask(5 * time.Second); err != nil {
			t.Error(err)
		}
	})
}

func TestAnAddressThatIsNotKnownYet(t *testing.T) {
	inWorld(t, func(w *world) {
		w.peer.Close()
		unknown := errors.New("not registered")
		w.peer = New(w.cfg, 7, func() (string, error) { return "", unknown })
		_, err := w.ask(time.Second)
		w.fails(err, unknown, false)
	})
}
