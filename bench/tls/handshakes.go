package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/bench/load"
	"leat/bench/table"
)

// callers connect at once, each one connection after the other.
const callers = 4

func (s *session) handshakes(ctx context.Context) error {
	for _, resumed := range []bool{false, true} {
		var sessions tls.ClientSessionCache
		name := "whole"
		if resumed {
			sessions, name = tls.NewLRUClientSessionCache(0), "resumed"
		}
		config, err := clientConfig(s.pool, s.version, sessions)
		if err != nil {
			return err
		}
		if _, err := s.connect(ctx, config, s.Warm); err != nil {
			return err
		}
		saved := s.profile(ctx, "handshakes-"+name)
		got, err := s.connect(ctx, config, s.Window)
		if err != nil {
			return err
		}
		if err := saved(); err != nil {
			return err
		}
		s.add("handshakes/"+name+"/rate", got.rate)
		s.add("handshakes/"+name+"/cpu", got.cpu*1e6)
		if resumed {
			s.add("handshakes/"+name+"/share", got.resumed*100)
		}
	}
	return nil
}

// visits is what connecting over and over gave.
type visits struct {
	rate    float64 // connections per second
	cpu     float64 // of the broker, seconds per connection
	resumed float64 // part of the connections
}

// connect connects, asks one question, and disconnects, over and over.
func (s *session) connect(ctx context.Context, config *tls.Config, window time.Duration) (visits, error) {
	began := time.Now()
	before, err := load.CPUSeconds(s.node.PID())
	if err != nil {
		return visits{}, err
	}
	var made, again atomic.Int64
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for ctx.Err() == nil && time.Since(began) < window && errs[i] == nil {
				c, err := s.hello(config)
				if err != nil {
					errs[i] = err
					return
				}
				made.Add(1)
				if c.Resumed() {
					again.Add(1)
				}
				errs[i] = c.Close()
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return visits{}, err
	}
	seconds := time.Since(began).Seconds()
	after, err := load.CPUSeconds(s.node.PID())
	if err != nil {
		return visits{}, err
	}
	n := float64(made.Load())
	return visits{rate: n / seconds, cpu: (after - before) / n, resumed: float64(again.Load()) / n}, nil
}

// hello connects and asks what a client asks first.
func (s *session) hello(config *tls.Config) (*load.Conn, error) {
	c, err := load.DialTLS(s.node.Address("SECURE"), config)
	if err != nil {
		return nil, err
	}
	versions := kmsg.NewPtrApiVersionsRequest()
	versions.Version, versions.ClientSoftwareName, versions.ClientSoftwareVersion = 3, "bench", "1"
	if _, err := c.Do(versions); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// idle opens connections that ask one question and then say nothing any more.
func (s *session) idle(ctx context.Context) (err error) {
	const count = 2000
	config, err := clientConfig(s.pool, s.version, nil)
	if err != nil {
		return err
	}
	resident, live, err := s.memory(ctx)
	if err != nil {
		return err
	}
	var open []*load.Conn
	defer func() {
		for _, c := range open {
			err = errors.Join(err, c.Close())
		}
	}()
	for range count {
		c, err := s.hello(config)
		if err != nil {
			return err
		}
		open = append(open, c)
	}
	resident2, live2, err := s.memory(ctx)
	if err != nil {
		return err
	}
	s.add("idle/resident", (resident2-resident)*1000/count)
	s.add("idle/total", resident2)
	if s.kind == table.Kafka {
		s.add("idle/live", (live2-live)*1000/count)
	}
	return nil
}

// memory is what the broker holds when nothing has happened for a while, in megabytes; of a JVM also what of its heap is in use after it was swept, because
// the heap has its size beforehand.
func (s *session) memory(ctx context.Context) (resident, live float64, err error) {
	select {
	case <-time.After(3 * time.Second):
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	m, err := load.MemoryOf(s.node.PID())
	if err != nil || s.kind != table.Kafka {
		return m.Resident, 0, err
	}
	out, err := exec.CommandContext(ctx, "jcmd", strconv.Itoa(s.node.PID()), "GC.class_histogram").Output()
	if err != nil {
		return 0, 0, fmt.Errorf("jcmd: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	fields := strings.Fields(lines[len(lines)-1]) // Total, objects, bytes
	if len(fields) != 3 || fields[0] != "Total" {
		return 0, 0, fmt.Errorf("jcmd: %q is no sum of a histogram", fields)
	}
	bytes, err := strconv.ParseFloat(fields[2], 64)
	return m.Resident, bytes / 1e6, err
}
