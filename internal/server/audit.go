package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/audit"
	"leat/internal/broker"
	"leat/internal/config"
	"leat/internal/listener"
	"leat/internal/peer"
	"leat/internal/record"
	"leat/internal/storage"
	"leat/internal/telemetry"
)

// openAudit makes the audit log, before any listener tells of clients. It writes to its topic from when there is one; until then events wait.
func (n *node) openAudit() error {
	if _, err := auditSettings(n.Values); err != nil {
		return err
	}
	n.audit = audit.New(audit.Config{Node: n.id, FS: n.FS, Logger: n.logger(telemetry.LogAudit), Publish: n.publishAudit})
	n.onClose("audit log", func() error { n.audit.Close(); return nil })
	n.renewAudit()
	return nil
}

// renewAudit takes in changed settings.
func (n *node) renewAudit() {
	s, err := auditSettings(n.settings.now().values)
	if err != nil {
		n.logger(telemetry.LogAudit).Error("audit settings not read again, those in use stay", "err", err)
		return
	}
	n.audit.Configure(s)
}

// flushAudit has written what happened so far, while this node still leads its partitions.
func (n *node) flushAudit() error {
	const wait = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	n.audit.Flush(ctx)
	return nil
}

func auditSettings(v *config.Values) (audit.Settings, error) {
	s := audit.Settings{
		Enabled: v.Bool("leat.audit.enable"), Topic: v.Bool("leat.audit.topic.enable") && v.HasRole("broker"), File: v.String("leat.audit.file"),
		FileMax: v.Int64("leat.audit.file.max.bytes"), FileKeep: v.Int("leat.audit.file.keep"),
		Interval: v.Millis("leat.audit.summary.interval.ms"), QueueMax: v.Int("leat.audit.queue.max"),
	}
	var err error
	if s.Rules, err = audit.ParseRules(v.String("leat.audit.data.rules")); err != nil {
		return s, fmt.Errorf("leat.audit.data.rules: %w", err)
	}
	return s, nil
}

// auditConnection is what an event says of a connection.
func auditConnection(c *listener.Conn) audit.Event {
	return audit.Event{
		Kind: audit.Authentication, Outcome: audit.Success, Principal: c.Principal.String(), Mechanism: c.Mechanism, Token: c.TokenAuthenticated,
		Client: c.Remote.Addr().Unmap().String(), Listener: c.Listener, Connection: c.ID,
	}
}

func (n *node) auditAuthenticated(c *listener.Conn, again bool) {
	if !n.audit.On() {
		return
	}
	e := auditConnection(c)
	e.Again = again
	n.audit.Record(e)
}

// auditNotAuthenticated tells of a client that did not get in. Whose name it gave stands in the reason.
func (n *node) auditNotAuthenticated(c *listener.Conn, again bool, why error) {
	if !n.audit.On() {
		return
	}
	e := auditConnection(c)
	e.Outcome, e.Again, e.Reason = audit.Failure, again, why.Error()
	if !again {
		e.Principal = ""
	}
	n.audit.Record(e)
}

func (n *node) auditExpired(c *listener.Conn) {
	if !n.audit.On() {
		return
	}
	e := auditConnection(c)
	e.Outcome, e.Again, e.Reason = audit.Failure, true, "the session has expired, and the client did not authenticate again"
	n.audit.Record(e)
}

// publishAudit appends events to a partition of the audit topic: one that this node leads, so that the events of a node stay in order and go over no
// network, or else one that is always the same.
func (n *node) publishAudit(ctx context.Context, lines []audit.Line) error {
	h := n.handlers.Load()
	if h == nil || n.replicas == nil {
		return errStarting
	}
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	topic, ok := n.images.image().Topic(broker.AuditTopic)
	if !ok {
		h.MakeInternalTopic(ctx, broker.AuditTopic)
		if topic, ok = n.images.image().Topic(broker.AuditTopic); !ok {
			return fmt.Errorf("%s: %w", broker.AuditTopic, kerr.UnknownTopicOrPartition)
		}
	}
	batch, err := auditBatch(lines)
	if err != nil {
		return err
	}
	tp, leader := record.TopicPartition{Topic: topic.Name, Partition: n.id % int32(len(topic.Partitions))}, int32(-1)
	for i, p := range topic.Partitions {
		if p.Leader == n.id {
			tp.Partition, leader = int32(i), n.id
			break
		}
	}
	if leader == n.id {
		return n.appendAudit(ctx, tp, batch)
	}
	if leader = topic.Partitions[tp.Partition].Leader; leader < 0 {
		return fmt.Errorf("%s: %w", tp, kerr.LeaderNotAvailable)
	}
	return n.sendAudit(ctx, leader, tp, topic.ID, batch)
}

// auditBatch is events as records.
func auditBatch(lines []audit.Line) ([]byte, error) {
	records := make([]record.Record, len(lines))
	for i, l := range lines {
		records[i] = record.Record{Timestamp: l.Time.UnixMilli(), Value: l.JSON}
	}
	spec := record.NewSpec()
	spec.Codec = record.LZ4
	return record.AppendBatch(nil, spec, records)
}

// appendAudit writes to a partition that this node leads.
func (n *node) appendAudit(ctx context.Context, tp record.TopicPartition, batch []byte) error {
	partition, err := n.replicas.Leader(tp, -1)
	if err != nil {
		return err
	}
	info, err := partition.Append(batch, -1, storage.FromClient, true)
	if err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	outcome := make(chan error, 1)
	partition.WhenCommitted(info.LastOffset+1, deadline, func(err error) { outcome <- err })
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sendAudit writes to a partition that another node leads.
func (n *node) sendAudit(ctx context.Context, leader int32, tp record.TopicPartition, id record.UUID, batch []byte) error {
	rq := kmsg.NewPtrProduceRequest()
	const timeout = 10_000
	rq.Acks, rq.TimeoutMillis = -1, timeout
	topic, part := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	topic.Topic, topic.TopicID, part.Partition, part.Records = tp.Topic, id, tp.Partition, batch
	topic.Partitions = append(topic.Partitions, part)
	rq.Topics = append(rq.Topics, topic)
	peers := n.peers()
	peers.Dial = n.outOfReach.dialer(leader, peers.Dial)
	line := peer.New(peers, leader, func() (string, error) { return n.brokerAddress(leader) })
	defer line.Close()
	answer, err := line.Do(ctx, rq)
	if err != nil {
		return err
	}
	resp, ok := answer.(*kmsg.ProduceResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return errors.New("produce to " + tp.String() + ": an answer without the partition")
	}
	return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}

// auditStats are the numbers of events; nil while the log is off.
func (n *node) auditStats() *telemetry.AuditStats {
	if !n.audit.On() {
		return nil
	}
	s := n.audit.Stats()
	return &telemetry.AuditStats{Written: s.Written, Dropped: s.Dropped, Waiting: s.Waiting}
}
