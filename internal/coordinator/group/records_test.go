package group

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"leat/internal/coordinator/field"
	"leat/internal/record"
)

// recorded returns the bytes that Kafka's classes write, from the testdata of a package.
func recorded(t testing.TB, dir string) map[string][]byte {
	text, err := os.ReadFile(filepath.Join(dir, "testdata/records/kafka-4.4.hex"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{"foreign-key": {0, 9, 0, 3, 'g', 'r', 'p'}} // of a kind that nobody has yet
	for line := range strings.Lines(string(text)) {
		if name, digits, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			if all[name], err = hex.DecodeString(digits); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return all
}

func ptr[T any](v T) *T { return &v }

var (
	goldenID     = record.UUID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	goldenOffset = Offset{Offset: 1234567890123, LeaderEpoch: -1, Metadata: "note é", CommitTimestamp: 1700000000000, ExpireTimestamp: -1}
)

func offsetOf(change func(*Offset)) *OffsetRecord {
	o := goldenOffset
	change(&o)
	return &OffsetRecord{Group: "grp", Topic: "orders", Partition: 7, Offset: &o}
}

func metadataOf(change func(*Metadata)) *MetadataRecord {
	m := &Metadata{ProtocolType: "consumer", Generation: 9, Protocol: ptr("range"), Leader: ptr("m1"), StateTimestamp: 1700000000001, Members: []StoredMember{
		{MemberID: "m1", ClientID: "c1", ClientHost: "/127.0.0.1", RebalanceTimeout: 60000, SessionTimeout: 10000, Subscription: []byte{1, 2, 3}, Assignment: []byte{4, 5}},
		{MemberID: "m2", InstanceID: ptr("i2"), ClientID: "c2", ClientHost: "/10.0.0.9", RebalanceTimeout: 300000, SessionTimeout: 45000},
	}}
	change(m)
	return &MetadataRecord{Group: "grp", Metadata: m}
}

func anonymous(m *Metadata) { m.Members[1].InstanceID = nil }

func TestRecordsAreKafkas(t *testing.T) {
	bytesOf := recorded(t, ".")
	for _, c := range []struct {
		key, value string
		want       Record
		written    bool // leat writes these very bytes
	}{
		{"offset-key", "", &OffsetRecord{Group: "grp", Topic: "orders", Partition: 7}, true},
		{"legacy-offset-key", "offset-v0", offsetOf(func(*Offset) {}), false},
		{"offset-key", "offset-v1", offsetOf(func(o *Offset) { o.ExpireTimestamp = 1700000099000 }), true},
		{"offset-key", "offset-v2", offsetOf(func(*Offset) {}), false},
		{"offset-key", "offset-v3", offsetOf(func(o *Offset) { o.LeaderEpoch = 5 }), false},
		{"offset-key", "offset-v4", offsetOf(func(o *Offset) { o.LeaderEpoch = 5 }), true},
		{"offset-key", "offset-v4-id", offsetOf(func(o *Offset) { o.LeaderEpoch, o.TopicID = 5, goldenID }), true},
		{"metadata-key", "", &MetadataRecord{Group: "grp"}, true},
		{"metadata-key", "metadata-v0", metadataOf(func(m *Metadata) {
			anonymous(m)
			m.StateTimestamp, m.Members[0].RebalanceTimeout, m.Members[1].RebalanceTimeout = -1, 10000, 45000
		}), false},
		{"metadata-key", "metadata-v1", metadataOf(func(m *Metadata) { anonymous(m); m.StateTimestamp = -1 }), false},
		{"metadata-key", "metadata-v2", metadataOf(anonymous), false},
		{"metadata-key", "metadata-v3", metadataOf(func(*Metadata) {}), true},
		{"metadata-key", "metadata-v4", metadataOf(func(*Metadata) {}), false},
		{"metadata-key", "metadata-v3-empty", &MetadataRecord{Group: "grp", Metadata: &Metadata{StateTimestamp: -1}}, true},
		{"foreign-key", "offset-v4", &ForeignRecord{KeyType: 9}, false},
	} {
		t.Run(c.key+" "+c.value, func(t *testing.T) {
			got, err := Decode(bytesOf[c.key], bytesOf[c.value])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decoded (-want +got)\n%s", diff)
			}
			if !c.written {
				return
			}
			key, value := got.Encode()
			if !bytes.Equal(key, bytesOf[c.key]) || !bytes.Equal(value, bytesOf[c.value]) {
				t.Errorf("encoded key %x value %x, Kafka writes %x and %x", key, value, bytesOf[c.key], bytesOf[c.value])
			}
		})
	}
}

func TestMetadataOfVersion4IsKafkas(t *testing.T) {
	w := field.Writer{}
	metadataOf(func(*Metadata) {}).Metadata.append(&w, 4)
	if want := recorded(t, ".")["metadata-v4"]; !bytes.Equal(w.B, want) {
		t.Errorf("encoded %x, Kafka writes %x", w.B, want)
	}
}

// FuzzDecode reads the records of groups of every kind: what is written is read as the same.
func FuzzDecode(f *testing.F) {
	all := recorded(f, ".")
	for name, b := range all {
		f.Add(all["offset-key"], b)
		f.Add(all["metadata-key"], b)
		if strings.HasSuffix(name, "key") {
			f.Add(b, []byte(nil))
		}
	}
	for _, kind := range []string{"consumer", "sharing", "streams"} {
		all := recorded(f, kind)
		for name, key := range all {
			base, isKey := strings.CutSuffix(name, "-key")
			for value, v := range all {
				if isKey && strings.HasPrefix(value, base) {
					f.Add(key, v)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r, err := Decode(key, value)
		if err != nil {
			return
		}
		if _, foreign := r.(*ForeignRecord); foreign {
			return
		}
		if o, ok := r.(*OffsetRecord); ok && o.Offset != nil && o.Offset.ExpireTimestamp >= 0 {
			o.Offset.LeaderEpoch = -1 // version 1 has no place for it
		}
		key, value = r.Encode()
		if n := len(key) + len(value); n > r.Size() {
			t.Fatalf("record of %d bytes says it has at most %d", n, r.Size())
		}
		again, err := Decode(key, value)
		if err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
		all := cmp.Exporter(func(reflect.Type) bool { return true })
		if diff := cmp.Diff(r, again, cmpopts.EquateEmpty(), all); diff != "" {
			t.Fatalf("(-read +read again)\n%s", diff)
		}
	})
}
