package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"leat/interop/target"
)

const (
	shared     = "everything"
	sharers    = "everybody"
	partitions = 3
	lock       = 6 * time.Second
	// handler is how long a worker has a record: so long that workers hold records most of the time.
	handler = 10 * time.Millisecond
	// tolerance is how long after a kill a partition may be served by its old leader, as far as deliveries say.
	tolerance = 10 * time.Second
	// patience is how long anything that is waited for may take.
	patience = 3 * time.Minute
	// maxPause bounds the time without deliveries: a node's session, an election, loading, and a lock that a dead member held.
	maxPause = 20 * time.Second
)

// clients whose members share the group.
var clients = []string{"java", "librdkafka", "franz-go"}

// now is the moment of the machine in which deliveries are told.
func now() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // it cannot fail
	return time.Duration(ts.Nano())
}

// party is a run of lossOfEverybody.
type party struct {
	b   *bench
	cl  *kgo.Client
	adm *kadm.Client

	mu     sync.Mutex
	all    []delivery                // guarded by mu, as all below
	deaths int                       // processes of workers that were killed
	lost   map[int32][]time.Duration // when the leader of a partition was killed

	excused int // further deliveries about the time of such a kill
	errs    []error
}

// lossOfEverybody has workers come, go and die, and nodes die: first those that coordinate, then one that leads a partition. Every record is delivered, none to two at once
// while the first holds its lock, and delivery counts say how often.
func lossOfEverybody(b *bench) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(b.bootstrap, ",")...), kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(time.Second), kgo.ProducerLinger(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	p := &party{b: b, cl: cl, adm: kadm.NewClient(cl), lost: make(map[int32][]time.Duration)}
	if _, err := p.adm.CreateTopic(ctx, partitions, 3, nil, shared); err != nil {
		return err
	}
	err = configure(ctx, cl, sharers, map[string]string{"share.auto.offset.reset": "earliest", "share.delivery.count.limit": "10",
		"share.record.lock.duration.ms": strconv.FormatInt(lock.Milliseconds(), 10), "share.session.timeout.ms": "6000", "share.heartbeat.interval.ms": "1000"})
	if err != nil {
		return err
	}
	ends, err := p.run(ctx)
	if err != nil {
		return err
	}
	if err := p.check(ends); err != nil {
		return errors.Join(err, p.tell())
	}
	return nil
}

// run does everything at once and returns how many records each partition has. Some workers stay until every record is accepted.
func (p *party) run(ctx context.Context) (ends map[int32]int64, err error) {
	length := 60 * time.Second
	if p.b.short {
		length = 20 * time.Second
	}
	var staying []*workers
	for _, client := range clients {
		w, err := p.b.start(p.task(task{client: client, workers: 2, idle: 3600, leave: untilTold}))
		if err != nil {
			return nil, err
		}
		staying = append(staying, w)
	}
	stop := time.Now().Add(length)
	watched, blink := context.WithCancel(ctx)
	defer blink()
	var work, watch sync.WaitGroup
	watch.Go(func() { p.watch(watched) })
	work.Go(func() { p.rolling(stop) })
	work.Go(func() { ends = p.produce(ctx, stop) })
	work.Go(func() { p.fail(p.lose(ctx, stop)) })
	work.Wait()
	p.fail(p.nothingLeft(ctx))
	for _, w := range staying {
		all, err := w.dismiss()
		p.took(all, 0)
		p.fail(err)
	}
	blink()
	watch.Wait()
	return ends, errors.Join(p.errs...)
}

// watch notes when a partition has another leader without a kill that explains it: a node that got no processor for the time of its session loses what it led.
func (p *party) watch(ctx context.Context) {
	epochs := make(map[int32]int32)
	for ctx.Err() == nil {
		topics, err := p.adm.ListTopics(ctx, shared)
		if err != nil {
			topics = nil
		}
		for _, part := range topics[shared].Partitions {
			before, known := epochs[part.Partition]
			epochs[part.Partition] = max(before, part.LeaderEpoch)
			if known && part.LeaderEpoch > before {
				p.led(part.Partition)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// led notes that a partition has another leader.
func (p *party) led(partition int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.lost[partition]; len(known) == 0 || now()-known[len(known)-1] > tolerance {
		p.lost[partition] = append(known, now())
	}
}

func (p *party) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

// task is one of workers of the group.
func (p *party) task(t task) task {
	t.topic, t.group, t.handler, t.perPoll = shared, sharers, handler, 10
	return t
}

// worked runs workers to their end.
func (p *party) worked(t task) {
	w, err := p.b.start(p.task(t))
	if err != nil {
		p.fail(err)
		return
	}
	all, err := w.wait()
	p.took(all, 0)
	p.fail(err)
}

func (p *party) took(all []delivery, deaths int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, all...)
	p.deaths += deaths
}

// rolling has workers come and go, of each client in turn; every other process is killed with what it holds.
func (p *party) rolling(stop time.Time) {
	var work sync.WaitGroup
	for i := 0; time.Until(stop) > 5*time.Second; i++ {
		client := clients[i%len(clients)]
		work.Go(func() {
			if i%2 == 0 {
				p.worked(task{client: client, workers: 2, idle: 3600, leave: 5})
				return
			}
			w, err := p.b.start(p.task(task{client: client, workers: 2, idle: 3600}))
			if err != nil {
				p.fail(err)
				return
			}
			time.Sleep(5 * time.Second)
			p.took(w.kill(), 1)
		})
		time.Sleep(3 * time.Second)
	}
	work.Wait()
}

// produce writes records until it is time and returns how many each partition has.
func (p *party) produce(ctx context.Context, stop time.Time) map[int32]int64 {
	ends := make(map[int32]int64)
	for n := 0; time.Now().Before(stop); n++ {
		p.cl.Produce(ctx, &kgo.Record{Topic: shared, Key: []byte(strconv.Itoa(rand.IntN(1000))), Value: []byte(strconv.Itoa(n))}, func(r *kgo.Record, err error) {
			p.fail(err)
			p.mu.Lock()
			ends[r.Partition] = max(ends[r.Partition], r.Offset+1)
			p.mu.Unlock()
		})
		time.Sleep(2 * time.Millisecond)
	}
	p.fail(p.cl.Flush(ctx))
	return ends
}

// lose kills nodes one after the other, and starts each again.
func (p *party) lose(ctx context.Context, stop time.Time) error {
	for time.Until(stop) > 12*time.Second {
		for _, find := range []func(context.Context) (string, int32, error){p.groupCoordinator, p.shareCoordinator, p.leader} {
			time.Sleep(3 * time.Second)
			if err := p.whole(ctx); err != nil {
				return err
			}
			if time.Until(stop) < 3*time.Second {
				return nil
			}
			what, id, err := find(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			if err := p.kill(ctx, what, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// whole waits until all replicas of all partitions are in sync: without two of three nodes nothing could be expected.
func (p *party) whole(ctx context.Context) error {
	for until := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		topics, err := p.adm.ListTopicsWithInternal(ctx)
		behind := 0
		for _, t := range topics {
			for _, part := range t.Partitions {
				if part.Leader < 0 || len(part.ISR) < len(part.Replicas) {
					behind++
				}
			}
		}
		if err == nil && behind == 0 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d partitions lack replicas that are in sync: %w", behind, err)
		}
	}
}

// kill ends a node at once and starts it again a little later.
func (p *party) kill(ctx context.Context, what string, id int32) error {
	led, err := p.ledBy(ctx, id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(p.b.nodes, func(n *target.Node) bool { return strings.HasSuffix(n.DataDir(), fmt.Sprintf("node-%d/data", id)) })
	if i < 0 {
		return fmt.Errorf("node %d: not one of ours", id)
	}
	fmt.Printf("cluster: kill -9 node %d, %s, which leads partitions %v\n", id, what, led)
	p.mu.Lock()
	for _, partition := range led {
		p.lost[partition] = append(p.lost[partition], now())
	}
	p.mu.Unlock()
	p.b.nodes[i].Kill()
	time.Sleep(time.Second)
	_, err = p.b.nodes[i].Start(ctx)
	return err
}

// ledBy is which partitions a node leads.
func (p *party) ledBy(ctx context.Context, id int32) (led []int32, err error) {
	topics, err := p.adm.ListTopics(ctx, shared)
	for _, part := range topics[shared].Partitions {
		if part.Leader == id {
			led = append(led, part.Partition)
		}
	}
	return led, err
}

func (p *party) leader(ctx context.Context) (string, int32, error) {
	topics, err := p.adm.ListTopics(ctx, shared)
	if err != nil {
		return "", 0, err
	}
	return "the leader of partition 0", topics[shared].Partitions[0].Leader, nil
}

func (p *party) groupCoordinator(ctx context.Context) (string, int32, error) {
	id, err := p.coordinator(ctx, 0, sharers)
	return "the group coordinator", id, err
}

func (p *party) shareCoordinator(ctx context.Context) (string, int32, error) {
	topics, err := p.adm.ListTopics(ctx, shared)
	if err != nil {
		return "", 0, err
	}
	id := topics[shared].ID
	node, err := p.coordinator(ctx, 2, sharers+":"+base64.RawURLEncoding.EncodeToString(id[:])+":1")
	return "the share coordinator of partition 1", node, err
}

// coordinator asks who coordinates until somebody does.
func (p *party) coordinator(ctx context.Context, kind int8, key string) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rq := kmsg.NewPtrFindCoordinatorRequest()
	rq.CoordinatorType, rq.CoordinatorKeys = kind, []string{key}
	for {
		resp, err := rq.RequestWith(ctx, p.cl)
		if err == nil && len(resp.Coordinators) == 1 && resp.Coordinators[0].ErrorCode == 0 {
			return resp.Coordinators[0].NodeID, nil
		}
		select {
		case <-ctx.Done():
			return -1, fmt.Errorf("coordinator of %s: %w: %+v", key, errors.Join(ctx.Err(), err), resp)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// tell writes down all deliveries, for whoever looks after a failure.
func (p *party) tell() error {
	var text strings.Builder
	for _, d := range p.all {
		fmt.Fprintf(&text, "%+v\n", d)
	}
	return os.WriteFile(filepath.Join(p.b.dir, "deliveries"), []byte(text.String()), 0o644)
}

type place struct {
	partition int32
	offset    int64
}

// check looks at all deliveries.
func (p *party) check(ends map[int32]int64) error {
	slices.SortFunc(p.all, func(a, b delivery) int { return cmp.Compare(a.polled, b.polled) })
	of := make(map[place][]delivery)
	for _, d := range p.all {
		at := place{d.partition, d.offset}
		of[at] = append(of[at], d)
	}
	records, again := int64(0), 0
	missed := make(map[int32][]int64)
	for partition, end := range ends {
		records += end
		for offset := range end {
			one := of[place{partition, offset}]
			if len(one) == 0 {
				missed[partition] = append(missed[partition], offset)
			}
			again += max(0, len(one)-1)
			for i := 1; i < len(one); i++ {
				if err := p.pair(one[i-1], one[i]); err != nil {
					return err
				}
			}
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("of %v records by partition nobody got those at %v", ends, missed)
	}
	pause, partition, at := p.longestPause()
	fmt.Printf("cluster: %d records, %d further deliveries, %d of them when a leader was lost, %d processes of workers and %d leaders killed, longest pause %.1f s\n", records, again,
		p.excused, p.deaths, len(slices.Concat(p.lost[0], p.lost[1], p.lost[2])), pause.Seconds())
	by, retries := make(map[string]int), 0
	for _, d := range p.all {
		by[strings.Fields(d.worker)[0]]++
		if d.count > 1 {
			retries++
		}
	}
	fmt.Println("cluster: deliveries by client:", by, "with a delivery count above 1:", retries)
	for _, client := range clients {
		if by[client] == 0 {
			return fmt.Errorf("no worker of %s got a record", client)
		}
	}
	if pause > maxPause {
		return fmt.Errorf("partition %d: nobody got a record for %v from %v on", partition, pause, at)
	}
	return nil
}

// longestPause is how long at most nobody got a record of a partition, although records were written all the time. The deliveries are in order of time.
func (p *party) longestPause() (longest time.Duration, partition int32, at time.Duration) {
	last := make(map[int32]time.Duration)
	for _, d := range p.all {
		if before, ok := last[d.partition]; ok && d.begin-before > longest {
			longest, partition, at = d.begin-before, d.partition, before
		}
		last[d.partition] = d.begin
	}
	return longest, partition, at
}

// pair checks two deliveries of one record, one after the other. A new leader of the partition knows of no locks, nor of what was under way.
func (p *party) pair(a, b delivery) error {
	for _, at := range p.lost[a.partition] {
		if a.polled < at+tolerance && b.polled > at-lock {
			p.excused++
			return nil
		}
	}
	if b.polled < min(a.held, a.polled+lock-time.Second) { // a poll may return later than the record was acquired, but not by a second
		return fmt.Errorf("partition %d: the record at %d was delivered to worker %s while %s had it: %+v, %+v", a.partition, a.offset, b.worker, a.worker, a, b)
	}
	if b.count <= a.count {
		return fmt.Errorf("partition %d: the record at %d was delivered again with the count %d after %d: %+v, %+v", a.partition, a.offset, b.count, a.count, a, b)
	}
	return nil
}

// nothingLeft waits until the group has no lag, which it does once every record is accepted.
func (p *party) nothingLeft(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rq := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	group := kmsg.NewDescribeShareGroupOffsetsRequestGroup()
	group.GroupID = sharers
	rq.Groups = append(rq.Groups, group)
	for {
		id, err := p.coordinator(ctx, 0, sharers)
		if err != nil {
			return err
		}
		answer, err := p.cl.Broker(int(id)).Request(ctx, rq)
		resp, _ := answer.(*kmsg.DescribeShareGroupOffsetsResponse)
		left := []string{"no answer"}
		if err == nil && len(resp.Groups) == 1 && len(resp.Groups[0].Topics) == 1 {
			left = nil
			for _, part := range resp.Groups[0].Topics[0].Partitions {
				if part.Lag != 0 || part.ErrorCode != 0 {
					left = append(left, fmt.Sprintf("partition %d: start %d, lag %d, code %d", part.Partition, part.StartOffset, part.Lag, part.ErrorCode))
				}
			}
		}
		if left == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("when nothing more is written: %v %w", left, errors.Join(err, ctx.Err()))
		case <-time.After(200 * time.Millisecond):
		}
	}
}
