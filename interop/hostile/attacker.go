package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// inPlace is what attackers say once the attack goes on.
const inPlace = "in place"

// plan is what attackers are told.
type plan struct {
	Attack    string
	Nice      int // priority, once they are in place
	Short     bool
	Seed      uint64
	Addresses map[string]string
}

// attack is one way to hurt a broker.
type attack struct {
	name string
	// prepare brings the attackers into place; what it returns goes on until the context ends.
	prepare func(context.Context, *camp) (func(context.Context), error)
	// check looks at what the attackers saw; "" if that is as it must be.
	check func(happened string) string
	// sees is what the attackers must have seen once at least. On a machine that is busy with other things they go on until they have.
	sees string
}

// enough is how long they go on at most when they have not seen what they must.
const enough = 2 * time.Minute

func names() []string {
	var all []string
	for _, a := range attacks {
		all = append(all, a.name)
	}
	return all
}

// camp is what attackers share.
type camp struct {
	plan
	mu    sync.Mutex
	rng   *rand.Rand
	seen  map[string]int
	conns map[net.Conn]struct{}
	work  sync.WaitGroup
}

// attacker is the process of the attackers: it ends when its input does.
func attacker(ctx context.Context, sealed string) error {
	c := &camp{seen: map[string]int{}, conns: map[net.Conn]struct{}{}}
	if err := json.Unmarshal([]byte(sealed), &c.plan); err != nil {
		return err
	}
	c.rng = rand.New(rand.NewPCG(c.Seed, 1))
	at := slices.IndexFunc(attacks, func(a attack) bool { return a.name == c.Attack })
	if at < 0 {
		return fmt.Errorf("no attack %q", c.Attack)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work, err := attacks[at].prepare(ctx, c)
	if err != nil {
		return err
	}
	// What is prepared, such as half a gigabyte that is compressed, need not wait for everybody else.
	if err := syscall.Setpriority(syscall.PRIO_PGRP, 0, c.Nice); err != nil {
		return fmt.Errorf("priority %d: %w", c.Nice, err)
	}
	done := make(chan struct{})
	go func() { work(ctx); close(done) }()
	fmt.Println(inPlace)
	_, _ = io.Copy(io.Discard, os.Stdin)
	for until := time.Now().Add(enough); !c.has(attacks[at].sees) && time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
	}
	cancel()
	c.leave()
	<-done
	c.mu.Lock()
	defer c.mu.Unlock()
	var said []string
	for _, what := range slices.Sorted(maps.Keys(c.seen)) {
		said = append(said, fmt.Sprintf("%d %s", c.seen[what], what))
	}
	fmt.Println(strings.Join(said, ", "))
	return nil
}

// has reports whether something was seen; "" always was.
func (c *camp) has(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return what == "" || c.seen[what] > 0
}

func (c *camp) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[what]++
}

func (c *camp) noteN(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[what] += n
}

func (c *camp) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for nc := range c.conns {
		nc.Close()
	}
}

// chance calls f with the source of chance, which is everybody's.
func chance[T any](c *camp, f func(*rand.Rand) T) T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f(c.rng)
}

// many is n, or less of it in a short run.
func (c *camp) many(n int) int {
	if c.Short {
		return n / 3
	}
	return n
}

// connect opens a connection, from an address of loopback's if one is named.
func (c *camp) connect(ctx context.Context, listener, from string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	nc, err := d.DialContext(ctx, "tcp", c.Addresses[listener])
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.conns[nc] = struct{}{}
	c.mu.Unlock()
	return nc, nil
}

func (c *camp) drop(nc net.Conn) {
	nc.Close()
	c.mu.Lock()
	delete(c.conns, nc)
	c.mu.Unlock()
}

// The words by which attackers say how much of what they offer they came to.
const (
	offeredTurns = "turns offered"
	madeTurns    = "made"
)

// steadily does something so many times a second, in as many goroutines as it takes, up to a bound. Who had no processor for a while makes up for it: an attack must
// not become weaker by what it does to this machine. What the bound keeps from being made is told.
func (c *camp) steadily(ctx context.Context, perSecond int, f func(context.Context, int)) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	slots := make(chan struct{}, 200)
	var wg sync.WaitGroup
	defer wg.Wait()
	began, i, made := time.Now(), 0, 0
	for {
		select {
		case <-ctx.Done():
			c.noteN(offeredTurns, i)
			c.noteN(madeTurns, made)
			return
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * float64(perSecond)); i < due; i++ {
			select {
			case slots <- struct{}{}:
				made++
				wg.Go(func() { f(ctx, i); <-slots })
			default: // the broker takes its time
			}
		}
	}
}

// outcome reads what the broker has to say, for a while, and notes what that was.
func (c *camp) outcome(nc net.Conn, patience time.Duration) {
	_ = nc.SetReadDeadline(time.Now().Add(patience))
	n, err := io.Copy(io.Discard, io.LimitReader(nc, 1<<20))
	var timeout net.Error
	switch {
	case n > 0:
		c.note("answered")
	case err == nil, errors.Is(err, net.ErrClosed):
		c.note("closed")
	case errors.As(err, &timeout) && timeout.Timeout():
		c.note("left waiting")
	default:
		c.note("closed")
	}
}

// mutated is a copy of a message with some things wrong.
func (c *camp) mutated(message []byte) []byte {
	return chance(c, func(rng *rand.Rand) []byte {
		b := slices.Clone(message)
		for range 1 + rng.IntN(3) {
			if len(b) == 0 {
				return []byte{0}
			}
			at := rng.IntN(len(b))
			switch rng.IntN(6) {
			case 0:
				b = b[:at]
			case 1:
				b[at] ^= 1 << rng.IntN(8)
			case 2:
				b[at] = [...]byte{0, 0x7f, 0x80, 0xff}[rng.IntN(4)]
			case 3: // a number at its limits
				for i := at; i < min(at+4, len(b)); i++ {
					b[i] = 0xff
				}
				if rng.IntN(2) == 0 {
					b[at] = 0x7f
				}
			case 4:
				b = slices.Insert(b, at, slices.Clone(b[at:min(len(b), at+1+rng.IntN(64))])...)
			case 5:
				b = slices.Delete(b, at, min(len(b), at+1+rng.IntN(16)))
			}
		}
		return b
	})
}
