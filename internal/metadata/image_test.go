package metadata

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"leat/internal/record"
)

// contents is everything an image holds, as plain values that can be compared.
func contents(im *Image) map[string]any {
	out := map[string]any{
		"partitions": im.partitions, "brokers": im.brokers, "controllers": im.controllers, "features": im.features,
		"nextProducerID": im.nextProducerID,
	}
	fill := func(kind string, key string, v any) { out[kind+" "+key] = v }
	im.topics.Scan(func(k string, v *Topic) bool { fill("topic", k, v); return true })
	im.topicIDs.Scan(func(k uint64, v []*Topic) bool { fill("topicIDs", fmt.Sprint(k), v); return true })
	im.configs.Scan(func(k string, v map[string]string) bool { fill("config", k, maps.Clone(v)); return true })
	im.quotas.Scan(func(k string, v *quotas) bool { fill("quota", k, v); return true })
	im.acls.Scan(func(k string, v *AccessControlEntryRecord) bool { fill("acl", k, v); return true })
	fill("rules", "", im.rules.Len())
	for r := range im.ACLs() {
		if rule := r.Rule(); rule.Type > 0 && rule.Type < 8 && !im.rules.Has(rule) && (rule.Pattern == 3 || rule.Pattern == 4) && (rule.Permission == 2 || rule.Permission == 3) {
			panic(fmt.Sprintf("the index lacks %+v", rule))
		}
	}
	im.scram.Scan(func(k string, v *UserScramCredentialRecord) bool { fill("scram", k, v); return true })
	im.tokens.Scan(func(k string, v *DelegationTokenRecord) bool { fill("token", k, v); return true })
	return out
}

// TestContentsKnowsEveryField fails when a field was added to Image that the comparison above does not look at.
func TestContentsKnowsEveryField(t *testing.T) {
	const known = 16 // offset, epoch and timestamp are the position, the rest is compared
	if n := reflect.TypeFor[Image]().NumField(); n != known {
		t.Fatalf("Image has %d fields, contents knows %d: add the new one there and to Snapshot", n, known)
	}
}

func replayAll(t interface{ Fatalf(string, ...any) }, base *Image, records []Record) *Image {
	d := NewDelta(base)
	for _, r := range records {
		if err := d.Replay(r); err != nil {
			t.Fatalf("replay %+v: %v", r, err)
		}
	}
	return d.Image(1, 1, 1)
}

// drawn is the state a generator needs to make records that fit.
type drawn struct {
	topics  []record.UUID
	names   []string
	parts   []int
	brokers map[int32]int64
	n       int
}

func (g *drawn) id() record.UUID {
	g.n++
	return record.UUID{0: 7, 1: byte(g.n >> 8), 2: byte(g.n), 15: byte(g.n % 3)}
}

func (g *drawn) next(t *rapid.T) Record {
	name := rapid.SampledFrom([]string{"a", "b", "c"})
	ids := rapid.SliceOfN(rapid.Int32Range(0, 5), 1, 3)
	switch rapid.IntRange(0, 20).Draw(t, "kind") {
	case 0, 1:
		g.topics, g.parts = append(g.topics, g.id()), append(g.parts, 0)
		g.names = append(g.names, fmt.Sprintf("t%d", g.n))
		return &TopicRecord{Name: g.names[len(g.names)-1], TopicID: g.topics[len(g.topics)-1]}
	case 2, 3, 4:
		return g.partition(t, ids)
	case 5, 6:
		return g.change(t, ids)
	case 7:
		if len(g.topics) == 0 {
			return &NoOpRecord{}
		}
		i := rapid.IntRange(0, len(g.topics)-1).Draw(t, "topic")
		id := g.topics[i]
		g.topics, g.parts, g.names = slices.Delete(g.topics, i, i+1), slices.Delete(g.parts, i, i+1), slices.Delete(g.names, i, i+1)
		return &RemoveTopicRecord{TopicID: id}
	case 8:
		id := rapid.Int32Range(1, 4).Draw(t, "broker")
		g.n++
		g.brokers[id] = int64(g.n)
		return g.register(t, id)
	case 9:
		for _, id := range slices.Sorted(maps.Keys(g.brokers)) {
			return &BrokerRegistrationChangeRecord{BrokerID: id, BrokerEpoch: g.brokers[id],
				Fenced: rapid.Int8Range(-1, 1).Draw(t, "fenced"), InControlledShutdown: rapid.Int8Range(0, 1).Draw(t, "shutdown"),
				LogDirs: []record.UUID{g.id()}, CordonedLogDirs: []record.UUID{g.id()}}
		}
	case 10:
		return &RegisterControllerRecord{ControllerID: rapid.Int32Range(1, 3).Draw(t, "controller"), IncarnationID: g.id(),
			EndPoints: []RecordEndpoint{{Name: "CONTROLLER", Host: "h", Port: 9093}}}
	case 11, 12:
		resource := name.Draw(t, "resource")
		if len(g.names) > 0 {
			resource = rapid.SampledFrom(g.names).Draw(t, "topic")
		}
		r := &ConfigRecord{ResourceType: rapid.SampledFrom([]int8{2, 4, 32}).Draw(t, "type"), ResourceName: resource, Name: name.Draw(t, "name")}
		if v := name.Draw(t, "value"); v != "a" {
			r.Value = &v
		}
		return r
	case 13:
		f := rapid.SampledFrom(SupportedFeatures()).Draw(t, "feature")
		return &FeatureLevelRecord{Name: f.Name, FeatureLevel: rapid.Int16Range(0, f.Range.Max).Draw(t, "level")}
	case 14:
		user := name.Draw(t, "user")
		return &ClientQuotaRecord{Entity: []QuotaEntityPart{{"user", &user}, {"client-id", nil}}, QuotaKey: name.Draw(t, "quota"),
			Value: 1.5, Remove: rapid.Bool().Draw(t, "remove")}
	case 15:
		return &ProducerIdsRecord{BrokerID: 1, NextProducerID: rapid.Int64Range(0, 1e6).Draw(t, "next")}
	case 16:
		return &AccessControlEntryRecord{ID: g.id(), ResourceType: 2, ResourceName: "x", Principal: "User:u", Host: "*"}
	case 17:
		return &UserScramCredentialRecord{Name: name.Draw(t, "user"), Mechanism: 1, Salt: []byte{1}, StoredKey: []byte{2}, ServerKey: []byte{3}, Iterations: 4096}
	case 18:
		return &DelegationTokenRecord{Owner: "o", Requester: "r", Renewers: []string{"x"}, TokenID: name.Draw(t, "token")}
	case 19:
		return &RemoveUserScramCredentialRecord{Name: name.Draw(t, "user"), Mechanism: 1}
	case 20:
		return &RemoveDelegationTokenRecord{TokenID: name.Draw(t, "token")}
	}
	return &NoOpRecord{}
}

func (g *drawn) register(t *rapid.T, id int32) Record {
	r := &RegisterBrokerRecord{BrokerID: id, BrokerEpoch: g.brokers[id], IncarnationID: g.id(), Fenced: rapid.Bool().Draw(t, "fenced"),
		InControlledShutdown: rapid.Bool().Draw(t, "shutdown"), LogDirs: []record.UUID{g.id(), {1}},
		EndPoints: []RecordEndpoint{{Name: "PLAINTEXT", Host: "h", Port: 9092, SecurityProtocol: 1}},
		Features:  []RecordFeature{{Name: "metadata.version", MinSupportedVersion: 7, MaxSupportedVersion: 33}}}
	if rapid.Bool().Draw(t, "rack") {
		r.Rack = new("r1")
	}
	return r
}

func (g *drawn) partition(t *rapid.T, ids *rapid.Generator[[]int32]) Record {
	if len(g.topics) == 0 {
		return &NoOpRecord{}
	}
	i := rapid.IntRange(0, len(g.topics)-1).Draw(t, "topic")
	r := &PartitionRecord{PartitionID: int32(g.parts[i]), TopicID: g.topics[i], Replicas: ids.Draw(t, "replicas"), ISR: ids.Draw(t, "isr"),
		RemovingReplicas: ids.Draw(t, "removing"), AddingReplicas: ids.Draw(t, "adding"), Leader: 1, LeaderEpoch: 3, PartitionEpoch: 5,
		LeaderRecoveryState: rapid.Int8Range(0, 1).Draw(t, "recovery")}
	for range r.Replicas {
		r.Directories = append(r.Directories, g.id())
	}
	if rapid.Bool().Draw(t, "elr") {
		r.EligibleLeaderReplicas, r.LastKnownELR = ids.Draw(t, "elr"), ids.Draw(t, "last")
	}
	g.parts[i]++
	return r
}

func (g *drawn) change(t *rapid.T, ids *rapid.Generator[[]int32]) Record {
	for i, n := range g.parts {
		if n == 0 {
			continue
		}
		r := NewPartitionChange(g.topics[i], int32(n-1))
		r.ISR = ids.Draw(t, "isr")
		if rapid.Bool().Draw(t, "leader") {
			r.Leader = rapid.Int32Range(-1, 3).Draw(t, "leader")
		}
		if rapid.Bool().Draw(t, "replicas") {
			r.Replicas = ids.Draw(t, "replicas")
		}
		return r
	}
	return &NoOpRecord{}
}

func draw(t *rapid.T, g *drawn, n int) []Record {
	var out []Record
	for range n {
		out = append(out, g.next(t))
	}
	return out
}

func TestPropertySnapshotGivesTheSameImage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &drawn{brokers: map[int32]int64{}}
		records := draw(t, g, rapid.IntRange(0, 60).Draw(t, "n"))
		im := replayAll(t, Empty, records)
		var through []Record
		for r := range im.Snapshot() {
			back, err := ParseRecord(AppendRecord(nil, r))
			if err != nil {
				t.Fatal(err)
			}
			through = append(through, back)
		}
		again := replayAll(t, Empty, through)
		if got, want := normal(again), normal(im); !reflect.DeepEqual(got, want) {
			t.Fatalf("snapshot gives\n%s\nwant\n%s", got, want)
		}
	})
}

// normal writes contents so that nil and empty lists, which mean the same in an image, are equal.
func normal(im *Image) string {
	c := contents(im)
	s := ""
	for _, k := range slices.Sorted(maps.Keys(c)) {
		s += k + ": " + dump(reflect.ValueOf(c[k])) + "\n"
	}
	return s
}

func dump(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "nil"
		}
		return dump(v.Elem())
	case reflect.Struct:
		s := "{"
		for i := range v.NumField() {
			s += v.Type().Field(i).Name + ":" + dump(v.Field(i)) + " "
		}
		return s + "}"
	case reflect.Slice, reflect.Array:
		s := "["
		for i := range v.Len() {
			s += dump(v.Index(i)) + " "
		}
		return s + "]"
	default:
		return fmt.Sprint(v)
	}
}

// TestPropertyImagesDoNotChange builds on an image in two directions at once, with a transaction that is aborted, and looks whether
// the image or the sibling noticed.
func TestPropertyImagesDoNotChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &drawn{brokers: map[int32]int64{}}
		base := replayAll(t, Empty, draw(t, g, 30))
		before := normal(base)
		fork := func() drawn {
			return drawn{slices.Clone(g.topics), slices.Clone(g.names), slices.Clone(g.parts), maps.Clone(g.brokers), g.n}
		}
		left, right := fork(), fork()
		l := replayAll(t, base, draw(t, &left, 15))
		leftBefore := normal(l)
		d := NewDelta(base)
		aborted := fork()
		for _, r := range slices.Concat([]Record{&BeginTransactionRecord{}}, draw(t, &aborted, 10), []Record{&AbortTransactionRecord{}}) {
			if err := d.Replay(r); err != nil {
				t.Fatal(err)
			}
		}
		if got := normal(d.Current()); got != before {
			t.Fatalf("after an aborted transaction\n%s\nwant\n%s", got, before)
		}
		for _, r := range draw(t, &right, 15) {
			if err := d.Replay(r); err != nil {
				t.Fatal(err)
			}
		}
		if normal(base) != before || normal(l) != leftBefore {
			t.Fatal("an image changed while another was built")
		}
	})
}
