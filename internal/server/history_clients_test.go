package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The clients of a world: each does one thing again and again, and writes down what it asked, what it heard, and when.

func (w *world) dice(kind, i int) *rand.Rand {
	return rand.New(rand.NewPCG(w.o.seed, uint64(100*kind+i)))
}

// pause waits up to d; it ends the client when the world ends.
func (w *world) pause(rng *rand.Rand, d time.Duration) bool {
	time.Sleep(time.Millisecond + time.Duration(rng.Int64N(int64(d))))
	return !w.ended()
}

func raise(to interface {
	Load() int64
	CompareAndSwap(o, n int64) bool
}, v int64) {
	for {
		old := to.Load()
		if old >= v || to.CompareAndSwap(old, v) {
			return
		}
	}
}

// produce writes records, some of them while others are under way. Every third client gives records up after a while.
//
// Batches that a leader has and never acknowledged are recognised when they are sent again, also after it was stopped in order, which leaves only the last batch
// of each producer in its snapshot.
func (w *world) produce(i int) {
	rng := w.dice(1, i)
	opts := w.o.producer
	if i == 2 {
		opts = append([]kgo.Opt{kgo.AllowIdempotentProduceCancellation(), kgo.RecordDeliveryTimeout(3 * time.Second)}, opts...)
	}
	for n := 0; !w.ended(); {
		n = w.produceUntilStopped(rng, i, n, opts)
	}
}

// produceUntilStopped writes with one client, and returns the number of the next record.
func (w *world) produceUntilStopped(rng *rand.Rand, i, n int, opts []kgo.Opt) int {
	cl := w.cl(opts...)
	defer cl.Close()
	for !w.ended() { // before there are two who want it: kgo holds a mutex while it asks, and who waits for a mutex keeps virtual time from passing
		if _, _, err := cl.ProducerID(w.t.Context()); err == nil {
			break
		}
	}
	room := make(chan struct{}, 10)
	var stopped atomic.Bool
	for ; w.pause(rng, 250*time.Millisecond) && !stopped.Load(); n++ {
		for range 1 + rng.IntN(3) {
			w.produceOne(cl, room, &stopped, int32(rng.IntN(len(w.known))), fmt.Sprintf("%d.%d", i, n))
			n++
		}
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if err := cl.Flush(ctx); err != nil && !stopped.Load() {
		w.complain("producer %d: records are not acknowledged although all is well: %v", i, err)
	}
	return n
}

func (w *world) produceOne(cl *kgo.Client, room chan struct{}, stopped *atomic.Bool, partition int32, value string) {
	select {
	case room <- struct{}{}:
	case <-w.done:
		return
	}
	o := &logOp{kind: "produce", partition: partition, value: value, offset: -1, call: time.Now()}
	w.h.add(o)
	r := &kgo.Record{Topic: historyTopic, Partition: partition, Value: []byte(value)}
	cl.Produce(context.Background(), r, func(r *kgo.Record, err error) {
		w.h.mu.Lock()
		if o.note = fmt.Sprint(err); err == nil {
			o.note, o.end, o.offset = "", time.Now(), r.Offset
			raise(&w.known[partition], r.Offset+1)
		} else if errors.Is(err, kerr.OutOfOrderSequenceNumber) || errors.Is(err, kerr.UnknownProducerID) {
			stopped.Store(true)
		}
		w.h.mu.Unlock()
		<-room
	})
}

// leader is what a node says about a partition.
func (w *world) leader(ctx context.Context, cl *kgo.Client, via int, partition int32) (id [16]byte, leader, epoch int32, err error) {
	rq := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = new(historyTopic)
	rq.Topics = append(rq.Topics, rt)
	resp, err := cl.SeedBrokers()[via].Request(ctx, rq)
	if err != nil {
		return id, 0, 0, err
	}
	t := resp.(*kmsg.MetadataResponse).Topics[0]
	for _, p := range t.Partitions {
		if p.Partition == partition && p.Leader > 0 {
			return t.TopicID, p.Leader, p.LeaderEpoch, nil
		}
	}
	return id, 0, 0, errors.New("no leader")
}

// read asks leaders for records and for the latest offset. It keeps what it knows about leaders for a while, as clients do.
func (w *world) read(i int) {
	rng := w.dice(2, i)
	cl := w.cl()
	defer cl.Close()
	for w.pause(rng, 200*time.Millisecond) {
		partition := int32(rng.IntN(len(w.known)))
		ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Second)
		id, leader, epoch, err := w.leader(ctx, cl, rng.IntN(3), partition)
		for n := rng.IntN(8); err == nil && n >= 0; n-- {
			if rng.IntN(2) == 0 {
				err = w.latest(ctx, cl, leader, epoch, partition)
			} else {
				from := rng.Int64N(w.known[partition].Load() + 1)
				_, err = w.fetch(ctx, cl, rng, id, leader, epoch, partition, from, "fetch")
			}
			time.Sleep(time.Duration(rng.IntN(40)) * time.Millisecond)
		}
		cancel()
	}
}

func (w *world) latest(ctx context.Context, cl *kgo.Client, leader, epoch, partition int32) error {
	rq := kmsg.NewPtrListOffsetsRequest()
	rq.ReplicaID = -1
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = historyTopic
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.Partition, rp.CurrentLeaderEpoch, rp.Timestamp = partition, epoch, -1
	rt.Partitions = append(rt.Partitions, rp)
	rq.Topics = append(rq.Topics, rt)
	o := &logOp{kind: "list", partition: partition, epoch: epoch, call: time.Now(), note: fmt.Sprint("by ", leader)}
	resp, err := cl.SeedBrokers()[leader-1].Request(ctx, rq)
	if err != nil {
		return err
	}
	p := resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return kerr.ErrorForCode(p.ErrorCode)
	}
	if p.LeaderEpoch != epoch {
		w.complain("partition %d: a question in epoch %d was answered in %d", partition, epoch, p.LeaderEpoch)
	}
	o.end, o.high = time.Now(), p.Offset
	raise(&w.known[partition], p.Offset)
	w.h.add(o)
	return nil
}

func (w *world) fetch(ctx context.Context, cl *kgo.Client, rng *rand.Rand, id [16]byte, leader, epoch, partition int32, from int64, kind string) (*logOp, error) {
	rq := kmsg.NewPtrFetchRequest()
	rq.ReplicaID, rq.MaxWaitMillis, rq.MinBytes, rq.MaxBytes, rq.SessionEpoch = -1, int32(rng.IntN(300)), 1, 1<<20, -1
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = historyTopic, id
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.CurrentLeaderEpoch, rp.FetchOffset, rp.PartitionMaxBytes = partition, epoch, from, int32(100+rng.IntN(4000))
	rt.Partitions = append(rt.Partitions, rp)
	rq.Topics = append(rq.Topics, rt)
	o := &logOp{kind: kind, partition: partition, epoch: epoch, offset: from, high: -1, call: time.Now(), note: fmt.Sprint("by ", leader)}
	resp, err := cl.SeedBrokers()[leader-1].Request(ctx, rq)
	if err != nil {
		return nil, err
	}
	r := resp.(*kmsg.FetchResponse)
	if r.ErrorCode != 0 || len(r.Topics) == 0 {
		return nil, fmt.Errorf("no answer: %w", kerr.ErrorForCode(r.ErrorCode))
	}
	answer := &r.Topics[0].Partitions[0]
	o.end = time.Now()
	if answer.ErrorCode == kerr.OffsetOutOfRange.Code {
		o.outside = true
		w.h.add(o)
		return o, kerr.OffsetOutOfRange
	}
	found, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: from, Topic: historyTopic, Partition: partition}, answer, kgo.DefaultDecompressor(), nil)
	if found.Err != nil {
		return nil, found.Err
	}
	o.high = answer.HighWatermark
	for n, rec := range found.Records {
		if rec.Offset != from+int64(n) {
			w.complain("partition %d: a fetch from %d brought %d as record %d", partition, from, rec.Offset, n)
		}
		o.values, o.epochs = append(o.values, string(rec.Value)), append(o.epochs, rec.LeaderEpoch)
	}
	raise(&w.known[partition], o.high)
	w.h.add(o)
	return o, nil
}

// consume reads everything with a consumer. When what it gets was read nobody knows, only that it was by then.
func (w *world) consume() {
	parts := map[int32]kgo.Offset{}
	for p := range w.known {
		parts[int32(p)] = kgo.NewOffset().AtStart()
	}
	cl := w.cl(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{historyTopic: parts}), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(300*time.Millisecond))
	defer cl.Close()
	began := time.Now()
	next := [3]int64{}
	for !w.ended() {
		ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Second)
		fetches := cl.PollFetches(ctx)
		cancel()
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if lost := (*kgo.ErrDataLoss)(nil); errors.As(p.Err, &lost) || errors.Is(p.Err, kerr.OffsetOutOfRange) {
				w.complain("the consumer lost its place in partition %d: %v", p.Partition, p.Err)
			}
			if len(p.Records) == 0 {
				return
			}
			o := &logOp{kind: "consume", partition: p.Partition, offset: p.Records[0].Offset, high: -1, call: began, end: time.Now()}
			for _, r := range p.Records {
				if r.Offset != next[p.Partition] {
					w.complain("the consumer got %d of partition %d after %d", r.Offset, p.Partition, next[p.Partition]-1)
				}
				next[p.Partition] = r.Offset + 1
				o.values = append(o.values, string(r.Value))
			}
			w.h.add(o)
		})
	}
}

// final reads the partitions from end to end when all is well.
func (w *world) final() {
	cl := w.cl()
	defer cl.Close()
	rng := w.dice(3, 0)
	for partition := range int32(len(w.known)) {
		whole := &logOp{kind: "final", partition: partition, call: time.Now()}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
		for {
			id, leader, epoch, err := w.leader(ctx, cl, 0, partition)
			var o *logOp
			if err == nil {
				o, err = w.fetch(ctx, cl, rng, id, leader, epoch, partition, int64(len(whole.values)), "fetch")
			}
			if err != nil && (ctx.Err() != nil || errors.Is(err, kerr.OffsetOutOfRange)) {
				w.complain("partition %d cannot be read although all is well: %v", partition, err)
				break
			}
			if err != nil {
				time.Sleep(100 * time.Millisecond)
				continue
			}
			whole.values, whole.epochs, whole.high = append(whole.values, o.values...), append(whole.epochs, o.epochs...), o.high
			if int64(len(whole.values)) >= o.high && len(o.values) == 0 {
				break
			}
		}
		cancel()
		whole.epoch, whole.end = -1, time.Now()
		w.h.add(whole)
	}
}

// administer creates, changes, looks at and deletes a few topics.
func (w *world) administer(i int) {
	rng := w.dice(4, i)
	cl := w.cl(kgo.RequestRetries(0))
	defer cl.Close()
	for n := 0; w.pause(rng, 400*time.Millisecond); n++ {
		via := rng.IntN(3)
		o := &adminOp{topic: fmt.Sprintf("topic-%d", rng.IntN(3)), node: int(w.process[via].Load()), call: time.Now()}
		o.partitions, o.value = 1+rng.IntN(6), fmt.Sprint(1_000_000*(i+1)+n)
		kinds := []string{"create", "create", "delete", "grow", "alter", "read", "read", "describe"}
		o.kind = kinds[rng.IntN(len(kinds))]
		ctx, cancel := context.WithTimeout(w.t.Context(), 6*time.Second)
		resp, err := cl.SeedBrokers()[via].Request(ctx, o.request())
		cancel()
		o.end, o.note = time.Now(), fmt.Sprint(err)
		if err == nil {
			o.answer(resp)
		}
		sure := o.outcome != "" && o.outcome != "refused"
		if read := o.kind == "read" || o.kind == "describe"; !sure && read || o.outcome == "refused" || int64(o.node) != w.process[via].Load() && read {
			continue // of which process it was is not known
		}
		if int64(o.node) != w.process[via].Load() {
			o.node = 0 // nobody reads there
		}
		w.h.addAdmin(o)
	}
}

func (o *adminOp) request() kmsg.Request {
	const patience = 4000
	switch o.kind {
	case "create":
		rq := kmsg.NewPtrCreateTopicsRequest()
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = o.topic, int32(o.partitions), 1
		t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: "retention.ms", Value: &o.value})
		rq.Topics, rq.TimeoutMillis = append(rq.Topics, t), patience
		return rq
	case "delete":
		rq := kmsg.NewPtrDeleteTopicsRequest()
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = &o.topic
		rq.TopicNames, rq.Topics, rq.TimeoutMillis = []string{o.topic}, append(rq.Topics, t), patience
		return rq
	case "grow":
		rq := kmsg.NewPtrCreatePartitionsRequest()
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = o.topic, int32(o.partitions)
		rq.Topics, rq.TimeoutMillis = append(rq.Topics, t), patience
		return rq
	case "alter":
		rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, o.topic
		r.Configs = append(r.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: "retention.ms", Op: kmsg.IncrementalAlterConfigOpSet, Value: &o.value})
		rq.Resources = append(rq.Resources, r)
		return rq
	case "describe":
		rq := kmsg.NewPtrDescribeConfigsRequest()
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeTopic, o.topic, []string{"retention.ms"}
		rq.Resources = append(rq.Resources, r)
		return rq
	}
	rq := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = &o.topic
	rq.Topics = append(rq.Topics, rt)
	return rq
}

func (o *adminOp) answer(resp kmsg.Response) {
	var code int16
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		code = r.Topics[0].ErrorCode
	case *kmsg.DeleteTopicsResponse:
		code = r.Topics[0].ErrorCode
	case *kmsg.CreatePartitionsResponse:
		code = r.Topics[0].ErrorCode
	case *kmsg.IncrementalAlterConfigsResponse:
		code = r.Resources[0].ErrorCode
	case *kmsg.DescribeConfigsResponse:
		if code = r.Resources[0].ErrorCode; code == 0 {
			o.value = *r.Resources[0].Configs[0].Value
		}
	case *kmsg.MetadataResponse:
		if code = r.Topics[0].ErrorCode; code == 0 || code == kerr.LeaderNotAvailable.Code {
			code, o.partitions = 0, len(r.Topics[0].Partitions)
		}
	}
	o.note = fmt.Sprint(kerr.ErrorForCode(code))
	switch code {
	case 0:
		o.outcome = "done"
	case kerr.TopicAlreadyExists.Code:
		o.outcome = "exists"
	case kerr.UnknownTopicOrPartition.Code:
		o.outcome = "missing"
	case kerr.InvalidPartitions.Code:
		o.outcome = "small"
	case kerr.InvalidReplicationFactor.Code:
		o.outcome = "refused" // too few nodes: nothing was done
	}
}
