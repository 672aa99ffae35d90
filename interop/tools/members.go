package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/kafkatools"
)

// consume makes a member of a consumer group of the new protocol (KIP-848), and waits until it has been given something.
func (w *world) consume(ctx context.Context, group, topic string) error {
	assigned := make(chan struct{}, 1)
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.nodes[0].Bootstrap()), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ClientID("reader"), kgo.ServerSideBalancer(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) {
			if len(got) > 0 {
				select {
				case assigned <- struct{}{}:
				default:
				}
			}
		}))
	if err != nil {
		return err
	}
	w.members[group] = cl
	select {
	case <-assigned:
	case <-ctx.Done():
		return fmt.Errorf("the member of group %s is assigned nothing", group)
	}
	all, err := w.records(ctx, topic)
	for got := int64(0); err == nil && got < all; err = ctx.Err() {
		got += int64(cl.PollFetches(ctx).NumRecords())
	}
	if err != nil {
		return err
	}
	return cl.CommitUncommittedOffsets(ctx)
}

// records is how many a topic has.
func (w *world) records(ctx context.Context, topic string) (n int64, err error) {
	ends, err := w.adm.ListEndOffsets(ctx, topic)
	starts, err2 := w.adm.ListStartOffsets(ctx, topic)
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	starts.Each(func(o kadm.ListedOffset) { n -= o.Offset })
	return n, errors.Join(err, err2)
}

// hang leaves a transaction that no coordinator knows in partition 0 of a topic, which node 1 leads, as soon as that takes it.
func (w *world) hang(ctx context.Context, topic string) error {
	for {
		err := kafkatools.Hang(ctx, w.cl.Broker(1), topic)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// logins are the users who may log in at LOGIN, each with the name and -secret as the password.
func logins() string {
	text := "org.apache.kafka.common.security.plain.PlainLoginModule required"
	for _, user := range []string{"admin", "alice", "bob"} {
		text += fmt.Sprintf(" user_%s=%q", user, user+"-secret")
	}
	return text + ";"
}

// hmac is that of a delegation token, as the tool prints it.
var hmac = regexp.MustCompile(`[A-Za-z0-9+/]{86}==`)

// note keeps what a tool said that a later line needs: HMAC is that of the last token that was made.
func (w *world) note(s kafkatools.Said) {
	if found := hmac.FindString(s.Out); found != "" {
		w.words["HMAC"] = found
	}
}
