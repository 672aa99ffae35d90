package consumer

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"leat/internal/coordinator/group/assign"
	"leat/internal/coordinator/group/kind"
	"leat/internal/record"
)

// recorded returns the bytes that Kafka's classes write.
func recorded(t testing.TB) map[string][]byte {
	text, err := os.ReadFile("testdata/records/kafka-4.4.hex")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]byte)
	for line := range strings.Lines(string(text)) {
		name, digits, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || name == "#" {
			continue
		}
		if all[name], err = hex.DecodeString(digits); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return all
}

func ptr(s string) *string { return &s }

func TestRecordsAreKafkas(t *testing.T) {
	id := record.UUID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	plain := member{id: "m1", regex: ptr(""), clientID: "c1", clientHost: "/127.0.0.1", topics: []string{"a", "orders"}, rebalanceTimeout: 60000}
	full, classic := plain, plain
	full.instanceID, full.rackID, full.topics, full.regex, full.assignor = ptr("i1"), ptr("r1"), nil, ptr("ord.*"), ptr("range")
	classic.topics = []string{"a"}
	classic.classic = &classicMember{sessionTimeout: 10000, protocols: []kind.Protocol{{Name: "range", Metadata: []byte{1, 2, 3}}}}
	bytesOf := recorded(t)
	for _, c := range []struct {
		key, value string
		want       kind.Record
		written    bool // leat writes these very bytes
	}{
		{"epoch-key", "epoch", &EpochRecord{Group: "grp", Epoch: 9, Hash: -5418105687157518625}, true},
		{"epoch-key", "epoch-no-hash", &EpochRecord{Group: "grp", Epoch: 9}, true},
		{"epoch-key", "", &EpochRecord{Group: "grp", Gone: true}, true},
		{"partition-metadata-key", "", &PartitionMetadataRecord{Group: "grp", Gone: true}, true},
		{"member-key", "member", &MemberRecord{Group: "grp", ID: "m1", Member: &plain}, true},
		{"member-key", "member-full", &MemberRecord{Group: "grp", ID: "m1", Member: &full}, true},
		{"member-key", "member-classic", &MemberRecord{Group: "grp", ID: "m1", Member: &classic}, true},
		{"member-key", "", &MemberRecord{Group: "grp", ID: "m1"}, true},
		{"assignment-metadata-key", "assignment-metadata", &AssignmentMetadataRecord{Group: "grp", Epoch: 9, Timestamp: 1700000000000}, true},
		{"assignment-metadata-key", "assignment-metadata-no-time", &AssignmentMetadataRecord{Group: "grp", Epoch: 9}, true},
		{"assignment-metadata-key", "", &AssignmentMetadataRecord{Group: "grp", Gone: true}, true},
		{"target-key", "target", &TargetRecord{Group: "grp", ID: "m1", Target: assign.Assignment{id: {0, 1, 5}}}, true},
		{"target-key", "target-empty", &TargetRecord{Group: "grp", ID: "m1"}, true},
		{"target-key", "", &TargetRecord{Group: "grp", ID: "m1", Gone: true}, true},
		{"current-key", "current", &CurrentRecord{Group: "grp", ID: "m1", Epoch: 9, PreviousEpoch: 8, State: unrevoked,
			Assigned: partitions{id: {0: 8, 5: 9}}, Pending: partitions{id: {1: 7}}}, true},
		{"current-key", "current-without-epochs", &CurrentRecord{Group: "grp", ID: "m1", Epoch: 9, PreviousEpoch: 8, Assigned: partitions{id: {0: 0, 5: 0}}}, false},
		{"current-key", "", &CurrentRecord{Group: "grp", ID: "m1", Gone: true}, true},
		{"regex-key", "regex", &RegexRecord{Group: "grp", Regex: "ord.*", Topics: []string{"order-a", "orders"}, Version: 77, Timestamp: 1700000000000}, true},
		{"regex-key", "", &RegexRecord{Group: "grp", Regex: "ord.*", Gone: true}, true},
	} {
		t.Run(c.key+" "+c.value, func(t *testing.T) {
			decode := Decoders[int16(bytesOf[c.key][1])]
			got, err := decode(bytesOf[c.key], bytesOf[c.value])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(member{}, classicMember{})); diff != "" {
				t.Errorf("decoded (-want +got)\n%s", diff)
			}
			if !c.written {
				return
			}
			if key, value := c.want.Encode(); !bytes.Equal(key, bytesOf[c.key]) || !bytes.Equal(value, bytesOf[c.value]) {
				t.Errorf("encoded key %x value %x, Kafka writes %x and %x", key, value, bytesOf[c.key], bytesOf[c.value])
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	all := recorded(f)
	for key, k := range all {
		if strings.HasSuffix(key, "-key") {
			f.Add(k, []byte(nil))
			for value, v := range all {
				if strings.HasPrefix(value, strings.TrimSuffix(key, "-key")) {
					f.Add(k, v)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if len(key) < 2 || Decoders[int16(key[1])] == nil {
			return
		}
		r, err := Decoders[int16(key[1])](key, value)
		if err != nil {
			return
		}
		if k, v := r.Encode(); len(k)+len(v) > r.Size() {
			t.Errorf("record of %d bytes says it has at most %d", len(k)+len(v), r.Size())
		}
	})
}
