package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

func txnFamily(s run.Streams) *cobra.Command {
	return family("txn", "Look at transactions, find those that hang, abort them", txnListCommand(s), txnDescribeCommand(s), txnHangingCommand(s), txnAbortCommand(s))
}

// txn is what `leat txn describe -o json` prints of each, and in part `leat txn list`.
type txn struct {
	ID          string   `json:"transactional_id"`
	State       string   `json:"state"`
	ProducerID  int64    `json:"producer_id"`
	Epoch       *int16   `json:"producer_epoch,omitempty"`
	Coordinator int32    `json:"coordinator"`
	Timeout     *float64 `json:"timeout_seconds,omitempty"`
	Seconds     *float64 `json:"open_seconds,omitempty"` // null: none is open
	Partitions  []string `json:"partitions,omitempty"`
}

func txnListCommand(s run.Streams) *cobra.Command {
	var states []string
	c := newCommand(s, &cobra.Command{
		Use: "list", Short: "List transactional ids, or those in some states",
		Example: "  leat txn list\n  leat txn list --state Ongoing", Args: cobra.NoArgs,
	})
	c.Command.Flags().StringSliceVar(&states, "state", nil, "`STATE,...`: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, Dead")
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		listed, err := cl.admin.ListTransactions(ctx, nil, states)
		if err != nil {
			return of("transactions", err)
		}
		all, t := []txn{}, present.NewTable("TRANSACTIONAL ID", "STATE", "PRODUCER ID", "COORDINATOR")
		for _, l := range listed.Sorted() {
			all = append(all, txn{ID: l.TxnID, State: l.State, ProducerID: l.ProducerID, Coordinator: l.Coordinator})
			t.Add(l.TxnID, l.State, l.ProducerID, l.Coordinator)
		}
		return c.Show(all, t)
	}
	return c.Command
}

func txnDescribeCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "describe TRANSACTIONAL-ID...", Short: "Show producers of transactional ids, what they write to, and for how long",
		Example: "  leat txn describe payments-1", Args: cobra.MinimumNArgs(1), ValidArgsFunction: completeFrom(txnNames),
	})
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		described, err := cl.admin.DescribeTransactions(ctx, args...)
		if err != nil {
			return of("transactions", err)
		}
		all, t := []txn{}, present.NewTable("TRANSACTIONAL ID", "STATE", "OPEN FOR", "TIMEOUT", "PRODUCER ID", "EPOCH", "COORDINATOR", "PARTITIONS")
		for _, d := range described.Sorted() {
			if d.Err != nil {
				return of("transactional id "+d.TxnID, run.Hint(d.Err, "leat txn list shows which there are"))
			}
			one := txn{ID: d.TxnID, State: d.State, ProducerID: d.ProducerID, Epoch: &d.ProducerEpoch, Coordinator: d.Coordinator, Timeout: new(float64(d.TimeoutMillis) / 1000)}
			var open any
			if d.StartTimestamp > 0 {
				age := time.Since(time.UnixMilli(d.StartTimestamp))
				one.Seconds, open = new(age.Seconds()), age.Round(100*time.Millisecond)
			}
			d.Topics.Each(func(topic string, partition int32) {
				one.Partitions = append(one.Partitions, fmt.Sprintf("%s-%d", topic, partition))
			})
			slices.Sort(one.Partitions)
			all = append(all, one)
			t.Add(one.ID, one.State, open, time.Duration(d.TimeoutMillis)*time.Millisecond, one.ProducerID, d.ProducerEpoch, one.Coordinator, strings.Join(one.Partitions, " "))
		}
		return c.Show(all, t)
	}
	return c.Command
}

// hanging is a transaction that is open in a partition, and that nobody will end.
type hanging struct {
	Topic      string  `json:"topic"`
	Partition  int32   `json:"partition"`
	ProducerID int64   `json:"producer_id"`
	Epoch      int16   `json:"producer_epoch"`
	Start      int64   `json:"start_offset"`
	Seconds    float64 `json:"idle_seconds"`

	coordinatorEpoch int32
}

// defaultOldest is how long Kafka lets a transaction be open at most, and some more (transaction.max.timeout.ms).
const defaultOldest = 20 * time.Minute

func txnHangingCommand(s run.Streams) *cobra.Command {
	var oldest time.Duration
	c := newCommand(s, &cobra.Command{
		Use: "find-hanging [TOPIC...]", Short: "Find transactions that hold up readers of committed records, and that no coordinator will end",
		Long: `Find transactions that hold up readers of committed records, and that no coordinator will end: open in a partition for longer than any may be, while the
coordinator knows of no such transaction. leat txn abort ends one.`,
		Example: "  leat txn find-hanging\n  leat txn find-hanging orders --older-than 1h", ValidArgsFunction: completeTopics,
	})
	c.Command.Flags().DurationVar(&oldest, "older-than", defaultOldest, "since when nothing has been written, at least: more than transaction.max.timeout.ms")
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		found, err := findHanging(ctx, cl, args, oldest)
		if err != nil {
			return err
		}
		t := present.NewTable("TOPIC", "PARTITION", "PRODUCER ID", "EPOCH", "START", "IDLE FOR")
		for _, h := range found {
			t.Add(h.Topic, h.Partition, h.ProducerID, h.Epoch, h.Start, time.Duration(h.Seconds)*time.Second)
		}
		if len(found) == 0 {
			t.Head, t.Notes = nil, []string{"none hangs"}
		} else {
			t.Notes = []string{fmt.Sprintf("leat txn abort --topic %s --partition %d --start-offset %d ends the first", found[0].Topic, found[0].Partition, found[0].Start)}
		}
		return c.Show(found, t)
	}
	return c.Command
}

// openIn lists transactions that are open in partitions of topics; without topics in all.
func openIn(ctx context.Context, cl *cluster, names []string) ([]hanging, error) {
	topics, err := readTopics(ctx, cl, names...)
	if err != nil {
		return nil, err
	}
	set := kadm.TopicsSet{}
	for i := range topics {
		for j := range topics[i].Partitions {
			set.Add(topics[i].Name, topics[i].Partitions[j].Partition)
		}
	}
	if len(set) == 0 {
		return nil, nil
	}
	described, err := cl.admin.DescribeProducers(ctx, set)
	if err != nil {
		return nil, of("producers", err)
	}
	var all []hanging
	for _, p := range described.SortedProducers() {
		if p.CurrentTxnStartOffset >= 0 {
			all = append(all, hanging{p.Topic, p.Partition, p.ProducerID, p.ProducerEpoch, p.CurrentTxnStartOffset, time.Since(time.UnixMilli(p.LastTimestamp)).Seconds(), p.CoordinatorEpoch})
		}
	}
	return all, nil
}

func findHanging(ctx context.Context, cl *cluster, names []string, oldest time.Duration) ([]hanging, error) {
	open, err := openIn(ctx, cl, names)
	if err != nil {
		return nil, err
	}
	found := []hanging{}
	open = slices.DeleteFunc(open, func(h hanging) bool { return h.Seconds < oldest.Seconds() })
	if len(open) == 0 {
		return found, nil
	}
	listed, err := cl.admin.ListTransactions(ctx, nil, []string{"Ongoing", "PrepareCommit", "PrepareAbort"})
	if err != nil {
		return nil, of("transactions", err)
	}
	known := map[int64]bool{}
	for _, l := range listed {
		known[l.ProducerID] = true
	}
	return append(found, slices.DeleteFunc(open, func(h hanging) bool { return known[h.ProducerID] })...), nil
}

func txnAbortCommand(s run.Streams) *cobra.Command {
	var topic string
	var partition int32
	var start int64
	c := newCommand(s, &cobra.Command{
		Use: "abort [TRANSACTIONAL-ID]", Short: "Abort the open transaction of a transactional id, or one that hangs in a partition",
		Long: `Abort the open transaction of a transactional id, or one that hangs in a partition.

By its id, the producer that has it is fenced, too: it must begin anew. By partition and start offset (leat txn find-hanging) a marker is written into that
partition: only for transactions that no coordinator knows of any more.`,
		Example: "  leat txn abort payments-1 --yes\n  leat txn abort --topic orders --partition 3 --start-offset 1042 --plan",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeFrom(txnNames),
	}).destroys()
	f := c.Command.Flags()
	f.StringVar(&topic, "topic", "", "`TOPIC` of a transaction that hangs")
	f.Int32Var(&partition, "partition", 0, "its partition")
	f.Int64Var(&start, "start-offset", 0, "its first offset")
	c.MarkFlagsRequiredTogether("topic", "partition", "start-offset")
	c.check = func(args []string) error {
		if (len(args) == 1) == (topic != "") {
			return errors.New("give a transactional id, or --topic, --partition and --start-offset")
		}
		return nil
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		if len(args) == 1 {
			return c.abortID(ctx, cl, args[0])
		}
		return c.abortIn(ctx, cl, topic, partition, start)
	}
	return c.Command
}

// abortID ends a transaction as a new producer with its id would.
func (c *command) abortID(ctx context.Context, cl *cluster, id string) error {
	described, err := cl.admin.DescribeTransactions(ctx, id)
	if err != nil {
		return of("transactional id "+id, err)
	}
	d := described[id]
	if d.Err != nil {
		return of("transactional id "+id, run.Hint(d.Err, "leat txn list shows which there are"))
	}
	var steps present.Steps
	if d.State == "Ongoing" {
		steps = append(steps, present.Step{Object: "transactional id " + id, Action: "abort", What: fmt.Sprintf("producer %d", d.ProducerID), Before: d.State, Do: func(ctx context.Context) error {
			return fence(ctx, cl, id, max(d.TimeoutMillis, 1))
		}})
	}
	return c.Carry(ctx, steps, "abort the transaction of "+id+" and fence its producer")
}

// fence begins as a producer of an id. The cluster answers that a transaction is open as long as it ends that one.
func fence(ctx context.Context, cl *cluster, id string, timeoutMillis int32) error {
	rq := kmsg.NewPtrInitProducerIDRequest()
	rq.TransactionalID, rq.TransactionTimeoutMillis = &id, timeoutMillis
	rq.ProducerID, rq.ProducerEpoch = -1, -1
	for {
		resp, err := ask[*kmsg.InitProducerIDResponse](ctx, cl, rq)
		if err == nil {
			err = answered(resp.ErrorCode, nil)
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: its transaction is being ended still", ctx.Err())
		case <-time.After(fenceAgain):
		}
	}
}

// fenceAgain is when a producer that has to wait tries again.
const fenceAgain = 50 * time.Millisecond

// abortIn ends a transaction in one partition by a marker.
func (c *command) abortIn(ctx context.Context, cl *cluster, topic string, partition int32, start int64) error {
	open, err := openIn(ctx, cl, []string{topic})
	if err != nil {
		return err
	}
	where := fmt.Sprintf("%s-%d", topic, partition)
	i := slices.IndexFunc(open, func(h hanging) bool { return h.Partition == partition && h.Start == start })
	if i < 0 {
		return fmt.Errorf("%s: no transaction is open there from offset %d: leat txn find-hanging shows which hang", where, start)
	}
	h := open[i]
	step := present.Step{Object: where, Action: "abort", What: fmt.Sprintf("producer %d", h.ProducerID), Before: fmt.Sprintf("open from offset %d", start), Do: func(ctx context.Context) error {
		set := kadm.TopicsSet{}
		set.Add(topic, partition)
		resp, err := cl.admin.WriteTxnMarkers(ctx, kadm.TxnMarkers{ProducerID: h.ProducerID, ProducerEpoch: h.Epoch, CoordinatorEpoch: max(h.coordinatorEpoch, 0), Topics: set})
		if err != nil {
			return err
		}
		var wrong []error
		resp.EachPartition(func(p kadm.TxnMarkersPartitionResponse) { wrong = append(wrong, p.Err) })
		return errors.Join(wrong...)
	}}
	return c.Carry(ctx, present.Steps{step}, "abort the transaction of producer "+fmt.Sprint(h.ProducerID)+" in "+where)
}
