package broker

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
	"leat/internal/wire"
)

// shareFetchCall is one share fetch under way.
type shareFetchCall struct {
	h             *Handlers
	c             *Call
	rq            *kmsg.ShareFetchRequest
	group, member string
	acks          shareAcks
	acknowledged  map[sharing.Topic]error
	fresh         map[sharing.Topic]bool
	settings      sharing.Group
	denied        []sharing.Fetched // partitions that may not be read
}

// shareFetch takes up the acknowledgements that came with it, and then hands out records.
func (h *Handlers) shareFetch(c *Call) {
	rq := c.Body.(*kmsg.ShareFetchRequest)
	f := &shareFetchCall{h: h, c: c, rq: rq, acks: shareAcks{h: h, c: c, renew: rq.IsRenewAck}}
	if refusal := h.shareRefusal(c, rq.GroupID, rq.MemberID); refusal != nil {
		f.refuse(refusal)
		return
	}
	f.group, f.member = *rq.GroupID, *rq.MemberID
	if !h.mayGroup(c, security.OpRead, f.group) {
		f.refuse(kerr.GroupAuthorizationFailed)
		return
	}
	f.settings = h.Shares.Group(f.group)
	add := f.read()
	if rq.IsRenewAck && (rq.MaxWaitMillis > 0 || rq.MinBytes > 0 || rq.MaxBytes > 0 || rq.MaxRecords > 0) {
		f.refuse(kerr.InvalidRequest) // who renews has enough to do
		return
	}
	if rq.ShareSessionEpoch == finalShareEpoch {
		f.finish()
		return
	}
	if rq.ShareSessionEpoch == 0 && len(f.acks.order) > 0 {
		f.refuse(kerr.InvalidRequest)
		return
	}
	parts, fresh, err := h.Shares.Open(f.group, f.member, rq.ShareSessionEpoch, add, f.forgotten(), c.Gone)
	if err != nil {
		f.refuseSession(err)
		return
	}
	f.fresh = fresh
	h.Shares.Acknowledge(f.group, f.member, f.acks.good, func(results []sharing.Acknowledged) {
		f.acknowledged = f.acks.outcome(f.h, results)
		f.fetch(parts)
	})
}

// refuseSession answers a request whose session cannot begin or go on. Who would get a session if others ended theirs is kept waiting, because it tries again at once.
func (f *shareFetchCall) refuseSession(err error) {
	code := codeOf(err)
	refusal := kerr.TypedErrorForCode(code)
	wait := time.Duration(f.rq.MaxWaitMillis) * time.Millisecond
	if code != kerr.ShareSessionLimitReached.Code || wait <= 0 {
		f.refuse(refusal)
		return
	}
	f.h.Shares.Fetch(sharing.FetchRequest{Group: f.group, Member: f.member, Deadline: time.Now().Add(wait), MaxRecords: 1, MaxBytes: 1, Idle: true},
		func([]sharing.Fetched) { f.refuse(refusal) })
}

// read takes partitions and acknowledgements out of the request.
func (f *shareFetchCall) read() (add []sharing.Topic) {
	for i := range f.rq.Topics {
		t := &f.rq.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			topic := sharing.Topic{ID: t.TopicID, Partition: p.Partition}
			add = append(add, topic)
			var list []acquire.Acknowledgement
			for _, b := range p.AcknowledgementBatches {
				list = append(list, acquire.Acknowledgement{First: b.FirstOffset, Last: b.LastOffset, Types: b.AcknowledgeTypes})
			}
			f.acks.add(topic, list, f.settings.Renew)
		}
	}
	return add
}

func (f *shareFetchCall) forgotten() (forget []sharing.Topic) {
	for _, t := range f.rq.ForgottenTopicsData {
		for _, p := range t.Partitions {
			forget = append(forget, sharing.Topic{ID: t.TopicID, Partition: p})
		}
	}
	return forget
}

// refuse answers the request as a whole, like Kafka by the code alone.
func (f *shareFetchCall) refuse(e *kerr.Error) {
	f.h.Metrics.Error(f.c.Header.Key, e.Code)
	f.c.Reply(wire.EncodeShareFetch(f.c.Header, &wire.ShareFetchResponse{ErrorCode: e.Code}))
}

// finish takes up the last acknowledgements of a session and ends it.
func (f *shareFetchCall) finish() {
	if err := f.h.Shares.Known(f.group, f.member); err != nil {
		f.refuse(kerr.TypedErrorForCode(codeOf(err)))
		return
	}
	f.h.Shares.Acknowledge(f.group, f.member, f.acks.good, func(results []sharing.Acknowledged) {
		f.acknowledged = f.acks.outcome(f.h, results)
		f.h.Shares.CloseSession(f.group, f.member, func([]sharing.Acknowledged, error) { f.respond(nil) })
	})
}

// fetch hands out records. The partition whose turn it is comes first.
func (f *shareFetchCall) fetch(parts []sharing.Topic) {
	parts, f.denied = f.h.readable(f.c, parts)
	f.audit(parts)
	if n := len(parts); n > 1 {
		turn := int(uint32(f.rq.ShareSessionEpoch)) % n
		parts = slices.Concat(parts[turn:], parts[:turn])
	}
	maxBytes := f.c.quotaBound(min(int(f.rq.MaxBytes), f.h.Config().Int("fetch.max.bytes")))
	rq := sharing.FetchRequest{
		Group: f.group, Member: f.member, Parts: parts, MaxRecords: int(f.rq.MaxRecords), BatchSize: int(f.rq.BatchSize), Strict: f.rq.ShareAcquireMode == 1,
		MaxBytes: maxBytes, MinBytes: min(int(f.rq.MinBytes), maxBytes), Deadline: time.Now().Add(time.Duration(f.rq.MaxWaitMillis) * time.Millisecond),
	}
	if len(f.acknowledged) > 0 || len(parts) == 0 && (f.rq.MaxWaitMillis <= 0 || len(f.denied) > 0) {
		rq.Deadline = time.Time{} // the client waits for what became of its acknowledgements
	}
	rq.Idle = len(parts) == 0
	if time.Duration(f.rq.MaxWaitMillis)*time.Millisecond < watchFrom || rq.Deadline.IsZero() {
		f.h.Shares.Fetch(rq, f.respond)
		return
	}
	registered := make(chan *sharing.Fetch, 1)
	unwatch := context.AfterFunc(f.c.Gone, func() {
		if w := <-registered; w.Cancel() {
			f.c.Hangup("") // the client has gone: nothing to tell
		}
	})
	registered <- f.h.Shares.Fetch(rq, func(got []sharing.Fetched) {
		unwatch()
		f.respond(got)
	})
}

// respond answers with what there is to say.
func (f *shareFetchCall) respond(got []sharing.Fetched) {
	resp := &wire.ShareFetchResponse{LockTimeoutMillis: int32(f.settings.Lock.Milliseconds())}
	got = append(got, f.denied...)
	for _, t := range f.acks.order { // also of partitions that the session does not read any more
		if !slices.ContainsFunc(got, func(g sharing.Fetched) bool { return g.Topic == t }) {
			f.include(resp, sharing.Fetched{Topic: t})
		}
	}
	for _, g := range got {
		f.count(&g)
		_, acknowledged := f.acknowledged[g.Topic]
		if g.Err != nil || len(g.Acquired) > 0 || acknowledged || f.fresh[g.Topic] {
			f.include(resp, g)
		}
	}
	f.quotaWait(resp)
	f.c.leaveShareFetch(resp)
	f.c.Reply(wire.EncodeShareFetch(f.c.Header, resp))
}

// count counts one partition of a fetch.
func (f *shareFetchCall) count(g *sharing.Fetched) {
	topic, ok := f.c.Image.TopicByID(g.Topic.ID)
	if !ok {
		return
	}
	bytes := 0
	for _, r := range g.Records {
		bytes += r.Len()
	}
	f.h.Metrics.Topic(topic.Name).ShareFetched(int64(bytes), g.Err != nil)
}

// code is the one for a partition that cannot be read. Of a topic that is gone Kafka's brokers still have the name in the session, and say that no such topic or partition is
// there; only an id that they have never heard of is an unknown one.
func (f *shareFetchCall) code(g *sharing.Fetched) int16 {
	code := f.h.shareCode(g.Err, g.Topic)
	if code != kerr.UnknownTopicID.Code {
		return code
	}
	if _, known := f.c.Image.TopicByID(g.Topic.ID); known || !f.fresh[g.Topic] {
		return kerr.UnknownTopicOrPartition.Code
	}
	return code
}

// include adds the answer for one partition.
func (f *shareFetchCall) include(resp *wire.ShareFetchResponse, g sharing.Fetched) {
	p := wire.ShareFetchPartition{Partition: g.Topic.Partition}
	if g.Err != nil {
		p.ErrorCode, p.ErrorMessage = f.code(&g), g.Err.Error()
		if p.ErrorCode == kerr.UnknownTopicID.Code || p.ErrorCode == kerr.UnknownTopicOrPartition.Code {
			p.ErrorMessage = "" // as Kafka
		}
	}
	if err := f.acknowledged[g.Topic]; err != nil {
		p.AcknowledgeError = f.h.shareCode(err, g.Topic)
		if _, unread := f.acks.refused[g.Topic]; !unread { // Kafka tells no more of those either
			p.AcknowledgeMessage = err.Error()
		}
	}
	if p.ErrorCode == kerr.NotLeaderForPartition.Code || p.AcknowledgeError == kerr.NotLeaderForPartition.Code {
		p.LeaderID, p.LeaderEpoch = f.h.shareLeader(g.Topic)
		resp.Nodes = f.h.addNode(f.c, resp.Nodes, p.LeaderID)
	}
	f.h.Metrics.Error(f.c.Header.Key, p.ErrorCode)
	for _, r := range g.Records {
		p.Records = append(p.Records, r)
	}
	for _, a := range g.Acquired {
		p.Acquired = append(p.Acquired, wire.AcquiredRecords{First: a.First, Last: a.Last, DeliveryCount: a.DeliveryCount})
	}
	at := slices.IndexFunc(resp.Topics, func(t wire.ShareFetchTopic) bool { return t.TopicID == g.Topic.ID })
	if at < 0 {
		at = len(resp.Topics)
		resp.Topics = append(resp.Topics, wire.ShareFetchTopic{TopicID: g.Topic.ID})
	}
	resp.Topics[at].Partitions = append(resp.Topics[at].Partitions, p)
}
