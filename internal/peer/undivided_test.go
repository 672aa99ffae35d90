package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/wire"
)

// inUndividedWorld is inWorld with a line that one goroutine uses.
func inUndividedWorld(t *testing.T, run func(w *world)) {
	inWorld(t, func(w *world) {
		w.cfg.Undivided = true
		w.open()
		run(w)
	})
}

// begin sends a request whose answer is not waited for yet.
func (w *world) begin() Pending {
	p, err := w.peer.Begin(w.t.Context(), kmsg.NewPtrMetadataRequest())
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func TestAnUndividedLineGivesAnswersInTheirOrder(t *testing.T) {
	inUndividedWorld(t, func(w *world) {
		for round := range 3 {
			first, second := w.begin(), w.begin()
			for i, p := range []Pending{second, first} { // the second waits for both
				r, interrupted, err := p.Wait(w.t.Context(), nil)
				if err != nil || interrupted {
					t.Fatal(interrupted, err)
				}
				resp := kmsg.NewPtrMetadataResponse()
				resp.Version = 9
				if err := wire.DecodeResponse(resp, r.Body); err != nil || resp.ControllerID != int32(2*round+3-i) {
					t.Errorf("round %d: answer to request %d, %v", round, resp.ControllerID, err)
				}
				r.Release()
			}
		}
		if w.node.accepted != 1 {
			t.Errorf("%d connections", w.node.accepted)
		}
	})
}

func TestAWaitOnAnUndividedLineIsInterruptedAndGoesOn(t *testing.T) {
	inUndividedWorld(t, func(w *world) {
		w.node.answer = inTwoPieces(w)
		p, kick := w.begin(), make(chan struct{}, 1)
		for _, after := range []time.Duration{0, 100 * time.Millisecond, 1200 * time.Millisecond} { // at once, before the answer, and in the middle of it
			begun := time.Now()
			time.AfterFunc(after, func() {
				kick <- struct{}{}
				w.peer.Interrupt()
			})
			if _, interrupted, err := p.Wait(w.t.Context(), kick); !interrupted || err != nil || time.Since(begun) != after {
				t.Fatalf("interrupted %v after %v, want %v: %v", interrupted, time.Since(begun), after, err)
			}
		}
		w.peer.Interrupt() // for nothing
		r, interrupted, err := p.Wait(w.t.Context(), kick)
		if err != nil || interrupted || len(r.Body) == 0 {
			t.Fatalf("%d bytes, interrupted %v, %v", len(r.Body), interrupted, err)
		}
		w.node.answer = describe
		if resp, err := w.ask(time.Second); err != nil || resp.ControllerID != 3 { // counted with that for the versions
			t.Errorf("%+v, %v", resp, err)
		}
		if w.node.accepted != 1 {
			t.Errorf("%d connections", w.node.accepted)
		}
	})
}

// inTwoPieces answers with a byte after a second, and with the rest after another.
func inTwoPieces(w *world) func(h wire.RequestHeader, body []byte) []byte {
	return func(h wire.RequestHeader, body []byte) []byte {
		b := describe(h, body)
		if h.Key != keyApiVersions {
			time.Sleep(time.Second)
			_, _ = w.node.conns[len(w.node.conns)-1].Write(b[:1])
			time.Sleep(time.Second)
			b = b[1:]
		}
		return b
	}
}

func TestAnUndividedLineThatNobodyAnswersOn(t *testing.T) {
	inUndividedWorld(t, func(w *world) {
		w.node.answer = func(h wire.RequestHeader, _ []byte) []byte {
			if h.Key == keyApiVersions {
				return versions(h)
			}
			return nil
		}
		begun := time.Now()
		_, err := w.ask(3 * time.Second)
		w.fails(err, ErrNoAnswer, true)
		if time.Since(begun) > 3*time.Second {
			t.Errorf("given up after %v", time.Since(begun))
		}

		p := w.begin() // whoever stops waiting leaves the answer to be passed over
		ctx, cancel := context.WithCancel(w.t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, _, err := p.Wait(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		time.AfterFunc(time.Second, func() { _ = w.node.conns[len(w.node.conns)-1].Close() })
		_, _, err = p.Wait(w.t.Context(), nil)
		w.fails(err, nil, true)

		p = w.begin()
		time.AfterFunc(time.Second, w.peer.Close)
		_, _, err = p.Wait(w.t.Context(), nil)
		w.fails(err, ErrClosed, true)
	})
}

// stream gives a byte at a time, and an error in between.
type stream struct {
	b     []byte
	tired bool
}

var errTired = errors.New("tired")

func (s *stream) Read(p []byte) (int, error) {
	if s.tired = !s.tired; s.tired {
		return 0, errTired
	}
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:1], s.b)
	s.b = s.b[n:]
	return n, nil
}

func TestAnIntakeGoesOnWhereItWas(t *testing.T) {
	s, in := &stream{b: []byte("\x00\x00\x00\x08\x00\x00\x00\x01four\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00\x06\x00\x00\x00\x03ab")}, new(intake)
	var got []string
	for {
		id, rest, err := in.next(s, 100)
		if errors.Is(err, errTired) {
			continue
		}
		if err != nil {
			break
		}
		got = append(got, fmt.Sprintf("%d %s", id, rest.B))
		rest.Free()
	}
	if want := "[1 four 2  3 ab]"; fmt.Sprint(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}
