package txn

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/machine/machinetest"
	"leat/internal/metadata"
	"leat/internal/record"
)

var long = flag.Bool("long", false, "run the model check with 10,000 seeds")

// walker lets producers, leaders of partitions and the senders of markers do anything at any time, and keeps what must hold in a model of
// its own, which it reads from the log alone.
type walker struct {
	t      *testing.T
	rand   *rand.Rand
	driver *machinetest.Driver[Event, Record]
	now    time.Time
	set    Settings
	next   int64 // producer id
	seen   int   // entries of the log that were looked at

	markers []WriteMarkers // asked for at any time
	asked   []kmsg.Request // to be sent once more
	state   map[string]*Transaction
	decided map[string]*Transaction // as last prepared; it may be complete since
	top     map[int64]int16         // the highest epoch in the log by producer id
}

func newWalker(t *testing.T, seed uint64) *walker {
	w := &walker{t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: time.UnixMilli(1_000_000_000_000), set: DefaultSettings, next: 100,
		state: map[string]*Transaction{}, decided: map[string]*Transaction{}, top: map[int64]int16{}}
	w.set.TwoPhaseCommit = true
	w.set.TransactionVersion = int16(w.rand.IntN(3))
	w.set.IDExpiration = time.Duration(1+w.rand.IntN(100)) * time.Minute
	w.driver = newDriver(t, func() Settings { return w.set })
	w.take(w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Loaded: true} }))
	return w
}

func (w *walker) id() string { return []string{"a", "b", "c"}[w.rand.IntN(3)] }

// who is mostly the producer that an id has, or was given last.
func (w *walker) who(id string) identity {
	t := w.state[id]
	if t == nil || w.rand.IntN(12) == 0 {
		return identity{int64(100 + w.rand.IntN(10)), int16(w.rand.IntN(4))}
	}
	who := identity{t.ProducerID, t.ProducerEpoch}
	switch w.rand.IntN(8) {
	case 0:
		who.epoch--
	case 1:
		who = identity{t.PreviousProducerID, exhaustedEpoch}
	}
	return who
}

func (w *walker) event() Event {
	id := w.id()
	who := w.who(id)
	switch w.rand.IntN(13) {
	case 0, 1:
		rq := kmsg.NewPtrInitProducerIDRequest()
		rq.Version, rq.TransactionalID, rq.TransactionTimeoutMillis = int16(w.rand.IntN(6)), &id, int32(1000*(1+w.rand.IntN(100)))
		if w.rand.IntN(2) == 0 {
			rq.ProducerID, rq.ProducerEpoch = who.producerID, who.epoch
		}
		e := Event{Request: rq, TwoPhaseCommit: w.rand.IntN(10) == 0}
		if w.rand.IntN(10) > 0 {
			w.next++
			e.NewProducerID = w.next
		}
		return e
	case 2, 3, 4:
		a := args{id: id, named: map[string]string{"v": fmt.Sprint(w.rand.IntN(6)), "as": fmt.Sprintf("%d/%d", who.producerID, who.epoch)}}
		for range 1 + w.rand.IntN(3) {
			a.parts = append(a.parts, w.partition())
		}
		return Event{Request: addRequest(w.rand.IntN(4) == 0, a)}
	case 5:
		rq := kmsg.NewPtrAddOffsetsToTxnRequest()
		rq.Version, rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch = 3, id, who.producerID, who.epoch
		return Event{Request: rq, GroupPartition: int32(w.rand.IntN(3))}
	case 6, 7, 8:
		rq := kmsg.NewPtrEndTxnRequest()
		rq.Version, rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch = int16(4+w.rand.IntN(2)), id, who.producerID, who.epoch
		rq.Commit = w.rand.IntN(2) == 0
		return Event{Request: rq}
	case 9, 10:
		if len(w.markers) > 0 {
			m := w.markers[max(0, len(w.markers)-1-w.rand.IntN(3))]
			ps := m.Partitions
			if w.rand.IntN(3) == 0 {
				ps = ps[:w.rand.IntN(len(ps)+1)]
			}
			return Event{Written: &MarkersWritten{TransactionalID: m.TransactionalID, Token: m.Token, Partitions: ps}}
		}
	case 11:
		return Event{Image: w.image()}
	case 12:
		if len(w.asked) > 0 {
			return Event{Request: w.asked[w.rand.IntN(len(w.asked))]}
		}
	}
	rq := kmsg.NewPtrListTransactionsRequest()
	return Event{Request: rq}
}

func (w *walker) partition() record.TopicPartition {
	return record.TopicPartition{Topic: []string{"t", "u"}[w.rand.IntN(2)], Partition: int32(w.rand.IntN(3))}
}

func (w *walker) image() *metadata.Image {
	topics := []string{"t:3", "u:3", groupTopic + ":3"}
	return imageOf(topics[:1+w.rand.IntN(3)])
}

func (w *walker) step() {
	switch w.rand.IntN(20) {
	case 0:
		w.now = w.now.Add(time.Duration(w.rand.IntN(5_000_000)) * time.Millisecond)
	case 1, 2, 3:
		w.now = w.now.Add(time.Duration(w.rand.IntN(30_000)) * time.Millisecond)
	case 4:
		w.now = w.now.Add(-time.Duration(w.rand.IntN(30_000)) * time.Millisecond)
	case 5:
		w.driver.Reload()
		w.take(w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Loaded: true, Image: w.image()} }))
		return
	case 6:
		w.exhaust()
		return
	}
	w.take(w.driver.Tick(w.now))
	e := w.event()
	if e.Request != nil {
		w.asked = append(w.asked, e.Request)
	}
	w.take(w.driver.Step(w.now, func(t machine.Ticket) Event { e.Ticket = t; return e }))
}

// exhaust raises an epoch to where the epochs end, by way of the log.
func (w *walker) exhaust() {
	id := w.id()
	t := w.state[id]
	if t == nil || t.State != Ongoing && t.State != Empty || t.ProducerEpoch >= exhaustedEpoch {
		return
	}
	next := *t
	next.ProducerEpoch = exhaustedEpoch - int16(w.rand.IntN(2))
	e := machine.Entry[Record]{Offset: int64(len(w.driver.Entries)), ProducerID: -1, Record: &TransactionRecord{id, &next}}
	w.driver.Machine.Apply(e)
	w.driver.Entries = append(w.driver.Entries, e)
	w.take(nil)
}

// take looks at what a step led to.
func (w *walker) take(effects []machine.Effect) {
	w.t.Helper()
	for ; w.seen < len(w.driver.Entries); w.seen++ {
		r := w.driver.Entries[w.seen].Record.(*TransactionRecord)
		w.checkRecord(r.TransactionalID, w.state[r.TransactionalID], r.Transaction)
		if r.Transaction == nil {
			delete(w.state, r.TransactionalID)
		} else {
			w.state[r.TransactionalID] = r.Transaction
		}
	}
	for _, e := range effects {
		switch e := e.(type) {
		case WriteMarkers:
			w.checkMarkers(e)
			w.markers = append(w.markers, e)
		case machine.Reply:
			w.checkReply(e.Response)
		}
	}
}

// from lists the states that may come before another (Kafka's TransactionState).
var from = map[State][]State{
	Empty:          {Empty, CompleteCommit, CompleteAbort},
	Ongoing:        {Ongoing, Empty, CompleteCommit, CompleteAbort},
	PrepareCommit:  {Ongoing},
	PrepareAbort:   {Ongoing, Empty, CompleteCommit, CompleteAbort},
	CompleteCommit: {PrepareCommit},
	CompleteAbort:  {PrepareAbort},
}

// checkRecord checks one change of a transactional id.
func (w *walker) checkRecord(id string, was, is *Transaction) {
	w.t.Helper()
	switch {
	case is == nil:
		if was == nil || was.State != Empty && !was.State.complete() {
			w.t.Fatalf("%s is removed while it is %+v", id, was)
		}
		return
	case was == nil:
		if is.State != Empty || is.ProducerEpoch != 0 {
			w.t.Fatalf("%s begins as %+v", id, is)
		}
		if _, used := w.top[is.ProducerID]; used {
			w.t.Fatalf("%s gets producer id %d, which somebody has", id, is.ProducerID)
		}
	default:
		ok := false
		for _, s := range from[is.State] {
			ok = ok || s == was.State
		}
		if !ok {
			w.t.Fatalf("%s goes from %+v to %+v", id, was, is)
		}
		if _, used := w.top[is.ProducerID]; used && is.ProducerID != was.ProducerID {
			w.t.Fatalf("%s gets producer id %d, which somebody has", id, is.ProducerID)
		}
		if is.ProducerID == was.ProducerID && is.ProducerEpoch < was.ProducerEpoch {
			w.t.Fatalf("%s goes back from %+v to %+v", id, was, is)
		}
		if (is.State.prepared() || is.State == Ongoing && was.State == Ongoing) && len(is.Partitions) < len(was.Partitions) {
			w.t.Fatalf("%s loses partitions from %+v to %+v", id, was, is)
		}
	}
	if is.State == Ongoing && is.ProducerEpoch == math.MaxInt16 {
		w.t.Fatalf("%s has a transaction with the epoch that is kept for fencing: %+v", id, is)
	}
	if is.State == PrepareAbort && w.set.TransactionVersion >= 2 && is.ClientVersion >= 2 && was.ProducerEpoch >= is.ProducerEpoch && was.ProducerEpoch < math.MaxInt16 {
		w.t.Fatalf("%s ends without a new epoch from %+v to %+v", id, was, is)
	}
	if is.State.prepared() {
		w.decided[id] = is
	}
	w.top[is.ProducerID] = max(w.top[is.ProducerID], is.ProducerEpoch)
}

// checkMarkers checks that markers say what the log says.
func (w *walker) checkMarkers(e WriteMarkers) {
	w.t.Helper()
	t := w.decided[e.TransactionalID]
	if t == nil || e.Commit != (t.State == PrepareCommit) || e.ProducerID != t.ProducerID || e.ProducerEpoch != t.ProducerEpoch {
		w.t.Fatalf("markers %+v while the log says %+v", e, t)
	}
}

// checkReply checks that a producer gets what is or will be its identity.
func (w *walker) checkReply(resp any) {
	w.t.Helper()
	if r, ok := resp.(*kmsg.InitProducerIDResponse); ok && r.ErrorCode == 0 && r.ProducerEpoch > exhaustedEpoch {
		w.t.Fatalf("a producer got epoch %d", r.ProducerEpoch)
	}
	if r, ok := resp.(*kmsg.EndTxnResponse); ok && r.ErrorCode == 0 && r.Version >= 5 && r.ProducerEpoch > exhaustedEpoch {
		w.t.Fatalf("a producer got epoch %d", r.ProducerEpoch)
	}
}

// finish writes all markers, so that everything that was prepared must become complete.
func (w *walker) finish() {
	w.t.Helper()
	w.driver.Reload()
	w.markers = nil
	w.take(w.driver.Step(w.now, func(machine.Ticket) Event { return Event{Loaded: true} }))
	for _, m := range w.markers {
		w.take(w.driver.Step(w.now, func(machine.Ticket) Event {
			return Event{Written: &MarkersWritten{TransactionalID: m.TransactionalID, Token: m.Token, Partitions: m.Partitions}}
		}))
	}
	for id, t := range w.state {
		if t.State.prepared() {
			w.t.Fatalf("%s is never complete: %+v", id, t)
		}
	}
}

// TestAnythingAtAnyTime walks at random; after every step the hard state is rebuilt from the log and compared, and every record is checked
// against the one before.
func TestAnythingAtAnyTime(t *testing.T) {
	seeds, steps := uint64(300), 120
	if *long {
		seeds = 10_000
	}
	for seed := range seeds {
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWalker(t, seed)
			for range steps {
				w.step()
			}
			w.finish()
		}) {
			return
		}
	}
}
