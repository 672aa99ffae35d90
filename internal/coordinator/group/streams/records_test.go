package streams

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"leat/internal/coordinator/group/kind"
)

// recorded returns the bytes that Kafka's classes write.
func recorded(t testing.TB) map[string][]byte {
	text, err := os.ReadFile("testdata/records/kafka-4.4.hex")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]byte)
	for line := range strings.Lines(string(text)) {
		if name, digits, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			if all[name], err = hex.DecodeString(digits); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return all
}

var goldenTopology = &Topology{Epoch: 1, Subtopologies: []Subtopology{
	{ID: "0", SourceTopics: []string{"in"}, RepartitionSinks: []string{"app-counts-repartition"}},
	{
		ID: "1", SourceTopics: []string{"other"}, Changelogs: []InternalTopic{{Name: "app-counts-changelog", Configs: []Pair{{"cleanup.policy", "compact"}}}},
		RepartitionSource: []InternalTopic{{Name: "app-counts-repartition", Partitions: 3, ReplicationFactor: 2}},
		Copartitioned:     []CopartitionGroup{{SourceTopics: []int16{0}, RepartitionSource: []int16{0}}},
	},
}}

func TestRecordsAreKafkas(t *testing.T) {
	bytesOf := recorded(t)
	for _, c := range []struct {
		key, value string
		want       kind.Record
		readOnly   bool // leat does not write it like this
	}{
		{"metadata-key", "", &MetadataRecord{Group: "grp"}, false},
		{"metadata-key", "metadata-plain", &MetadataRecord{"grp", &Metadata{Epoch: 7, Hash: 0x0102030405060708, ValidatedTopology: -1, StoredDescription: -1, FailedDescription: -1}}, false},
		{"metadata-key", "metadata-no-configs", &MetadataRecord{"grp", &Metadata{Epoch: 8, StoredDescription: -1, FailedDescription: -1}}, false},
		{"metadata-key", "metadata-full", &MetadataRecord{"grp", &Metadata{
			Epoch: 7, Hash: -2, ValidatedTopology: 3, Configs: []Pair{{"num.standby.replicas", "1"}, {"rack.aware.assignment.tags", "zone"}},
			StoredDescription: 4, FailedDescription: 5,
		}}, false},
		{"member-key", "", &MemberRecord{Group: "grp", Member: "m1"}, false},
		{"member-key", "member-plain", &MemberRecord{"grp", "m1", &MemberMetadata{ClientID: "c1", ClientHost: "/127.0.0.1", RebalanceTimeout: 300000, ProcessID: "p1"}}, false},
		{"member-key", "member-full", &MemberRecord{"grp", "m1", &MemberMetadata{
			InstanceID: new("i1"), RackID: new("r1"), ClientID: "c1", ClientHost: "/127.0.0.1", RebalanceTimeout: 300000, TopologyEpoch: 2,
			ProcessID: "p1", Endpoint: &Endpoint{"h", 65535}, ClientTags: []Pair{{"zone", "a"}},
		}}, false},
		{"target-metadata-key", "", &TargetMetadataRecord{Group: "grp"}, false},
		{"target-metadata-key", "target-metadata-plain", &TargetMetadataRecord{"grp", &TargetMetadata{Epoch: 9}}, false},
		{"target-metadata-key", "target-metadata", &TargetMetadataRecord{"grp", &TargetMetadata{Epoch: 9, Timestamp: 1700000000000}}, false},
		{"target-member-key", "", &TargetMemberRecord{Group: "grp", Member: "m1"}, false},
		{"target-member-key", "target-member", &TargetMemberRecord{"grp", "m1", &Assignment{{{"0", 0}: 0, {"0", 2}: 0}, {{"1", 1}: 0}}}, false},
		{"current-key", "", &CurrentRecord{Group: "grp", Member: "m1"}, false},
		{"current-key", "current", &CurrentRecord{"grp", "m1", &Current{
			Epoch: 5, Previous: 4, State: MemberStable, Assigned: Assignment{{{"0", 0}: 4, {"0", 2}: 5}, {{"1", 1}: 0}},
			Revoking: Assignment{{{"0", 1}: 3}, nil, {{"1", 3}: 0}},
		}}, false},
		{"current-key", "current-no-epochs", &CurrentRecord{"grp", "m1", &Current{Epoch: 5, Previous: 4, Assigned: Assignment{{{"1", 1}: 5}}}}, true},
		{"topology-key", "", &TopologyRecord{Group: "grp"}, false},
		{"topology-key", "topology", &TopologyRecord{"grp", goldenTopology}, false},
	} {
		t.Run(c.key+" "+c.value, func(t *testing.T) {
			got, err := Decode(bytesOf[c.key], bytesOf[c.value])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decoded (-want +got)\n%s", diff)
			}
			key, value := c.want.Encode()
			if !bytes.Equal(key, bytesOf[c.key]) || !c.readOnly && !bytes.Equal(value, bytesOf[c.value]) {
				t.Errorf("encoded key %x value %x, Kafka writes %x and %x", key, value, bytesOf[c.key], bytesOf[c.value])
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	all := recorded(f)
	for key, k := range all {
		for _, v := range all {
			if strings.HasSuffix(key, "key") {
				f.Add(k, v)
			}
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r, err := Decode(key, value)
		if err != nil {
			return
		}
		again, err := Decode(r.Encode())
		if err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
		if diff := cmp.Diff(r, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-read +read again)\n%s", diff)
		}
	})
}
