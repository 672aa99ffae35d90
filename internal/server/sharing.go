package server

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/metadata"
	"leat/internal/peer"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
	"leat/internal/sharing/deadletter"
	"leat/internal/storage"
	"leat/internal/telemetry"
)

// openSharing makes the share partitions of this node, none of which is loaded yet.
func (n *node) openSharing(states sharing.States) {
	letters := deadletter.New(deadletter.Config{
		NodeID: n.id, Image: n.images.image, Replicas: n.replicas,
		Prefix:     func() string { return n.settings.now().values.String("errors.deadletterqueue.topic.name.prefix") },
		AutoCreate: func() bool { return n.settings.now().values.Bool("errors.deadletterqueue.auto.create.topics.enable") },
		Plain:      func(topic string) string { return n.settings.now().tenants.Plain(topic) },
		MaxBatch: func(topic string) int {
			return n.settings.now().values.ForTopic(n.images.image().Config(metadata.TopicResource, topic)).Int("max.message.bytes")
		},
		Create: n.createDeadLetterTopic,
		Connect: func(nodeID int32) deadletter.Line {
			peers := n.peers()
			peers.Dial = n.outOfReach.dialer(nodeID, peers.Dial)
			return peer.New(peers, nodeID, func() (string, error) { return n.brokerAddress(nodeID) })
		},
	})
	n.onClose("dead letters", func() error { letters.Close(); return nil })
	n.shares = sharing.New(sharing.Config{
		DeadLetters: letters,
		States:      states, Replicas: n.replicas, Image: n.images.image,
		Group: func(group string) sharing.Group {
			overrides := n.images.image().Config(metadata.GroupResource, group)
			return shareGroup(n.settings.now().values.ForGroup(overrides))
		},
		Meter:       &n.ops.sharing,
		MaxSessions: func() int { return n.settings.now().values.Int("group.share.max.share.sessions") },
		Logger:      n.logger(telemetry.LogSharing),
	})
	n.onClose("share partitions", func() error { n.shares.Close(); return nil })
}

// sharingStats says how share groups are on this node.
func (n *node) sharingStats() *telemetry.SharingStats {
	if n.ops.state.Load() != stateRunning || n.shares == nil {
		return nil
	}
	stats := telemetry.SharingStats{Counts: &n.ops.sharing, Loaded: n.shares.Loaded()}
	stats.Sessions, stats.Partitions = n.shares.Sessions()
	return &stats
}

// createDeadLetterTopic has the controller make a topic. That somebody else made it meanwhile is no failure.
func (n *node) createDeadLetterTopic(ctx context.Context, rq *kmsg.CreateTopicsRequest) error {
	answer, err := n.controller().Do(ctx, security.Self, rq)
	if err != nil {
		return err
	}
	resp, ok := answer.(*kmsg.CreateTopicsResponse)
	if !ok || len(resp.Topics) != 1 {
		return fmt.Errorf("create topic %s: answer %T without it", rq.Topics[0].Topic, answer)
	}
	if code := resp.Topics[0].ErrorCode; code != kerr.TopicAlreadyExists.Code {
		return kerr.ErrorForCode(code)
	}
	return nil
}

// shareLeading tells the share partitions of a change of leadership.
func (n *node) shareLeading(tp record.TopicPartition, leaderEpoch int32, leading bool) {
	if n.shares != nil {
		n.shares.Leading(tp, leaderEpoch, leading)
	}
}

// shareGroup is the typed form of a share group's configuration.
func shareGroup(v *config.Values) sharing.Group {
	g := sharing.Group{
		Settings: acquire.Settings{
			MaxDeliveries: v.Int("share.delivery.count.limit"),
			MaxLocks:      v.Int("share.partition.max.record.locks"),
			Lock:          v.Millis("share.record.lock.duration.ms"),
			ByKey:         v.String("leat.share.order") == "key",
			Backoff: acquire.Backoff{
				First:  atMost(v.Int64("leat.share.retry.backoff.ms")),
				Max:    atMost(v.Int64("leat.share.retry.backoff.max.ms")),
				Factor: v.Float("leat.share.retry.backoff.factor"),
			},
		},
		OffsetReset:     v.String("share.auto.offset.reset"),
		Isolation:       storage.ReadUncommitted,
		Renew:           v.Bool("share.renew.acknowledge.enable"),
		DeadLetterTopic: v.String("errors.deadletterqueue.topic.name"),
		CopyRecords:     v.Bool("errors.deadletterqueue.copy.record.enable"),
	}
	g.DeadLetters = g.DeadLetterTopic != ""
	if v.String("share.isolation.level") == "read_committed" {
		g.Isolation = storage.ReadCommitted
	}
	return g
}

// atMost is milliseconds as a duration, however many.
func atMost(millis int64) time.Duration {
	return time.Duration(min(millis, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}
