// Package manage is leat's own commands for what a cluster has: topics, groups, configs, ACLs, users, quotas, tokens and transactions; and for the profiles by
// which a person's clusters are known.
//
// All of them speak the Kafka protocol, so that they work on clusters of Apache Kafka, too. Each is one [command]: flags that say which cluster, a form of the
// output, a function. What changes something makes a list of steps first, shows it with --plan, and asks before it destroys.
package manage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/reach"
	"leat/internal/cli/run"
)

// Commands are the families of commands.
func Commands(s run.Streams) []*cobra.Command {
	return []*cobra.Command{topicFamily(s), groupFamily(s), configFamily(s), aclFamily(s), userFamily(s), quotaFamily(s), tokenFamily(s), txnFamily(s), profileFamily(s)}
}

// family is a command that has others.
func family(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(subs...)
	return cmd
}

// command is one command that asks a cluster.
type command struct {
	*cobra.Command
	*present.Output
	reach.Flags

	// check looks at the arguments before anybody is asked. Its errors are about how the command was called. Nil: there is nothing to look at.
	check func(args []string) error
	// patience is how long a cluster is tried that does not answer; nil: once.
	patience *time.Duration
	// run does what the command is for. Its errors are failures.
	run func(ctx context.Context, c *cluster, args []string) error
}

// cluster is the cluster that a command asks.
type cluster struct {
	*kgo.Client
	admin *kadm.Client
}

// newCommand makes a command of what cobra knows of it. The caller sets check and run.
func newCommand(s run.Streams, cmd *cobra.Command) *command {
	c := &command{Command: cmd, Output: present.To(s)}
	c.Flags.Add(cmd)
	c.Output.Add(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error { return c.do(args) }
	return c
}

// changes gives a command the flag --plan.
func (c *command) changes() *command {
	c.AddPlan(c.Command)
	return c
}

// destroys gives a command the flags --plan and --yes.
func (c *command) destroys() *command {
	c.AddPlan(c.Command)
	c.AddYes(c.Command)
	return c
}

// connect reaches the cluster, for a patient command as soon as it answers.
func (c *command) connect() (*kgo.Client, error) {
	began := time.Now()
	for {
		ctx, cancel := c.Timed(c.Context())
		cl, err := c.Connect(ctx)
		cancel()
		if err == nil || c.patience == nil || time.Since(began) >= *c.patience {
			return cl, err
		}
		time.Sleep(pollEvery)
	}
}

func (c *command) do(args []string) error {
	if err := c.Output.Check(); err != nil {
		return err
	}
	if c.check != nil {
		if err := c.check(args); err != nil {
			return err
		}
	}
	if err := c.Resolve(); err != nil {
		return err
	}
	cl, err := c.connect()
	if err != nil {
		return run.Failed(err)
	}
	ctx, cancel := c.Timed(c.Context())
	defer cancel()
	defer cl.Close()
	admin := kadm.NewClient(cl)
	admin.SetTimeoutMillis(int32(min(c.Timeout.Milliseconds(), 1<<30)))
	err = c.run(ctx, &cluster{Client: cl, admin: admin}, args)
	if exit := run.Exit(0); errors.As(err, &exit) || errors.Is(err, present.ErrNobody) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = run.Hint(err, "the cluster took longer than --timeout=%v", c.Timeout)
	}
	return run.Failed(reach.Advised(err))
}

// ask sends a request, and takes the answer for what it must be.
func ask[R kmsg.Response](ctx context.Context, c kmsg.Requestor, rq kmsg.Request) (R, error) {
	var none R
	answer, err := c.Request(ctx, rq)
	if err != nil {
		return none, err
	}
	resp, ok := answer.(R)
	if !ok {
		return none, fmt.Errorf("%s was answered with %T", kmsg.NameForKey(rq.Key()), answer)
	}
	return resp, nil
}

// answered is the error in an answer: its code, and what was said with it.
func answered(code int16, message *string) error {
	if code == 0 {
		return nil
	}
	err := kerr.ErrorForCode(code)
	if message != nil && *message != "" && !strings.HasSuffix(err.Error(), ": "+*message) { // some say it twice
		return fmt.Errorf("%s (%w)", *message, err)
	}
	return err
}

// of names the object that an error is about. Nil stays nil.
func of(object string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", object, err)
}

func orNothing(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
