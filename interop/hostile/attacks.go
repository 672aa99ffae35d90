package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// attacks are all ways, in the order in which they are tried.
var attacks = []attack{
	{name: "hellos", prepare: hellos},
	{name: "sasl", prepare: saslFrames},
	{name: "lengths", prepare: lengths},
	{name: "half-open", prepare: silent, check: mustSay("opened"), sees: "opened"},
	{name: "one-address", prepare: oneAddress, check: mustSay("refused"), sees: "refused"},
	{name: "slow-write", prepare: slowWriters},
	{name: "slow-read", prepare: slowReaders},
	{name: "never-read", prepare: neverRead},
	{name: "lies", prepare: lies},
	{name: "metadata", prepare: largeAnswers},
	{name: "bombs", prepare: bombs, check: mustSay("refused"), sees: "refused"},
	{name: "expanders", prepare: expanders, check: mustSay("accepted"), sees: "accepted"},
	{name: "hogs", prepare: hogs},
	{name: "quotas", prepare: quotas, check: withinQuota},
}

func mustSay(word string) func(string) string {
	return func(happened string) string {
		if strings.Contains(happened, word) {
			return ""
		}
		return " none was " + word
	}
}

var formatter = kmsg.NewRequestFormatter(kmsg.FormatterClientID("mallory"))

func frame(rq kmsg.Request) []byte { return formatter.AppendRequest(nil, rq, 1) }

// hellos are TLS client hellos, whole, cut and changed.
func hellos(ctx context.Context, c *camp) (func(context.Context), error) {
	near, far := net.Pipe()
	go func() { _ = tls.Client(near, &tls.Config{InsecureSkipVerify: true}).Handshake() }() // ends with the pipe
	head := make([]byte, 1<<14)
	n, err := far.Read(head)
	if err != nil {
		return nil, err
	}
	far.Close()
	hello := head[:n]
	return func(ctx context.Context) {
		c.steadily(ctx, 100, func(ctx context.Context, i int) {
			nc, err := c.connect(ctx, [...]string{"SSL", "SASLSSL"}[i%2], "")
			if err != nil {
				return
			}
			defer c.drop(nc)
			_, _ = nc.Write(c.mutated(hello))
			c.outcome(nc, time.Second)
		})
	}, nil
}

// saslFrames are what comes before authentication, with things wrong, and passwords that are.
func saslFrames(ctx context.Context, c *camp) (func(context.Context), error) {
	versions, handshake, token := kmsg.NewPtrApiVersionsRequest(), kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()
	versions.Version, handshake.Version, token.Version = 3, 1, 2
	versions.ClientSoftwareName, versions.ClientSoftwareVersion = "mallory", "1"
	mechanisms := map[string]string{"PLAIN": "\x00alice\x00guess", "SCRAM-SHA-256": "n,,n=alice,r=fyko+d2lbbFgONRv9qkxdawL", "SCRAM-SHA-512": "n,,n=bob,r=rOprNGfwEbeRWgbNEkqO"}
	return func(ctx context.Context) {
		c.steadily(ctx, 100, func(ctx context.Context, i int) {
			nc, err := c.connect(ctx, "SASLCLEAR", "")
			if err != nil {
				return
			}
			defer c.drop(nc)
			handshake.Mechanism = "" // a copy of its own below
			hs, tk := *handshake, *token
			hs.Mechanism = [...]string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}[i%3]
			tk.SASLAuthBytes = []byte(mechanisms[hs.Mechanism])
			all := [][]byte{frame(versions), frame(&hs), frame(&tk)}
			if i%4 > 0 {
				all[i%3] = c.mutated(all[i%3])
			}
			for _, b := range all {
				_, _ = nc.Write(b)
			}
			c.outcome(nc, time.Second)
		})
	}, nil
}

// lengths are frames that claim to be long where nobody is known yet, and where somebody is.
func lengths(ctx context.Context, c *camp) (func(context.Context), error) {
	claims := []int32{-1, -1 << 31, 1<<31 - 1, 100 << 20, 30 << 20, requestMax, requestMax + 1, 512 << 10, 524289, 1, 0, 9}
	return func(ctx context.Context) {
		c.steadily(ctx, 100, func(ctx context.Context, i int) {
			nc, err := c.connect(ctx, [...]string{"PLAINTEXT", "SASLCLEAR"}[i%2], "")
			if err != nil {
				return
			}
			defer c.drop(nc)
			b := binary.BigEndian.AppendUint32(nil, uint32(claims[i/2%len(claims)]))
			b = append(b, 0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff)
			_, _ = nc.Write(b)
			c.outcome(nc, time.Second)
		})
	}, nil
}

// silent connections say nothing, on every listener.
func silent(ctx context.Context, c *camp) (func(context.Context), error) {
	kinds := []string{"PLAINTEXT", "SSL", "SASLCLEAR", "SASLSSL"}
	count := 10_000
	if c.Short {
		count = 2_000
	}
	for i := range count {
		if _, err := c.connect(ctx, kinds[i%len(kinds)], ""); err != nil {
			return nil, err
		}
		c.note("opened")
	}
	return func(ctx context.Context) { <-ctx.Done() }, nil
}

// oneAddress opens more connections than its address may have.
func oneAddress(ctx context.Context, c *camp) (func(context.Context), error) {
	open := func(ctx context.Context) {
		nc, err := c.connect(ctx, "PLAINTEXT", "127.0.0.66")
		if err != nil {
			c.note("not connected")
			return
		}
		_ = nc.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := nc.Read(make([]byte, 1)); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				c.note("taken")
				return
			}
			c.note("refused")
		}
		c.drop(nc)
	}
	return func(ctx context.Context) { c.steadily(ctx, 400, func(ctx context.Context, _ int) { open(ctx) }) }, nil
}

// request is some request that a broker understands.
func request(rng *rand.Rand) kmsg.Request {
	for {
		rq := kmsg.RequestForKey(int16(rng.IntN(75)))
		if rq == nil {
			continue
		}
		rq.SetVersion(int16(rng.IntN(int(rq.MaxVersion()) + 1)))
		return rq
	}
}

// filled is a request with something in it, so that there is something to be wrong.
func filled(rng *rand.Rand, i int) kmsg.Request {
	switch i % 5 {
	case 0:
		rq := kmsg.NewPtrMetadataRequest()
		rq.Version = int16(9 + rng.IntN(4))
		for range 1 + rng.IntN(5) {
			t := kmsg.NewMetadataRequestTopic()
			t.Topic = kmsg.StringPtr(readable)
			rq.Topics = append(rq.Topics, t)
		}
		return rq
	case 1:
		rq := kmsg.NewPtrFetchRequest()
		rq.Version, rq.MaxBytes, rq.SessionEpoch = int16(4+rng.IntN(9)), 1000, -1
		t := kmsg.NewFetchRequestTopic()
		t.Topic = readable
		p := kmsg.NewFetchRequestTopicPartition()
		p.PartitionMaxBytes = 1000
		t.Partitions = append(t.Partitions, p)
		rq.Topics = append(rq.Topics, t)
		return rq
	case 2:
		rq := kmsg.NewPtrCreateTopicsRequest()
		rq.Version, rq.ValidateOnly, rq.TimeoutMillis = int16(2+rng.IntN(6)), true, 1000
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = "x", 1, 1
		rq.Topics = append(rq.Topics, t)
		return rq
	case 3:
		rq := kmsg.NewPtrJoinGroupRequest()
		rq.Version, rq.Group, rq.ProtocolType, rq.SessionTimeoutMillis, rq.RebalanceTimeoutMillis = int16(rng.IntN(10)), "mallory", "consumer", 6000, 6000
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = "range", []byte("nothing")
		rq.Protocols = append(rq.Protocols, p)
		return rq
	}
	return request(rng)
}

// lies are requests whose counts and lengths are not what is there.
func lies(ctx context.Context, c *camp) (func(context.Context), error) {
	return func(ctx context.Context) {
		c.steadily(ctx, 200, func(ctx context.Context, i int) {
			nc, err := c.connect(ctx, "PLAINTEXT", "")
			if err != nil {
				return
			}
			defer c.drop(nc)
			b := chance(c, func(rng *rand.Rand) []byte { return frame(filled(rng, i)) })
			body := c.mutated(b[4:])
			b = binary.BigEndian.AppendUint32(nil, uint32(len(body)))
			_, _ = nc.Write(append(b, body...))
			c.outcome(nc, 300*time.Millisecond)
		})
	}, nil
}
