package timers_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

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
	sent     []timers.Deliver // on their way, also those of machines that are gone
	ticket   machine.Ticket
	nextID   int64
	notices  []timers.Dropped
	set      timers.Settings
	answers  map[machine.Ticket]timers.Outcome
}

// shelf is the log of a target: what became visible, and the last sequence of the producer.
type shelf struct {
	visible []seen
	epoch   int16
	next    int32
	first   []int32 // sequences of the last batches
	known   bool
	gone    bool
	largest int // records that a batch may have, 0: any
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
	w.m = timers.New(timers.Config{Settings: func() timers.Settings { return w.set }})
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
		e := machine.Entry[timers.Record]{Offset: int64(len(w.log)), Record: r}
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
			w.sent = append(w.sent, e)
		case timers.NeedProducerID:
			w.nextID++
			w.take(w.m.Handle(w.now, timers.Event{Identified: true, ProducerID: w.nextID}))
		case timers.Dropped:
			w.notices = append(w.notices, e)
		}
	}
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
	if told {
		w.take(w.m.Handle(w.now, timers.Event{Delivered: &timers.Delivered{Target: d.Target, Epoch: d.Epoch, Sequence: d.Sequence, Result: result}}))
	} else {
		w.take(w.m.Handle(w.now, timers.Event{Delivered: &timers.Delivered{Target: d.Target, Epoch: d.Epoch, Sequence: d.Sequence, Result: timers.Later}}))
	}
}

func (s *shelf) append(w *world, d timers.Deliver) timers.DeliveryResult {
	switch {
	case s.gone:
		return timers.Missing
	case s.largest > 0 && len(d.Records) > s.largest:
		return timers.TooLarge
	case s.known && d.Epoch == s.epoch && slices.Contains(s.first, d.Sequence):
		return timers.Taken
	case s.known && d.Epoch < s.epoch:
		return timers.Later // fenced: a batch of long ago
	case s.known && d.Epoch > s.epoch && d.Sequence != 0, s.known && d.Epoch == s.epoch && d.Sequence != s.next:
		return timers.Lost
	}
	if d.Epoch != s.epoch {
		s.first = nil
	}
	s.known, s.epoch, s.next = true, d.Epoch, record.AddSequence(d.Sequence, int32(len(d.Records)))
	s.first = append(s.first, d.Sequence)
	s.first = s.first[max(0, len(s.first)-5):]
	for _, r := range d.Records {
		timer := w.payloads[r.Offset]
		if timer == nil || timer.N != r.N {
			w.t.Fatalf("offset %d holds no timer %d", r.Offset, r.N)
		}
		rec, err := timers.Payload(timer.Payload)
		if err != nil {
			w.t.Fatal(err)
		}
		s.visible = append(s.visible, seen{string(rec.Value), w.now.UnixMilli(), r.Due})
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
			case 6, 7:
				if len(w.sent) > 0 {
					w.arrive(w.rng.IntN(len(w.sent)), w.rng.IntN(3) > 0)
				}
			case 8:
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

func (w *world) check(seed uint64, wanted, cancelled map[string]bool) {
	w.t.Helper()
	counts := map[string]int{}
	for _, s := range w.targets {
		for _, v := range s.visible {
			counts[v.payload]++
			if v.at < v.due {
				w.t.Errorf("seed %d: %s is seen at %d, due at %d", seed, v.payload, v.at, v.due)
			}
			if !wanted[v.payload] && !cancelled[v.payload] {
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
