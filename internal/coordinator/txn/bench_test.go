package txn

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// BenchmarkTransaction is all that a transaction of three partitions asks of the machine: the leaders add them one by one, the client
// commits, and the markers are written. Records are encoded, as they are for the log.
func BenchmarkTransaction(b *testing.B) {
	m := New(Config{Settings: func() Settings { return DefaultSettings }, Rand: rand.New(rand.NewPCG(1, 2))})
	now := time.UnixMilli(1_000_000_000_000)
	var bytes int64
	take := func(res machine.Result[Record]) []machine.Effect {
		for _, r := range res.Records {
			key, value := r.Encode()
			bytes += int64(len(key) + len(value))
			m.Apply(machine.Entry[Record]{Record: r})
		}
		return res.Effects
	}
	id := "pay"
	start := kmsg.NewPtrInitProducerIDRequest()
	start.Version, start.TransactionalID, start.TransactionTimeoutMillis = 5, &id, 60_000
	who := identity{4000, 0}
	take(m.Handle(now, Event{Ticket: 1, Request: start, NewProducerID: who.producerID}))
	var adds [3]*kmsg.AddPartitionsToTxnRequest
	for i := range adds {
		adds[i] = addRequest(false, args{id: id, parts: parts("orders", int32(i))}).(*kmsg.AddPartitionsToTxnRequest)
	}
	end := kmsg.NewPtrEndTxnRequest()
	end.Version, end.TransactionalID, end.Commit = 5, id, true
	spare := who.producerID
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		for _, rq := range adds {
			rq.Transactions[0].ProducerID, rq.Transactions[0].ProducerEpoch = who.producerID, who.epoch
			take(m.Handle(now, Event{Ticket: 2, Request: rq}))
		}
		end.ProducerID, end.ProducerEpoch = who.producerID, who.epoch
		spare++
		effects := take(m.Handle(now, Event{Ticket: 3, Request: end, NewProducerID: spare}))
		answer := effects[0].(machine.Reply).Response.(*kmsg.EndTxnResponse)
		if answer.ErrorCode != 0 {
			b.Fatal(code(answer.ErrorCode))
		}
		who = identity{answer.ProducerID, answer.ProducerEpoch}
		order := effects[1].(WriteMarkers)
		take(m.Handle(now, Event{Written: &MarkersWritten{TransactionalID: id, Token: order.Token, Partitions: order.Partitions}}))
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "log-B/op")
}
