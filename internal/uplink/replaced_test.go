package uplink

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
)

// The active controller stands still with its connections open, and another takes over: what a client asked is not waited for until its time is over. What may
// be repeated is asked of the new one; of the rest the client hears that it may have been done.
func TestAFrozenControllerIsNotWaitedForWhenAnotherTakesOver(t *testing.T) {
	for _, c := range []struct {
		name    string
		request func() kmsg.Request
		want    error
	}{
		{"repeatable", func() kmsg.Request { return kmsg.NewPtrAlterPartitionRequest() }, nil},
		{"not repeatable", func() kmsg.Request {
			rq := kmsg.NewPtrCreateTopicsRequest()
			rq.Version = 7
			return rq
		}, kerr.RequestTimedOut},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				thaw := make(chan struct{})
				_, c1 := startFake(t, func(rq kmsg.Request) kmsg.Response {
					<-thaw
					return rq.ResponseKind()
				})
				defer close(thaw)
				own := &ownMachine{errs: []error{nil}} // node 2, which takes over
				line := NewLineFrom(c1, 2, own)
				defer line.Close()
				c1.Known(Address{2, "here", 1})
				c1.Lead(1, 1)
				time.AfterFunc(3*time.Second, func() { c1.Lead(-1, 1) }) // nobody yet: the one before may be it again
				time.AfterFunc(5*time.Second, func() { c1.Lead(2, 2) })
				began := time.Now()
				_, err := line.Do(t.Context(), security.Anonymous, c.request())
				took := time.Since(began)
				if !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if took < 5*time.Second || took > 7*time.Second {
					t.Errorf("it took %v, another took over after 5s", took)
				}
			})
		})
	}
}

// A controller that gives its leadership up answers what it has done just then.
func TestTheAnswerOfAControllerThatGaveUpIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := startFake(t, func(rq kmsg.Request) kmsg.Response {
			time.Sleep(replacedGrace - 50*time.Millisecond)
			return rq.ResponseKind()
		})
		line := NewLineFrom(c, 2, &ownMachine{})
		defer line.Close()
		c.Known(Address{2, "here", 1})
		c.Lead(1, 1)
		time.AfterFunc(10*time.Millisecond, func() { c.Lead(2, 2) })
		if _, err := line.Do(t.Context(), security.Anonymous, kmsg.NewPtrAlterPartitionRequest()); err != nil || f.count(56) != 1 {
			t.Errorf("asked %d times: %v", f.count(56), err)
		}
		if len(c.waiters) != 0 {
			t.Errorf("%d waiters are left", len(c.waiters))
		}
	})
}
