package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// aliceRate is how many bytes a second the user alice may produce, aliceBurst what she may have at once: a window's worth, with what is under way.
const (
	aliceRate  = 200 << 10
	aliceBurst = 12 * aliceRate
	alicePiece = 20 << 10
)

// quotas is one user over many connections, each with names of its own that change, to get more than her share: half of them stay, half come anew for every
// request, because it is a connection that is muted.
func quotas(_ context.Context, c *camp) (func(context.Context), error) {
	records := make([]byte, 0, alicePiece)
	value := make([]byte, 1000)
	count := 0
	for ; len(records) < alicePiece-1100; count++ {
		for i := range value {
			value[i] = byte(rand.Int())
		}
		body := append([]byte{0, 0}, binary.AppendVarint(nil, int64(count))...)
		body = append(binary.AppendVarint(body, -1), binary.AppendVarint(nil, int64(len(value)))...)
		body = append(append(body, value...), 0)
		records = append(binary.AppendVarint(records, int64(len(body))), body...)
	}
	batch := sealed(0, records, int32(count))
	return func(ctx context.Context) {
		began := time.Now()
		for i := range c.many(60) {
			c.work.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					c.asAlice(ctx, fmt.Sprintf("%d-%d", i, n), batch, i%2 == 0)
					select { // who is sent away at once does not come more often than this
					case <-ctx.Done():
					case <-time.After(50 * time.Millisecond):
					}
				}
			})
		}
		c.work.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen["ms"] = int(time.Since(began).Milliseconds())
	}, nil
}

// asAlice logs in and produces, once or for as long as it is let.
func (c *camp) asAlice(ctx context.Context, name string, batch []byte, stay bool) {
	nc, err := c.connect(ctx, "SASLCLEAR", "")
	if err != nil {
		return
	}
	defer c.drop(nc)
	_ = nc.SetDeadline(time.Now().Add(30 * time.Second))
	handshake, token := kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()
	handshake.Version, handshake.Mechanism = 1, "PLAIN"
	token.Version, token.SASLAuthBytes = 1, []byte("\x00alice\x00alice-secret")
	for _, rq := range []kmsg.Request{handshake, token} {
		if _, err := nc.Write(frame(rq)); err != nil {
			return
		}
		if _, err := answer(nc); err != nil {
			return
		}
	}
	c.note("logins")
	for n := 0; ctx.Err() == nil && (n == 0 || stay); n++ {
		rq := kmsg.NewPtrProduceRequest()
		rq.Version, rq.Acks, rq.TimeoutMillis = 9, 1, 5000
		t, p := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
		t.Topic, p.Records = readable, batch
		t.Partitions = append(t.Partitions, p)
		rq.Topics = append(rq.Topics, t)
		if _, err := nc.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID(name+"-"+strconv.Itoa(n))).AppendRequest(nil, rq, 1)); err != nil {
			return
		}
		body, err := answer(nc)
		if err != nil || len(body) < 5 {
			return
		}
		c.noteN("KB taken", len(batch)>>10)
	}
}

// answer reads a response.
func answer(nc net.Conn) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(nc, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, min(binary.BigEndian.Uint32(head[:]), 1<<20))
	_, err := io.ReadFull(nc, body)
	return body, err
}

// withinQuota looks whether alice got more than her share, or so little that it was not the quota that held her up.
func withinQuota(happened string) string {
	taken, ms := counted(happened, "KB taken"), counted(happened, "ms")
	if most := (aliceBurst + aliceRate*ms/1000*3/2) >> 10; taken > most || counted(happened, "logins") == 0 {
		return fmt.Sprintf(" a user took %d KB in %d ms over many connections, %d KB are hers", taken, ms, most)
	}
	if least := aliceRate * ms / 1000 / 4 >> 10; taken < least {
		return fmt.Sprintf(" a user took %d KB in %d ms over many connections, at least %d KB should have been let through", taken, ms, least)
	}
	return ""
}

// counted finds the number before a word in what attackers said.
func counted(happened, word string) int {
	for _, part := range strings.Split(happened, ", ") {
		if n, is := strings.CutSuffix(part, " "+word); is {
			v, _ := strconv.Atoi(n)
			return v
		}
	}
	return 0
}
