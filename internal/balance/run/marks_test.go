package run

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	"leat/internal/metadata"
	"leat/internal/record"
)

// desk is a controller that takes everything down, and an image that the test changes.
type desk struct {
	t     *testing.T
	image *metadata.Image
	asked []string
}

func newDesk(t *testing.T, records ...metadata.Record) *desk {
	d := &desk{t: t, image: metadata.Empty}
	for b := int32(1); b <= 4; b++ {
		records = append(records, &metadata.RegisterBrokerRecord{BrokerID: b, BrokerEpoch: int64(b), IncarnationID: record.UUID{15: byte(b)}})
	}
	d.commit(records...)
	return d
}

func (d *desk) commit(records ...metadata.Record) {
	d.t.Helper()
	delta := metadata.NewDelta(d.image)
	for _, r := range records {
		if err := delta.Replay(r); err != nil {
			d.t.Fatal(err)
		}
	}
	d.image = delta.Image(d.image.Offset+1, 1, 0)
}

func (d *desk) do(_ context.Context, rq kmsg.Request) (kmsg.Response, error) {
	switch rq := rq.(type) {
	case *kmsg.IncrementalAlterConfigsRequest:
		for _, r := range rq.Resources {
			value := "gone"
			if c := r.Configs[0]; c.Value != nil {
				value = *c.Value
			}
			d.asked = append(d.asked, fmt.Sprint("note ", r.ResourceName, " ", value))
		}
		return kmsg.NewPtrIncrementalAlterConfigsResponse(), nil
	case *kmsg.AlterPartitionAssignmentsRequest:
		for _, t := range rq.Topics {
			d.asked = append(d.asked, fmt.Sprint("move ", t.Topic, " ", t.Partitions[0].Partition, t.Partitions[0].Replicas))
		}
		return kmsg.NewPtrAlterPartitionAssignmentsResponse(), nil
	case *kmsg.ElectLeadersRequest:
		d.asked = append(d.asked, fmt.Sprint("elect ", rq.Topics[0].Topic, rq.Topics[0].Partitions))
		return kmsg.NewPtrElectLeadersResponse(), nil
	}
	return nil, fmt.Errorf("%T was not expected", rq)
}

// wants compares what was asked since the last time, in whatever order within one kind.
func (d *desk) wants(what string, want ...string) {
	d.t.Helper()
	if !slices.Equal(d.asked, want) {
		d.t.Errorf("%s: asked\n %s\nwant\n %s", what, strings.Join(d.asked, "\n "), strings.Join(want, "\n "))
	}
	d.asked = nil
}

func (d *desk) runner() *Runner {
	settings := Settings{Delay: time.Hour, Interval: time.Hour, Moves: 4}
	return New(Config{Logger: slog.New(slog.DiscardHandler), Controller: d.do, Active: func() bool { return true },
		Image: func() *metadata.Image { return d.image }, Settings: func() Settings { return settings }})
}

var orders = record.UUID{15: 1}

func partition(n int32, replicas, adding, removing []int32) *metadata.PartitionRecord {
	return &metadata.PartitionRecord{TopicID: orders, PartitionID: n, Replicas: replicas, ISR: replicas[:1], Leader: replicas[0], AddingReplicas: adding,
		RemovingReplicas: removing, Directories: make([]record.UUID, len(replicas))}
}

func noted(value *string) *metadata.ConfigRecord {
	return &metadata.ConfigRecord{ResourceType: int8(metadata.TopicResource), ResourceName: "orders", Name: markKey, Value: value}
}

func TestNotesAreReadAsTheyWereWritten(t *testing.T) {
	targets := map[int32][]int32{7: {3, 1, 2}, 0: {5}, 12: {1}}
	text := writeMark(targets)
	if want := "0:5,7:3,7:1,7:2,12:1"; text != want {
		t.Errorf("%s, want %s", text, want)
	}
	if got := readMark(text); !maps.EqualFunc(got, targets, slices.Equal) {
		t.Errorf("%v, want %v", got, targets)
	}
	if got := readMark("*, 1, x:2,3:,:4, 99999999999:1"); len(got) != 0 {
		t.Errorf("pairs in what holds none: %v", got)
	}
}

// A move is noted before it begins, and the note goes when it is done; what is still under way stays noted.
func TestMovesAreNotedWhileTheyAreUnderWay(t *testing.T) {
	d := newDesk(t, &metadata.TopicRecord{Name: "orders", TopicID: orders}, partition(0, []int32{1, 2}, nil, nil), partition(1, []int32{1, 2}, nil, nil))
	r := d.runner()
	now := time.Now()
	r.look(now)
	d.wants("nothing to do")
	s := r.cfg.Settings()
	r.pending = []balance.Move{{Topic: "orders", Partition: 0, Before: []int32{1, 2}, After: []int32{1, 4}, Why: balance.ForDrain},
		{Topic: "orders", Partition: 1, Before: []int32{1, 2}, After: []int32{1, 3}, Why: balance.ForDrain}}
	r.begin(d.image, &s, 0, now)
	d.wants("two moves", "note orders 0:1,0:4,1:1,1:3", "move orders 0 [1 4]", "move orders 1 [1 3]")

	d.commit(noted(new("0:1,0:4,1:1,1:3")), partition(0, []int32{1, 4, 2}, []int32{4}, []int32{2}), partition(1, []int32{1, 3, 2}, []int32{3}, []int32{2}))
	r.look(now.Add(time.Second))
	d.wants("both on their way")

	d.commit(partition(0, []int32{1, 4}, nil, nil))
	r.look(now.Add(2 * time.Second))
	d.wants("one is done", "note orders 1:1,1:3")

	d.commit(noted(new("1:1,1:3")), partition(1, []int32{1, 3}, nil, nil))
	r.look(now.Add(3 * time.Second))
	d.wants("both are done", "note orders gone")

	d.commit(noted(nil))
	r.look(now.Add(4 * time.Second))
	d.wants("nothing to do any more")
	if len(r.marked) != 0 {
		t.Errorf("still looks after the notes of %v", r.marked)
	}
}

// Who becomes active goes on with the moves of whoever was: they are not somebody else's, their leaders are elected, and their notes taken back. What was noted
// and never began is not waited for forever.
func TestANewActiveControllerKnowsLeatsMoves(t *testing.T) {
	d := newDesk(t, &metadata.TopicRecord{Name: "orders", TopicID: orders}, partition(0, []int32{4, 1, 2}, []int32{4}, []int32{2}),
		partition(1, []int32{1, 2}, nil, nil), partition(2, []int32{1, 3, 2}, []int32{3}, []int32{2}), noted(new("0:4,0:1,1:1,1:3")))
	d.commit(&metadata.PartitionChangeRecord{TopicID: orders, Leader: 1, ISR: []int32{1}})
	r := d.runner()
	now := time.Now()
	r.look(now)
	d.wants("at first")
	if n := r.others(d.image); n != 1 {
		t.Errorf("%d reassignments of others, want that of partition 2", n)
	}
	first := r.begun[record.TopicPartition{Topic: "orders"}]
	if !slices.Equal(first.Before, []int32{1, 2}) || !slices.Equal(first.After, []int32{4, 1}) {
		t.Errorf("taken up: %+v", first.Move)
	}

	done := partition(0, []int32{4, 1}, nil, nil)
	done.ISR, done.Leader = []int32{1, 4}, 1
	d.commit(done)
	r.look(now.Add(time.Second))
	d.wants("one is done", "elect orders[0]", "note orders 1:1,1:3")

	d.commit(noted(new("1:1,1:3")))
	r.look(now.Add(imageTime - time.Second))
	d.wants("the other may begin")
	r.look(now.Add(imageTime + time.Second))
	d.wants("the other did not begin", "note orders gone")
}

// A node that is not active any more forgets what it knew.
func TestAnInactiveControllerLeavesNotesAlone(t *testing.T) {
	d := newDesk(t, &metadata.TopicRecord{Name: "orders", TopicID: orders}, partition(0, []int32{1, 2}, nil, nil), noted(new("0:1,0:3")))
	r := d.runner()
	active := true
	r.cfg.Active = func() bool { return active }
	r.look(time.Now())
	active = false
	r.look(time.Now().Add(time.Hour))
	d.wants("not active")
	if len(r.marked)+len(r.begun) != 0 {
		t.Errorf("it still knows %v and %v", r.marked, r.begun)
	}
}
