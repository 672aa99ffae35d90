package timers_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/coordinator/timers"
	"leat/internal/machine"
	"leat/internal/record"
)

// world is a machine with its log, and partitions of other topics that take what is delivered by Kafka's rules for producers.
type world struct {
	t        *testing.T
	rng      *rand.Rand
	now      time.Time
	m        *timers.Machine
	log      []machine.Entry[timers.Record]
	payloads map[int64]*timers.Timer
	targets  map[timers.Target]*shelf
	sent     []parcel // on their way, also those of machines that are gone
	next     int64    // offset of the log
	pending  timers.Pending
	ticket   machine.Ticket
	nextID   int64
	notices  []timers.Dropped
	set      timers.Settings
	answers  map[machine.Ticket]timers.Outcome
}

// parcel is a flight whose records were read from the log.
type parcel struct {
	timers.Deliver
	texts []string
}

// shelf is the log of a target: what became visible, in batches with the sequences of the producer.
type shelf struct {
	visible []seen
	batches []shelved
	gone    bool
	largest int                    // records that a batch may have, 0: any
	refuses func(text string) bool // a record that no batch may have
}

// shelved is a batch on a shelf.
type shelved struct {
	epoch    int16
	sequence int32
	count    int
}

type seen struct {
	payload string
	at, due int64
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: time.UnixMilli(1_000_000), payloads: map[int64]*timers.Timer{},
		targets: map[timers.Target]*shelf{}, set: timers.DefaultSettings, answers: map[machine.Ticket]timers.Outcome{}}
	w.load()
	return w
}

func (w *world) target(i int) timers.Target {
	k := timers.Target{TopicID: record.UUID{15: byte(i)}, Partition: int32(i)}
	if w.targets[k] == nil {
		w.targets[k] = &shelf{}
	}
	return k
}

// load is a node that takes over: everything but the log is lost.
func (w *world) load() {
	w.pending = timers.Pending{}
	w.m = timers.New(timers.Config{Settings: func() timers.Settings { return w.set }, Pending: func(p timers.Pending) { w.pending = p }})
	for _, e := range w.log {
		w.m.Apply(recoded(w.t, e))
	}
	w.take(w.m.Handle(w.now, timers.Event{Loaded: true}))
}

// recoded sends a record through its bytes.
func recoded(t *testing.T, e machine.Entry[timers.Record]) machine.Entry[timers.Record] {
	k, v := e.Record.Encode()
	if len(k)+len(v) > e.Record.Size() {
		t.Fatalf("%T takes %d bytes, not at most %d", e.Record, len(k)+len(v), e.Record.Size())
	}
	rec, foreign, err := timers.Decode(k, v)
	if err != nil || foreign != "" {
		t.Fatalf("decode %T: %q, %v", e.Record, foreign, err)
	}
	e.Record = rec
	return e
}

func (w *world) take(res machine.Result[timers.Record]) {
	for _, r := range res.Records {
		e := machine.Entry[timers.Record]{Offset: w.next, Record: r}
		w.next++
		if timer, ok := r.(*timers.Timer); ok {
			w.payloads[e.Offset] = timer
		}
		w.log = append(w.log, e)
		w.m.Apply(e)
	}
	for _, e := range res.Effects {
		switch e := e.(type) {
		case machine.Reply:
			w.answers[e.To] = e.Response.(timers.Outcome)
		case timers.Deliver:
			w.sent = append(w.sent, w.read(e))
		case timers.NeedProducerID:
			w.nextID++
			w.take(w.m.Handle(w.now, timers.Event{Identified: true, ProducerID: w.nextID}))
		case timers.Dropped:
			w.notices = append(w.notices, e)
		}
	}
}

// read takes the records of a flight from the log.
func (w *world) read(d timers.Deliver) parcel {
	w.t.Helper()
	p := parcel{Deliver: d}
	for _, r := range d.Records {
		timer := w.payloads[r.Offset]
		if timer == nil || timer.N != r.N {
			w.t.Fatalf("offset %d holds no timer %d", r.Offset, r.N)
		}
		rec, err := timers.Payload(timer.Payload)
		if err != nil {
			w.t.Fatal(err)
		}
		p.texts = append(p.texts, string(rec.Value))
	}
	return p
}

// compact keeps the newest record of every key, and of those that are tombstones some or none.
func (w *world) compact() {
	newest := make(map[string]int64)
	for _, e := range w.log {
		k, _ := e.Record.Encode()
		newest[string(k)] = e.Offset
	}
	tombstones := w.rng.IntN(2) == 0
	w.log = slices.DeleteFunc(w.log, func(e machine.Entry[timers.Record]) bool {
		k, v := e.Record.Encode()
		if newest[string(k)] != e.Offset || v == nil && !tombstones {
			delete(w.payloads, e.Offset)
			return true
		}
		return false
	})
}

// cut takes the last batches away from a target, as the election of a replica that was not in sync does. What was on its way there fails. It
// returns the records that are gone.
func (w *world) cut(of timers.Target, batches int) (lost []string) {
	s := w.targets[of]
	for ; batches > 0 && len(s.batches) > 0; batches-- {
		last := len(s.batches) - 1
		for _, v := range s.visible[len(s.visible)-s.batches[last].count:] {
			lost = append(lost, v.payload)
		}
		s.visible, s.batches = s.visible[:len(s.visible)-s.batches[last].count], s.batches[:last]
	}
	for i := 0; i < len(w.sent); i++ {
		if d := w.sent[i]; d.Target == of {
			w.sent = slices.Delete(w.sent, i, i+1)
			i--
			w.tell(d.Deliver, timers.Later)
		}
	}
	return lost
}

func (w *world) tell(d timers.Deliver, result timers.DeliveryResult) {
	w.take(w.m.Handle(w.now, timers.Event{Delivered: d.Delivered(result)}))
}

func (w *world) ask(c *timers.Command) timers.Outcome {
	w.t.Helper()
	back, err := timers.DecodeCommand(c.Encode())
	if err != nil {
		w.t.Fatal(err)
	}
	w.ticket++
	w.take(w.m.Handle(w.now, timers.Event{Ticket: w.ticket, Command: back}))
	o, ok := w.answers[w.ticket]
	if !ok {
		w.t.Fatal("no answer")
	}
	return o
}

// advance lets time come, up to when the machine is due next, and ticks it.
func (w *world) advance(by time.Duration) {
	end := w.now.Add(by)
	for {
		due := w.m.Due()
		if due.IsZero() || due.After(end) {
			w.now = end
			return
		}
		if due.After(w.now) {
			w.now = due
		}
		w.take(w.m.Tick(w.now))
		for w.rng.IntN(3) > 0 && len(w.sent) > 0 {
			w.arrive(w.rng.IntN(len(w.sent)), true)
		}
	}
}

// arrive has a batch come to its target; told says whether the machine hears of it.
func (w *world) arrive(i int, told bool) {
	d := w.sent[i]
	w.sent = slices.Delete(w.sent, i, i+1)
	result := w.targets[d.Target].append(w, d)
	if !told {
		result = timers.Later
	}
	w.tell(d.Deliver, result)
}

func (s *shelf) append(w *world, d parcel) timers.DeliveryResult {
	if s.gone {
		return timers.Missing
	}
	if s.largest > 0 && len(d.Records) > s.largest || s.refuses != nil && slices.ContainsFunc(d.texts, s.refuses) {
		return timers.TooLarge
	}
	if n := len(s.batches); n > 0 {
		last := s.batches[n-1]
		switch {
		case slices.Contains(s.batches[max(0, n-5):], shelved{d.Epoch, d.Sequence, len(d.Records)}):
			return timers.Taken
		case d.Epoch < last.epoch:
			return timers.Lost // fenced
		case d.Epoch > last.epoch && d.Sequence != 0, d.Epoch == last.epoch && d.Sequence != record.AddSequence(last.sequence, int32(last.count)):
			return timers.Lost
		}
	}
	s.batches = append(s.batches, shelved{d.Epoch, d.Sequence, len(d.Records)})
	for i, r := range d.Records {
		s.visible = append(s.visible, seen{d.texts[i], w.now.UnixMilli(), r.Due})
	}
	return timers.Taken
}

func payload(text string) []byte {
	return timers.AppendPayload(nil, &record.Record{Key: []byte("k"), Value: []byte(text), Headers: []record.Header{{Key: "h"}}})
}

// one is a command of a producer with a batch of its own.
func (w *world) one(of timers.Target, text, id string, in time.Duration) *timers.Command {
	return &timers.Command{Target: of, Producer: timers.Producer{ID: -1},
		Entries: []timers.Entry{{Due: w.now.Add(in).UnixMilli(), ID: id, Payload: payload(text)}}}
}

// drain ends everything that is under way, and checks that each was seen once, in time order within what was due.
func (w *world) drain() {
	for range 100 {
		w.advance(time.Minute)
		for len(w.sent) > 0 {
			w.arrive(0, true)
		}
	}
}

// A walk: timers, cancellations, lost answers, late batches of former leaders, cut logs of targets, refused appends and reloads. Each record
// that was not cancelled is seen exactly once and never before its time; a cancelled one at most once.
func TestEachRecordIsSeenOnceOverRandomWalks(t *testing.T) {
	for seed := range uint64(400) {
		w := newWorld(t, seed)
		w.set.MaxFlightRecords = 1 + w.rng.IntN(5)
		wanted, cancelled := map[string]bool{}, map[string]bool{}
		for step := range 200 {
			of := w.target(w.rng.IntN(3))
			text := fmt.Sprintf("%d", step)
			switch w.rng.IntN(10) {
			case 0, 1, 2:
				w.ask(w.one(of, text, "", time.Duration(w.rng.IntN(5000))*time.Millisecond))
				wanted[text] = true
			case 3:
				w.ask(w.one(of, text, "id"+text, time.Duration(w.rng.IntN(5000))*time.Millisecond))
				if w.rng.IntN(2) == 0 {
					w.ask(&timers.Command{Target: of, Producer: timers.Producer{ID: -1}, Entries: []timers.Entry{{ID: "id" + text}}})
					cancelled[text] = true
				} else {
					wanted[text] = true
				}
			case 4, 5:
				w.advance(time.Duration(w.rng.IntN(1000)) * time.Millisecond)
				w.take(w.m.Handle(w.now, timers.Event{Moved: []timers.Target{of}}))
			case 6, 7:
				if len(w.sent) > 0 {
					w.arrive(w.rng.IntN(len(w.sent)), w.rng.IntN(3) > 0)
				}
			case 8:
				if w.rng.IntN(2) == 0 {
					w.compact()
				}
				w.load()
			case 9:
				if res := w.m.Tick(w.now); len(res.Records) > 0 { // refused: too few replicas
					w.m.Refused(w.now, res.Records)
				}
			}
		}
		w.drain()
		w.check(seed, wanted, cancelled)
	}
}

// A walk with targets that refuse records, lose batches and are deleted. What a target did not refuse, lose or take with it is seen once, and
// nothing is left behind.
func TestTargetsThatRefuseLoseOrGoHoldNothingUp(t *testing.T) {
	var dropped, cut, missing int
	for seed := range uint64(400) {
		w := newWorld(t, seed)
		w.set.MaxFlightRecords = 1 + w.rng.IntN(8)
		wanted, perhaps := map[string]bool{}, map[string]bool{}
		for i := range 3 {
			s := w.targets[w.target(i)]
			s.largest, s.refuses = 1+w.rng.IntN(4), func(text string) bool { return text[0] == '-' }
		}
		for step := range 200 {
			of := w.target(w.rng.IntN(3))
			switch w.rng.IntN(10) {
			case 0, 1, 2, 3:
				text := fmt.Sprint(step)
				if w.rng.IntN(12) == 0 {
					text = "-" + text
				} else {
					wanted[text] = true
				}
				w.ask(w.one(of, text, "", time.Duration(w.rng.IntN(5000))*time.Millisecond))
				if w.targets[of].gone {
					perhaps[text] = true
				}
			case 4, 5:
				w.advance(time.Duration(w.rng.IntN(2000)) * time.Millisecond)
				w.take(w.m.Handle(w.now, timers.Event{Moved: []timers.Target{of}}))
			case 6, 7:
				if len(w.sent) > 0 {
					w.arrive(w.rng.IntN(len(w.sent)), w.rng.IntN(3) > 0)
				}
			case 8:
				w.compact()
				w.load()
			case 9:
				for _, text := range w.cut(of, w.rng.IntN(3)) {
					perhaps[text] = true
					cut++
				}
			}
			if step == 150 && seed%4 == 0 {
				missing += w.remove(of, perhaps)
			}
		}
		w.drain()
		for text := range perhaps {
			delete(wanted, text)
		}
		w.check(seed, wanted, nil)
		for text, n := range w.seen() {
			if n > 1 || text[0] == '-' {
				t.Fatalf("seed %d: %s is seen %d times", seed, text, n)
			}
		}
		for _, d := range w.notices {
			dropped += d.Count
		}
		if w.pending != (timers.Pending{}) {
			t.Fatalf("seed %d: left are %+v", seed, w.pending)
		}
	}
	t.Logf("%d records dropped, %d lost by their targets, %d waited for a topic that went", dropped, cut, missing)
	if dropped < 400 || cut < 400 || missing < 100 {
		t.Error("the walk does not go where it should")
	}
}

// remove deletes the topic of a target; what waits for it may go with it.
func (w *world) remove(of timers.Target, perhaps map[string]bool) int {
	n := len(perhaps)
	w.targets[of].gone = true
	for _, timer := range w.payloads {
		if rec, err := timers.Payload(timer.Payload); err == nil && timer.Target == of {
			perhaps[string(rec.Value)] = true
		}
	}
	return len(perhaps) - n
}

// No more bytes wait than a command allows; what is repeated, and what cancels, is taken all the same.
func TestBytesThatWaitAreBounded(t *testing.T) {
	w := newWorld(t, 1)
	of := w.target(0)
	take := func(first int32, limit int64, e timers.Entry) int16 {
		return w.ask(&timers.Command{Target: of, MaxPending: limit, Entries: []timers.Entry{e},
			Producer: timers.Producer{ID: 5, Range: timers.Range{First: first, Last: first}, LogEpoch: -1, LogLast: -1}}).Code
	}
	size := int64(len(payload("12345")))
	e := timers.Entry{Due: w.now.Add(time.Hour).UnixMilli(), ID: "a", Payload: payload("12345")}
	if code := take(0, 2*size, e); code != 0 {
		t.Fatal(code)
	}
	e.ID = "b"
	if code := take(1, 2*size-1, e); code != kerr.ThrottlingQuotaExceeded.Code {
		t.Errorf("over the limit: %d", code)
	}
	if code := take(1, 2*size, e); code != 0 || w.pending != (timers.Pending{Timers: 2, Bytes: 2 * size}) {
		t.Errorf("up to the limit: %d, %+v", code, w.pending)
	}
	if code := take(1, 2*size, e); code != 0 || w.pending.Timers != 2 {
		t.Errorf("repeated: %d, %+v", code, w.pending)
	}
	if code := take(2, 2*size, timers.Entry{ID: "b"}); code != 0 || w.pending.Timers != 1 {
		t.Errorf("cancelled: %d, %+v", code, w.pending)
	}
	e.ID = ""
	if code := take(3, 2*size, e); code != 0 || w.pending.Timers != 2 {
		t.Errorf("in the place of what was cancelled: %d, %+v", code, w.pending)
	}
	w.drain()
	if w.pending != (timers.Pending{}) {
		t.Errorf("at last: %+v", w.pending)
	}
}

// seen is how often records are visible.
func (w *world) seen() map[string]int {
	counts := map[string]int{}
	for _, s := range w.targets {
		for _, v := range s.visible {
			counts[v.payload]++
		}
	}
	return counts
}

func (w *world) check(seed uint64, wanted, cancelled map[string]bool) {
	w.t.Helper()
	counts := w.seen()
	for _, s := range w.targets {
		for _, v := range s.visible {
			if v.at < v.due {
				w.t.Errorf("seed %d: %s is seen at %d, due at %d", seed, v.payload, v.at, v.due)
			}
			if cancelled != nil && !wanted[v.payload] && !cancelled[v.payload] {
				w.t.Errorf("seed %d: nobody sent %s", seed, v.payload)
			}
		}
	}
	for text := range wanted {
		if counts[text] != 1 {
			w.t.Fatalf("seed %d: %s is seen %d times", seed, text, counts[text])
		}
	}
	for text := range cancelled {
		if counts[text] > 0 {
			w.t.Fatalf("seed %d: %s was cancelled before it was due, and is seen %d times", seed, text, counts[text])
		}
	}
}

func TestBytesThatAreNoRecordAreRefused(t *testing.T) {
	timer := &timers.Timer{Target: timers.Target{Partition: 3}, N: 4, Due: 5, ID: "six", Payload: payload("x")}
	k, v := timer.Encode()
	for n := range len(k) {
		if _, _, err := timers.Decode(k[:n], v); err == nil {
			t.Errorf("a key of %d bytes is taken", n)
		}
	}
	state := &timers.State{Flight: []timers.Ref{{Due: 1, N: 2, Offset: 3, Size: 4}}}
	k, v = state.Encode()
	for n := 1; n < len(v); n++ {
		if _, _, err := timers.Decode(k, v[:n]); err == nil {
			t.Errorf("a state of %d bytes is taken", n)
		}
	}
	if _, err := timers.DecodeCommand(bytes.Repeat([]byte{0xff}, 80)); err == nil {
		t.Error("a command of nonsense is taken")
	}
}
