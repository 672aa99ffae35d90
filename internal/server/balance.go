package server

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	"leat/internal/balance/run"
	"leat/internal/config"
	"leat/internal/metadata"
	"leat/internal/peer"
	"leat/internal/security"
	"leat/internal/telemetry"
)

// openBalancer makes what moves replicas between brokers while this node's controller is the active one.
func (n *node) openBalancer() {
	if n.quorum == nil {
		return
	}
	b := run.New(run.Config{
		Active: func() bool {
			leader, _, known := n.quorum.Active()
			return known && leader == n.id
		},
		Image:    n.images.image,
		Settings: func() run.Settings { return balanceSettings(n.settings.now().values) },
		Controller: func(ctx context.Context, rq kmsg.Request) (kmsg.Response, error) {
			return n.quorum.Do(ctx, security.Self, rq)
		},
		LogDirs: n.logDirsOf,
		Logger:  n.logger(telemetry.LogBalance),
	})
	n.onClose("balancing", func() error { b.Close(); return nil })
	n.ops.balance.Store(b)
	n.subscribe(func(im *metadata.Image, delta *metadata.Delta) {
		b.Publish(im, delta == nil || brokerConfigChanged(delta))
	})
}

// logDirsOf asks a broker, this one or another, what lies in its log directories. It is asked rarely, so no connection is kept.
func (n *node) logDirsOf(ctx context.Context, broker int32) (*kmsg.DescribeLogDirsResponse, error) {
	p := peer.New(n.peers(), broker, func() (string, error) { return n.brokerAddress(broker) })
	defer p.Close()
	answer, err := p.Do(ctx, kmsg.NewPtrDescribeLogDirsRequest())
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.DescribeLogDirsResponse)
	if !ok {
		return nil, fmt.Errorf("broker %d answered DescribeLogDirs with %T", broker, answer)
	}
	return resp, nil
}

// balanceStatus is what the operations listener tells of balancing.
func (n *node) balanceStatus() any {
	if b := n.ops.balance.Load(); b != nil {
		return b.Status()
	}
	return run.Status{Notes: []string{"this node is no controller: ask the node whose controller is the active one"}}
}

// balanceSettings are the keys leat.balance.*.
func balanceSettings(v *config.Values) run.Settings {
	s := run.Settings{
		Limits: balance.Limits{
			Mode: balance.Mode(v.String("leat.balance.mode")), Tolerance: float64(v.Int("leat.balance.tolerance.percent")) / 100,
			FullAt: float64(v.Int("leat.balance.disk.full.percent")) / 100, MinBytes: v.Int64("leat.balance.min.bytes"),
			BytesPerSecond: v.Int64("leat.balance.throttle.rate"),
		},
		Delay: v.Millis("leat.balance.delay.ms"), Interval: v.Millis("leat.balance.interval.ms"), Moves: v.Int("leat.balance.moves"),
	}
	for _, item := range v.List("leat.balance.drain") {
		if id, err := strconv.ParseInt(item, 10, 32); err == nil {
			s.Drain = append(s.Drain, int32(id))
		}
	}
	return s
}
