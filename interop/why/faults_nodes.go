package main

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"time"

	"leat/interop/fleet"
	"leat/interop/ports"
)

func init() {
	register(
		fault{"node-killed", "topic pair", "node-down", true, killNode},
		fault{"node-hangs", "node 3", "node-down", false, stopNode},
		fault{"node-stalls", "node 3", "node-slow", false, stallNode},
		fault{"only-replica-gone", "partition lonely-0", "node-down", false, killOnlyReplica},
		fault{"quorum-lost", "", "no-controller", false, loseQuorum},
		fault{"wrong-advertised-address", "node 3", "address-unreachable", false, wrongAddress},
		fault{"disk-full", "node 2", "disk-full", true, hardMark},
		fault{"disk-nearly-full", "node 2", "disk-short", false, softMark},
		fault{"certificate-expired", "node 1", "certificate-expired", false, certificate(over)},
		fault{"certificate-ends-soon", "node 1", "certificate-expiring", false, certificate(soonOver)},
		fault{"follower-throttled", "topic slowed", "follower-behind", false, throttleFollower},
	)
}

// restart brings a node back, with its settings as they are.
func restart(n *fleet.Node) func(context.Context) error {
	return func(ctx context.Context) error { return n.Start(ctx) }
}

func killNode(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := s.placed(ctx, "pair", []string{"min.insync.replicas", "2"}, 2, 3); err != nil {
		return nil, err
	}
	stop, err := s.writing("pair-writer", "pair", 50*time.Millisecond, 0)
	if err != nil {
		return nil, err
	}
	n := s.fleet.Node(3)
	n.Kill()
	return func(ctx context.Context) error {
		err := n.Start(ctx)
		stop()
		return errors.Join(err, s.admin.InSync(ctx, "pair"))
	}, nil
}

func stopNode(_ context.Context, s *suite) (func(context.Context) error, error) {
	n := s.fleet.Node(3)
	if err := n.Signal(syscall.SIGSTOP); err != nil {
		return nil, err
	}
	return func(context.Context) error { return n.Signal(syscall.SIGCONT) }, nil
}

// stallNode lets a node run for a moment in every two seconds or so: long enough for its heartbeats, and seldom when somebody asks.
func stallNode(ctx context.Context, s *suite) (func(context.Context) error, error) {
	n := s.fleet.Node(3)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		var err error
		for stalls := true; err == nil && ctx.Err() == nil; stalls = !stalls {
			sig, lasts := syscall.SIGCONT, 300*time.Millisecond
			if stalls {
				sig, lasts = syscall.SIGSTOP, 2*time.Second
			}
			err = n.Signal(sig)
			_ = pause(ctx, lasts) // the loop ends with ctx
		}
		ended <- errors.Join(err, n.Signal(syscall.SIGCONT))
	}()
	return func(context.Context) error { cancel(); return <-ended }, nil
}

func killOnlyReplica(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := s.placed(ctx, "lonely", nil, 2); err != nil {
		return nil, err
	}
	n := s.fleet.Node(2)
	n.Kill()
	return restart(n), nil
}

func loseQuorum(_ context.Context, s *suite) (func(context.Context) error, error) {
	two, three := s.fleet.Node(2), s.fleet.Node(3)
	two.Kill()
	three.Kill()
	return func(ctx context.Context) error {
		at2, err2 := two.Launch()
		at3, err3 := three.Launch()
		if err := errors.Join(err2, err3); err != nil {
			return err
		}
		return errors.Join(two.Await(ctx, at2), three.Await(ctx, at3))
	}, nil
}

func wrongAddress(ctx context.Context, s *suite) (func(context.Context) error, error) {
	free, err := ports.Addresses(1)
	if err != nil {
		return nil, err
	}
	n := s.fleet.Node(3)
	if err := n.Stop(); err != nil {
		return nil, err
	}
	n.Settings = map[string]string{"advertised.listeners": "PLAINTEXT://" + free[0]}
	if err := errors.Join(n.Write(), n.Start(ctx)); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		n.Settings = nil
		return errors.Join(n.Stop(), n.Write(), n.Start(ctx))
	}, nil
}

// more than any disk has
const huge = "1000000000000000"

func hardMark(ctx context.Context, s *suite) (func(context.Context) error, error) {
	return func(ctx context.Context) error {
		return errors.Join(s.set(ctx, "leat.disk.hard.free.bytes", ""), s.set(ctx, "leat.disk.soft.free.bytes", ""))
	}, errors.Join(s.set(ctx, "leat.disk.soft.free.bytes", huge), s.set(ctx, "leat.disk.hard.free.bytes", huge))
}

func softMark(ctx context.Context, s *suite) (func(context.Context) error, error) {
	return func(ctx context.Context) error { return s.set(ctx, "leat.disk.soft.free.bytes", "") }, s.set(ctx, "leat.disk.soft.free.bytes", huge)
}

func certificate(ends time.Duration) func(context.Context, *suite) (func(context.Context) error, error) {
	return func(_ context.Context, s *suite) (func(context.Context) error, error) {
		_, err := writeStore(filepath.Dir(s.store), ends)
		return func(context.Context) error {
			_, err := writeStore(filepath.Dir(s.store), valid)
			return err
		}, err
	}
}

// throttleFollower has a node that was away copy what it missed at a snail's pace.
func throttleFollower(ctx context.Context, s *suite) (func(context.Context) error, error) {
	configs := []string{"follower.replication.throttled.replicas", "*", "leader.replication.throttled.replicas", "*"}
	if err := s.placed(ctx, "slowed", configs, 2, 3); err != nil {
		return nil, err
	}
	if err := s.set(ctx, "follower.replication.throttled.rate", "100", 3); err != nil {
		return nil, err
	}
	n := s.fleet.Node(3)
	n.Kill()
	if err := s.fill(ctx, "slowed", 300, 10_000); err != nil {
		return nil, err
	}
	if err := n.Start(ctx); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return errors.Join(s.set(ctx, "follower.replication.throttled.rate", "", 3), s.admin.InSync(ctx, "slowed"))
	}, nil
}
