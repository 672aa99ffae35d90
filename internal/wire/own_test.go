package wire

import (
	"bytes"
	"reflect"
	"testing"

	"leat/internal/record"
)

func TestOwnRequestsComeBackAsTheyWere(t *testing.T) {
	frames := &QuorumFrames{ClusterID: "abc", Sender: 7, SenderDir: record.UUID{1, 2}, Frames: [][]byte{{1, 2, 3}, {}, {4}}}
	got, err := Decode(RequestHeader{Key: KeyQuorumFrames}, frames.AppendTo(nil))
	if err != nil || !reflect.DeepEqual(got, frames) {
		t.Errorf("frames: %+v, %v, want %+v", got, err, frames)
	}
	identity := &Identity{NodeID: 3, DirID: record.UUID{9}, ClusterID: "xyz"}
	if got, err := Decode(RequestHeader{Key: KeyIdentity}, identity.AppendTo(nil)); err != nil || !reflect.DeepEqual(got, identity) {
		t.Errorf("identity: %+v, %v, want %+v", got, err, identity)
	}
	answer := &IdentityResponse{NodeID: 3, ClusterID: "xyz", Epoch: EpochUnknown, Voters: []IdentityVoter{{1, record.UUID{5}, "one", 65535}, {2, record.UUID{6}, "", 1}}}
	var back IdentityResponse
	if err := back.ReadFrom(answer.AppendTo(nil)); err != nil || !reflect.DeepEqual(&back, answer) {
		t.Errorf("answer: %+v, %v, want %+v", back, err, answer)
	}
	identity.SetVersion(1)
	identity.Forgot = 4
	if got, err := Decode(RequestHeader{Key: KeyIdentity, Version: 1}, identity.AppendTo(nil)); err != nil || !reflect.DeepEqual(got, identity) {
		t.Errorf("identity: %+v, %v, want %+v", got, err, identity)
	}
	answer.SetVersion(1)
	answer.Epoch = 7
	back.SetVersion(1)
	if err := back.ReadFrom(answer.AppendTo(nil)); err != nil || !reflect.DeepEqual(&back, answer) {
		t.Errorf("answer: %+v, %v, want %+v", back, err, answer)
	}
	var taken QuorumFramesResponse
	if err := taken.ReadFrom((&QuorumFramesResponse{ErrorCode: 104, ClusterID: "q"}).AppendTo(nil)); err != nil || taken.ErrorCode != 104 || taken.ClusterID != "q" {
		t.Errorf("answer to frames: %+v, %v", taken, err)
	}
}

func TestOwnKeysAreForControllersOnly(t *testing.T) {
	for _, key := range []int16{KeyQuorumFrames, KeyIdentity} {
		api, ok := Lookup(key)
		if !ok || api.Answers(0, false) || !api.Answers(0, true) {
			t.Errorf("key %d: %+v, %v", key, api, ok)
		}
	}
}

func FuzzOwnRequests(f *testing.F) {
	f.Add((&QuorumFrames{ClusterID: "abc", Frames: [][]byte{{1}, {2, 3}}}).AppendTo(nil))
	f.Add((&IdentityResponse{Voters: []IdentityVoter{{Host: "h"}}}).AppendTo(nil))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		var frames QuorumFrames
		if frames.ReadFrom(b) == nil {
			var again QuorumFrames
			if err := again.ReadFrom(frames.AppendTo(nil)); err != nil || len(again.Frames) != len(frames.Frames) {
				t.Errorf("%x is read and not read again: %v", b, err)
			}
		}
		var who Identity
		if who.ReadFrom(b) == nil && !bytes.HasPrefix(b, who.AppendTo(nil)) {
			t.Errorf("%x is written as %x", b, who.AppendTo(nil))
		}
		var answer IdentityResponse
		_ = answer.ReadFrom(b)
		var taken QuorumFramesResponse
		_ = taken.ReadFrom(b)
	})
}

func TestWhySurvivesTheWire(t *testing.T) {
	why := &Why{Facts: true, About: "group:shop"}
	if got, err := Decode(RequestHeader{Key: KeyWhy}, why.AppendTo(nil)); err != nil || !reflect.DeepEqual(got, why) {
		t.Errorf("%+v, %v", got, err)
	}
	answer, got := &WhyResponse{ErrorCode: 7, Message: "no", JSON: []byte("{}")}, new(WhyResponse)
	if err := got.ReadFrom(answer.AppendTo(nil)); err != nil || !reflect.DeepEqual(got, answer) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range len(answer.AppendTo(nil)) {
		if err := new(WhyResponse).ReadFrom(answer.AppendTo(nil)[:n]); err == nil {
			t.Errorf("%d bytes are taken", n)
		}
	}
	huge := append(appendString(appendInt16(nil, 0), false, ""), 0x7f, 0xff, 0xff, 0xff)
	if err := new(WhyResponse).ReadFrom(huge); err == nil {
		t.Error("a length beyond the end is taken")
	}
}
