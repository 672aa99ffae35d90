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
	conn    *load.Conn
	until   time.Time

	producerID int64
	epoch      int16
	sequence   int32
	ends       []time.Duration
	retries    int
}

// offer lets so many producers commit transactions for some time.
func offer(ctx context.Context, node *target.Node, version, count int, window time.Duration) (total, error) {
	var got total
	all := make([]*producer, count)
	for i := range all {
		conn, err := load.Dial(node.Bootstrap())
		if err != nil {
			return got, err
		}
		defer conn.Close()
		p := &producer{version: version, id: fmt.Sprintf("producer-%d-%d", version, i), conn: conn}
		p.targets = [2]int32{int32(i % partitions), int32((i + 1 + i/partitions) % partitions)}
		if p.targets[0] == p.targets[1] {
			p.targets[1] = (p.targets[1] + 1) % partitions
		}
		if err := p.init(); err != nil {
			return got, fmt.Errorf("%s: %w", p.id, err)
		}
		all[i] = p
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
	errs := make([]error, count)
	for i, p := range all {
		p.until = began.Add(window)
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
	for time.Now().Before(p.until) {
		if err := p.transaction(); err != nil {
			return fmt.Errorf("%s: %w", p.id, err)
		}
	}
	return nil
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
