package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// franz is a member of a group in a process of its own: it says what it reads, then what it has committed, until its input ends.
func franz(bootstrap, topic, group, protocol string) error {
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(), kgo.SessionTimeout(6 * time.Second),
		kgo.HeartbeatInterval(time.Second),
	}
	if protocol == "consumer" {
		options = append(options, kgo.ServerSideBalancer())
	}
	cl, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer cl.CloseAllowingRebalance()
	var leave atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		leave.Store(true)
	}()
	for !leave.Load() {
		step(cl)
	}
	return nil
}

// step reads and commits once.
func step(cl *kgo.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	records := cl.PollFetches(ctx).Records()
	cancel()
	defer cl.AllowRebalance()
	if len(records) == 0 {
		return
	}
	var out bytes.Buffer
	next := map[int32]int64{}
	for _, r := range records {
		fmt.Fprintf(&out, "read %d %d\n", r.Partition, r.Offset)
		next[r.Partition] = r.Offset + 1
	}
	_, _ = os.Stdout.Write(out.Bytes())
	ctx, cancel = context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := cl.CommitRecords(ctx, records...); err != nil {
		fmt.Fprintln(os.Stderr, "commit:", err)
		return
	}
	out.Reset()
	for partition, offset := range next {
		fmt.Fprintf(&out, "committed %d %d\n", partition, offset)
	}
	_, _ = os.Stdout.Write(out.Bytes())
}
