package consensus

import (
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
	"time"

	"leat/internal/record"
)

func node(t testing.TB, self int32, cluster byte) *Node {
	t.Helper()
	n, err := New(Config{Self: Replica{ID: self}, ClusterID: record.UUID{cluster}},
		State{Base: Position{Index: 1}, Members: Static(1, 2)}, time.UnixMilli(1))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// asks is a frame in which a controller asks whether it would be elected.
func asks(t testing.TB, self int32, cluster byte) []byte {
	n := node(t, self, cluster)
	if err := n.Campaign(); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for {
		w, ok := n.Ready()
		if !ok {
			return out
		}
		for _, f := range w.Messages {
			out = f.Bytes
		}
		if w.Write != nil {
			frames, err := n.Written(w.Write)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range frames {
				out = f.Bytes
			}
		}
	}
}

func TestFramesOfOthersAreRefused(t *testing.T) {
	one := node(t, 1, 7)
	good := asks(t, 2, 7)
	if err := one.Step(time.UnixMilli(2), good); err != nil {
		t.Fatal(err)
	}
	newer := append([]byte{2}, good[1:]...)
	for _, c := range []struct {
		frame []byte
		want  error
	}{{asks(t, 2, 8), ErrOtherCluster}, {asks(t, 1, 7), ErrOtherReplica}, {newer, ErrNewer}, {good[:40], ErrMalformed}, {nil, ErrMalformed},
		{append(append([]byte(nil), good...), 0xff), ErrMalformed}} {
		if err := one.Step(time.UnixMilli(2), c.frame); !errors.Is(err, c.want) {
			t.Errorf("frame %x: %v, want %v", c.frame, err, c.want)
		}
	}
	if one.Failure() != nil {
		t.Error(one.Failure())
	}
}

func TestReplicasWithOtherDisksAreOthers(t *testing.T) {
	a, b := Replica{ID: 1, DirID: record.UUID{1}}, Replica{ID: 1, DirID: record.UUID{2}}
	seen := map[uint64]bool{}
	for _, r := range []Replica{a, b, {ID: 1}, {ID: 2, DirID: record.UUID{1}}} {
		if n := r.number(); n == 0 || seen[n] {
			t.Errorf("replica %s has number %d", r, n)
		} else {
			seen[n] = true
		}
	}
}

func TestMembersAreReadAgain(t *testing.T) {
	m := Dynamic(Member{Replica: Replica{ID: 2, DirID: record.UUID{9}}, MaxKRaft: 1, Endpoints: []Endpoint{{"CONTROLLER", "host", 9093}}},
		Member{Replica: Replica{ID: 1}, Learner: true})
	got, err := ReadMembers(m.Append(nil))
	if err != nil || hex.EncodeToString(got.Append(nil)) != hex.EncodeToString(m.Append(nil)) || len(got.List) != 2 || !got.List[0].Learner {
		t.Errorf("%+v, %v", got, err)
	}
}

// The layout of the values is that of VotersRecord, KRaftVersionRecord and LeaderChangeMessage of Kafka 4.4.
func TestControlRecordsAreKafkas(t *testing.T) {
	m := Dynamic(Member{Replica: Replica{ID: 3, DirID: record.UUID{0xaa}}, MaxKRaft: 1, Endpoints: []Endpoint{{"C", "h", 9093}}})
	records := append(VotersRecords(m), leaderChange(Replica{ID: 3, DirID: record.UUID{0xaa}}, m), leaderChange(Replica{ID: 3}, Static(3)))
	const disk = "aa000000000000000000000000000000"
	for i, want := range []string{
		"0000" + "0001" + "00",
		"0000" + "02" + "00000003" + disk + "02" + "0243" + "0268" + "2385" + "00" + "0000" + "0001" + "00" + "00" + "00",
		"0000" + "00000003" + "02" + "00000003" + "00" + "02" + "00000003" + "00" + "00", // Kafka reads version 0, whatever the record says
		"0000" + "00000003" + "02" + "00000003" + "00" + "02" + "00000003" + "00" + "00",
	} {
		if got := hex.EncodeToString(records[i].Value); got != want {
			t.Errorf("control record %x is %s, want %s", records[i].Key, got, want)
		}
	}
}

func TestVotersRecordsAreReadAgain(t *testing.T) {
	m := Dynamic(Member{Replica: Replica{ID: 3, DirID: record.UUID{0xaa}}, MaxKRaft: 1, Endpoints: []Endpoint{{"C", "h", 9093}, {"D", "i", 9094}}},
		Member{Replica: Replica{ID: 4, DirID: record.UUID{0xbb}}, MinKRaft: 1, MaxKRaft: 2})
	value := VotersRecords(m)[1].Value
	got, err := ReadVoters(value)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%+v, %v, want %+v", got, err, m)
	}
	for n := range value {
		if _, err := ReadVoters(value[:n]); err == nil {
			t.Errorf("%d of %d bytes are read", n, len(value))
		}
	}
	if _, err := ReadVoters(append([]byte{0, 1}, value[2:]...)); !errors.Is(err, ErrNewer) {
		t.Errorf("version 1: %v", err)
	}
}

func FuzzReadVoters(f *testing.F) {
	f.Add(VotersRecords(Dynamic(Member{Replica: Replica{ID: 3, DirID: record.UUID{0xaa}}, Endpoints: []Endpoint{{"C", "h", 9093}}}))[1].Value)
	f.Fuzz(func(t *testing.T, value []byte) {
		if m, err := ReadVoters(value); err == nil && len(m.List) > maxMembers {
			t.Errorf("%d voters", len(m.List))
		}
	})
}

func FuzzStep(f *testing.F) {
	f.Add(asks(f, 2, 7))
	f.Add(asks(f, 2, 7)[:60])
	f.Fuzz(func(t *testing.T, frame []byte) {
		n := node(t, 1, 7)
		_ = n.Step(time.UnixMilli(2), frame)
		for {
			if _, ok := n.Ready(); !ok {
				break
			}
		}
		if n.Failure() != nil {
			t.Fatalf("one frame stops a voter: %v", n.Failure())
		}
	})
}
