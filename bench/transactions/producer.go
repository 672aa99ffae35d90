package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/bench/load"
	"leat/interop/target"
)

// backoff is how long Kafka's producer waits when the coordinator is not done with the transaction before.
const backoff = 20 * time.Millisecond

// total is what went through in a load.
type total struct {
	ends    []time.Duration // of EndTxn, sorted: one for each transaction
	retries int
	seconds float64
	cpu     float64
}

// producer is one transactional producer on a connection of its own.
type producer struct {
	version int // of the commit protocol
	id      string
	targets [2]int32
	conn    *load.Line
	next    time.Time     // when the next transaction begins, with an even load
	every   time.Duration // between the beginnings of two; 0: as many as there is time for
	until   time.Time

	producerID int64
	epoch      int16
	sequence   int32
	ends       []time.Duration
	retries    int
}

// demand is what is asked of a broker.
type demand struct {
	version, producers int
	rate               int // transactions per second of all producers; 0: as many as they can
}

// producers of a demand, each on a connection of its own and with a producer id.
func (d demand) connect(node *target.Node) ([]*producer, error) {
	all := make([]*producer, d.producers)
	for i := range all {
		conn, err := load.DialLine(node.Bootstrap())
		if err != nil {
			return all[:i], err
		}
		p := &producer{version: d.version, id: fmt.Sprintf("producer-%d-%d", d.version, i), conn: conn}
		all[i] = p
		p.targets = [2]int32{int32(i % partitions), int32((i + 1 + i/partitions) % partitions)}
		if p.targets[0] == p.targets[1] {
			p.targets[1] = (p.targets[1] + 1) % partitions
		}
		if err := p.init(); err != nil {
			return all[:i+1], fmt.Errorf("%s: %w", p.id, err)
		}
	}
	return all, nil
}

// offer lets producers commit transactions for some time.
func offer(ctx context.Context, node *target.Node, d demand, window time.Duration) (total, error) {
	var got total
	all, err := d.connect(node)
	defer func() {
		for _, p := range all {
			_ = p.conn.Close() // nobody waits for anything on it
		}
	}()
	if err != nil {
		return got, err
	}
	stop := context.AfterFunc(ctx, func() {
		for _, p := range all {
			p.conn.Interrupt()
		}
	})
	defer stop()
	before, err := load.CPUSeconds(node.PID())
	if err != nil {
		return got, err
	}
	began := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, p := range all {
		p.until = began.Add(window)
		if d.rate > 0 { // the beginnings of all are as far apart from each other
			p.every = time.Second * time.Duration(d.producers) / time.Duration(d.rate)
			p.next = began.Add(p.every * time.Duration(i) / time.Duration(d.producers))
		}
		wg.Go(func() { errs[i] = p.run() })
	}
	wg.Wait()
	after, err := load.CPUSeconds(node.PID())
	if err := errors.Join(append(errs, err)...); err != nil {
		return got, err
	}
	got.seconds, got.cpu = time.Since(began).Seconds(), after-before
	for _, p := range all {
		got.ends = append(got.ends, p.ends...)
		got.retries += p.retries
	}
	slices.Sort(got.ends)
	if len(got.ends) == 0 {
		return got, errors.New("no transaction was committed")
	}
	return got, nil
}

func (p *producer) run() error {
	for p.wait(); time.Now().Before(p.until); p.wait() {
		if err := p.transaction(); err != nil {
			return fmt.Errorf("%s: %w", p.id, err)
		}
	}
	return nil
}

// wait is for when the next transaction begins. Who is late begins at once, until the number is made up.
func (p *producer) wait() {
	if p.every > 0 {
		time.Sleep(time.Until(p.next))
		p.next = p.next.Add(p.every)
	}
}

// transaction begins, writes and commits.
func (p *producer) transaction() error {
	if p.version == 1 {
		if err := p.patiently("add partitions", p.addPartitions); err != nil {
			return err
		}
	}
	if err := p.patiently("produce", p.produce); err != nil {
		return err
	}
	p.sequence++
	began := time.Now()
	if err := p.patiently("end", p.end); err != nil {
		return err
	}
	p.ends = append(p.ends, time.Since(began))
	return nil
}

// patiently repeats a step while the transaction before is being completed.
func (p *producer) patiently(name string, step func() (int16, error)) error {
	for {
		code, err := step()
		if err == nil {
			err = kerr.ErrorForCode(code)
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, kerr.ConcurrentTransactions), errors.Is(err, kerr.CoordinatorLoadInProgress),
			errors.Is(err, kerr.NotCoordinator), errors.Is(err, kerr.CoordinatorNotAvailable):
			p.retries++
			time.Sleep(backoff)
		default:
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// init finds the coordinator, which makes its topic, and gets a producer id.
func (p *producer) init() error {
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.Version, find.CoordinatorType, find.CoordinatorKeys = 4, 1, []string{p.id}
	if err := p.patiently("find coordinator", func() (int16, error) {
		resp, err := p.conn.Do(find)
		if err != nil {
			return 0, err
		}
		return resp.(*kmsg.FindCoordinatorResponse).Coordinators[0].ErrorCode, nil
	}); err != nil {
		return err
	}
	rq := kmsg.NewPtrInitProducerIDRequest()
	rq.Version = 4
	rq.TransactionalID, rq.TransactionTimeoutMillis, rq.ProducerID, rq.ProducerEpoch = &p.id, 60_000, -1, -1
	return p.patiently("init", func() (int16, error) {
		got, err := p.conn.Do(rq)
		if err != nil {
			return 0, err
		}
		resp := got.(*kmsg.InitProducerIDResponse)
		p.producerID, p.epoch, p.sequence = resp.ProducerID, resp.ProducerEpoch, 0
		return resp.ErrorCode, nil
	})
}

func (p *producer) addPartitions() (int16, error) {
	rq := kmsg.NewPtrAddPartitionsToTxnRequest()
	rq.Version = 3
	rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch = p.id, p.producerID, p.epoch
	rq.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: topic, Partitions: p.targets[:]}}
	got, err := p.conn.Do(rq)
	if err != nil {
		return 0, err
	}
	for _, t := range got.(*kmsg.AddPartitionsToTxnResponse).Topics {
		for _, one := range t.Partitions {
			if one.ErrorCode != 0 {
				return one.ErrorCode, nil
			}
		}
	}
	return 0, nil
}

// produce writes a record to each partition. Versions from 12 on add the partitions to the transaction.
func (p *producer) produce() (int16, error) {
	rq := kmsg.NewPtrProduceRequest()
	rq.Version, rq.TransactionID, rq.Acks, rq.TimeoutMillis = 11, &p.id, -1, 30_000
	if p.version == 2 {
		rq.Version = 12
	}
	batch := p.batch()
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	for _, partition := range p.targets {
		t.Partitions = append(t.Partitions, kmsg.ProduceRequestTopicPartition{Partition: partition, Records: batch})
	}
	rq.Topics = append(rq.Topics, t)
	got, err := p.conn.Do(rq)
	if err != nil {
		return 0, err
	}
	var failed int16
	for _, t := range got.(*kmsg.ProduceResponse).Topics {
		for _, one := range t.Partitions {
			if one.ErrorCode != 0 {
				failed = one.ErrorCode
			}
		}
	}
	return failed, nil
}

// end commits. From version 5 on the epoch is raised with each end, and sequences begin anew.
func (p *producer) end() (int16, error) {
	rq := kmsg.NewPtrEndTxnRequest()
	rq.Version, rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch, rq.Commit = 4, p.id, p.producerID, p.epoch, true
	if p.version == 2 {
		rq.Version = 5
	}
	got, err := p.conn.Do(rq)
	if err != nil {
		return 0, err
	}
	resp := got.(*kmsg.EndTxnResponse)
	if p.version == 2 && resp.ErrorCode == 0 {
		p.producerID, p.epoch, p.sequence = resp.ProducerID, resp.ProducerEpoch, 0
	}
	return resp.ErrorCode, nil
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	value      = make([]byte, 100)
)

// batch has the one record of a transaction in a partition.
func (p *producer) batch() []byte {
	now := time.Now().UnixMilli()
	r := kmsg.Record{Value: value}
	r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: 0x10, FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: p.producerID, ProducerEpoch: p.epoch, FirstSequence: p.sequence, NumRecords: 1, Records: r.AppendTo(nil),
	}
	b.Length = int32(49 + len(b.Records))
	bytes := b.AppendTo(nil)
	binary.BigEndian.PutUint32(bytes[17:], crc32.Checksum(bytes[21:], castagnoli))
	return bytes
}
