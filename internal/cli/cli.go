// Package cli is leat's command line: it reads flags, calls a room, and prints. It decides nothing about the system.
//
// What a program may rely on: the line that begins with "leat ready" on standard output, errors on standard error, and the exit status:
// 0 done, 1 failed, 2 wrong usage.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"leat/internal/cli/explain"
	"leat/internal/cli/kafka"
	"leat/internal/cli/manage"
	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/cli/stream"
	"leat/internal/cli/tune"
	"leat/internal/server"
)

// Exit statuses.
const (
	done   = 0
	failed = 1
	misuse = 2
)

// Main runs the command line and returns the exit status: 0 done, 1 failed, 2 wrong usage.
func Main(args []string, s run.Streams) int {
	return newProgram(s).main(calledAs(args))
}

// Commands is the command line as a tree, for those who write pages about it.
func Commands() *cobra.Command { return newProgram(run.Streams{}).root() }

// program is one run of the command line, with the seams to the process.
type program struct {
	run.Streams
	serve       func(context.Context, server.Config) error
	exit        func(status int) // at once
	limitMemory func() (int64, error)
	shown       *present.Output // what the command prints by; nil: nothing but JSON
	sameSignal  time.Duration   // see onSignals
}

func newProgram(s run.Streams) *program {
	return &program{Streams: s, serve: server.Run, exit: os.Exit, limitMemory: limitMemory,
		sameSignal: 500 * time.Millisecond}
}

func (p *program) main(args []string) int {
	if len(args) > 0 && args[0] == kafkaRunClass {
		ours, status := runClass(args[1:], p.Streams)
		if ours == nil {
			return status
		}
		args = ours
	}
	if len(args) > 0 && args[0] == kafkaServerStop {
		return serverStop(args[1:], p.Streams, thisMachine)
	}
	if len(args) > 0 && args[0] == kafkaServerStart {
		ours, status := serverStart(args[1:], p.Streams)
		if ours == nil {
			return status
		}
		args = ours
	}
	if len(args) > 0 && kafka.Has(args[0]) {
		return kafka.Main(context.Background(), args[0], args[1:], p.Streams)
	}
	root := p.root()
	root.SetArgs(toolArgs(args))
	cmd, err := root.ExecuteC()
	if err != nil {
		err = cmp.Or(unknownCommand(root, args), err) // cobra looks at the flags of what it takes for the command first
	}
	if err == nil {
		return done
	}
	name := root.Name()
	if cmd != nil {
		name = cmd.CommandPath()
	}
	if status := run.Exit(0); errors.As(err, &status) {
		return int(status)
	}
	if inKafkasWords(cmd) {
		fmt.Fprintln(p.Err, err) // in Kafka's words, which scripts may look for
		return failed
	}
	fmt.Fprintf(p.Err, "%s: %v\n", name, err)
	if run.IsFailed(err) {
		return failed
	}
	if near := nearest(cmd, err); len(near) > 0 {
		fmt.Fprintf(p.Err, "did you mean %s?\n", strings.Join(near, " or "))
	}
	fmt.Fprintf(p.Err, "see '%s --help'\n", name)
	return misuse
}

// unknownCommand is the error of words that name a command which there is not, in a family of commands; nil if they do not.
func unknownCommand(root *cobra.Command, args []string) error {
	cmd, rest, err := root.Find(args)
	if err != nil || !cmd.HasSubCommands() || len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
		return nil //nolint:nilerr // it says so itself
	}
	return fmt.Errorf("unknown command %q for %q", rest[0], cmd.CommandPath())
}

// nearest are the commands that somebody may have meant who named one that there is not.
func nearest(cmd *cobra.Command, err error) []string {
	if cmd == nil || !strings.HasPrefix(err.Error(), "unknown command ") {
		return nil
	}
	_, typed, _ := strings.Cut(err.Error(), `"`)
	typed, _, _ = strings.Cut(typed, `"`)
	const letters = 2 // that may be wrong
	cmd.SuggestionsMinimumDistance = letters
	var near []string
	for _, name := range cmd.SuggestionsFor(typed) {
		near = append(near, cmd.CommandPath()+" "+name)
	}
	return near
}

// completeNames lets shells complete the names of topics and groups where commands move records.
func completeNames(records []*cobra.Command) {
	for _, cmd := range records {
		if !cmd.HasSubCommands() {
			cmd.ValidArgsFunction = manage.Topics(cmd.Name() != "consume")
		}
		if cmd.Flags().Lookup("group") != nil {
			_ = cmd.RegisterFlagCompletionFunc("group", manage.Groups)
		}
		for _, sub := range cmd.Commands() {
			sub.ValidArgsFunction = manage.Topics(true)
		}
	}
}

// root is the command line as a tree of commands.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "leat",
		Short:         "An event streaming platform that speaks the Apache Kafka protocol",
		Long:          "leat is an event streaming platform that speaks the Apache Kafka protocol.\n\nTo start a single node: leat server",
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	root.AddCommand(p.serverCommand(), p.clusterCommand(), p.quorumCommand(), p.logCommand(), p.kafkaDumpLogCommand(), p.storageCommand(), p.kafkaStorageCommand(),
		p.kafkaMetadataQuorumCommand(), p.kafkaClusterCommand(), p.installToolsCommand(), p.versionCommand())
	records := stream.Commands(p.Streams)
	root.AddCommand(records...)
	completeNames(records)
	root.AddCommand(manage.Commands(p.Streams)...)
	root.AddCommand(explain.Commands(p.Streams)...)
	root.AddCommand(tune.Command(p.Streams))
	return root
}
