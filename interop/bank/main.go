// Command bank moves money between accounts by transactions, while nodes of a cluster are killed: in turn the one that coordinates a teller's
// transactions, the one that leads an account, and any; and every fourth time an account gets another leader.
//
// An account is a partition and money a record: a transfer takes from one partition and gives to another, in one transaction. After each round the
// program reads what is committed. Money that came out of nothing, or half a transfer, a committed transfer that is lost and an aborted one that
// is seen are errors.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/fleet"
	"leat/interop/target"
)

const (
	topic    = "accounts"
	accounts = 6
	tellers  = 4
)

func main() {
	binary := flag.String("binary", "./leat", "leat's program")
	dir := flag.String("dir", "", "an empty directory for the nodes")
	rounds := flag.Int("rounds", 20, "how often something happens to the nodes")
	seed := flag.Uint64("seed", 1, "of the choice of nodes and transfers")
	flag.Parse()
	if err := run(*binary, *dir, *rounds, *seed); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(binary, dir string, rounds int, seed uint64) error {
	f := &fleet.Fleet{Dir: dir, Binary: binary, Static: true, Settings: map[string]string{
		"transaction.state.log.num.partitions": "6", "offsets.topic.num.partitions": "3", "min.insync.replicas": "2", "default.replication.factor": "3",
	}}
	for id := int32(1); id <= 3; id++ {
		f.Nodes = append(f.Nodes, &fleet.Node{ID: id, Kind: target.Leat, Roles: "broker,controller"})
	}
	defer f.Close()
	if err := fleet.New(f); err != nil {
		return err
	}
	ctx := context.Background()
	if err := startAll(ctx, f); err != nil {
		return err
	}
	admin, err := fleet.NewAdmin(f.Nodes...)
	if err != nil {
		return err
	}
	var replicas [][]int32
	for p := range int32(accounts) {
		replicas = append(replicas, []int32{p%3 + 1, (p+1)%3 + 1, (p+2)%3 + 1})
	}
	if err := errors.Join(admin.CreateOn(ctx, topic, replicas), admin.Known(ctx, topic)); err != nil {
		return err
	}
	b := &bank{addresses: f.Addresses(), fate: map[string]fate{}}
	chance := rand.New(rand.NewPCG(seed, 7))
	for round := range rounds {
		b.open(ctx, chance.Uint64())
		time.Sleep(time.Duration(500+chance.IntN(1500)) * time.Millisecond)
		what, err := disturb(ctx, f, admin, round, chance)
		if err == nil {
			err = admin.InSync(ctx, topic)
		}
		b.close()
		if err == nil {
			err = b.audit(ctx)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("round %d: %s: %w", round+1, what, err), f.Tails(30))
		}
		fmt.Printf("round %d: %s: %s\n", round+1, what, b)
	}
	return nil
}

// startAll starts the nodes at the same time: none is ready without another.
func startAll(ctx context.Context, f *fleet.Fleet) error {
	errs := make([]error, len(f.Nodes))
	var all sync.WaitGroup
	for i, n := range f.Nodes {
		all.Go(func() { errs[i] = n.Start(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// fate is what a teller knows of a transfer.
type fate int

const (
	unknown fate = iota
	committed
	aborted
)

// bank is the tellers and what they did.
type bank struct {
	addresses []string
	stop      chan struct{}
	working   sync.WaitGroup
	opened    int

	mu   sync.Mutex
	fate map[string]fate
}

func (b *bank) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var n [3]int
	for _, f := range b.fate {
		n[f]++
	}
	return fmt.Sprintf("%d transfers committed, %d aborted, %d of unknown end; the sum is 0", n[committed], n[aborted], n[unknown])
}

func (b *bank) open(ctx context.Context, seed uint64) {
	b.stop = make(chan struct{})
	b.opened++
	for i := range tellers {
		chance := rand.New(rand.NewPCG(seed, uint64(i)))
		b.working.Go(func() { b.work(ctx, i, chance) })
	}
}

func (b *bank) close() {
	close(b.stop)
	b.working.Wait()
}

// work makes transfers until the bank closes. After an error a new client goes on under the same transactional id, which ends what was left open.
func (b *bank) work(ctx context.Context, teller int, chance *rand.Rand) {
	var cl *kgo.Client
	for i := 0; ; i++ {
		select {
		case <-b.stop:
			if cl != nil {
				cl.Close()
			}
			return
		default:
		}
		if cl == nil {
			cl, _ = kgo.NewClient(kgo.SeedBrokers(b.addresses...), kgo.TransactionalID(tellerID(teller)), kgo.TransactionTimeout(10*time.Second),
				kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(100*time.Millisecond))
		}
		name := fmt.Sprintf("%d-%d-%d", b.opened, teller, i)
		f, err := transfer(ctx, cl, name, chance)
		b.mu.Lock()
		b.fate[name] = f
		b.mu.Unlock()
		if err != nil {
			cl.Close()
			cl = nil
		}
	}
}

// transfer moves an amount from one account to another. One in five is called back.
func transfer(ctx context.Context, cl *kgo.Client, name string, chance *rand.Rand) (fate, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	from := chance.Int32N(accounts)
	to := (from + 1 + chance.Int32N(accounts-1)) % accounts
	amount, commit := 1+chance.IntN(100), chance.IntN(5) > 0
	if err := cl.BeginTransaction(); err != nil {
		return unknown, err
	}
	results := cl.ProduceSync(ctx,
		&kgo.Record{Topic: topic, Partition: from, Key: []byte(name), Value: []byte(strconv.Itoa(-amount))},
		&kgo.Record{Topic: topic, Partition: to, Key: []byte(name), Value: []byte(strconv.Itoa(amount))})
	err := results.FirstErr()
	end := cl.EndTransaction(ctx, kgo.TransactionEndTry(commit && err == nil))
	switch {
	case err != nil || end != nil:
		return unknown, errors.Join(err, end)
	case commit:
		return committed, nil
	}
	return aborted, nil
}

// audit reads everything that is committed, once nothing is open any more.
func (b *bank) audit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.addresses...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer cl.Close()
	ends, err := settled(ctx, kadm.NewClient(cl))
	if err != nil {
		return err
	}
	legs, sum, at := map[string]int{}, 0, map[int32]int64{}
	for left := int64(1); left > 0; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read up to %v: %w", at, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				amount, _ := strconv.Atoi(string(r.Value))
				legs[string(r.Key)]++
				sum += amount
			}
		})
		left = 0
		for p, end := range ends {
			left += max(0, end-at[p])
		}
	}
	return b.compare(legs, sum)
}

// compare judges what was read.
func (b *bank) compare(legs map[string]int, sum int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if sum != 0 {
		return fmt.Errorf("the sum of all accounts is %d, not 0", sum)
	}
	for name, f := range b.fate {
		switch n := legs[name]; {
		case f == committed && n != 2, f == aborted && n != 0, n != 0 && n != 2:
			return fmt.Errorf("transfer %s, fate %d, has %d records", name, f, n)
		}
	}
	return nil
}

// settled waits until no transaction is open, and returns the ends of all partitions.
func settled(ctx context.Context, adm *kadm.Client) (map[int32]int64, error) {
	for {
		all, err1 := adm.ListEndOffsets(ctx, topic)
		stable, err2 := adm.ListCommittedOffsets(ctx, topic)
		ends := map[int32]int64{}
		open := err1 != nil || err2 != nil
		all.Each(func(o kadm.ListedOffset) {
			ends[o.Partition] = o.Offset
			s, ok := stable.Lookup(topic, o.Partition)
			open = open || o.Err != nil || !ok || s.Err != nil || s.Offset != o.Offset
		})
		if !open && len(ends) == accounts {
			return ends, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("transactions are still open: ends %v, stable %v: %w", all, stable, errors.Join(err1, err2, ctx.Err()))
		case <-time.After(200 * time.Millisecond):
		}
	}
}
