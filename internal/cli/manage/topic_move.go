package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/record"
)

// pollEvery is how often the cluster is asked how far moves are.
const pollEvery = 500 * time.Millisecond

// where is what a move was told about the nodes.
type where struct {
	off, to []int32
}

func (w *where) add(cmd *cobra.Command) {
	cmd.Flags().Int32SliceVar(&w.off, "off", nil, "`NODE,...` that shall have no replicas of the topics any more")
	cmd.Flags().Int32SliceVar(&w.to, "to", nil, "`NODE,...` that shall have all replicas of the topics")
}

// move is a partition and where its replicas shall be.
type move struct {
	topic     string
	partition int32
	leader    int32
	before    []int32
	after     []int32
}

func topicMoveCommand(s run.Streams) *cobra.Command {
	var w where
	var leave bool
	c := newCommand(s, &cobra.Command{
		Use: "move TOPIC...", Short: "Move the replicas of topics off nodes or onto nodes, and wait until they are there",
		Long: `Move the replicas of topics off nodes (--off) or onto nodes (--to), and wait until they are there.

What is moved off a node goes to the node that has the fewest replicas, in a rack of its own if there is one; what is elsewhere stays. Clients notice nothing: a
replica is copied first and taken away last. To empty a node of everything, and keep it empty: leat cluster drain.`,
		Example: "  leat topic move orders --off 2 --plan\n  leat topic move orders --off 2\n  leat topic move orders payments --to 1,3,4",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: completeTopics,
	}).changes()
	w.add(c.Command)
	c.Command.Flags().BoolVar(&leave, "no-wait", false, "begin the moves and do not wait for them")
	c.MarkFlagsOneRequired("off", "to")
	c.MarkFlagsMutuallyExclusive("off", "to")
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		topics, err := readTopics(ctx, cl, args...)
		if err != nil {
			return err
		}
		p, err := readPlacement(ctx, cl, &w)
		if err != nil {
			return err
		}
		moves, err := w.moves(topics, p)
		if err != nil {
			return err
		}
		return c.Carry(ctx, c.moveSteps(cl, moves, leave), "")
	}
	return c.Command
}

// readPlacement asks which nodes there are, and counts what they hold.
func readPlacement(ctx context.Context, cl *cluster, w *where) (*placement, error) {
	rq := kmsg.NewPtrDescribeClusterRequest()
	rq.IncludeFencedBrokers = true
	resp, err := ask[*kmsg.DescribeClusterResponse](ctx, cl, rq)
	if err == nil {
		err = answered(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return nil, of("brokers", err)
	}
	p := &placement{}
	for _, b := range resp.Brokers {
		p.nodes = append(p.nodes, node{id: b.NodeID, rack: orNothing(b.Rack), barred: b.IsFenced || slices.Contains(w.off, b.NodeID)})
	}
	for _, id := range w.to {
		if n := p.find(id); n == nil || n.barred {
			return nil, fmt.Errorf("node %d: there is no broker of this id that is up: leat cluster nodes shows which there are", id)
		}
	}
	if err := p.bar(ctx, cl); err != nil {
		return nil, err
	}
	all, err := readTopics(ctx, cl)
	if err != nil {
		return nil, err
	}
	for i := range all {
		for j := range all[i].Partitions {
			for _, id := range all[i].Partitions[j].Replicas {
				if n := p.find(id); n != nil {
					n.holding++
				}
			}
		}
	}
	return p, nil
}

// bar keeps replicas away from nodes that are drained. A person who may not see configs, and a cluster of Apache Kafka, have none.
func (p *placement) bar(ctx context.Context, cl *cluster) error {
	i := slices.IndexFunc(p.nodes, func(n node) bool { return !n.barred })
	if i < 0 {
		return errors.New("no broker is up that could take replicas")
	}
	set, err := readSettings(ctx, cl, entity{kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(p.nodes[i].id))})
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	for _, s := range set {
		if s.Key != "leat.balance.drain" || s.Value == nil {
			continue
		}
		for text := range strings.SplitSeq(*s.Value, ",") {
			if id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil {
				if n := p.find(int32(id)); n != nil {
					n.barred = true
				}
			}
		}
	}
	return nil
}

// moves works out where the replicas of topics go.
func (w *where) moves(topics []topic, p *placement) ([]move, error) {
	var moves []move
	for i := range topics {
		for j := range topics[i].Partitions {
			part := &topics[i].Partitions[j]
			after, err := p.off(part.Replicas, w.off)
			if len(w.to) > 0 {
				after, err = p.onto(part.Replicas, w.to, j)
			}
			if err != nil {
				return nil, fmt.Errorf("%s-%d: %w", topics[i].Name, part.Partition, err)
			}
			if !slices.Equal(after, part.Replicas) {
				moves = append(moves, move{topics[i].Name, part.Partition, part.Leader, part.Replicas, after})
			}
		}
	}
	return moves, nil
}

// moveSteps are steps that move replicas, all with one request.
func (c *command) moveSteps(cl *cluster, moves []move, leave bool) present.Steps {
	var steps present.Steps
	for _, m := range moves {
		steps = append(steps, present.Step{Object: fmt.Sprintf("%s-%d", m.topic, m.partition), Action: "move", What: "replicas", Before: nodes(m.before), After: nodes(m.after)})
	}
	if len(steps) > 0 {
		steps[len(steps)-1].Do = func(ctx context.Context) error { return c.move(ctx, cl, moves, leave) }
	}
	return steps
}

func nodes(ids []int32) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}

// move has the controller move replicas, and waits until they are there, however long it takes.
func (c *command) move(ctx context.Context, cl *cluster, moves []move, leave bool) error {
	rq := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	rq.TimeoutMillis = int32(c.Timeout.Milliseconds())
	for _, m := range moves {
		part := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		part.Partition, part.Replicas = m.partition, m.after
		i := slices.IndexFunc(rq.Topics, func(t kmsg.AlterPartitionAssignmentsRequestTopic) bool { return t.Topic == m.topic })
		if i < 0 {
			t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
			t.Topic = m.topic
			rq.Topics, i = append(rq.Topics, t), len(rq.Topics)
		}
		rq.Topics[i].Partitions = append(rq.Topics[i].Partitions, part)
	}
	resp, err := ask[*kmsg.AlterPartitionAssignmentsResponse](ctx, cl, rq)
	if err != nil {
		return err
	}
	wrong := []error{answered(resp.ErrorCode, resp.ErrorMessage)}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			wrong = append(wrong, of(fmt.Sprintf("%s-%d", t.Topic, p.Partition), answered(p.ErrorCode, p.ErrorMessage)))
		}
	}
	if err := errors.Join(wrong...); err != nil || leave {
		return err
	}
	if err := c.awaitMoves(cl, moves); err != nil {
		return err
	}
	c.awaitSeen(cl, moves)
	return c.electFirst(cl, moves)
}

// awaitMoves waits until no partition is on its way. Each question has the time limit of the command, all together have none.
func (c *command) awaitMoves(cl *cluster, moves []move) error {
	progress := c.Progress()
	defer progress.End()
	began := time.Now()
	for ; ; time.Sleep(pollEvery) {
		left, err := c.moving(cl, moves)
		if err != nil || left == 0 {
			return err
		}
		progress.Say("%d of %d partitions are moved, %v", len(moves)-left, len(moves), time.Since(began).Round(time.Second))
	}
}

// moving counts the partitions that are on their way.
func (c *command) moving(cl *cluster, moves []move) (left int, err error) {
	ctx, cancel := c.Timed(context.Background())
	defer cancel()
	resp, err := ask[*kmsg.ListPartitionReassignmentsResponse](ctx, cl, kmsg.NewPtrListPartitionReassignmentsRequest())
	if err == nil {
		err = answered(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return 0, of("moves that are under way", err)
	}
	ours := map[record.TopicPartition]bool{}
	for _, m := range moves {
		ours[record.TopicPartition{Topic: m.topic, Partition: m.partition}] = true
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if ours[record.TopicPartition{Topic: t.Topic, Partition: p.Partition}] {
				left++
			}
		}
	}
	return left, nil
}

// electFirst has the first replicas lead where the leader was moved. That it cannot be done is no failure: the partition has a leader, and the cluster evens
// that out by itself.
func (c *command) electFirst(cl *cluster, moves []move) error {
	rq := kmsg.NewPtrElectLeadersRequest()
	rq.TimeoutMillis = int32(c.Timeout.Milliseconds())
	for _, m := range moves {
		if !slices.Contains(m.after, m.leader) || m.before[0] == m.leader && m.after[0] != m.leader {
			t := kmsg.NewElectLeadersRequestTopic()
			t.Topic, t.Partitions = m.topic, []int32{m.partition}
			rq.Topics = append(rq.Topics, t)
		}
	}
	if len(rq.Topics) == 0 {
		return nil
	}
	ctx, cancel := c.Timed(context.Background())
	defer cancel()
	_, err := ask[*kmsg.ElectLeadersResponse](ctx, cl, rq)
	return of("election of the first replicas", err)
}
