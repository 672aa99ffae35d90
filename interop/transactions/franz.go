package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// franz is the teller with franz-go; see Teller.java.
func franz(args []string) error {
	if len(args) > 1 {
		return franzCopies(args)
	}
	producers := make(map[string]*kgo.Client)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		ctx, cancel := context.WithTimeout(context.Background(), clientPatience)
		answer := "ok"
		if err := franzTells(ctx, args[0], producers, words); err != nil {
			answer = "error " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		cancel()
		fmt.Println(answer)
	}
	return nil
}

func franzProducer(bootstrap, id string, timeout time.Duration, more ...kgo.Opt) []kgo.Opt {
	return append(more, kgo.SeedBrokers(bootstrap), kgo.TransactionalID(id), kgo.TransactionTimeout(timeout), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.MetadataMinAge(50*time.Millisecond)) // a new topic is soon known: transactions here last seconds
}

func franzTells(ctx context.Context, bootstrap string, producers map[string]*kgo.Client, w []string) error {
	cl := producers[w[1]]
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(w[i], 10, 64) // the program itself wrote it
		return n
	}
	switch w[0] {
	case "new":
		cl, err := kgo.NewClient(franzProducer(bootstrap, w[2], time.Duration(number(3))*time.Millisecond)...)
		producers[w[1]] = cl
		return err
	case "init":
		_, _, err := cl.ProducerID(ctx)
		return err
	case "begin":
		return cl.BeginTransaction()
	case "send":
		return cl.ProduceSync(ctx, &kgo.Record{Topic: w[2], Partition: int32(number(3)), Value: []byte(w[4])}).FirstErr()
	case "offset":
		return franzOffset(ctx, cl, w[2], w[3], int32(number(4)), number(5))
	case "commit":
		return cl.EndTransaction(ctx, kgo.TryCommit)
	case "abort":
		return cl.EndTransaction(ctx, kgo.TryAbort)
	case "close":
		cl.Close()
		return nil
	}
	return fmt.Errorf("%s: nobody knows how", w[0])
}

// franzOffset commits an offset within the transaction, which franz-go itself does for members of groups only.
func franzOffset(ctx context.Context, cl *kgo.Client, group, topic string, partition int32, offset int64) error {
	id, epoch, err := cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	txid := cl.OptValue(kgo.TransactionalID).(string)
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = txid, id, epoch, group
	added, err := add.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(added.ErrorCode); err != nil {
		return err
	}
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.Group, commit.ProducerID, commit.ProducerEpoch, commit.Generation = txid, group, id, epoch, -1
	t, p := kmsg.NewTxnOffsetCommitRequestTopic(), kmsg.NewTxnOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.LeaderEpoch = partition, offset, -1
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	commit.Topics = append(commit.Topics, t)
	answer, err := cl.Broker(1).RetriableRequest(ctx, &named{commit})
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.(*kmsg.TxnOffsetCommitResponse).Topics[0].Partitions[0].ErrorCode)
}

// named is a commit that names topics, and whose group was added to the transaction before.
type named struct{ *kmsg.TxnOffsetCommitRequest }

// MaxVersion is the last such version.
func (*named) MaxVersion() int16 { return 4 }

// franzCopies copies a topic by transactions until it is killed.
func franzCopies(args []string) error {
	ctx := context.Background()
	session, err := kgo.NewGroupTransactSession(franzProducer(args[0], args[4], 10*time.Second, kgo.ConsumerGroup(args[3]), kgo.InstanceID(args[4]),
		kgo.ConsumeTopics(args[1]), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.SessionTimeout(6*time.Second))...)
	if err != nil {
		return err
	}
	if _, _, err := session.Client().ProducerID(ctx); err != nil { // ends what an earlier process left open
		return err
	}
	for {
		records := session.PollRecords(ctx, 20).Records()
		if len(records) == 0 {
			continue
		}
		if err := session.Begin(); err != nil {
			return err
		}
		for _, r := range records {
			session.Produce(ctx, &kgo.Record{Topic: args[2], Partition: r.Partition, Value: r.Value}, nil)
		}
		if _, err := session.End(ctx, kgo.TryCommit); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond) // so that it is killed in the middle
	}
}
