package broker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/storage"
	"leat/internal/wire"
)

// fetchCall is one fetch request under way. Calls are pooled: their slices keep their memory. It belongs to the connection's reader until it waits, and then to
// whoever ends the wait.
type fetchCall struct {
	h       *Handlers
	c       *Call
	rq      *kmsg.FetchRequest
	session *fetchSession // of an incremental fetch, nil otherwise
	create  bool          // a full fetch that would like a session
	parts   []fetchPart
	answers []wire.FetchPartition // one per part
	waits   []replication.WaitPart
	resp    wire.FetchResponse

	maxBytes  int
	minBytes  int
	isolation storage.Isolation
	unwatch   func() bool // stops looking at the connection during a long wait
}

// fetchPart is one partition to be read.
type fetchPart struct {
	key    sessionKey
	ask    fetchAsk
	topic  *metadata.Topic // nil if there is none
	name   string          // of the topic, if its session knows it by an id
	cached *sessionPart    // in an incremental fetch
	denied bool            // it may not be read
}

const (
	// fetchByID is the first version that names topics by id.
	fetchByID = 13
	// fetchFromFollowers is the first version in which consumers say where they are, and may read from followers (KIP-392).
	fetchFromFollowers = 11
)

// exists reports whether there is such a partition, and the client may know.
func (p *fetchPart) exists() bool {
	return !p.denied && p.topic != nil && p.key.partition >= 0 && int(p.key.partition) < len(p.topic.Partitions)
}

// unknownID reports whether a partition is asked for by an id that no topic has, and that had none in the fetch session.
func (f *fetchCall) unknownID(p *fetchPart) bool {
	return p.topic == nil && p.name == "" && f.c.Header.Version >= fetchByID
}

var fetchCalls = sync.Pool{New: func() any { return new(fetchCall) }}

// fetch reads what is asked for, and waits if that is less than the client wants.
func (h *Handlers) fetch(c *Call) {
	if !h.nodesFetch(c) || h.replicaFetch(c) {
		return
	}
	f := fetchCalls.Get().(*fetchCall)
	f.h, f.c, f.rq = h, c, c.Body.(*kmsg.FetchRequest)
	if code := f.open(); code != 0 {
		f.refuse(code)
		return
	}
	if h.Authorizer != nil {
		f.authorize()
	}
	f.audit()
	f.limits()
	if enough := f.read(); enough || f.rq.MaxWaitMillis <= 0 || len(f.parts) == 0 {
		f.respond()
		return
	}
	f.wait()
}

// limits takes the bounds from request and configuration.
func (f *fetchCall) limits() {
	f.maxBytes = max(0, f.c.quotaBound(min(int(f.rq.MaxBytes), f.h.Config().Int("fetch.max.bytes"))))
	f.maxBytes = f.c.tenantBound(f.maxBytes)
	f.minBytes = max(0, min(int(f.rq.MinBytes), f.maxBytes))
	f.isolation = storage.ReadUncommitted
	if f.rq.IsolationLevel == 1 {
		f.isolation = storage.ReadCommitted
	}
}

// follower reports whether another broker asks.
func (f *fetchCall) follower() bool {
	if f.c.Header.Version >= 15 {
		return f.rq.ReplicaState.ID >= 0
	}
	return f.rq.ReplicaID >= 0
}

// read asks every partition and reports whether that is enough for an answer: enough bytes, or something the client must know.
func (f *fetchCall) read() bool {
	left, got, news, exist := f.maxBytes, 0, false, false
	f.waits = f.waits[:0]
	for i := range f.parts {
		p := &f.parts[i]
		if !p.exists() {
			f.answers = append(f.answers, f.noSuchPartition(p))
			continue
		}
		exist = true
		answer, bound := f.readPart(p, left, got == 0)
		if answer.Records != nil {
			n := answer.Records.Len()
			got += n
			left = max(0, left-n)
		}
		news = news || answer.ErrorCode != 0 || answer.DivergingEpoch >= 0 || answer.PreferredReadReplica >= 0
		f.answers = append(f.answers, answer)
		if bound.Partition != nil {
			f.waits = append(f.waits, bound)
		}
	}
	f.minBytes -= got
	return news || !exist || f.minBytes <= 0
}

// noSuchPartition is the answer for what is not in the image. It does not end the wait for the others, or a client that holds on to a deleted topic would ask
// without pause.
func (f *fetchCall) noSuchPartition(p *fetchPart) wire.FetchPartition {
	answer := wire.NewFetchPartition(p.key.partition)
	answer.AbortedNull = true
	answer.ErrorCode = kerr.UnknownTopicOrPartition.Code
	if p.denied {
		answer.ErrorCode = kerr.TopicAuthorizationFailed.Code
		return answer
	}
	if f.unknownID(p) {
		answer.ErrorCode = kerr.UnknownTopicID.Code
	}
	return answer
}

// readPart reads one partition, at most left bytes but with minOne at least a batch. The second result says from where on new bytes would count.
func (f *fetchCall) readPart(p *fetchPart, left int, minOne bool) (wire.FetchPartition, replication.WaitPart) {
	answer := wire.NewFetchPartition(p.key.partition)
	answer.AbortedNull = true
	tp := record.TopicPartition{Topic: p.topic.Name, Partition: p.key.partition}
	bound, err := f.readLog(p, tp, &answer, left, minOne)
	if err != nil {
		answer.ErrorCode = f.h.partitionCode(err, tp)
		answer.HighWatermark, answer.LastStableOffset, answer.LogStartOffset, answer.AbortedNull = -1, -1, -1, true
		f.hintLeader(tp, &answer)
	}
	return answer, bound
}

// readLog does the work of readPart; with an error, answer's offsets mean nothing.
func (f *fetchCall) readLog(p *fetchPart, tp record.TopicPartition, answer *wire.FetchPartition, left int, minOne bool) (replication.WaitPart, error) {
	var none replication.WaitPart
	partition, leads, err := f.h.Replicas.Reader(tp, p.ask.currentLeaderEpoch, f.c.Header.Version >= fetchFromFollowers)
	if err != nil {
		return none, err
	}
	if !p.key.topicID.IsZero() && partition.TopicID() != p.key.topicID {
		return none, replication.ErrInconsistentID
	}
	log := partition.Log()
	o := log.Offsets()
	answer.HighWatermark, answer.LastStableOffset, answer.LogStartOffset = o.HighWatermark, o.LastStable, o.LogStart
	if p.ask.lastFetchedEpoch >= 0 {
		if err := diverging(log, o, p.ask, answer); err != nil || answer.DivergingEpoch >= 0 {
			return none, err
		}
	}
	if leads && f.h.Replicas.RackAware() {
		if answer.PreferredReadReplica = partition.PreferredReplica(f.c.Image, f.rq.Rack, p.ask.offset); answer.PreferredReadReplica >= 0 {
			return none, nil
		}
	}
	wait := replication.WaitPart{Partition: partition, Offset: o.HighWatermark, Isolation: f.isolation, Any: !leads}
	if f.isolation == storage.ReadCommitted {
		wait.Offset = o.LastStable
		answer.AbortedNull = false
	}
	if p.ask.offset == wait.Offset { // the usual case of most partitions of a large fetch
		return wait, nil
	}
	slice, err := log.Read(p.ask.offset, max(0, min(int(p.ask.maxBytes), left)), f.isolation, minOne)
	if errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrDisk) {
		return none, fmt.Errorf("%w: %w", errDamagedRecords, err)
	}
	if err != nil {
		return none, err
	}
	for _, a := range slice.Aborted {
		answer.Aborted = append(answer.Aborted, wire.FetchAborted{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
	}
	if slice.Len() > 0 {
		answer.Records = slice
	}
	return wait, nil
}

// diverging compares the epoch of the last batch that the client has with the log's history, and sets the diverging epoch if the client must truncate (KIP-595).
func diverging(log *storage.Log, o storage.Offsets, ask fetchAsk, answer *wire.FetchPartition) error {
	epoch, end := log.EndOffsetForEpoch(ask.lastFetchedEpoch)
	if epoch < 0 || end < 0 || ask.offset < o.LogStart {
		return storage.ErrOffsetOutOfRange
	}
	if epoch < ask.lastFetchedEpoch || end < ask.offset {
		answer.DivergingEpoch, answer.DivergingEndOffset = epoch, end
	}
	return nil
}

// hintLeader tells a client that asked the wrong node, or with an old epoch, whom to ask (KIP-951).
func (f *fetchCall) hintLeader(tp record.TopicPartition, answer *wire.FetchPartition) {
	wrong := answer.ErrorCode == kerr.NotLeaderForPartition.Code || answer.ErrorCode == kerr.FencedLeaderEpoch.Code
	if f.c.Header.Version < 16 || !wrong {
		return
	}
	answer.LeaderID, answer.LeaderEpoch = f.h.leaderHint(tp)
	if answer.LeaderID >= 0 {
		f.resp.Nodes = f.h.addNode(f.c, f.resp.Nodes, answer.LeaderID)
	}
}

// watchFrom is the wait from which on it is worth the cost to notice that the client has gone.
const watchFrom = 5 * time.Second

// wait lets go of what was read and reads again when enough has come, or the time is over.
func (f *fetchCall) wait() {
	f.letGo()
	f.c.FreeBody()
	wait := time.Duration(f.rq.MaxWaitMillis) * time.Millisecond
	deadline := time.Now().Add(wait)
	if wait < watchFrom {
		f.h.Replicas.WaitFor(f.waits, f.minBytes, deadline, f.woken)
		return
	}
	// The callback of a closed connection may come before WaitFor has returned, so that it waits for the result.
	registered := make(chan *replication.Wait, 1)
	f.unwatch = context.AfterFunc(f.c.Gone, func() {
		if w := <-registered; w.Cancel() {
			f.c.Hangup("") // the client has gone: nothing to tell
			f.free()
		}
	})
	registered <- f.h.Replicas.WaitFor(f.waits, f.minBytes, deadline, f.woken)
}

// woken ends a wait: whatever there is now is the answer.
func (f *fetchCall) woken() {
	if f.unwatch != nil {
		f.unwatch()
	}
	f.minBytes = math.MaxInt
	f.read()
	f.respond()
}

// letGo releases the files of answers that are not sent.
func (f *fetchCall) letGo() {
	for i := range f.answers {
		if r := f.answers[i].Records; r != nil {
			r.Release()
		}
	}
	clear(f.answers)
	f.answers = f.answers[:0]
	f.resp.Nodes = f.resp.Nodes[:0]
}

// refuse answers a fetch whose session does not fit.
func (f *fetchCall) refuse(code int16) {
	f.c.Reply(wire.EncodeFetch(f.c.Header, &wire.FetchResponse{ErrorCode: code}))
	f.free()
}

// respond sends the answers that the client has to see.
func (f *fetchCall) respond() {
	if f.throttled() {
		return
	}
	f.closing(time.Now())
	f.countTenant()
	f.c.Reply(wire.EncodeFetch(f.c.Header, &f.resp))
	f.free() // the frame has taken the files over
}

// include adds an answer to the response; neighbours of one topic are grouped.
func (f *fetchCall) include(i int) {
	f.count(i)
	key := &f.parts[i].key
	topics := f.resp.Topics
	n := len(topics)
	if n == 0 || topics[n-1].TopicID != key.topicID || topics[n-1].Topic != key.topic {
		if n < cap(topics) { // reuse the slice of partitions that lies there
			topics = topics[:n+1]
			topics[n].Partitions = topics[n].Partitions[:0]
		} else {
			topics = append(topics, wire.FetchTopic{})
		}
		topics[n].Topic, topics[n].TopicID = key.topic, key.topicID
		n++
	}
	topics[n-1].Partitions = append(topics[n-1].Partitions, f.answers[i])
	f.resp.Topics = topics
}

// count adds an answer to the metrics of its topic. What nobody knows has no topic.
func (f *fetchCall) count(i int) {
	f.h.Metrics.Error(keyFetch, f.answers[i].ErrorCode)
	if f.parts[i].topic == nil {
		return
	}
	if code := f.answers[i].ErrorCode; code != 0 && !f.follower() {
		f.c.notable(code, partitionResource(record.TopicPartition{Topic: f.parts[i].topic.Name, Partition: f.answers[i].Partition}), "")
	}
	counters := f.h.Metrics.Topic(f.parts[i].topic.Name)
	switch records := f.answers[i].Records; {
	case f.answers[i].ErrorCode != 0:
		counters.FetchFailed()
	case records != nil:
		counters.Fetched(int64(records.Len()))
	}
}

// pooledParts bounds what a pooled call keeps.
const pooledParts = 4096

// free gives the call back to the pool without anything that it points to.
func (f *fetchCall) free() {
	if cap(f.parts) > pooledParts {
		return
	}
	topics := f.resp.Topics
	for i := range topics {
		clear(topics[i].Partitions)
	}
	clear(f.parts)
	clear(f.answers)
	clear(f.waits)
	*f = fetchCall{
		parts: f.parts[:0], answers: f.answers[:0], waits: f.waits[:0],
		resp: wire.FetchResponse{Topics: topics[:0]},
	}
	fetchCalls.Put(f)
}
