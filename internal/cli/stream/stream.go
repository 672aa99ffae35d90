// Package stream has the commands that move records: leat produce, leat consume and leat perf. They are clients like any other: what they know of a cluster they
// know from the protocol.
//
// What a program may rely on: records and results go to standard output and nothing else does; progress and errors go to standard error, progress only if that
// is a terminal. A reader that goes away (leat consume | head) ends a command with status 0. An interrupt ends leat consume with status 0, too, after it has
// committed what it printed; leat produce it ends with status 1, because not everything was sent.
package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"leat/internal/cli/reach"
	"leat/internal/cli/run"
)

// Commands are the commands of this package.
func Commands(s run.Streams) []*cobra.Command {
	return []*cobra.Command{produceCommand(s), consumeCommand(s), perfCommand(s)}
}

// untilStopped is a context that ends with an interrupt or SIGTERM; a second one ends the process, as it does by default. Writing to a pipe that nobody
// reads becomes an error.
func untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	release := context.AfterFunc(ctx, stop)
	return ctx, func() { release(); stop() }
}

// quietly turns the end of a reader into no error: whoever reads the output has enough.
func quietly(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return run.Failed(reach.Advised(err))
}

// choices lets the shell complete a flag.
func choices(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(fmt.Sprintf("%s has no flag %s: %v", cmd.Name(), flag, err)) // a bug of ours
	}
}
