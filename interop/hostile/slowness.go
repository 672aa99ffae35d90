package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// open connects some times to a listener.
func (c *camp) open(ctx context.Context, count int, listener string) ([]net.Conn, error) {
	all := make([]net.Conn, count)
	for i := range all {
		var err error
		if all[i], err = c.connect(ctx, listener, ""); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// everySecond does something with each of the connections, once a second, until the context ends.
func everySecond(ctx context.Context, all []net.Conn, f func(int, net.Conn)) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		for i, nc := range all {
			f(i, nc)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// slowWriters send a request a byte a second.
func slowWriters(ctx context.Context, c *camp) (func(context.Context), error) {
	clear, err := c.open(ctx, c.many(600), "PLAINTEXT")
	if err != nil {
		return nil, err
	}
	guests, err := c.open(ctx, c.many(300), "SASLCLEAR")
	if err != nil {
		return nil, err
	}
	all := append(clear, guests...)
	text := binary.BigEndian.AppendUint32(nil, 100<<10)
	text = append(text, 0, 0, 0, 9, 0, 0, 0, 1, 0, 7)
	text = append(text, make([]byte, 1000)...)
	at := 0
	return func(ctx context.Context) {
		everySecond(ctx, all, func(i int, nc net.Conn) {
			if i == 0 {
				at++
			}
			n := at
			if at == 1 {
				n = 6 // so that the frame has begun
				_, _ = nc.Write(text[:n])
				return
			}
			if _, err := nc.Write(text[n+4 : n+5]); err != nil {
				c.note("writes to a closed connection")
			}
		})
	}, nil
}

func hugeFetch() []byte {
	rq := kmsg.NewPtrFetchRequest()
	rq.Version, rq.MaxBytes, rq.SessionEpoch, rq.MinBytes = 12, 1<<31-1, -1, 1
	t := kmsg.NewFetchRequestTopic()
	t.Topic = readable
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes, p.CurrentLeaderEpoch = 1<<31-1, -1
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	return frame(rq)
}

// metadataOfMany asks for so many topics, whose answer is made in memory.
func metadataOfMany(topics int) []byte {
	rq := kmsg.NewPtrMetadataRequest()
	rq.Version = 9
	for i := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(crowd + strconv.Itoa(i))
		rq.Topics = append(rq.Topics, t)
	}
	return frame(rq)
}

// metadataOfAll asks for all topics in a few bytes.
func metadataOfAll() []byte {
	rq := kmsg.NewPtrMetadataRequest()
	rq.Version, rq.Topics = 9, nil
	return frame(rq)
}

// largeAnswers asks for all topics as often as the broker takes it, on many connections, of which half read nothing and half read slowly; who is sent away or has had its
// fill comes again.
func largeAnswers(ctx context.Context, c *camp) (func(context.Context), error) {
	all, request := make([]net.Conn, c.many(150)), metadataOfAll()
	ask := func(ctx context.Context, i int) {
		nc, err := c.connect(ctx, "PLAINTEXT", "")
		if err != nil {
			return
		}
		shrink(nc)
		all[i] = nc
		_ = nc.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		for range 100 {
			if _, err := nc.Write(request); err != nil {
				return
			}
			c.note("requests sent")
		}
	}
	for i := range all {
		ask(ctx, i)
	}
	buf := make([]byte, 10<<10)
	return func(ctx context.Context) {
		everySecond(ctx, all, func(i int, nc net.Conn) {
			switch {
			case nc == nil || ctx.Err() != nil:
			case i%10 == 0: // come and go
				c.drop(nc)
				ask(ctx, i)
			case i%2 == 0:
				_ = nc.SetReadDeadline(time.Now().Add(time.Millisecond))
				_, _ = nc.Read(buf)
			}
		})
	}, nil
}

// shrink makes the window in which the broker may send small.
func shrink(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10) // smaller is what it is about; larger does no harm
	}
}

// slowReaders ask for much and read a byte a second.
func slowReaders(ctx context.Context, c *camp) (func(context.Context), error) {
	all, err := c.open(ctx, c.many(300), "PLAINTEXT")
	if err != nil {
		return nil, err
	}
	fetch, metadata := hugeFetch(), metadataOfMany(crowdTopics(c.Short))
	var wg sync.WaitGroup
	for i, nc := range all {
		shrink(nc)
		wg.Go(func() {
			_ = nc.SetWriteDeadline(time.Now().Add(2 * time.Second))
			for range 20 {
				b := fetch
				if i%2 == 1 {
					b = metadata
				}
				if _, err := nc.Write(b); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return func(ctx context.Context) {
		everySecond(ctx, all, func(_ int, nc net.Conn) {
			_ = nc.SetReadDeadline(time.Now().Add(time.Millisecond))
			if n, _ := nc.Read(make([]byte, 1)); n > 0 {
				c.note("bytes read")
			}
		})
	}, nil
}

// neverRead asks for all there is, and for answers made in memory, over TLS too, and takes nothing.
func neverRead(ctx context.Context, c *camp) (func(context.Context), error) {
	fetch, metadata := hugeFetch(), metadataOfMany(crowdTopics(c.Short))
	var wg sync.WaitGroup
	for i := range c.many(300) {
		listener := [...]string{"PLAINTEXT", "SSL"}[i%2]
		nc, err := c.connect(ctx, listener, "")
		if err != nil {
			return nil, err
		}
		shrink(nc)
		wg.Go(func() { c.askAndWait(nc, listener, [...][]byte{fetch, metadata}[i/2%2]) })
	}
	wg.Wait()
	return func(ctx context.Context) { <-ctx.Done() }, nil
}

// askAndWait sends a request as often as the broker takes it.
func (c *camp) askAndWait(nc net.Conn, listener string, request []byte) {
	_ = nc.SetDeadline(time.Now().Add(2 * time.Second))
	if listener == "SSL" {
		nc = overTLS(nc)
	}
	for range 200 {
		if _, err := nc.Write(request); err != nil {
			return
		}
		c.note("requests sent")
	}
}

func overTLS(nc net.Conn) net.Conn { return tls.Client(nc, &tls.Config{InsecureSkipVerify: true}) }
