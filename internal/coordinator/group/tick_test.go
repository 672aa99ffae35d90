package group

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"leat/internal/machine"
)

// TestWhatOneTickRemovesFitsABatch lets more expire at once than a batch of __consumer_offsets may hold: it goes bit by bit, and goes.
func TestWhatOneTickRemovesFitsABatch(t *testing.T) {
	const groups, offsets, long = 50, 15_000, 30_000
	for name, fill := range map[string]func(commit func(group string, partition int32)){
		"one group with many offsets": func(commit func(string, int32)) {
			for p := range int32(offsets) {
				commit("a group with a name of some length", p)
			}
		},
		"groups with long names": func(commit func(string, int32)) {
			for i := range groups {
				commit(fmt.Sprintf("%02d%s", i, strings.Repeat("x", long)), 0)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := New(Config{Settings: func() Settings { return DefaultSettings }, Rand: rand.New(rand.NewPCG(1, 2))})
			now := time.UnixMilli(1_000_000_000_000)
			var log int64
			apply := func(r Record) {
				m.Apply(machine.Entry[Record]{Offset: log, ProducerID: -1, Record: r})
				log++
			}
			fill(func(group string, partition int32) {
				apply(&OffsetRecord{Group: group, Topic: "a topic with a name of some length", Partition: partition,
					Offset: &Offset{CommitTimestamp: now.UnixMilli(), ExpireTimestamp: -1}})
			})
			m.Handle(now, Event{Loaded: true})
			m.cleanup = now.Add(DefaultSettings.OffsetsRetention)
			for ticks := 0; len(m.hard.offsets) > 0; ticks++ {
				if ticks == 1000 {
					t.Fatalf("%d groups still have offsets after %d ticks", len(m.hard.offsets), ticks)
				}
				size := 0
				for _, r := range m.Tick(m.Due()).Records {
					size += r.Size()
					apply(r)
				}
				if size > 1<<19 {
					t.Fatalf("a tick writes %d bytes", size)
				}
			}
			if len(m.live) > 0 || m.cleanupFrom != "" {
				t.Errorf("%d live groups, the search goes on at %q", len(m.live), m.cleanupFrom)
			}
		})
	}
}
