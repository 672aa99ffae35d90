package stream

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaving is how long a member may take to say its last words.
const leaving = 5 * time.Second

// memberOptions are those of every kind of group.
func (c *consumer) memberOptions() []kgo.Opt {
	opts := []kgo.Opt{kgo.ConsumeTopics(c.topics...), kgo.FetchIsolationLevel(c.isolation), kgo.FetchMaxWait(500 * time.Millisecond)}
	if c.regex {
		patterns := make([]string, len(c.patterns))
		for i, re := range c.patterns {
			patterns[i] = re.String()
		}
		opts = append(opts, kgo.ConsumeTopics(patterns...), kgo.ConsumeRegex())
	}
	return opts
}

// join is a client that has looked whether the topics are there: a group would wait for them for ever.
func (c *consumer) join(ctx context.Context, opts ...kgo.Opt) (*kgo.Client, error) {
	cl, err := c.Connect(ctx, append(c.memberOptions(), opts...)...)
	if err != nil || c.regex {
		return cl, err
	}
	timed, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	details, err := kadm.NewClient(cl).ListTopicsWithInternal(timed, c.topics...)
	for _, t := range details.Sorted() {
		if err == nil && t.Err != nil {
			err = unknown(t.Topic, t.Err)
		}
	}
	if err != nil {
		cl.Close()
		return nil, err
	}
	return cl, nil
}

// readAsMember reads what the group gives this member. What was printed is committed after it has left this process.
func (c *consumer) readAsMember(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	cl, err := c.join(ctx, kgo.WithContext(life), kgo.ConsumerGroup(c.group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.ConsumeResetOffset(c.from.offset()))
	if err != nil {
		return err
	}
	defer c.leave(ctx, cl, end)
	return c.eachPoll(ctx, cl, func(records []*kgo.Record) error {
		defer cl.AllowRebalance()
		if c.noCommit || len(records) == 0 {
			return nil
		}
		timed, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Timeout)
		defer cancel()
		return cl.CommitRecords(timed, records...)
	})
}

// readShared reads what the share group gives this member, and tells it what became of each record.
func (c *consumer) readShared(ctx context.Context) error {
	var refused error // under the client's lock of callbacks: read after FlushAcks, which waits for them
	opts := []kgo.Opt{kgo.ShareGroup(c.group), kgo.ShareAckCallback(func(_ *kgo.Client, results kgo.ShareAckResults) {
		refused = errors.Join(refused, results.Error())
	})}
	if c.num > 0 && c.num < 500 {
		opts = append(opts, kgo.ShareMaxRecords(int32(c.num)), kgo.ShareMaxRecordsStrict()) // what is not printed stays for others
	}
	cl, err := c.join(ctx, opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	return c.eachPoll(ctx, cl, func(records []*kgo.Record) error {
		if len(records) == 0 {
			return nil
		}
		cl.MarkAcks(c.status, records...)
		timed, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Timeout)
		defer cancel()
		if err := cl.FlushAcks(timed); err != nil {
			return err
		}
		return refused
	})
}

// eachPoll prints records until it is enough. done is called after those of a poll have left this process, with those that were looked at.
func (c *consumer) eachPoll(ctx context.Context, cl *kgo.Client, done func([]*kgo.Record) error) error {
	still := time.Now()
	for ctx.Err() == nil {
		poll, cancel := ctx, context.CancelFunc(func() {})
		if c.idle > 0 {
			poll, cancel = context.WithTimeout(ctx, c.idle)
		}
		fetches := cl.PollRecords(poll, c.left(atOnce))
		cancel()
		if err := failure(ctx, fetches); err != nil {
			return err
		}
		records, enough, err := c.printAll(fetches.Records())
		if err == nil {
			err = c.out.Flush()
		}
		if err != nil {
			return err
		}
		if err := done(records); err != nil || enough {
			return err
		}
		if len(records) > 0 {
			still = time.Now()
		} else if c.idle > 0 && time.Since(still) >= c.idle {
			return nil
		}
	}
	return nil
}

// printAll prints records up to the last one that is wanted, and returns those that were looked at.
func (c *consumer) printAll(records []*kgo.Record) (seen []*kgo.Record, enough bool, err error) {
	for i, r := range records {
		if enough, err = c.take(r); err != nil || enough {
			return records[:i+1], enough, err
		}
	}
	return records, false, nil
}

// leave tells the group that this member goes, so that its partitions go to others at once. A client that waits for the others of its group to join says so only when
// they have, which takes up to a minute, so that it is ended in the midst of that and another one says it. What cannot be said ends with the session.
func (c *consumer) leave(ctx context.Context, cl *kgo.Client, end func()) {
	timed, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaving)
	defer cancel()
	soon, cancelSoon := context.WithTimeout(timed, leaving/10)
	defer cancelSoon()
	cl.AllowRebalance()
	err := cl.LeaveGroupContext(soon)
	member, _ := cl.GroupMetadata()
	if err != nil {
		end()
	}
	cl.Close()
	if err != nil && member != "" {
		c.takeOut(timed, member)
	}
}

// takeOut says for a member that it goes.
func (c *consumer) takeOut(ctx context.Context, member string) {
	cl, err := c.Connect(ctx)
	if err != nil {
		return
	}
	defer cl.Close()
	rq := kmsg.NewPtrLeaveGroupRequest()
	leaves := kmsg.NewLeaveGroupRequestMember()
	leaves.MemberID, leaves.Reason = member, kmsg.StringPtr("interrupted while it joined")
	rq.Group, rq.MemberID, rq.Members = c.group, member, []kmsg.LeaveGroupRequestMember{leaves}
	_, _ = rq.RequestWith(ctx, cl)
}
