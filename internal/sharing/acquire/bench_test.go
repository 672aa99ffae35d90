package acquire

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkRecord is the way of one record through a share partition on which a thousand members hold records: acquired, acknowledged out of order, written.
func BenchmarkRecord(b *testing.B) {
	for _, byKey := range []bool{false, true} {
		for _, perMember := range []int{1, 9} {
			b.Run(fmt.Sprintf("key=%v/in-flight=%d", byKey, 1000*perMember), func(b *testing.B) {
				const members = 1000
				now := time.Unix(0, 0)
				p := New(Durable{}, Settings{MaxDeliveries: 5, MaxLocks: 10 * members, Lock: 30 * time.Second, ByKey: byKey}, 0, 1<<40)
				names := make([]string, members)
				for i := range names {
					names[i] = fmt.Sprintf("member-%04d", i)
				}
				held := make([][]int64, members) // by member, the oldest first
				acquire := func(i int) {
					from, ok := p.Want(now)
					if !ok {
						b.Fatal("nothing is wanted")
					}
					span := Span{First: from, Last: from}
					if byKey {
						span.Records = []Record{{Offset: from, Hash: uint64(from)}}
					}
					for _, g := range p.Acquire(Fetch{Member: names[i], Max: 1, Strict: true, Readers: 1, Now: now}, from, []Span{span}) {
						held[i] = append(held[i], g.First)
					}
				}
				for range perMember {
					for i := range members {
						acquire(i)
					}
				}
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					i := n * 7 % members
					n++
					now = now.Add(10 * time.Microsecond) // 100,000 records a second
					p.Expire(now)
					offset := held[i][0]
					held[i] = append(held[i][:0], held[i][1:]...)
					if _, err := p.Acknowledge(names[i], []Acknowledgement{{First: offset, Last: offset, Types: []int8{Accept}}}, now); err != nil {
						b.Fatal(err)
					}
					if n%10 == 0 { // what comes while a write is under way shares the next one
						p.TakeWrite()
						p.WriteEnded(true, now)
					}
					acquire(i)
				}
				b.ReportMetric(float64(len(p.deadlines)), "deadlines")
			})
		}
	}
}
