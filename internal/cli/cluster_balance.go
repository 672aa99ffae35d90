package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

// balanceFlags say what `leat cluster balance` shall do; exactly one of them.
type balanceFlags struct{ plan, execute, pause, resume, status bool }

func (p *program) clusterBalanceCommand() *cobra.Command {
	var flags clusterFlags
	var do balanceFlags
	cmd := &cobra.Command{
		Use:   "balance",
		Short: "Show what would be moved between brokers, move it now, or pause that",
		Long: `leat moves replicas and leaders between brokers by itself: away from brokers that are drained and disks that are full, then until the brokers are even
(leat.balance.*). This command shows what it does and what it would do, and works on clusters of Apache Kafka as well: there --execute makes the moves.`,
		Example: `  leat cluster balance --plan
  leat cluster balance --pause --bootstrap-server broker1:9092`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.BoolVar(&do.plan, "plan", false, "print the moves that would make the brokers even, with bytes, time and leaders touched; nothing is changed")
	f.BoolVar(&do.execute, "execute", false, "make the moves of --plan now, few at a time, and wait for them")
	f.BoolVar(&do.pause, "pause", false, "move nothing any more until --resume; what is under way ends (leat.balance.mode=off)")
	f.BoolVar(&do.resume, "resume", false, "go on as the configuration of the brokers says")
	f.BoolVar(&do.status, "status", false, "print how even the brokers are, what is under way, and why nothing is")
	cmd.MarkFlagsMutuallyExclusive("plan", "execute", "pause", "resume", "status")
	cmd.MarkFlagsOneRequired("plan", "execute", "pause", "resume", "status")
	return p.clusterCommandOf(cmd, &flags, func(ctx context.Context, _ []string) error {
		switch {
		case do.pause:
			return p.setMode(ctx, &flags, kmsg.IncrementalAlterConfigOpSet, kmsg.StringPtr(string(balance.Off)), "paused: nothing is moved until leat cluster balance --resume")
		case do.resume:
			return p.setMode(ctx, &flags, kmsg.IncrementalAlterConfigOpDelete, nil, "resumed: leat.balance.mode is as the configuration of the brokers says")
		}
		s, err := flags.readState(ctx, true)
		if err != nil {
			return run.Failed(err)
		}
		if do.status {
			return p.printBalance(&flags, s)
		}
		if do.execute { // nothing holds back what an administrator moves
			s.Limits.BytesPerSecond = 0
		}
		plan := planNow(s)
		if do.execute {
			return p.execute(&flags, s, plan)
		}
		return p.printPlan(&flags, s, plan)
	})
}

func (p *program) setMode(ctx context.Context, flags *clusterFlags, op kmsg.IncrementalAlterConfigOp, value *string, said string) error {
	if err := flags.setCluster(ctx, "leat.balance.mode", op, value); err != nil {
		return run.Failed(err)
	}
	if flags.output == "json" {
		return p.printJSON(struct {
			Paused bool `json:"paused"`
		}{value != nil})
	}
	return p.print([]string{said})
}

// planNow is the plan for an administrator who asks: everything, also if leat would not do it by itself.
func planNow(s *clusterState) balance.Plan {
	st, notes := s.State, []string(nil)
	if st.Limits.Mode != balance.Auto && st.Limits.Mode != "" {
		notes = append(notes, fmt.Sprintf("leat does not do this by itself: leat.balance.mode=%s", st.Limits.Mode))
		st.Limits.Mode = balance.Auto
	}
	if len(s.moving) > 0 {
		notes = append(notes, fmt.Sprintf("%d partitions are on their way already and stay as they are", len(s.moving)))
	}
	plan := balance.Make(st)
	plan.Notes = append(notes, plan.Notes...)
	return plan
}

// planShown is what --plan -o json prints.
type planShown struct {
	Moves   []moveShown `json:"moves"`
	Bytes   int64       `json:"bytes"`
	Seconds int64       `json:"estimated_seconds"`
	Leaders int         `json:"leaders_touched"`
	Notes   []string    `json:"notes,omitempty"`
}

type moveShown struct {
	Topic         string  `json:"topic"`
	Partition     int32   `json:"partition"`
	Before        []int32 `json:"before"`
	After         []int32 `json:"after"`
	Bytes         int64   `json:"bytes"`
	TouchesLeader bool    `json:"touches_leader"`
	Why           string  `json:"why"`
}

const movesPrinted = 50 // as text; JSON has all

func (p *program) printPlan(flags *clusterFlags, s *clusterState, plan balance.Plan) error {
	out := planShown{Moves: []moveShown{}, Bytes: plan.Bytes, Seconds: int64(plan.Duration / time.Second), Leaders: plan.Leaders, Notes: plan.Notes}
	t := present.NewTable("TOPIC", "PARTITION", "FROM", "TO", "BYTES", "WHY").Limit(movesPrinted)
	for _, m := range plan.Moves {
		out.Moves = append(out.Moves, moveShown{m.Topic, m.Partition, m.Before, m.After, m.Bytes, m.TouchesLeader, string(m.Why)})
		t.Add(m.Topic, m.Partition, m.Before, m.After, m.Bytes, m.Why)
	}
	if t.Len() == 0 {
		t.Head = nil
	}
	t.Notes = append([]string{summary(s, plan)}, plan.Notes...)
	return flags.out.Show(out, t)
}

func summary(s *clusterState, plan balance.Plan) string {
	if len(plan.Moves) == 0 {
		return "nothing to move"
	}
	return fmt.Sprintf("%d partitions, %d bytes to copy, about %v at %d MB/s for each broker, %d leaders touched", len(plan.Moves), plan.Bytes, plan.Duration,
		s.Limits.Rate()/1e6, plan.Leaders)
}

// printBalance prints how even the brokers are and what leat does about it.
func (p *program) printBalance(flags *clusterFlags, s *clusterState) error {
	out := balanceShown{Mode: string(s.Limits.Mode), Moving: len(s.moving), Drained: s.drain}
	plan := balance.Make(s.State)
	out.Planned, out.Notes = len(plan.Moves), plan.Notes
	for _, b := range s.Brokers {
		shown := brokerShown{ID: b.ID, Rack: b.Rack, Fenced: b.Fenced, Draining: b.Draining}
		for i := range s.Partitions {
			for _, id := range s.Partitions[i].Replicas {
				if id == b.ID {
					shown.Replicas++
					shown.Bytes += s.Partitions[i].Bytes
				}
			}
			if s.Partitions[i].Leader == b.ID {
				shown.Leaders++
			}
		}
		for _, d := range b.Dirs {
			if d.Total > 0 {
				shown.Used = max(shown.Used, int((d.Total-d.Usable)*100/d.Total))
			}
		}
		out.Brokers = append(out.Brokers, shown)
	}
	t := present.NewTable("BROKER", "RACK", "REPLICAS", "LEADERS", "BYTES", "DISK", "STATE")
	for _, b := range out.Brokers {
		t.Add(b.ID, b.Rack, b.Replicas, b.Leaders, b.Bytes, fmt.Sprintf("%d%%", b.Used), b.state())
	}
	t.Notes = append([]string{fmt.Sprintf("leat.balance.mode=%s, %d partitions on their way, %d more would be moved", out.Mode, out.Moving, out.Planned)}, out.Notes...)
	return flags.out.Show(out, t)
}

// balanceShown is what --status -o json prints.
type balanceShown struct {
	Mode    string        `json:"mode"`
	Moving  int           `json:"partitions_moving"`
	Planned int           `json:"partitions_to_move"`
	Drained []int32       `json:"drained"`
	Brokers []brokerShown `json:"brokers"`
	Notes   []string      `json:"notes,omitempty"`
}

type brokerShown struct {
	ID       int32  `json:"id"`
	Rack     string `json:"rack,omitempty"`
	Replicas int    `json:"replicas"`
	Leaders  int    `json:"leaders"`
	Bytes    int64  `json:"bytes"`
	Used     int    `json:"disk_used_percent"`
	Fenced   bool   `json:"fenced"`
	Draining bool   `json:"draining"`
}

func (b *brokerShown) state() any {
	switch {
	case b.Draining && b.Fenced:
		return present.Bad("draining, fenced")
	case b.Draining:
		return present.Warn("draining")
	case b.Fenced:
		return present.Bad("fenced")
	}
	return present.Good("up")
}

var errRefused = errors.New("the controller refused moves")
