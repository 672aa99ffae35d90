package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

const pollEvery = time.Second // while a command waits for the cluster

func (p *program) clusterDrainCommand() *cobra.Command {
	var flags clusterFlags
	var wait, undo bool
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move all replicas and leaders away from a broker",
		Long: `Move all replicas and leaders away from a broker: before it is taken out of the cluster, or after it was lost for good. New partitions avoid it.

The controller makes the moves, a few at a time (leat.balance.moves); this command sets leat.balance.drain and, with --wait, tells how many replicas are left.
--undo lets the broker take replicas again.`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the broker is empty, however long that takes")
	cmd.Flags().BoolVar(&undo, "undo", false, "let the broker take replicas again")
	p.clusterCommandOf(cmd, &flags, func(ctx context.Context, args []string) error {
		id, err := nodeID(args[0])
		if err != nil {
			return err
		}
		if undo && wait {
			return fmt.Errorf("--undo and --wait: there is nothing to wait for")
		}
		if undo && flags.out.Planning() {
			return flags.out.Carry(ctx, present.Steps{{Object: fmt.Sprintf("broker %d", id), Action: "use", What: "for replicas"}}, "")
		}
		if undo {
			return p.drainOff(ctx, &flags, id)
		}
		s, err := flags.readState(ctx, false)
		if err != nil {
			return run.Failed(err)
		}
		held, leaders := s.held(id)
		if held == 0 && !slices.ContainsFunc(s.Brokers, func(b balance.Broker) bool { return b.ID == id }) {
			return run.Failed(fmt.Errorf("drain %d: no such broker, and no partition names it", id))
		}
		if flags.out.Planning() {
			before := fmt.Sprintf("%d replicas, %d leaders", held, leaders)
			return flags.out.Carry(ctx, present.Steps{{Object: fmt.Sprintf("broker %d", id), Action: "drain", Before: before, After: "none"}}, "")
		}
		if err := flags.setCluster(ctx, "leat.balance.drain", kmsg.IncrementalAlterConfigOpAppend, kmsg.StringPtr(args[0])); err != nil {
			return run.Failed(err)
		}
		return p.drained(&flags, id, wait)
	})
	flags.out.AddPlan(cmd)
	return cmd
}

func (p *program) drainOff(ctx context.Context, flags *clusterFlags, id int32) error {
	if err := flags.setCluster(ctx, "leat.balance.drain", kmsg.IncrementalAlterConfigOpSubtract, kmsg.StringPtr(fmt.Sprint(id))); err != nil {
		return run.Failed(err)
	}
	if flags.output == "json" {
		return p.printJSON(drainState{Broker: id})
	}
	return p.print([]string{fmt.Sprintf("broker %d takes replicas again", id)})
}

// drainState is what `leat cluster drain -o json` prints.
type drainState struct {
	Broker   int32    `json:"broker"`
	Draining bool     `json:"draining"`
	Replicas int      `json:"replicas_left"`
	Leaders  int      `json:"leaders_left"`
	Notes    []string `json:"notes,omitempty"`
}

// held counts what a broker has, the replicas that are on their way from it included.
func (s *clusterState) held(id int32) (replicas, leaders int) {
	for i := range s.Partitions {
		if p := &s.Partitions[i]; slices.Contains(p.Replicas, id) || slices.Contains(p.ISR, id) {
			replicas++
			if p.Leader == id {
				leaders++
			}
		}
	}
	return replicas, leaders
}

// drained tells how far a drain is, until the broker is empty if that is waited for. What keeps it from ending is told once.
func (p *program) drained(flags *clusterFlags, id int32, wait bool) error {
	var last drainState
	for said := ""; ; time.Sleep(pollEvery) {
		s, err := flags.readSoon(false)
		if err != nil {
			return run.Failed(err)
		}
		last = drainState{Broker: id, Draining: true}
		last.Replicas, last.Leaders = s.held(id)
		if last.Replicas > 0 {
			last.Notes = balance.Make(s.State).Notes
		}
		line := fmt.Sprintf("broker %d: %d replicas and %d leaders are left", id, last.Replicas, last.Leaders)
		if flags.output == "text" && line != said {
			said = line
			if err := p.print(append([]string{line}, last.Notes...)); err != nil {
				return err
			}
		}
		if !wait || last.Replicas == 0 {
			break
		}
	}
	if flags.output == "json" {
		return p.printJSON(last)
	}
	return nil
}

// readSoon is readState with a time limit of its own, for commands that ask again and again.
func (f *clusterFlags) readSoon(sizes bool) (*clusterState, error) {
	ctx, cancel := context.WithTimeout(context.Background(), f.timeout)
	defer cancel()
	return f.readState(ctx, sizes)
}
