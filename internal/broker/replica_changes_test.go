package broker

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fromNodes are the requests that only nodes send to the controller.
func fromNodes() []kmsg.Request {
	return []kmsg.Request{
		kmsg.NewPtrAlterPartitionRequest(), kmsg.NewPtrBrokerRegistrationRequest(), kmsg.NewPtrBrokerHeartbeatRequest(),
		kmsg.NewPtrAllocateProducerIDsRequest(), kmsg.NewPtrControllerRegistrationRequest(), kmsg.NewPtrAssignReplicasToDirsRequest(),
	}
}

func TestWhatNodesSayReachesTheController(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, _, control *client) {
		for _, rq := range fromNodes() {
			n.asked = nil
			n.answer = func(kmsg.Request) (kmsg.Response, error) { return rq.ResponseKind(), nil }
			if got := hand(control, rq, rq.MaxVersion()); got != "all" || len(n.asked) != 1 || n.asked[0].Key() != rq.Key() {
				t.Errorf("%T: %s, asked %d", rq, got, len(n.asked))
			}
			n.answer = func(kmsg.Request) (kmsg.Response, error) { return nil, errors.New("no active controller") }
			if got := hand(control, rq, rq.MaxVersion()); got != "all NOT_CONTROLLER" {
				t.Errorf("%T: %s", rq, got)
			}
			n.answer = func(kmsg.Request) (kmsg.Response, error) { return nil, context.DeadlineExceeded }
			if got := hand(control, rq, rq.MaxVersion()); got != "all REQUEST_TIMED_OUT" {
				t.Errorf("%T: %s", rq, got)
			}
		}
		if n.awaited > 0 {
			t.Error("waited for an image, which another node's request does not need")
		}
	})
}

// Clients must not be able to speak as nodes.
func TestNodesAreNotHeardOnListenersForClients(t *testing.T) {
	for _, rq := range fromNodes() {
		withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
			c.send(rq, rq.MaxVersion())
			if _, err := c.frame(); err == nil {
				t.Errorf("%T was answered", rq)
			}
			if len(n.asked) > 0 {
				t.Errorf("%T reached the controller", rq)
			}
		})
	}
}
