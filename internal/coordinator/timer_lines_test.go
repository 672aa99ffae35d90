package coordinator

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/coordinator/timers"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// timersLedBy is an image in which node 2 or 3 leads the topic of delayed records, and nodes are fenced.
func timersLedBy(t *testing.T, base *metadata.Image, leader int32, fenced ...int32) (*metadata.Image, *metadata.Delta) {
	t.Helper()
	d := metadata.NewDelta(base)
	var records []metadata.Record
	if _, ok := base.Topic(TimersTopic); !ok {
		records = append(records, &metadata.TopicRecord{Name: TimersTopic, TopicID: record.UUID{7}})
	}
	records = append(records, &metadata.PartitionRecord{TopicID: record.UUID{7}, Replicas: []int32{2, 3}, ISR: []int32{leader}, Leader: leader},
		&metadata.RegisterBrokerRecord{BrokerID: 2}, &metadata.RegisterBrokerRecord{BrokerID: 3})
	for _, id := range fenced {
		records = append(records, &metadata.RegisterBrokerRecord{BrokerID: id, Fenced: true})
	}
	for _, r := range records {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	return d.Image(int64(leader), 1, 0), d
}

func newTestTimers(connect func(int32) Line) *Timers {
	return NewTimers(TimersConfig{
		Config:  Config{Open: func(record.TopicPartition, int32) (Leader, error) { return nil, errStopped }, Logger: slog.New(slog.DiscardHandler)},
		NodeID:  1,
		Connect: connect, Timeout: func() time.Duration { return time.Hour },
		Settings: func() Settings { return DefaultSettings }, Timers: func() timers.Settings { return timers.DefaultSettings },
		MakeTopic: func(context.Context) {},
	})
}

// A node goes silent that was asked, and is fenced: what waited for it goes to who leads then, at once and not when its time is over.
func TestTimersAreAskedOfTheNextLeaderAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := make(map[int32]*fakeLine) // one goroutine at a time connects
		s := newTestTimers(func(nodeID int32) Line {
			lines[nodeID] = newLine(nil)
			return lines[nodeID]
		})
		defer s.Close()
		first, _ := timersLedBy(t, metadata.Empty, 2)
		s.Publish(first, nil)
		answered := false
		command := &timers.Command{Target: timers.Target{TopicID: record.UUID{9}}, Producer: timers.Producer{ID: -1}}
		s.Schedule(record.TopicPartition{Topic: "later"}, 1, command, time.Now().Add(time.Hour), func(storage.Elsewhere, int16) { answered = true })
		synctest.Wait()
		if lines[2] == nil || len(lines[2].requests()) != 1 {
			t.Fatal("node 2 leads, and is not asked")
		}
		begin := time.Now()
		second, delta := timersLedBy(t, first, 3, 2)
		s.Publish(second, delta)
		time.Sleep(maxTimerPause)
		synctest.Wait()
		if lines[3] == nil || len(lines[3].requests()) != 1 {
			t.Errorf("%v after it was fenced, node 2 is still waited for", time.Since(begin))
		}
		if answered {
			t.Error("who asked is told that it failed, although somebody leads")
		}
	})
}
