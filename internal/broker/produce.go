package broker

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/security"
	"leat/internal/storage"
	"leat/internal/wire"
)

// adminClient is the client id that Kafka lets write to internal topics.
const adminClient = "__admin_client"

// produceCall is one produce request under way. Calls are pooled: results and waits keep their memory.
type produceCall struct {
	h       *Handlers
	c       *Call
	rq      wire.ProduceRequest
	results []wire.ProduceResult
	nodes   []wire.NodeEndpoint
	waits   []produceWait
	slowed  time.Duration // how long the client is to wait before it sends more
	pending atomic.Int32  // waits that have not ended, plus one while they are being registered
	line    *produceLine
	leaves  []leave // of partitions where a transaction begins
	delays  []delay // of partitions where records are delayed, or may have been
	denied  []bool  // partitions that may not be written; empty: none
	left    bool    // the connection's reader has gone on
}

// produceWait is an appended partition that is not replicated yet, or with own not synced on this node.
type produceWait struct {
	own        bool
	partition  *replication.Partition
	index      int // in results
	nextOffset int64
}

var produceCalls = sync.Pool{New: func() any { return new(produceCall) }}

// produce appends, and answers at once (acks 0 and 1) or when the in-sync replicas have the records (acks -1).
func (h *Handlers) produce(c *Call) {
	rq, err := wire.ParseProduce(c.Header, c.Request.Body)
	if err != nil {
		c.Hangup(err.Error())
		return
	}
	if h.Timers != nil && c.tenant == nil && ofNode(c.Header.ClientID) && h.toTimers(&rq) && (h.Authorizer == nil || h.mayCluster(c, security.OpClusterAction)) {
		h.timerCommands(c, rq)
		return
	}
	c.enterProduce(&rq)
	p := produceCalls.Get().(*produceCall)
	p.h, p.c, p.rq, p.line = h, c, rq, lineOf(c)
	if !p.line.join(p) {
		p.begin()
	}
}

// begin appends, unless transactions have to be verified before. It reports whether the next request of the connection may begin.
func (p *produceCall) begin() bool {
	if p.h.Authorizer != nil && !p.authorize() {
		return true
	}
	p.audit()
	if p.tenantFull() {
		return true
	}
	delays := p.mustDelay()
	if p.rq.TransactionalID != nil {
		id, epoch, ok := p.producer()
		if !ok {
			p.refuseAll(kerr.InvalidProducerIDMapping, "Transactional records contained more than one producer ID")
			return true
		}
		if p.mustVerify() {
			p.verify(id, epoch)
			return false
		}
	}
	if delays {
		p.delay()
		return false
	}
	p.appendAll()
	return true
}

// refuseAll answers every partition alike.
func (p *produceCall) refuseAll(e *kerr.Error, message string) {
	r := refused(e)
	r.ErrorMessage = message
	for range p.rq.Len() {
		p.results = append(p.results, r)
	}
	p.answer()
}

// appendAll appends and answers.
func (p *produceCall) appendAll() {
	p.results = slices.Grow(p.results, p.rq.Len())
	for part := range p.rq.Partitions {
		p.results = append(p.results, p.append(part, len(p.results)))
	}
	p.endLeaves()
	p.answer()
}

// answer answers now or when what was appended is replicated.
func (p *produceCall) answer() {
	p.countTenant()
	if p.slowed > 0 && !p.left {
		p.c.Request.Mute(p.slowed)
	}
	switch {
	case p.rq.Acks == 0:
		p.finishSilently()
	case len(p.waits) == 0:
		p.respond()
	default:
		p.await()
	}
}

// append writes the records of one partition and returns its answer.
func (p *produceCall) append(part wire.ProducePartition, index int) wire.ProduceResult {
	name, known := p.topicName(part)
	if !known {
		return refused(kerr.UnknownTopicID)
	}
	tp := record.TopicPartition{Topic: name, Partition: part.Partition}
	if p.mayNot(index) {
		return refused(kerr.TopicAuthorizationFailed)
	}
	if !exists(p.c.Image, tp) {
		return refused(kerr.UnknownTopicOrPartition)
	}
	counters := p.h.Metrics.Topic(tp.Topic)
	result, records := p.write(tp, part, index)
	if result.ErrorCode != 0 {
		counters.ProduceFailed()
	} else {
		counters.Produced(records, int64(len(part.Records)))
	}
	return result
}

// write appends to a partition that exists; records says how many were written.
func (p *produceCall) write(tp record.TopicPartition, part wire.ProducePartition, index int) (result wire.ProduceResult, records int64) {
	if err := p.checkRecords(part.Records); err != nil {
		return refused(err), 0
	}
	if p.rq.Acks < -1 || p.rq.Acks > 1 {
		return refused(kerr.InvalidRequiredAcks), 0
	}
	if isInternal(tp.Topic) && !p.mayWriteInternal(tp.Topic) {
		return refused(kerr.InvalidTopicException), 0
	}
	if refusal := p.unverified(index); refusal != nil {
		return *refusal, 0
	}
	partition, err := p.h.Replicas.Leader(tp, -1)
	if err == nil && p.c.Header.Version >= 13 && partition.TopicID() != part.TopicID {
		err = replication.ErrUnknownTopicID
	}
	if err != nil {
		return p.failed(tp, nil, err), 0
	}
	d := p.delayOf(index)
	if d != nil && d.result != nil {
		return *d.result, int64(d.taken)
	}
	info, err := p.appendTo(partition, part.Records, index)
	p.slowed = max(p.slowed, info.Throttle)
	switch {
	case err == nil && p.rq.Acks == -1:
		err = p.committed(partition, info.LastOffset+1, index)
	case err == nil && p.rq.Acks == 1 && info.SyncDue:
		p.waits = append(p.waits, produceWait{true, partition, index, info.LastOffset + 1})
	}
	if err != nil {
		return p.failed(tp, partition, err), 0
	}
	records = info.LastOffset - info.BaseOffset + 1
	if info.Duplicate {
		records = 0
	}
	if d != nil && d.rest != nil { // the offsets are not those that the producer would count from here
		return withoutOffset(info.LogStart), records
	}
	return wire.ProduceResult{BaseOffset: info.BaseOffset, LogAppendTimeMs: info.LogAppendTime, LogStartOffset: info.LogStart, LeaderID: -1, LeaderEpoch: -1}, records
}

// committed looks whether what was appended is replicated already, and remembers the partition if it is not.
func (p *produceCall) committed(partition *replication.Partition, nextOffset int64, index int) error {
	done, err := partition.Committed(nextOffset)
	if !done {
		p.waits = append(p.waits, produceWait{false, partition, index, nextOffset})
	}
	return afterAppend(err)
}

// afterAppend is the error of a wait: what was refused before the append has another code than what failed after it.
func afterAppend(err error) error {
	if errors.Is(err, replication.ErrNotEnoughReplicas) {
		return kerr.NotEnoughReplicasAfterAppend
	}
	return err
}

// checkRecords applies the rules of Kafka's produce request: exactly one batch, of the present format, with a codec that the version knows. What is in the
// batch is checked by storage.
func (p *produceCall) checkRecords(b []byte) *kerr.Error {
	batch, rest, err := record.Split(b)
	switch {
	case errors.Is(err, record.ErrCorrupt):
		return kerr.CorruptMessage
	case err != nil:
		return kerr.InvalidRecord // none, one that is cut short, or one of an old format
	case p.c.Header.Version < 7 && batch.Codec() == record.Zstd:
		return kerr.UnsupportedCompressionType
	case len(rest) > 0:
		return kerr.InvalidRecord
	case batch.Transactional() && p.rq.TransactionalID == nil:
		return kerr.TransactionalIDAuthorizationFailed
	}
	return nil
}

// refused is the answer for a partition that was not even tried.
func refused(e *kerr.Error) wire.ProduceResult {
	return wire.ProduceResult{ErrorCode: e.Code, BaseOffset: -1, LogAppendTimeMs: -1, LogStartOffset: -1, LeaderID: -1, LeaderEpoch: -1}
}

// failed is the answer for a partition that took no records. The log start offset is told for those errors after which a client may want to start over.
func (p *produceCall) failed(tp record.TopicPartition, partition *replication.Partition, err error) wire.ProduceResult {
	r := refused(&kerr.Error{Code: p.h.partitionCode(err, tp)})
	switch r.ErrorCode {
	case kerr.NotLeaderForPartition.Code:
		r.LeaderID, r.LeaderEpoch = p.h.leaderHint(tp)
		p.nodes = p.h.addNode(p.c, p.nodes, r.LeaderID)
	case kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicID.Code, kerr.MessageTooLarge.Code, kerr.RecordListTooLarge.Code,
		kerr.CorruptMessage.Code, kerr.KafkaStorageError.Code:
	default:
		if partition != nil {
			r.LogStartOffset = partition.Log().Offsets().LogStart
		}
	}
	if errors.Is(err, storage.ErrNoRoom) {
		r.ErrorMessage = err.Error() // whoever runs the producer can tell those who run the broker
	}
	var records *storage.RecordErrors
	if errors.As(err, &records) {
		r.ErrorMessage = records.Message
		for _, e := range records.Records {
			r.RecordErrors = append(r.RecordErrors, wire.ProduceRecordError{BatchIndex: e.Index, Message: e.Message})
		}
	}
	return r
}

// await answers once all waits have ended.
func (p *produceCall) await() {
	p.pending.Store(int32(len(p.waits)) + 1)
	deadline := time.Now().Add(time.Duration(p.rq.TimeoutMillis) * time.Millisecond)
	for _, w := range p.waits {
		ended := func(err error) { p.ended(w, err) }
		if w.own {
			w.partition.WhenSynced(w.nextOffset, ended)
		} else {
			w.partition.WhenCommitted(w.nextOffset, deadline, ended)
		}
	}
	p.ended(produceWait{}, nil)
}

// ended takes the outcome of one wait. Each writes its own result; whoever is last answers.
func (p *produceCall) ended(w produceWait, err error) {
	if err != nil {
		logStart := p.results[w.index].LogStartOffset
		p.results[w.index] = refused(&kerr.Error{Code: p.h.partitionCode(afterAppend(err), w.partition.TopicPartition())})
		p.results[w.index].LogStartOffset = logStart
	}
	if p.pending.Add(-1) == 0 {
		p.respond()
	}
}

func (p *produceCall) respond() {
	p.leaveTenant()
	for i := range p.results {
		p.h.Metrics.Error(keyProduce, p.results[i].ErrorCode)
		if p.results[i].ErrorCode != 0 {
			p.notable(i)
		}
	}
	p.c.Reply(wire.EncodeProduce(p.c.Header, &p.rq, p.results, p.nodes, max(int32(p.slowed.Milliseconds()), p.quotaWait())))
	p.free()
}

// finishSilently ends a request with acks=0. Closing the connection is the only way to tell its producer that something failed.
func (p *produceCall) finishSilently() {
	failed := 0
	for i := range p.results {
		if p.results[i].ErrorCode != 0 {
			failed++
			if failed == 1 {
				p.c.Hangup(fmt.Sprintf("produce with acks=0 failed: %v", kerr.ErrorForCode(p.results[i].ErrorCode)))
			}
		}
	}
	if failed == 0 {
		p.quotaWait()
		p.c.NoReply()
	}
	p.free()
}

// pooledResults bounds what a pooled call keeps.
const pooledResults = 1024

func (p *produceCall) free() {
	if cap(p.results) > pooledResults {
		return
	}
	clear(p.results)
	clear(p.waits)
	clear(p.nodes)
	p.h, p.c, p.rq, p.slowed, p.line, p.left = nil, nil, wire.ProduceRequest{}, 0, nil, false
	clear(p.delays)
	p.delays, p.denied = p.delays[:0], p.denied[:0]
	p.results, p.waits, p.nodes = p.results[:0], p.waits[:0], p.nodes[:0]
	produceCalls.Put(p)
}
