package metadata

import (
	"fmt"
	"testing"

	"leat/internal/record"
)

var (
	ordersID = record.UUID{1}
	otherID  = record.UUID{2}
)

func names(topics []*Topic) string {
	out := []string{}
	for _, t := range topics {
		out = append(out, t.Name)
	}
	return fmt.Sprint(out)
}

func orders(t *testing.T) *Image {
	t.Helper()
	return replayAll(t, Empty, []Record{
		&TopicRecord{Name: "orders", TopicID: ordersID},
		&PartitionRecord{TopicID: ordersID, Replicas: []int32{1, 2}, ISR: []int32{1, 2}, Leader: 1, Directories: []record.UUID{{7}, {8}}},
		&ConfigRecord{ResourceType: 2, ResourceName: "orders", Name: "retention.ms", Value: new("5")},
	})
}

func replayOn(t *testing.T, base *Image, records ...Record) *Delta {
	t.Helper()
	d := NewDelta(base)
	for _, r := range records {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestDeltaTellsWhatChanged(t *testing.T) {
	base := orders(t)
	for name, c := range map[string]struct {
		records                   []Record
		changed, deleted, configs string
	}{
		"created": {[]Record{&TopicRecord{Name: "other", TopicID: otherID}}, "[other]", "[]", "[]"},
		"changed": {[]Record{NewPartitionChange(ordersID, 0)}, "[orders]", "[]", "[]"},
		"deleted": {[]Record{NewPartitionChange(ordersID, 0), &RemoveTopicRecord{TopicID: ordersID}}, "[]", "[orders]", "[{2 orders}]"},
		"created and deleted": {[]Record{&TopicRecord{Name: "other", TopicID: otherID}, &RemoveTopicRecord{TopicID: otherID}},
			"[]", "[]", "[]"},
		"deleted and created again": {[]Record{&RemoveTopicRecord{TopicID: ordersID}, &TopicRecord{Name: "orders", TopicID: otherID}},
			"[orders]", "[orders]", "[{2 orders}]"},
		"config set": {[]Record{&ConfigRecord{ResourceType: 4, Name: "a", Value: new("b")}}, "[]", "[]", "[{4 }]"},
		"aborted": {[]Record{&BeginTransactionRecord{}, &RemoveTopicRecord{TopicID: ordersID}, &AbortTransactionRecord{}},
			"[]", "[]", "[]"},
		"committed": {[]Record{&BeginTransactionRecord{}, &RemoveTopicRecord{TopicID: ordersID}, &EndTransactionRecord{}},
			"[]", "[orders]", "[{2 orders}]"},
	} {
		d := replayOn(t, base, c.records...)
		got := []string{names(d.ChangedTopics()), names(d.DeletedTopics()), fmt.Sprint(d.ChangedConfigs())}
		if want := []string{c.changed, c.deleted, c.configs}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: changed, deleted, configs are %v, want %v", name, got, want)
		}
	}
}

func TestDeletedTopicIsToldAsItWas(t *testing.T) {
	base := orders(t)
	change := NewPartitionChange(ordersID, 0)
	change.Leader = 2
	d := replayOn(t, base, change, &RemoveTopicRecord{TopicID: ordersID})
	if p := d.DeletedTopics()[0].Partitions[0]; p.Leader != 1 {
		t.Errorf("leader %d, want 1 as in the image before", p.Leader)
	}
}

func TestOpenTransactionIsKnown(t *testing.T) {
	d := replayOn(t, orders(t), &BeginTransactionRecord{}, &TopicRecord{Name: "other", TopicID: otherID})
	if !d.InTransaction() {
		t.Error("not in a transaction after its begin")
	}
	if err := d.Replay(&BeginTransactionRecord{}); err == nil {
		t.Error("a transaction began inside another")
	}
	if err := d.Replay(&EndTransactionRecord{}); err != nil || d.InTransaction() {
		t.Errorf("after its end: %v, open %v", err, d.InTransaction())
	}
}

func TestChangeRaisesEpochs(t *testing.T) {
	p := &Partition{Replicas: []int32{1, 2}, Dirs: []record.UUID{{7}, {8}}, ISR: []int32{1, 2}, Leader: 1, LeaderEpoch: 4, PartitionEpoch: 9}
	for name, c := range map[string]struct {
		edit func(*PartitionChangeRecord)
		want string // leader, leader epoch, partition epoch, isr, dirs
	}{
		"nothing":       {func(*PartitionChangeRecord) {}, "1 4 10 [1 2] [7 8]"},
		"in-sync set":   {func(r *PartitionChangeRecord) { r.ISR = []int32{1} }, "1 4 10 [1] [7 8]"},
		"empty set":     {func(r *PartitionChangeRecord) { r.ISR = []int32{} }, "1 4 10 [] [7 8]"},
		"same leader":   {func(r *PartitionChangeRecord) { r.Leader = 1 }, "1 5 10 [1 2] [7 8]"},
		"no leader":     {func(r *PartitionChangeRecord) { r.Leader = -1 }, "-1 5 10 [1 2] [7 8]"},
		"more replicas": {func(r *PartitionChangeRecord) { r.Replicas = []int32{2, 3} }, "1 4 10 [1 2] [8 0]"},
		"directories":   {func(r *PartitionChangeRecord) { r.Directories = []record.UUID{{5}, {6}} }, "1 4 10 [1 2] [5 6]"},
	} {
		r := NewPartitionChange(ordersID, 0)
		c.edit(r)
		next, err := p.Change(r)
		if err != nil {
			t.Fatal(err)
		}
		dirs := []byte{}
		for _, d := range next.Dirs {
			dirs = append(dirs, d[0])
		}
		if got := fmt.Sprintf("%d %d %d %v %v", next.Leader, next.LeaderEpoch, next.PartitionEpoch, next.ISR, dirs); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestContradictionsAreRefused(t *testing.T) {
	for name, r := range map[string]Record{
		"topic name taken":       &TopicRecord{Name: "orders", TopicID: otherID},
		"topic id taken":         &TopicRecord{Name: "other", TopicID: ordersID},
		"unknown topic":          &PartitionRecord{TopicID: otherID},
		"negative partition":     &PartitionRecord{TopicID: ordersID, PartitionID: -1},
		"directories do not fit": &PartitionRecord{TopicID: ordersID, PartitionID: 1, Replicas: []int32{1}, Directories: []record.UUID{{1}, {2}}},
		"unknown partition":      NewPartitionChange(ordersID, 1),
		"change of no topic":     NewPartitionChange(otherID, 0),
		"removal of no topic":    &RemoveTopicRecord{TopicID: otherID},
		"unknown broker":         &BrokerRegistrationChangeRecord{BrokerID: 9},
		"end without begin":      &EndTransactionRecord{},
		"abort without begin":    &AbortTransactionRecord{},
		"elr of no topic":        &ClearElrRecord{TopicName: "other"},
	} {
		if err := NewDelta(orders(t)).Replay(r); err == nil {
			t.Errorf("%s: applied", name)
		}
	}
}

func TestPartitionsMayComeInAnyOrder(t *testing.T) {
	d := replayOn(t, Empty, &TopicRecord{Name: "orders", TopicID: ordersID})
	for _, id := range []int32{2, 1, 3, 0} {
		if err := d.Replay(&PartitionRecord{TopicID: ordersID, PartitionID: id, Leader: 10 + id}); err != nil {
			t.Fatal(err)
		}
		for _, p := range d.ChangedTopics()[0].Partitions {
			if p == nil {
				t.Fatal("a gap can be seen")
			}
		}
	}
	topic, _ := d.Image(1, 1, 1).Topic("orders")
	for i, p := range topic.Partitions {
		if p.Leader != 10+int32(i) {
			t.Errorf("partition %d is led by %d", i, p.Leader)
		}
	}
	if n := len(topic.Partitions); n != 4 {
		t.Errorf("%d partitions, want 4", n)
	}
}

func TestTopicsWhoseIDsFoldToTheSameKeyAreKeptApart(t *testing.T) {
	// The halves of one are those of the other, swapped.
	a, b := record.UUID{0: 1, 8: 2}, record.UUID{0: 2, 8: 1}
	im := replayAll(t, Empty, []Record{&TopicRecord{Name: "a", TopicID: a}, &TopicRecord{Name: "b", TopicID: b}})
	for id, want := range map[record.UUID]string{a: "a", b: "b"} {
		if got, ok := im.TopicByID(id); !ok || got.Name != want {
			t.Errorf("%s is %v, want %s", id, got, want)
		}
	}
	im = replayAll(t, im, []Record{&RemoveTopicRecord{TopicID: a}})
	if _, ok := im.TopicByID(a); ok {
		t.Error("a is there after it was removed")
	}
	if _, ok := im.TopicByID(b); !ok {
		t.Error("b went with a")
	}
}

func TestClearELREmptiesBothLists(t *testing.T) {
	change := NewPartitionChange(ordersID, 0)
	change.ISR, change.EligibleLeaderReplicas, change.LastKnownELR = []int32{}, []int32{1}, []int32{2}
	base := replayOn(t, orders(t), change).Image(2, 1, 1)
	for _, name := range []string{"", "orders"} {
		topic, _ := replayOn(t, base, &ClearElrRecord{TopicName: name}).Image(3, 1, 1).Topic("orders")
		if p := topic.Partitions[0]; len(p.ELR)+len(p.LastKnownELR) != 0 {
			t.Errorf("%q: %v %v", name, p.ELR, p.LastKnownELR)
		}
	}
	if topic, _ := base.Topic("orders"); len(topic.Partitions[0].ELR) != 1 {
		t.Error("the image before changed")
	}
}

// BenchmarkDelta makes one change in an image of 10,000 topics with 10 partitions each.
func BenchmarkDelta(b *testing.B) {
	d := NewDelta(Empty)
	for t := range 10_000 {
		id := record.UUID{3, byte(t >> 8), byte(t), 8: byte(t), 9: byte(t >> 8)}
		_ = d.Replay(&TopicRecord{Name: fmt.Sprintf("topic-%05d", t), TopicID: id})
		for p := range int32(10) {
			_ = d.Replay(&PartitionRecord{TopicID: id, PartitionID: p, Replicas: []int32{1}, ISR: []int32{1}, Leader: 1})
		}
	}
	im := d.Image(1, 1, 1)
	target, _ := im.Topic("topic-05000")
	b.ReportAllocs()
	for b.Loop() {
		d := NewDelta(im)
		if err := d.Replay(NewPartitionChange(target.ID, 3)); err != nil {
			b.Fatal(err)
		}
		d.Image(2, 1, 1)
	}
}
