package broker

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/security"
)

// adminNode is a node with a controller listener, whose controller answers what the test says, and whose image comes from publish.
type adminNode struct {
	*node
	control *pipes
	answer  func(kmsg.Request) (kmsg.Response, error)
	asked   []kmsg.Request // of the controller
	awaited int            // waits for an image
}

func newAdminNode(t testing.TB, settings ...string) *adminNode {
	n := &adminNode{node: newNode(t, settings...), control: newPipes()}
	n.h.ClusterID, n.h.Controller, n.h.Await = "cluster-1", n, n.await
	n.h.Quorum = func() quorum.Description {
		return quorum.Description{LeaderID: self, LeaderEpoch: 4, HighWatermark: 99,
			Voters: []quorum.Replica{{NodeID: self, DirID: record.UUID{7}, LogEndOffset: 100, LastFetch: time.UnixMilli(5), LastCaughtUp: time.UnixMilli(6)}}}
	}
	n.h.ControllerEndpoints = func() []metadata.Endpoint { return []metadata.Endpoint{{Name: "CONTROLLER", Host: "ctl", Port: 9093}} }
	return n
}

// Do is the controller.
func (n *adminNode) Do(ctx context.Context, _ security.Principal, rq kmsg.Request) (kmsg.Response, error) {
	n.asked = append(n.asked, rq)
	if n.answer == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return n.answer(rq)
}

func (n *adminNode) await(ctx context.Context, until func(*metadata.Image) bool) error {
	n.awaited++
	for !until(n.newest()) {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// dialControl connects to the controller listener.
func (n *adminNode) dialControl() *client {
	ours, theirs := net.Pipe()
	n.control.conns <- theirs
	return &client{t: n.t, conn: ours, id: "test"}
}

// withAdmin runs a test on virtual time, with a client on either listener.
func withAdmin(t *testing.T, settings []string, run func(t *testing.T, n *adminNode, c, control *client)) {
	synctest.Test(t, func(t *testing.T) {
		n := newAdminNode(t, settings...)
		server := listener.Serve(listener.Config{Name: "CONTROLLER", Control: true, Listener: n.control, Shared: listener.NewShared(),
			Handler: n.h.Handle, Logger: slog.New(slog.DiscardHandler),
			Limits: func() listener.Limits { return listener.Limits{SendBuffer: -1, RecvBuffer: -1} }})
		c, control := n.dial(), n.dialControl()
		run(t, n, c, control)
		c.close()
		control.close()
		server.Close()
		n.stop()
	})
}

// errorName is the name of an error code, "" for none.
func errorName(code int16) string {
	if code == 0 {
		return ""
	}
	return kerr.TypedErrorForCode(code).Message
}

// extraBrokers registers broker 3, which is fenced, and broker 4, which has no listener for clients.
func (n *adminNode) extraBrokers() {
	n.publish(&metadata.RegisterBrokerRecord{BrokerID: 3, BrokerEpoch: 79, Fenced: true, EndPoints: []metadata.RecordEndpoint{{Name: "PLAINTEXT", Host: "three", Port: 9092}}},
		&metadata.RegisterBrokerRecord{BrokerID: 4, BrokerEpoch: 80, EndPoints: []metadata.RecordEndpoint{{Name: "OTHER", Host: "four", Port: 9092}}})
}
