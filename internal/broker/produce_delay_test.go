package broker

import (
	"strings"
	"testing"
	"time"

	"leat/internal/coordinator/timers"
	"leat/internal/listener"
	"leat/internal/record"
	"leat/internal/storage"
	"leat/internal/wire"
)

// someDelay are timers of which nothing is ever asked: records of these topics may be delayed.
type someDelay map[string]bool

func (s someDelay) Delays(topic string) bool { return s[topic] }

func (someDelay) Account(record.TopicPartition, int32, *timers.Command, time.Time, func(storage.Elsewhere, int16)) {
	panic("asked for an account")
}

func (someDelay) Schedule(record.TopicPartition, int32, *timers.Command, time.Time, func(storage.Elsewhere, int16)) {
	panic("asked to delay records")
}

func (someDelay) Handle(int32, *timers.Command, func(timers.Outcome)) { panic("given a command") }

// A request to topics whose records are not delayed costs a look at each topic, and no memory.
func TestProduceWithoutDelayTakesNoMemoryForIt(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.makeTopic("later", 1)
	for version, topics := range map[int16]someDelay{12: nil, 13: {"later": true}} {
		n.h.Timers = topics
		rq := produceRequest("orders", -1, plainBatch("x", "y"))
		rq.SetVersion(version)
		header := wire.RequestHeader{Key: 0, Version: version}
		parsed, err := wire.ParseProduce(header, rq.AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		p := &produceCall{h: n.h, rq: parsed, c: &Call{Request: &listener.Request{Header: header}, Image: n.newest()}}
		if allocs := testing.AllocsPerRun(10_000, func() { // so many that what the node does meanwhile does not show
			if p.mustDelay() || len(p.delays) > 0 {
				t.Fatal("records are delayed")
			}
		}); allocs > 0 {
			t.Errorf("version %d: %.0f allocations", version, allocs)
		}
	}
}

// BenchmarkProduceDelays is produce without delayed records: when none may be, when those of another topic may, and when its own may but none is.
func BenchmarkProduceDelays(b *testing.B) {
	for name, topics := range map[string]Timers{"no timers": nil, "no topic": someDelay(nil), "another topic": someDelay{"later": true}, "this topic": someDelay{"orders": true}} {
		b.Run(name, func(b *testing.B) {
			n := newNode(b)
			defer n.stop()
			n.makeTopic("orders", 1)
			n.h.Timers = topics
			c := n.dial()
			defer c.close()
			batch := plainBatch(strings.Repeat("x", (1024-record.HeaderSize-12)/2))
			frame, buf := frameOf(produceRequest("orders", 1, batch), 12), make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				exchange(b, c.conn, frame, buf)
			}
		})
	}
}
