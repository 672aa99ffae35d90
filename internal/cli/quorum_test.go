package cli

import (
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/listener"
	"leat/internal/record"
	"leat/internal/wire"
)

// fakeController answers as the leader of voters 1 and 3, and as what the test says for who it is.
type fakeController struct {
	address string
	port    uint16

	mu     sync.Mutex
	who    wire.IdentityResponse
	votes  [2]record.UUID // directories of voters 1 and 3; zero: no vote
	before string         // addresses that are named before its own
	asked  []string
	fails  map[int16]int16 // error codes by key
	member bool            // controller 3 is registered
}

func startController(t *testing.T) *fakeController {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeController{address: l.Addr().String(), port: uint16(l.Addr().(*net.TCPAddr).Port), fails: map[int16]int16{},
		votes: [2]record.UUID{{1}, {3}}, who: wire.IdentityResponse{NodeID: 3, DirID: record.UUID{9}, ClusterID: "cluster"}}
	s := listener.Serve(listener.Config{Name: "CONTROLLER", Control: true, Listener: l, Shared: listener.NewShared(), Handler: f.handle,
		Logger: slog.New(slog.DiscardHandler), Limits: func() listener.Limits { return listener.Limits{SendBuffer: -1, RecvBuffer: -1} }})
	t.Cleanup(s.Close)
	return f
}

func (f *fakeController) handle(rq *listener.Request) {
	body, err := wire.Decode(rq.Header, rq.Body)
	if err != nil {
		rq.Hangup(err.Error())
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	resp := f.answer(body)
	resp.SetVersion(rq.Header.Version)
	rq.Reply(wire.EncodeResponse(rq.Header, resp))
}

func (f *fakeController) answer(body kmsg.Request) kmsg.Response {
	switch rq := body.(type) {
	case *kmsg.ApiVersionsRequest:
		resp := kmsg.NewPtrApiVersionsResponse()
		for _, key := range []int16{18, 55, 60, 64, 80, 81, wire.KeyIdentity} {
			api, _ := wire.Lookup(key)
			resp.ApiKeys = append(resp.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MinVersion: api.Min, MaxVersion: api.Max})
		}
		return resp
	case *kmsg.DescribeQuorumRequest:
		part := kmsg.DescribeQuorumResponseTopicPartition{LeaderID: 1, LeaderEpoch: 4, HighWatermark: 20, ErrorCode: f.fails[55]}
		resp := kmsg.NewPtrDescribeQuorumResponse()
		for i, id := range []int32{1, 3} {
			if !f.votes[i].IsZero() {
				part.CurrentVoters = append(part.CurrentVoters, kmsg.DescribeQuorumResponseTopicPartitionReplicaState{
					ReplicaID: id, ReplicaDirectoryID: f.votes[i], LogEndOffset: 20 - int64(i), LastFetchTimestamp: -1, LastCaughtUpTimestamp: -1})
				resp.Nodes = append(resp.Nodes, kmsg.DescribeQuorumResponseNode{NodeID: id,
					Listeners: []kmsg.DescribeQuorumResponseNodeListener{{Name: "CONTROLLER", Host: "127.0.0.1", Port: f.port}}})
			}
		}
		resp.Topics = []kmsg.DescribeQuorumResponseTopic{{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumResponseTopicPartition{part}}}
		return resp
	case *kmsg.DescribeClusterRequest:
		resp := kmsg.NewPtrDescribeClusterResponse()
		if f.member && rq.EndpointType == 2 {
			resp.Brokers = []kmsg.DescribeClusterResponseBroker{{NodeID: 1, Host: "elsewhere", Port: 1}, {NodeID: 3, Host: "127.0.0.1", Port: int32(f.port)}}
		}
		return resp
	case *kmsg.RemoveRaftVoterRequest:
		f.asked = append(f.asked, "remove "+record.UUID(rq.VoterDirectoryID).String())
		f.votes[1] = record.UUID{}
		return &kmsg.RemoveRaftVoterResponse{ErrorCode: f.fails[81]}
	case *kmsg.AddRaftVoterRequest:
		f.asked = append(f.asked, "add "+record.UUID(rq.VoterDirectoryID).String()+" "+rq.Listeners[0].Name+" of "+*rq.ClusterID)
		return &kmsg.AddRaftVoterResponse{ErrorCode: f.fails[80]}
	case *wire.Identity:
		who := f.who
		return &who
	}
	return body.ResponseKind()
}

// takeAsked returns what was asked since it was last called. The controller's goroutine writes it, so that an answer which the command line
// has read is not enough to look at it without the lock.
func (f *fakeController) takeAsked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.asked
	f.asked = nil
	return asked
}

// leat runs the command line against the controller.
func (f *fakeController) leat(t *testing.T, args ...string) (status int, out, errs string) {
	p := newFake(t, nil)
	status = p.main(append(args, "--bootstrap-controller", f.before+f.address, "--timeout", "10s"))
	return status, p.out.String(), p.err.String()
}

// A node that is starting takes connections and does not answer: what changes something must not be lost on it.
func TestAControllerThatDoesNotAnswerIsAskedLast(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	f := startController(t)
	f.before = silent.Addr().String() + ","
	if status, _, errs := f.leat(t, "quorum", "remove-controller", "3", "--yes"); status != 0 {
		t.Errorf("%d: %s", status, errs)
	}
	if asked := f.takeAsked(); len(asked) != 1 {
		t.Errorf("asked %q", asked)
	}
	for range 2 { // to find out who answers, and no more
		silent.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := silent.Accept(); err != nil {
			return
		}
	}
	t.Error("the silent address was asked more than once")
}

func TestAVoteIsTakenAwayOnlyIfThatIsConfirmed(t *testing.T) {
	f := startController(t)
	if status, _, errs := f.leat(t, "quorum", "remove-controller", "3"); status != 2 || !strings.Contains(errs, "take the vote of controller 3 away: nobody is there to ask: --yes does it") {
		t.Errorf("%d: %s", status, errs)
	}
	status, out, errs := f.leat(t, "quorum", "remove-controller", "3", "--plan", "-o", "template={{.object}} {{.action}} {{.what}} {{.done}}")
	if status != 0 || out != "controller 3 remove vote false\n" {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if asked := f.takeAsked(); len(asked) != 0 {
		t.Errorf("changed %q", asked)
	}
}

func TestALostControllerIsReplacedByOneCommand(t *testing.T) {
	f := startController(t)
	status, out, errs := f.leat(t, "quorum", "replace-controller", "3")
	oldDir, newDir := record.UUID{3}.String(), record.UUID{9}.String()
	if status != 0 || !strings.Contains(out, "no longer votes from directory "+oldDir) || !strings.Contains(out, "votes from directory "+newDir) {
		t.Fatalf("%d: %s%s", status, out, errs)
	}
	if got := strings.Join(f.takeAsked(), "; "); got != "remove "+oldDir+"; add "+newDir+" CONTROLLER of cluster" {
		t.Errorf("asked: %s", got)
	}
	// The old vote is gone; only the rest is done again, where the operator says that the controller is, or where it says so itself.
	if status, _, errs := f.leat(t, "quorum", "replace-controller", "3"); status != 1 || !strings.Contains(errs, "say --at HOST:PORT") {
		t.Errorf("%d: %s", status, errs)
	}
	if status, _, errs := f.leat(t, "quorum", "replace-controller", "3", "--at", f.address); status != 0 {
		t.Errorf("%d: %s", status, errs)
	}
	f.mu.Lock()
	f.member = true
	f.mu.Unlock()
	if status, _, errs := f.leat(t, "quorum", "replace-controller", "3"); status != 0 {
		t.Errorf("%d: %s", status, errs)
	}
	if asked := f.takeAsked(); len(asked) != 2 || asked[0] != asked[1] {
		t.Errorf("asked %v", asked)
	}
}

func TestAControllerThatIsNotLostIsNotReplaced(t *testing.T) {
	for want, change := range map[string]func(*fakeController){
		"has it: nothing is to be replaced":        func(f *fakeController) { f.who.DirID = record.UUID{3} },
		"is controller 5, not 3":                   func(f *fakeController) { f.who.NodeID = 5 },
		"has not found its cluster yet":            func(f *fakeController) { f.who.ClusterID = "" },
		"does not lead the controllers":            func(f *fakeController) { f.fails[55] = kerr.NotLeaderForPartition.Code },
		"the old vote is removed already; do the ": func(f *fakeController) { f.fails[80] = kerr.RequestTimedOut.Code },
	} {
		f := startController(t)
		f.mu.Lock()
		change(f)
		f.mu.Unlock()
		status, _, errs := f.leat(t, "quorum", "replace-controller", "3")
		if status != 1 || !strings.Contains(errs, want) {
			t.Errorf("%d: %s, want %q", status, errs, want)
		}
		if asked := f.takeAsked(); !strings.HasPrefix(want, "the old vote is removed") && len(asked) > 0 {
			t.Errorf("%q: changed %v", want, asked)
		}
	}
}

func TestQuorumIsDescribed(t *testing.T) {
	f := startController(t)
	if status, out, errs := f.leat(t, "quorum", "describe"); status != 0 || !strings.Contains(out, "leader 1, epoch 4, high watermark 20") || !strings.Contains(out, "never") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if status, out, errs := f.leat(t, "quorum", "describe", "-o", "json"); status != 0 || !strings.Contains(out, `"lag": 1`) || !strings.Contains(out, `"name": "CONTROLLER"`) {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if status, _, errs := f.leat(t, "quorum", "describe", "-o", "xml"); status != 2 || !strings.Contains(errs, "neither table, json, yaml") {
		t.Errorf("%d: %s", status, errs)
	}
	if status, _, errs := f.leat(t, "cluster", "unregister", "3"); status != 2 || !strings.Contains(errs, "forget broker 3: nobody is there to ask: --yes does it") {
		t.Errorf("%d: %s", status, errs)
	}
	if status, out, errs := f.leat(t, "cluster", "unregister", "3", "--plan", "-o", "template={{.object}} {{.action}} {{.done}}"); status != 0 || out != "broker 3 forget false\n" {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if status, _, errs := f.leat(t, "cluster", "unregister", "x", "--yes"); status != 2 || !strings.Contains(errs, "not a number") {
		t.Errorf("%d: %s", status, errs)
	}
}
