package txn

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var kafka = flag.String("kafka", "", "address of a fresh broker of Kafka 4.4 with topics t and u, which testdata/as_kafka.txt is compared with")

// TestStoryIsKafkas asks a real Kafka what one of the stories asks, and compares answers and records.
func TestStoryIsKafkas(t *testing.T) {
	if *kafka == "" {
		t.Skip("no -kafka given")
	}
	text, err := os.ReadFile("testdata/as_kafka.txt")
	if err != nil {
		t.Fatal(err)
	}
	p := &prober{t: t, s: &story{}, ids: map[int64]int64{}, real: map[int64]int64{}}
	var want, records []string
	var got []string
	for _, block := range strings.Split(string(text), "\n> ")[1:] {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		want = append(want, "> "+lines[0])
		got = append(got, "> "+lines[0])
		expected := ""
		for _, l := range lines[1:] {
			switch l[0] {
			case '#':
				_, expected, _ = strings.Cut(l, " ")
				expected = started.ReplaceAllString(expected, "started")
				want = append(want, expected)
			case '+':
				records = append(records, l)
			}
		}
		if reply := p.ask(strings.Fields(lines[0]), expected); reply != "" {
			got = append(got, reply)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-ours +Kafka's)\n%s", diff)
	}
	if diff := cmp.Diff(records, p.records(len(records))); diff != "" {
		t.Errorf("records (-ours +Kafka's)\n%s", diff)
	}
}

var started = regexp.MustCompile(`started \d+`)

// prober asks a broker; producer ids are numbered as in the stories.
type prober struct {
	t    *testing.T
	conn net.Conn
	s    *story
	ids  map[int64]int64 // by the broker's
	real map[int64]int64 // by the story's
}

func (p *prober) named(id int64) int64 {
	if id < 0 {
		return id
	}
	if _, ok := p.ids[id]; !ok {
		n := 4000 + int64(len(p.ids))
		p.ids[id], p.real[n] = n, id
	}
	return p.ids[id]
}

func (p *prober) ask(words []string, expected string) string {
	p.t.Helper()
	a := readArgs(words[1:])
	switch words[0] {
	case "wait":
		p.expectState("slow", "CompleteAbort")
		return ""
	case "written":
		p.expectState(a.id, "Complete")
		return ""
	}
	rq := p.s.request(words[0], a).Request
	p.translate(rq)
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp := p.send(rq)
		reply := started.ReplaceAllString(showReply(p.back(resp)), "started")
		passing := strings.Contains(reply, "CONCURRENT") || strings.Contains(reply, "COORDINATOR_")
		if reply == expected || !passing || time.Now().After(deadline) {
			return reply
		}
	}
}

// translate puts the broker's producer ids into a request.
func (p *prober) translate(rq kmsg.Request) {
	set := func(id *int64) {
		if real, ok := p.real[*id]; ok {
			*id = real
		}
	}
	switch rq := rq.(type) {
	case *kmsg.InitProducerIDRequest:
		set(&rq.ProducerID)
	case *kmsg.AddPartitionsToTxnRequest:
		set(&rq.ProducerID)
		for i := range rq.Transactions {
			set(&rq.Transactions[i].ProducerID)
		}
	case *kmsg.EndTxnRequest:
		set(&rq.ProducerID)
	}
}

// back puts the story's producer ids into an answer.
func (p *prober) back(resp kmsg.Response) kmsg.Response {
	switch r := resp.(type) {
	case *kmsg.InitProducerIDResponse:
		r.ProducerID = p.named(r.ProducerID)
	case *kmsg.EndTxnResponse:
		r.ProducerID = p.named(r.ProducerID)
	case *kmsg.DescribeTransactionsResponse:
		if r.TransactionStates[0].ErrorCode != 0 {
			break
		}
		r.TransactionStates[0].ProducerID = p.named(r.TransactionStates[0].ProducerID)
	case *kmsg.ListTransactionsResponse:
		for i := range r.TransactionStates {
			r.TransactionStates[i].ProducerID = p.named(r.TransactionStates[i].ProducerID)
		}
	}
	return resp
}

// send asks the broker in the version that the request has.
func (p *prober) send(rq kmsg.Request) kmsg.Response {
	p.t.Helper()
	if p.conn == nil {
		var err error
		if p.conn, err = net.Dial("tcp", *kafka); err != nil {
			p.t.Fatal(err)
		}
	}
	if _, err := p.conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, rq, 1)); err != nil {
		p.t.Fatal(err)
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(p.conn, head); err != nil {
		p.t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint32(head))
	if _, err := io.ReadFull(p.conn, body); err != nil {
		p.t.Fatal(err)
	}
	resp := rq.ResponseKind()
	body = body[4:]
	if resp.IsFlexible() {
		body = body[1:]
	}
	if err := resp.ReadFrom(body); err != nil {
		p.t.Fatal(err)
	}
	return resp
}

// expectState waits until a transactional id is in a state.
func (p *prober) expectState(id, prefix string) {
	p.t.Helper()
	rq := kmsg.NewPtrDescribeTransactionsRequest()
	rq.TransactionalIDs = []string{id}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if r := p.send(rq).(*kmsg.DescribeTransactionsResponse); strings.HasPrefix(r.TransactionStates[0].State, prefix) {
			return
		}
	}
	p.t.Errorf("%s does not become %s", id, prefix)
}

// records reads the coordinator's log.
func (p *prober) records(n int) []string {
	cl, err := kgo.NewClient(kgo.SeedBrokers(*kafka), kgo.ConsumeTopics("__transaction_state"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		p.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	all := make(map[string][]string)
	for got := 0; got < n && ctx.Err() == nil; {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			rec, err := Decode(r.Key, r.Value)
			if err != nil {
				p.t.Fatal(err)
			}
			x := rec.(*TransactionRecord)
			if key, value := x.Encode(); len(x.Transaction.Partitions) < 2 && (!bytes.Equal(key, r.Key) || !bytes.Equal(value, r.Value)) {
				p.t.Errorf("encoded %x %x, Kafka wrote %x %x", key, value, r.Key, r.Value)
			}
			x.Transaction.ProducerID, x.Transaction.PreviousProducerID = p.named(x.Transaction.ProducerID), p.named(x.Transaction.PreviousProducerID)
			all[x.TransactionalID] = append(all[x.TransactionalID], "+ "+showRecord(x))
			got++
		})
	}
	var lines []string
	for _, id := range []string{"pay", "slow"} {
		lines = append(lines, all[id]...)
	}
	return lines
}
