package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/target"
)

// beside measures the quiet tenant alone, then beside the noisy one, which writes and reads as much as it can by as many connections as it gets.
func beside(ctx context.Context, n *target.Node, o options) error {
	if _, err := quiet(ctx, n.Address("BLUE"), 2*time.Second); err != nil { // to warm up
		return err
	}
	alone, err := quiet(ctx, n.Address("BLUE"), o.window)
	if err != nil {
		return err
	}
	loud, err := begin(ctx, n.Address("RED"))
	if err != nil {
		return err
	}
	defer loud.stop()
	time.Sleep(3 * time.Second) // until it has used up what it may take at once
	w, r := loud.counts()
	crowded, err := quiet(ctx, n.Address("BLUE"), o.window)
	if err != nil {
		return err
	}
	w2, r2 := loud.counts()
	seconds := o.window.Seconds()
	wrote, got := float64(w2-w)/1e6/seconds, float64(r2-r)/1e6/seconds
	fmt.Printf("blue alone: p50 %v, p99 %v of %d; beside red, which writes %.1f MB/s and reads %.1f MB/s of the 4.0 it may: p50 %v, p99 %v of %d\n",
		at(alone, 50), at(alone, 99), len(alone), wrote, got, at(crowded, 50), at(crowded, 99), len(crowded))
	for _, p := range []int{50, 99} {
		if bound := time.Duration(o.factor*float64(at(alone, p))) + o.slack; at(crowded, p) > bound {
			return fmt.Errorf("p%d of blue is %v beside red, more than %v: %v alone", p, at(crowded, p), bound, at(alone, p))
		}
	}
	if wrote < 2 || wrote > 5 {
		return fmt.Errorf("red is not at its limit: it writes %.1f MB/s", wrote)
	}
	return nil
}

func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)].Round(10 * time.Microsecond)
}

// quiet writes 200 records a second, one at a time, and says how long each took, sorted.
func quiet(ctx context.Context, address string, window time.Duration) ([]time.Duration, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	var took []time.Duration
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for end := time.Now().Add(window); time.Now().Before(end); <-pace.C {
		began := time.Now()
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: make([]byte, 1000)}).FirstErr(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took, nil
}

// racket is the noisy tenant, a process of its own with the lowest priority: what is measured is what it costs the broker, not what its clients take of the
// processors that both share.
type racket struct {
	cmd           *exec.Cmd
	written, read atomic.Int64
}

func begin(ctx context.Context, address string) (*racket, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	k := &racket{cmd: exec.CommandContext(ctx, "nice", "-n", "19", self, "-noise", address)}
	k.cmd.Stderr = os.Stderr
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		var w, r int64
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, err := fmt.Sscan(lines.Text(), &w, &r); err == nil {
				k.written.Store(w)
				k.read.Store(r)
			}
		}
	}()
	return k, nil
}

func (k *racket) counts() (written, read int64) { return k.written.Load(), k.read.Load() }

func (k *racket) stop() {
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()
}

// noisy is that process: it writes and reads without pause, and says every tenth of a second how many bytes it got through.
func noisy(ctx context.Context, address string) {
	var written, read atomic.Int64
	for i := range 6 {
		go writes(ctx, address, i, &written)
		go reads(ctx, address, i, &read)
	}
	for ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		fmt.Println(written.Load(), read.Load())
	}
}

func writes(ctx context.Context, address string, i int, written *atomic.Int64) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ClientID(fmt.Sprint("writer-", i)), kgo.MaxBufferedRecords(100))
	if err != nil {
		return
	}
	defer cl.Close()
	value := make([]byte, 10_000)
	for ctx.Err() == nil {
		cl.Produce(ctx, &kgo.Record{Topic: "orders", Value: value}, func(_ *kgo.Record, err error) {
			if err == nil {
				written.Add(int64(len(value)))
			}
		})
	}
}

func reads(ctx context.Context, address string, i int, read *atomic.Int64) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics("orders"), kgo.ClientID(fmt.Sprint("reader-", i)))
	if err != nil {
		return
	}
	defer cl.Close()
	for ctx.Err() == nil {
		for _, r := range cl.PollFetches(ctx).Records() {
			read.Add(int64(len(r.Value)))
		}
	}
}
