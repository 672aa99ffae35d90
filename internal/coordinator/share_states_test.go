package coordinator

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/share"
	"leat/internal/record"
	"leat/internal/sharing"
)

// TestShareRequestsComeApartAsTheyWereMade sends asks through the request of each API and its bytes.
func TestShareRequestsComeApartAsTheyWereMade(t *testing.T) {
	for api := initializeShare; api <= summarizeShare; api++ {
		var asks []*shareAsk
		for p := range int32(3) {
			a := &shareAsk{api: api, key: share.Key{Group: "g", TopicID: record.UUID{byte(p)}, Partition: p}}
			switch api {
			case initializeShare:
				a.stateEpoch, a.startOffset = 3, 44
			case readShare, summarizeShare:
				a.leaderEpoch = 5
			case writeShare:
				a.stateEpoch, a.leaderEpoch, a.startOffset, a.complete, a.batches = 3, 5, 44, 7, []sharing.Batch{{First: 44, Last: 50, State: 2, DeliveryCount: 1}}
			}
			asks = append(asks, a)
		}
		sent := shareRequest(asks)
		sent.SetVersion(sent.MaxVersion())
		got := sent.ResponseKind().RequestKind()
		got.SetVersion(sent.GetVersion())
		if err := got.ReadFrom(sent.AppendTo(nil)); err != nil {
			t.Fatalf("API %d: %v", api, err)
		}
		if diff := cmp.Diff(asks, sharesAsked(got), cmp.AllowUnexported(shareAsk{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(shareAsk{}, "done")); diff != "" {
			t.Errorf("API %d (-asked +arrived):\n%s", api, diff)
		}
	}
}

// TestRefusedShareRequestsSayWhichPartition refuses an ask of each API and looks for it in the answer.
func TestRefusedShareRequestsSayWhichPartition(t *testing.T) {
	for api := initializeShare; api <= summarizeShare; api++ {
		a := &shareAsk{api: api, key: share.Key{Group: "g", TopicID: record.UUID{9}, Partition: 4}}
		resp := shareRequest([]*shareAsk{a}).ResponseKind()
		addShares(resp, refuseShare(a, kerr.NotCoordinator.Code))
		got, ok := shareAnswers(resp)[shareID{a.key.TopicID, 4}]
		if !ok || got.code != kerr.NotCoordinator.Code {
			t.Errorf("API %d: %+v in %+v", api, got, resp)
		}
	}
}

// TestRequestsAboutShareGroupsAreRefusedWithTheCode asks a node that coordinates nothing.
func TestRequestsAboutShareGroupsAreRefusedWithTheCode(t *testing.T) {
	describe := kmsg.NewPtrShareGroupDescribeRequest()
	describe.GroupIDs = []string{"g"}
	code := kerr.NotCoordinator.Code
	if r := Refuse(describe, ErrNotCoordinator).(*kmsg.ShareGroupDescribeResponse); r.Groups[0].GroupID != "g" || r.Groups[0].ErrorCode != code {
		t.Errorf("describe: %+v", r)
	}
	if r := Refuse(kmsg.NewPtrShareGroupHeartbeatRequest(), ErrNotCoordinator).(*kmsg.ShareGroupHeartbeatResponse); r.ErrorCode != code {
		t.Errorf("heartbeat: %+v", r)
	}
	if r := Refuse(kmsg.NewPtrAlterShareGroupOffsetsRequest(), ErrNotCoordinator).(*kmsg.AlterShareGroupOffsetsResponse); r.ErrorCode != code {
		t.Errorf("alter: %+v", r)
	}
	if r := Refuse(kmsg.NewPtrDeleteShareGroupOffsetsRequest(), ErrNotCoordinator).(*kmsg.DeleteShareGroupOffsetsResponse); r.ErrorCode != code {
		t.Errorf("delete: %+v", r)
	}
}
