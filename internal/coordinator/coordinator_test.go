package coordinator_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/coordinator"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
)

// word is the record of a coordinator that writes down words.
type word string

func (w word) Encode() (key, value []byte) { return []byte(w), nil }

func (w word) Size() int { return len(w) }

// heard is its event: a word to write, or what the coordinator tells.
type heard struct {
	ticket machine.Ticket
	word   word
	loaded bool
	image  *metadata.Image
}

// clerk is its machine. It answers with all the words it has.
type clerk struct {
	partition int32
	words     []string
	told      *told
}

// told is what machines were told, in order.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (o *told) add(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, fmt.Sprintf(format, args...))
}

func (o *told) take() string {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.Sort(o.lines)
	out := strings.Join(o.lines, ", ")
	o.lines = nil
	return out
}

func (c *clerk) Handle(_ time.Time, e heard) (res machine.Result[word]) {
	switch {
	case e.loaded:
		c.told.add("%d loaded at %d", c.partition, e.image.Offset)
	case e.image != nil:
		c.told.add("%d image %d", c.partition, e.image.Offset)
	}
	words := strings.Join(append(slices.Clone(c.words), string(e.word)), " ")
	if e.word != "" {
		res.Records = []word{e.word}
		res.Effects = []machine.Effect{"wrote " + string(e.word)}
	}
	res.Effects = append(res.Effects, machine.Reply{To: e.ticket, Response: strings.TrimSpace(words)})
	return res
}

func (c *clerk) Apply(e machine.Entry[word]) { c.words = append(c.words, string(e.Record)) }

func (c *clerk) Tick(time.Time) machine.Result[word] { return machine.Result[word]{} }

func (c *clerk) Due() time.Time { return time.Time{} }

func ask(w word) func(machine.Ticket) heard {
	return func(t machine.Ticket) heard { return heard{ticket: t, word: w} }
}

func words(partition int32) record.TopicPartition {
	return record.TopicPartition{Topic: "words", Partition: partition}
}

func readWord(k, _ []byte) (word, string, error) { return word(k), "", nil }

func (o *told) answer(name string) func(any, error) {
	return func(a any, err error) { o.add("%s: %v %d", name, a, coordinator.CodeOf(err)) }
}

func onlyConfigs(d *metadata.Delta) bool { return d == nil || len(d.ChangedConfigs()) > 0 }

func imageAt(offset int64, d *metadata.Delta) *metadata.Image { return d.Image(offset, 0, 0) }

// newClerks is a coordinator of words over logs in memory, with three partitions.
func newClerks(t *testing.T, logs *[3]fakeLog, o *told) *coordinator.Coordinator[heard, word] {
	var c *coordinator.Coordinator[heard, word]
	c = coordinator.New(coordinator.Config{
		Open:   func(tp record.TopicPartition, _ int32) (coordinator.Leader, error) { return &logs[tp.Partition], nil },
		Logger: slog.New(slog.DiscardHandler),
	}, coordinator.Kind[heard, word]{
		Name: "clerk", Topic: "words", Decode: readWord,
		New: func(tp record.TopicPartition, _ int32) machine.Machine[heard, word] {
			return &clerk{partition: tp.Partition, told: o}
		},
		Loaded:    func() heard { return heard{loaded: true, image: c.Image()} },
		Published: func(im *metadata.Image, d *metadata.Delta) (heard, bool) { return heard{image: im}, onlyConfigs(d) },
		Perform:   func(p coordinator.Led, e machine.Effect) { o.add("%d at epoch %d %v", p.Partition, p.LeaderEpoch, e) },
		Settings:  func() coordinator.Settings { return coordinator.DefaultSettings },
	})
	d := metadata.NewDelta(metadata.Empty)
	if err := d.Replay(&metadata.TopicRecord{Name: "words", TopicID: record.UUID{9}}); err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		if err := d.Replay(&metadata.PartitionRecord{PartitionID: p, TopicID: record.UUID{9}, Replicas: []int32{1}, ISR: []int32{1}, Leader: 1}); err != nil {
			t.Fatal(err)
		}
	}
	c.Publish(imageAt(10, d), nil)
	return c
}

func expect(t *testing.T, o *told, what, want string) {
	t.Helper()
	if got := o.take(); got != want {
		t.Fatalf("%s: %s\nwant %s", what, got, want)
	}
}

func TestMachinesBeginWithAnImageAndHearOfLaterOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs [3]fakeLog
		o := &told{}
		c := newClerks(t, &logs, o)
		defer c.Close()
		c.Leading(words(0), 4, true)
		c.Leading(record.TopicPartition{Topic: "others"}, 4, true)
		expect(t, o, "after the load", "0 loaded at 10")

		d := metadata.NewDelta(c.Image())
		if err := d.Replay(&metadata.ConfigRecord{ResourceType: int8(metadata.TopicResource), ResourceName: "words", Name: "cleanup.policy"}); err != nil {
			t.Fatal(err)
		}
		c.Publish(imageAt(11, d), d)
		expect(t, o, "after a change of configs", "0 image 11")
		d = metadata.NewDelta(c.Image())
		c.Publish(imageAt(12, d), d)
		expect(t, o, "after a change of nothing", "")
		c.Leading(words(1), 1, true)
		expect(t, o, "the next load", "1 loaded at 12")
	})
}

func TestEventsFindTheirPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs [3]fakeLog
		o := &told{}
		c := newClerks(t, &logs, o)
		c.Leading(words(0), 4, true)
		c.Leading(words(1), 5, true)
		expect(t, o, "after the loads", "0 loaded at 10, 1 loaded at 10")
		c.SubmitTo(1, ask("one"), o.answer("done"))
		expect(t, o, "written", "1 at epoch 5 wrote one, done: one 0")
		c.SubmitTo(2, ask("two"), o.answer("done"))
		expect(t, o, "not led", "done: <nil> 16")
		for _, key := range []string{"a", "b", "c"} { // 97, 98 and 99 modulo 3
			c.Submit(key, ask(word(key)), o.answer(key))
		}
		expect(t, o, "by key", "0 at epoch 4 wrote c, 1 at epoch 5 wrote a, a: one a 0, b: <nil> 16, c: c 0")
		c.Each(ask(""), func(answers []any, code int16) { o.add("%d answers, code %d", len(answers), code) })
		expect(t, o, "each", "2 answers, code 0")
		logs[2].gate = make(chan struct{})
		logs[2].add1(t, "old")
		c.Leading(words(2), 1, true)
		synctest.Wait()
		c.Each(ask(""), func(answers []any, code int16) { o.add("%d answers, code %d", len(answers), code) })
		expect(t, o, "each while one loads", "2 answers, code 14")
		close(logs[2].gate)
		expect(t, o, "loaded", "2 loaded at 10")
		c.Close()
		c.SubmitTo(1, ask("late"), o.answer("done"))
		expect(t, o, "closed", "done: <nil> 15")
	})
}

// add1 puts a word of others into the log.
func (l *fakeLog) add1(t *testing.T, w string) {
	b, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Key: []byte(w)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Append(b); err != nil {
		t.Fatal(err)
	}
}

// A coordinator that was cut off goes on deciding until it hears of it. Nobody may hear of those decisions but that they came to nothing.
func TestACoordinatorThatLostItsLeadershipToldNobody(t *testing.T) {
	for name, lose := range map[string]func(c *coordinator.Coordinator[heard, word], l *fakeLog){
		"told by the metadata": func(c *coordinator.Coordinator[heard, word], _ *fakeLog) { c.Leading(words(0), 4, false) },
		"told by the log": func(_ *coordinator.Coordinator[heard, word], l *fakeLog) {
			for _, fn := range l.waits {
				fn(replication.ErrNotLeader)
			}
		},
		"elected again": func(c *coordinator.Coordinator[heard, word], _ *fakeLog) { c.Leading(words(0), 6, true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logs [3]fakeLog
				o := &told{}
				c := newClerks(t, &logs, o)
				defer c.Close()
				c.Leading(words(0), 4, true)
				expect(t, o, "after the load", "0 loaded at 10")
				logs[0].held = true
				c.SubmitTo(0, ask("lost"), o.answer("first"))
				c.SubmitTo(0, ask(""), o.answer("reader"))
				time.Sleep(time.Hour)
				expect(t, o, "before the commit", "")
				lose(c, &logs[0])
				got := o.take()
				if !strings.HasPrefix(strings.TrimPrefix(got, "0 loaded at 10, "), "first: <nil> 16, reader: <nil> 16") || strings.Contains(got, "wrote") {
					t.Errorf("afterwards: %s", got)
				}
			})
		})
	}
}
