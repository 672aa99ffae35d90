package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/kafkatools"
)

// world is what the tools look at: topics, members of groups, transactions.
type world struct {
	ctx       context.Context
	bootstrap string
	dir       string // for files
	cl        *kgo.Client
	adm       *kadm.Client
	members   map[string]*member                   // by group and client
	streams   map[string]*kafkatools.StreamsMember // the same
	txns      map[string]*kgo.Client               // by transactional id
}

func newWorld(ctx context.Context, bootstrap, dir string) (*world, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	return &world{ctx: ctx, bootstrap: bootstrap, dir: dir, cl: cl, adm: kadm.NewClient(cl), members: make(map[string]*member), streams: make(map[string]*kafkatools.StreamsMember),
		txns: make(map[string]*kgo.Client)}, nil
}

func (w *world) close() {
	for _, m := range w.members {
		m.leave()
	}
	for _, cl := range w.txns {
		cl.Close()
	}
	w.cl.Close()
}

// do does what a line of a story says behind "do".
func (w *world) do(words []string) error {
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(arg(i)) // a story without the number is seen to fail
		return n
	}
	ctx, cancel := context.WithTimeout(w.ctx, 2*time.Minute)
	defer cancel()
	switch arg(0) {
	case "topic": // name, partitions
		return w.topic(ctx, arg(1), int32(number(2)))
	case "produce": // topic, records
		return kafkatools.Produce(ctx, w.cl, arg(1), number(2))
	case "join": // classic, consumer, share or streams; group, client, topic
		if arg(1) == "streams" {
			m, err := kafkatools.JoinStreams(ctx, w.cl, arg(2), arg(3), arg(4))
			w.streams[arg(2)+" "+arg(3)] = m
			return err
		}
		return w.join(ctx, arg(1), arg(2), arg(3), arg(4))
	case "read": // group, client, records
		return w.members[arg(1)+" "+arg(2)].await(ctx, number(3))
	case "commit": // group, topic, partition, offset
		return w.commit(ctx, arg(1), arg(2), int32(number(3)), int64(number(4)))
	case "leave": // group, client
		return w.leave(ctx, arg(1), arg(2))
	case "await": // group, state
		return w.await(ctx, arg(1), arg(2))
	case "begin": // transactional id, topic, records
		return w.begin(ctx, arg(1), arg(2), number(3))
	case "end": // transactional id, commit or abort
		return w.txns[arg(1)].EndTransaction(ctx, kgo.TransactionEndTry(arg(2) == "commit"))
	case "file": // name, lines
		return os.WriteFile(filepath.Join(w.dir, arg(1)), []byte(strings.Join(words[2:], "\n")+"\n"), 0o600)
	case "hang": // topic
		return kafkatools.Hang(ctx, w.cl.Broker(1), arg(1))
	}
	return errors.New("nobody knows how")
}

func (w *world) topic(ctx context.Context, name string, partitions int32) error {
	forever := "-1"
	created, err := w.adm.CreateTopic(ctx, partitions, 1, map[string]*string{"retention.ms": &forever}, name)
	return errors.Join(err, created.Err)
}

// begin begins a transaction, or goes on with the one that is open.
func (w *world) begin(ctx context.Context, id, topic string, count int) error {
	cl := w.txns[id]
	if cl == nil {
		var err error
		cl, err = kgo.NewClient(kgo.SeedBrokers(w.bootstrap), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionTimeout(10*time.Minute))
		if err != nil {
			return err
		}
		w.txns[id] = cl
	}
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	return kafkatools.Produce(ctx, cl, topic, count)
}

// await waits until a group has a state.
func (w *world) await(ctx context.Context, group, state string) error {
	for {
		groups, err := w.adm.ListGroups(ctx)
		if err != nil {
			return err
		}
		now := groups[group].State
		if now == state || now == "" && state == "Dead" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("group %s is %q, not %s", group, now, state)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// commit commits an offset: of a group without members, or for a member of a streams group.
func (w *world) commit(ctx context.Context, group, topic string, partition int32, offset int64) error {
	for _, m := range w.streams {
		if m.Group == group {
			return m.Commit(ctx, topic, partition, offset)
		}
	}
	return kafkatools.Commit(ctx, w.cl, group, topic, partition, offset)
}
