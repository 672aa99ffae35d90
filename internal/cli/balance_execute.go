package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	"leat/internal/cli/run"
	"leat/internal/record"
)

// execute makes the moves of a plan, few at a time, and waits for them. If it is stopped, what is under way ends and the rest is not begun.
func (p *program) execute(flags *clusterFlags, s *clusterState, plan balance.Plan) error {
	if err := p.say(flags, append([]string{summary(s, plan)}, plan.Notes...)...); err != nil {
		return err
	}
	done, refused := 0, 0
	for rest := plan.Moves; len(rest) > 0; {
		now := rest[:min(s.moves, len(rest))]
		rest = rest[len(now):]
		n, err := p.start(flags, now)
		if err != nil {
			return run.Failed(err)
		}
		refused += n
		if err := flags.awaitMoves(now); err != nil {
			return run.Failed(err)
		}
		if err := flags.electFirst(now); err != nil {
			return run.Failed(err)
		}
		done += len(now) - n
		if err := p.say(flags, fmt.Sprintf("%d of %d partitions are moved", done, len(plan.Moves))); err != nil {
			return err
		}
	}
	if refused > 0 {
		return run.Failed(fmt.Errorf("%w: %d of %d", errRefused, refused, len(plan.Moves)))
	}
	if flags.output == "json" {
		return p.printJSON(struct {
			Moved int   `json:"partitions_moved"`
			Bytes int64 `json:"bytes"`
		}{done, plan.Bytes})
	}
	return nil
}

// say prints what is for people only.
func (p *program) say(flags *clusterFlags, lines ...string) error {
	if flags.output == "json" {
		return nil
	}
	return p.print(lines)
}

// start hands moves to the controller, and counts those that it refused.
func (p *program) start(flags *clusterFlags, moves []balance.Move) (refused int, err error) {
	rq := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	rq.TimeoutMillis = int32(flags.timeout.Milliseconds())
	for i := range moves {
		part := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		part.Partition, part.Replicas = moves[i].Partition, moves[i].After
		t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
		t.Topic, t.Partitions = moves[i].Topic, append(t.Partitions, part)
		rq.Topics = append(rq.Topics, t)
	}
	ctx, cancel := context.WithTimeout(context.Background(), flags.timeout)
	defer cancel()
	resp, err := asked[*kmsg.AlterPartitionAssignmentsResponse](ctx, flags, rq)
	if err != nil {
		return 0, err
	}
	if err := answered("move replicas", resp.ErrorCode, resp.ErrorMessage); err != nil {
		return 0, err
	}
	for _, t := range resp.Topics {
		for _, part := range t.Partitions {
			if err := answered(fmt.Sprintf("%s-%d", t.Topic, part.Partition), part.ErrorCode, part.ErrorMessage); err != nil {
				refused++
				fmt.Fprintln(p.Err, err)
			}
		}
	}
	return refused, nil
}

// awaitMoves waits until no replica of the moved partitions is on its way.
func (f *clusterFlags) awaitMoves(moves []balance.Move) error {
	for ; ; time.Sleep(pollEvery) {
		ctx, cancel := context.WithTimeout(context.Background(), f.timeout)
		ongoing, err := f.reassigning(ctx)
		cancel()
		if err != nil {
			return err
		}
		left := 0
		for _, m := range moves {
			if _, ok := ongoing[record.TopicPartition{Topic: m.Topic, Partition: m.Partition}]; ok {
				left++
			}
		}
		if left == 0 {
			return nil
		}
	}
}

// electFirst has the first replicas lead where a move was for that. Where they lead already nothing is changed.
func (f *clusterFlags) electFirst(moves []balance.Move) error {
	rq := kmsg.NewPtrElectLeadersRequest()
	rq.TimeoutMillis = int32(f.timeout.Milliseconds())
	for _, m := range moves {
		if m.TouchesLeader {
			t := kmsg.NewElectLeadersRequestTopic()
			t.Topic, t.Partitions = m.Topic, []int32{m.Partition}
			rq.Topics = append(rq.Topics, t)
		}
	}
	if len(rq.Topics) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), f.timeout)
	defer cancel()
	_, err := asked[*kmsg.ElectLeadersResponse](ctx, f, rq)
	return err
}
