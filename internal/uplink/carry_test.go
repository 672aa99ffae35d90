package uplink

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/listener"
	"leat/internal/machine"
	"leat/internal/peer"
	"leat/internal/security"
	"leat/internal/sim"
	"leat/internal/wire"
)

// frameTaker is a controller that takes frames.
type frameTaker struct {
	host *sim.Host

	mu  sync.Mutex
	got []string // guarded by mu
}

func startTaker(t *testing.T, host *sim.Host) *frameTaker {
	t.Helper()
	l, err := host.Listen("tcp", net.JoinHostPort(host.Name(), "9093"))
	if err != nil {
		t.Fatal(err)
	}
	f := &frameTaker{host: host}
	s := listener.Serve(listener.Config{
		Name: "CONTROLLER", Control: true, Listener: l, Shared: listener.NewShared(), Handler: f.handle, Logger: slog.New(slog.DiscardHandler),
		Limits: func() listener.Limits {
			return listener.Limits{MaxRequestBytes: 1 << 20, MaxConnections: 100, MaxConnectionsPerIP: 100, MaxIdle: time.Hour, MaxInFlight: 10}
		},
	})
	t.Cleanup(s.Close)
	return f
}

func (f *frameTaker) handle(rq *listener.Request) {
	if rq.Header.Key == 18 {
		resp := kmsg.NewPtrApiVersionsResponse()
		resp.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 18, MaxVersion: 4}, {ApiKey: wire.KeyQuorumFrames}}
		rq.Reply(wire.EncodeResponse(rq.Header, resp))
		return
	}
	body, err := wire.Decode(rq.Header, rq.Body)
	if err != nil {
		rq.Hangup(err.Error())
		return
	}
	f.mu.Lock()
	for _, frame := range body.(*wire.QuorumFrames).Frames {
		f.got = append(f.got, string(frame))
	}
	f.mu.Unlock()
	rq.Reply(wire.EncodeResponse(rq.Header, &wire.QuorumFramesResponse{}))
}

func (f *frameTaker) frames() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

func TestFramesArriveInOrderAndAControllerThatIsGoneIsSuspected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		here, there, still := network.Host("here"), network.Host("there"), network.Host("still")
		gone, stalled := startTaker(t, there), startTaker(t, still)
		suspected := make(chan int32, 10)
		peers := peer.Config{ClientID: "test", Dial: here.DialContext}
		c := NewControllers(nil, peers, nil)
		for id, h := range map[int32]*sim.Host{2: there, 3: still} {
			c.Known(Address{id, h.IP().String(), 9093})
		}
		f := NewFrames(FramesConfig{NodeID: 1, ClusterID: "c", Controllers: c, Peers: peers, Timeout: 2 * time.Second,
			Suspect: func(id int32) { suspected <- id }, Logger: slog.New(slog.DiscardHandler)})
		defer f.Close()
		for i := range 100 {
			for _, to := range []int32{2, 3} {
				if err := f.Send(t.Context(), to, [][]byte{[]byte(strconv.Itoa(i))}); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Second)
		for i, got := range gone.frames() {
			if got != strconv.Itoa(i) {
				t.Fatalf("frame %d is %q", i, got)
			}
		}
		if here, there := len(gone.frames()), len(stalled.frames()); here != 100 || there != 100 {
			t.Errorf("%d and %d frames arrived, want 100 each", here, there)
		}
		network.Cut(here, still) // answers nothing, refuses nothing
		there.Stop()
		if id := <-suspected; id != 2 {
			t.Errorf("controller %d is suspected, want 2", id)
		}
		start := time.Now()
		for range 3 {
			_ = f.Send(t.Context(), 3, [][]byte{[]byte("lost")})
			time.Sleep(3 * time.Second)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("a controller behind a cut link held frames for %s", took)
		}
		select {
		case id := <-suspected:
			if id != 2 {
				t.Errorf("controller %d is suspected although nothing refused", id)
			}
		default:
		}
	})
}

// ownMachine is this node's controller; each call takes the next answer.
type ownMachine struct{ errs []error }

func (o *ownMachine) Do(_ context.Context, _ security.Principal, rq kmsg.Request) (kmsg.Response, error) {
	err := o.errs[0]
	o.errs = o.errs[1:]
	if err != nil {
		return nil, err
	}
	return rq.ResponseKind(), nil
}

func TestWhatTheOwnControllerRefusesGoesToWhoLeadsThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := startFake(t, func(rq kmsg.Request) kmsg.Response { return rq.ResponseKind() })
		own := &ownMachine{errs: []error{nil, kerr.NotController, machine.ErrUnloaded, machine.ErrUnloaded}}
		line := NewLineFrom(c, 7, own)
		defer line.Close()
		c.Known(Address{7, "nowhere", 1})
		c.Lead(7, 1)
		ask := func() error {
			_, err := line.Do(t.Context(), security.Anonymous, kmsg.NewPtrAlterPartitionRequest())
			return err
		}
		if err := ask(); err != nil || f.count(56) != 0 {
			t.Errorf("while this node leads: %v, and %d requests went elsewhere", err, f.count(56))
		}
		time.AfterFunc(10*time.Millisecond, func() { c.Lead(1, 2) })
		if err := ask(); err != nil || f.count(56) != 1 {
			t.Errorf("when another leads: %v, and %d requests went there, want 1", err, f.count(56))
		}
		c.Lead(7, 3)
		time.AfterFunc(10*time.Millisecond, func() { c.Lead(1, 4) })
		if err := ask(); err != nil || f.count(56) != 2 { // repeatable
			t.Errorf("after a leadership was lost: %v, and %d requests went elsewhere, want 2", err, f.count(56))
		}
		c.Lead(7, 5)
		rq := kmsg.NewPtrCreateTopicsRequest()
		rq.Version = 7
		if _, err := line.Do(t.Context(), security.Anonymous, rq); !errors.Is(err, kerr.RequestTimedOut) || f.count(58) != 0 {
			t.Errorf("a topic that may have been made: %v, want REQUEST_TIMED_OUT and no second try", err)
		}
	})
}
