package broker

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/quorum"
	"leat/internal/record"
)

// fakeVoters is a quorum of which a test says everything.
type fakeVoters struct {
	leader  int32
	members []quorum.Member
	changes []quorum.Change
	fails   func(*fakeVoters) error
}

func (v *fakeVoters) Active() (leader, epoch int32, known bool) { return v.leader, 4, v.leader >= 0 }

func (v *fakeVoters) Members() []quorum.Member { return v.members }

func (v *fakeVoters) Change(_ context.Context, c quorum.Change) error {
	v.changes = append(v.changes, c)
	if v.fails != nil {
		return v.fails(v)
	}
	return nil
}

func voterAt(id int32, disk byte) quorum.Member {
	return quorum.Member{ID: id, DirID: record.UUID{disk}, Endpoints: []quorum.Endpoint{{Name: "CONTROLLER", Host: "ctl", Port: uint16(9000 + id)}}, MaxKRaft: 1}
}

// threeVoters has this node lead voters self, 11 and 12.
func threeVoters(n *adminNode) *fakeVoters {
	v := &fakeVoters{leader: self, members: []quorum.Member{voterAt(self, 1), voterAt(11, 2), voterAt(12, 3)}}
	n.h.Voters = v
	return v
}

func addRequest(id int32, disk byte) *kmsg.AddRaftVoterRequest {
	rq := kmsg.NewPtrAddRaftVoterRequest()
	rq.VoterID, rq.VoterDirectoryID = id, [16]byte{disk}
	rq.Listeners = []kmsg.AddRaftVoterRequestListener{{Name: "CONTROLLER", Host: "ctl", Port: uint16(9000 + id)}}
	return rq
}

func removeRequest(id int32, disk byte) *kmsg.RemoveRaftVoterRequest {
	rq := kmsg.NewPtrRemoveRaftVoterRequest()
	rq.VoterID, rq.VoterDirectoryID = id, [16]byte{disk}
	return rq
}

func TestVotersAreChangedWhereControllersAreLed(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, control *client) {
		v := threeVoters(n)
		for _, c := range []*client{c, control} {
			added := ask[*kmsg.AddRaftVoterResponse](c, addRequest(13, 9), 1)
			removed := ask[*kmsg.RemoveRaftVoterResponse](c, removeRequest(11, 2), 0)
			if added.ErrorCode != 0 || added.ErrorMessage != nil || removed.ErrorCode != 0 || removed.ErrorMessage != nil {
				t.Fatalf("%+v, %+v", added, removed)
			}
		}
		if len(v.changes) != 4 || len(n.asked) != 0 {
			t.Fatalf("changes %+v", v.changes)
		}
		if got := v.changes[0]; got.Action != quorum.AddVoter || got.Voter.ID != 13 || got.Voter.DirID != (record.UUID{9}) || got.Voter.Endpoints[0].Port != 9013 || got.Voter.MaxKRaft != 1 {
			t.Errorf("added %+v", got)
		}
		if got := v.changes[1]; got.Action != quorum.RemoveVoter || got.Voter.ID != 11 || got.Voter.DirID != (record.UUID{2}) {
			t.Errorf("removed %+v", got)
		}
	})
}

func TestChangesOfVotersAreRefusedInKafkasWords(t *testing.T) {
	elsewhere, other := addRequest(13, 9), "another"
	elsewhere.Listeners[0].Name = "PLAINTEXT"
	foreign := addRequest(13, 9)
	foreign.ClusterID = &other
	const all = "[ReplicaKey(id=7, directoryId=AQAAAAAAAAAAAAAAAAAAAA), ReplicaKey(id=11, directoryId=AgAAAAAAAAAAAAAAAAAAAA), ReplicaKey(id=12, directoryId=AwAAAAAAAAAAAAAAAAAAAA)]"
	tests := map[string]struct {
		rq         kmsg.Request
		code, text string
	}{
		"another cluster's":       {foreign, "INCONSISTENT_CLUSTER_ID", `The given id "another" doesn't match the cluster id "cluster-1"`},
		"no directory":            {addRequest(13, 0), "INVALID_REQUEST", "Add voter request didn't include a valid voter"},
		"no id":                   {removeRequest(-1, 2), "INVALID_REQUEST", "Remove voter request didn't include a valid voter"},
		"not where voters listen": {elsewhere, "INVALID_REQUEST", "Add voter request didn't include the endpoint (PLAINTEXT=ctl:9013) for the default listener CONTROLLER"},
		"the same id":             {addRequest(11, 9), "DUPLICATE_VOTER", "The voter id for ReplicaKey(id=11, directoryId=CQAAAAAAAAAAAAAAAAAAAA) is already part of the set of voters " + all + "."},
		"another disk":            {removeRequest(11, 9), "VOTER_NOT_FOUND", "Cannot remove voter ReplicaKey(id=11, directoryId=CQAAAAAAAAAAAAAAAAAAAA) from the set of voters " + all},
	}
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		v := threeVoters(n)
		v.members[0].ID, v.leader, n.h.NodeID = 7, 7, 7
		for name, test := range tests {
			var code int16
			var text *string
			switch rq := test.rq.(type) {
			case *kmsg.AddRaftVoterRequest:
				resp := ask[*kmsg.AddRaftVoterResponse](c, rq, 0)
				code, text = resp.ErrorCode, resp.ErrorMessage
			case *kmsg.RemoveRaftVoterRequest:
				resp := ask[*kmsg.RemoveRaftVoterResponse](c, rq, 0)
				code, text = resp.ErrorCode, resp.ErrorMessage
			}
			if errorName(code) != test.code || text == nil || *text != test.text {
				t.Errorf("%s: %s %q", name, errorName(code), deref(text))
			}
		}
		for i := range v.members {
			v.members[i].DirID = record.UUID{}
		}
		static := ask[*kmsg.AddRaftVoterResponse](c, addRequest(13, 9), 0)
		if errorName(static.ErrorCode) != "UNSUPPORTED_VERSION" || deref(static.ErrorMessage) != "Cluster doesn't support adding voter because the kraft.version feature is 0" {
			t.Errorf("static voters: %+v", static)
		}
		if len(v.changes) > 0 {
			t.Errorf("changed: %+v", v.changes)
		}
	})
}

// A controller whose addition came to nothing, because who led then is gone, is taken back by the same request.
func TestWhoWasAboutToVoteIsRemoved(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		v := threeVoters(n)
		left := voterAt(13, 9)
		left.Learner = true
		v.members = append(v.members, left)
		if resp := ask[*kmsg.RemoveRaftVoterResponse](c, removeRequest(13, 9), 0); resp.ErrorCode != 0 || len(v.changes) != 1 || v.changes[0].Voter.ID != 13 {
			t.Errorf("%+v, changes %+v", resp, v.changes)
		}
	})
}

func TestWhoDoesNotLeadSaysSoOrHandsOn(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, control *client) {
		v := threeVoters(n)
		v.leader = 11
		n.answer = func(rq kmsg.Request) (kmsg.Response, error) { return rq.ResponseKind(), nil }
		if resp := ask[*kmsg.AddRaftVoterResponse](c, addRequest(13, 9), 1); resp.ErrorCode != 0 || len(n.asked) != 1 {
			t.Errorf("a broker: %+v, asked %d", resp, len(n.asked))
		}
		if resp := ask[*kmsg.AddRaftVoterResponse](control, addRequest(13, 9), 1); errorName(resp.ErrorCode) != "NOT_LEADER_FOR_PARTITION" || len(n.asked) != 1 {
			t.Errorf("a controller: %+v, asked %d", resp, len(n.asked))
		}
		rq := kmsg.NewPtrUpdateRaftVoterRequest()
		rq.VoterID, rq.VoterDirectoryID, rq.CurrentLeaderEpoch = 12, [16]byte{3}, 4
		if resp := ask[*kmsg.UpdateRaftVoterResponse](control, rq, 0); errorName(resp.ErrorCode) != "NOT_LEADER_FOR_PARTITION" || resp.CurrentLeader.LeaderID != 11 ||
			resp.CurrentLeader.LeaderEpoch != 4 || resp.CurrentLeader.Host != "ctl" || resp.CurrentLeader.Port != 9011 {
			t.Errorf("who leads: %+v", resp)
		}
		cluster := kmsg.NewPtrDescribeClusterRequest()
		cluster.EndpointType = 2
		if resp := ask[*kmsg.DescribeClusterResponse](control, cluster, 1); resp.ControllerID != 11 || len(resp.Brokers) != 3 || resp.Brokers[2].Port != 9012 {
			t.Errorf("controllers: %+v", resp)
		}
	})
}

// A leader that is asked to remove itself hands over, and the request follows the leadership.
func TestALeaderThatIsRemovedHandsTheRequestOn(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, control *client) {
		v := threeVoters(n)
		v.fails = func(v *fakeVoters) error { v.leader = 12; return kerr.NotLeaderForPartition }
		n.answer = func(rq kmsg.Request) (kmsg.Response, error) { return rq.ResponseKind(), nil }
		if resp := ask[*kmsg.RemoveRaftVoterResponse](c, removeRequest(self, 1), 0); resp.ErrorCode != 0 || len(v.changes) != 1 || len(n.asked) != 1 {
			t.Errorf("%+v, %d changes, asked %d", resp, len(v.changes), len(n.asked))
		}
		v.leader = self
		if resp := ask[*kmsg.RemoveRaftVoterResponse](control, removeRequest(self, 1), 0); errorName(resp.ErrorCode) != "NOT_LEADER_FOR_PARTITION" {
			t.Errorf("a controller: %+v", resp)
		}
	})
}

// A leader that was elected a moment ago refuses changes until an entry of its epoch is committed. Nobody else leads, so the request waits for that.
func TestAChangeWaitsUntilANewLeaderIsEstablished(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		v := threeVoters(n)
		v.fails = func(v *fakeVoters) error {
			if len(v.changes) < 3 {
				return kerr.NotLeaderForPartition
			}
			return nil
		}
		began := time.Now()
		resp := ask[*kmsg.RemoveRaftVoterResponse](c, removeRequest(11, 2), 0)
		if resp.ErrorCode != 0 || len(v.changes) != 3 || len(n.asked) != 0 {
			t.Errorf("%s, %d changes, asked %d", errorName(resp.ErrorCode), len(v.changes), len(n.asked))
		}
		if took := time.Since(began); took > time.Second { // virtual time
			t.Errorf("answered after %v", took)
		}
		v.fails = func(*fakeVoters) error { return kerr.NotLeaderForPartition }
		if resp := ask[*kmsg.RemoveRaftVoterResponse](c, removeRequest(11, 2), 0); errorName(resp.ErrorCode) != "REQUEST_TIMED_OUT" || len(n.asked) != 0 {
			t.Errorf("never established: %s, asked %d", errorName(resp.ErrorCode), len(n.asked))
		}
	})
}

func TestVotersTellWhereTheyAreNow(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, _, control *client) {
		v := threeVoters(n)
		request := func(change func(*kmsg.UpdateRaftVoterRequest)) string {
			rq := kmsg.NewPtrUpdateRaftVoterRequest()
			rq.VoterID, rq.VoterDirectoryID, rq.CurrentLeaderEpoch, rq.KRaftVersionFeature.MaxSupportedVersion = 12, [16]byte{3}, 4, 1
			rq.Listeners = []kmsg.UpdateRaftVoterRequestListener{{Name: "CONTROLLER", Host: "moved", Port: 9999}}
			change(rq)
			return errorName(ask[*kmsg.UpdateRaftVoterResponse](control, rq, 0).ErrorCode)
		}
		for want, change := range map[string]func(*kmsg.UpdateRaftVoterRequest){
			"FENCED_LEADER_EPOCH":  func(rq *kmsg.UpdateRaftVoterRequest) { rq.CurrentLeaderEpoch = 3 },
			"UNKNOWN_LEADER_EPOCH": func(rq *kmsg.UpdateRaftVoterRequest) { rq.CurrentLeaderEpoch = 5 },
			"VOTER_NOT_FOUND":      func(rq *kmsg.UpdateRaftVoterRequest) { rq.VoterDirectoryID = [16]byte{8} },
			"INVALID_REQUEST":      func(rq *kmsg.UpdateRaftVoterRequest) { rq.KRaftVersionFeature.MaxSupportedVersion = 0 },
		} {
			if got := request(change); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		if got := request(func(*kmsg.UpdateRaftVoterRequest) {}); got != "" || len(v.changes) != 1 || v.changes[0].Action != quorum.UpdateVoter || v.changes[0].Voter.Endpoints[0].Host != "moved" {
			t.Errorf("%q, %+v", got, v.changes)
		}
	})
}
