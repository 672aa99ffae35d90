// Package cli is leat's command line: it reads flags, calls a room, and prints. It decides nothing about the system.
//
// What a program may rely on: the line that begins with "leat ready" on standard output, errors on standard error, and the exit status:
// 0 done, 1 failed, 2 wrong usage.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"leat/internal/server"
)

// Exit statuses.
const (
	done   = 0
	failed = 1
	misuse = 2
)

// Main runs the command line and returns the exit status: 0 done, 1 failed, 2 wrong usage.
func Main(args []string, stdout, stderr io.Writer) int {
	return newProgram(stdout, stderr).main(calledAs(args))
}

// program is one run of the command line, with the seams to the process.
type program struct {
	stdout, stderr io.Writer
	serve          func(context.Context, server.Config) error
	exit           func(status int) // at once
	limitMemory    func() (int64, error)
	sameSignal     time.Duration // see onSignals
}

func newProgram(stdout, stderr io.Writer) *program {
	return &program{stdout: stdout, stderr: stderr, serve: server.Run, exit: os.Exit, limitMemory: limitMemory,
		sameSignal: 500 * time.Millisecond}
}

func (p *program) main(args []string) int {
	root := p.root()
	root.SetArgs(toolArgs(args))
	cmd, err := root.ExecuteC()
	if err == nil {
		return done
	}
	name := root.Name()
	if cmd != nil {
		name = cmd.CommandPath()
	}
	if inKafkasWords(cmd) {
		fmt.Fprintln(p.stderr, err) // in Kafka's words, which scripts may look for
		return failed
	}
	fmt.Fprintf(p.stderr, "%s: %v\n", name, err)
	var f failure
	if errors.As(err, &f) {
		return failed
	}
	fmt.Fprintf(p.stderr, "see '%s --help'\n", name)
	return misuse
}

// failure is an error of what a command did. Every other error, those of cobra included, is one of how it was called.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

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
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.AddCommand(p.serverCommand(), p.clusterCommand(), p.groupCommand(), p.quorumCommand(), p.logCommand(), p.kafkaDumpLogCommand(), p.storageCommand(), p.kafkaStorageCommand(),
		p.kafkaMetadataQuorumCommand(), p.kafkaClusterCommand(), p.versionCommand())
	return root
}
