package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func init() {
	register(fault{"node-stands-still-again-and-again", "node 3", "broker-flapping", false, flap})
}

// flap freezes node 3 for longer than its session and lets it go on, again and again, as a virtual machine that is paused.
func flap(ctx context.Context, s *suite) (func(context.Context) error, error) {
	const enough = 3
	for range enough {
		if err := s.freeze(ctx); err != nil {
			return nil, err
		}
	}
	more, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() {
		for more.Err() == nil {
			if err := s.freeze(more); err != nil && more.Err() == nil {
				over <- err
				return
			}
		}
		over <- nil
	}()
	return func(ctx context.Context) error {
		cancel()
		return errors.Join(<-over, s.fencing(ctx, false))
	}, nil
}

// freeze freezes node 3 until it is fenced, and then lets it go on until it is a member again, and for a moment longer.
func (s *suite) freeze(ctx context.Context) error {
	n := s.fleet.Node(3)
	if err := n.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	fenced := s.fencing(ctx, true)
	return errors.Join(fenced, n.Signal(syscall.SIGCONT), s.fencing(ctx, false), pause(ctx, time.Second))
}

// fencing waits until node 1 knows that broker 3 is fenced, or that it is not.
func (s *suite) fencing(ctx context.Context, want bool) error {
	for began := time.Now(); ; {
		fenced, err := s.fenced(ctx)
		if err == nil && fenced == want {
			return nil
		}
		if time.Since(began) > patience {
			return errors.Join(fmt.Errorf("broker 3 fenced: %v after %v, not %v", fenced, patience, want), err)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *suite) fenced(ctx context.Context) (bool, error) {
	rq := kmsg.NewPtrDescribeClusterRequest()
	rq.IncludeFencedBrokers = true
	answer, err := s.admin.Raw.Broker(1).Request(ctx, rq)
	if err != nil {
		return false, err
	}
	resp := answer.(*kmsg.DescribeClusterResponse)
	for _, b := range resp.Brokers {
		if b.NodeID == 3 {
			return b.IsFenced, kerr.ErrorForCode(resp.ErrorCode)
		}
	}
	return false, errors.Join(errors.New("broker 3 is not registered"), kerr.ErrorForCode(resp.ErrorCode))
}
