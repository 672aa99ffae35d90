package txn

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// TestRefusedRecordsAreDecidedAgain has the log refuse every record once: what the machine decides by itself it decides again a little
// later, and what somebody asked for is open to be asked again.
func TestRefusedRecordsAreDecidedAgain(t *testing.T) {
	set := DefaultSettings
	m := New(Config{Settings: func() Settings { return set }, Rand: rand.New(rand.NewPCG(1, 2))})
	now := time.UnixMilli(1_000_000_000_000)
	refuse := func(res machine.Result[Record], want State) {
		t.Helper()
		if len(res.Records) == 0 || res.Records[0].(*TransactionRecord).Transaction.State != want {
			t.Fatalf("decided on %+v, want %v", res.Records, want)
		}
		m.Refused(now, res.Records)
	}
	accept := func(res machine.Result[Record], want State) []machine.Effect {
		t.Helper()
		if len(res.Records) == 0 || res.Records[0].(*TransactionRecord).Transaction.State != want {
			t.Fatalf("decided on %+v, want %v", res.Records, want)
		}
		for _, r := range res.Records {
			m.Apply(machine.Entry[Record]{Record: r})
		}
		return res.Effects
	}
	id := "pay"
	ask := func() machine.Result[Record] {
		rq := kmsg.NewPtrInitProducerIDRequest()
		rq.Version, rq.TransactionalID, rq.TransactionTimeoutMillis = 5, &id, 10_000
		return m.Handle(now, Event{Ticket: 1, Request: rq, NewProducerID: 4000})
	}
	add := func() machine.Result[Record] {
		return m.Handle(now, Event{Ticket: 2, Request: addRequest(false, args{id: id, parts: parts("t", 0), named: map[string]string{"as": "4000/0"}})})
	}
	// await lets time pass until the machine wants to do something.
	await := func(atLeast time.Duration) machine.Result[Record] {
		t.Helper()
		due := m.Due()
		if due.Before(now.Add(atLeast)) {
			t.Fatalf("due %v after now, want %v or more", due.Sub(now), atLeast)
		}
		now = due
		return m.Tick(now)
	}

	m.Handle(now, Event{Loaded: true})
	refuse(ask(), Empty)
	accept(ask(), Empty)
	refuse(add(), Ongoing)
	accept(add(), Ongoing)
	refuse(await(10*time.Second), PrepareAbort)
	refuse(await(retryAfter), PrepareAbort)
	effects := accept(await(retryAfter), PrepareAbort)
	order, ok := effects[len(effects)-1].(WriteMarkers)
	if !ok || order.ProducerEpoch != 1 {
		t.Fatalf("effects %+v, want markers of epoch 1", effects)
	}
	word := Event{Ticket: 3, Written: &MarkersWritten{TransactionalID: id, Token: order.Token, Partitions: order.Partitions}}
	refuse(m.Handle(now, word), CompleteAbort)
	if res := m.Handle(now, word); len(res.Records) != 0 || len(res.Effects) != 1 {
		t.Fatalf("word that came before leads to %+v", res)
	}
	refuse(await(retryAfter), CompleteAbort)
	accept(await(retryAfter), CompleteAbort)
	if len(m.live.marking) != 0 {
		t.Errorf("markers are still awaited for %+v", m.live.marking)
	}
}
