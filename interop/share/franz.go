package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// franz is what Workers.java is, with franz-go: share consumers that take the same arguments and print the same lines.
func franz(args []string) error {
	if len(args) != 10 {
		return fmt.Errorf("%d arguments for workers, want 10", len(args))
	}
	var numbers [10]int
	for _, i := range []int{3, 4, 5, 6, 9} {
		n, err := strconv.Atoi(args[i])
		if err != nil {
			return fmt.Errorf("argument %d: %w", i, err)
		}
		numbers[i] = n
	}
	crew := &crew{handler: time.Duration(numbers[4]) * time.Millisecond, perPoll: numbers[5], idle: time.Duration(numbers[6]) * time.Second, leave: time.Duration(numbers[9]) * time.Second}
	crew.last.Store(int64(now() + 30*time.Second)) // the first may take longer
	if crew.leave < 0 {
		go func() { // ends with the process
			_, _ = io.Copy(io.Discard, os.Stdin)
			crew.told.Store(true)
		}()
	}
	var work sync.WaitGroup
	for id := range numbers[3] {
		cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(args[0], ",")...), kgo.ConsumeTopics(args[1]), kgo.ShareGroup(args[2]), kgo.ShareMaxRecords(int32(crew.perPoll)),
			kgo.ShareMaxRecordsStrict(), kgo.FetchMaxWait(500*time.Millisecond), kgo.MetadataMinAge(100*time.Millisecond))
		if err != nil {
			return err
		}
		work.Go(func() { crew.work(id, cl) })
	}
	work.Wait()
	return nil
}

// crew is the workers of this process.
type crew struct {
	handler     time.Duration
	perPoll     int
	idle, leave time.Duration
	last        atomic.Int64 // when the last record came
	told        atomic.Bool  // to leave

	mu sync.Mutex // of what is printed
}

// work takes records and works on each for a while, until none come or it is time to leave.
func (c *crew) work(id int, cl *kgo.Client) {
	defer cl.Close()
	began := now()
	for !c.told.Load() && now()-time.Duration(c.last.Load()) < c.idle && (c.leave <= 0 || now()-began < c.leave) {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		fetches := cl.PollRecords(ctx, c.perPoll)
		cancel()
		polled := now()
		for _, r := range fetches.Records() {
			c.last.Store(int64(now()))
			begin := now()
			time.Sleep(c.handler)
			c.say(id, r, begin, polled)
			r.Ack(kgo.AckAccept)
		}
	}
}

func (c *crew) say(id int, r *kgo.Record, begin, polled time.Duration) {
	var line bytes.Buffer
	fmt.Fprintf(&line, "%d\t%d\t%d\t%s\t%s\t%d\t%d\t%d\taccept\t%d\n", id, r.Partition, r.Offset, r.Key, r.Value, r.DeliveryCount(), begin, now(), polled)
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = os.Stdout.Write(line.Bytes()) // who does not read any more has killed us
}
