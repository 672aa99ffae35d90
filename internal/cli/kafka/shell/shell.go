// Package shell is kafka-metadata-shell: the metadata of a cluster, as a file of the metadata log or a checkpoint has it, shown as a tree of directories and files.
//
// The tree is that of Kafka's shell: /image/topics/byName/orders/0 is a partition, /local says what the shell is of. A [node] of it is made when somebody looks
// at it, so that a cluster with very many topics costs nothing until its topics are listed. Commands (ls, cat, tree, find; at a prompt also cd, pwd, man, help,
// history and exit) are those of Kafka's, and print what Kafka's print.
//
// Nothing is ever written. A file that a running node holds is refused, as Kafka's shell does: what is read of it could be half of a change.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
	"leat/internal/fs"
)

// MetadataShell is kafka-metadata-shell.
func MetadataShell() *tool.Tool {
	return &tool.Tool{Name: "kafka-metadata-shell", Parser: &tool.Parser{
		Program:   "kafka-metadata-shell",
		Text:      "Show the metadata of a cluster as a tree",
		HelpFails: true,
		Args: []tool.Arg{
			tool.HelpArg(),
			{Flags: []string{"--snapshot", "-s"}, Required: true, Text: "File of the metadata log, or checkpoint, to read; leat also takes the directory that they lie in."},
			{Name: "command", Many: tool.Any, Text: "What to do; without it the shell asks."},
		},
	}, Run: runShell, Fails: unexpected}
}

// unexpected is how the shell says why it did not begin.
func unexpected(c *tool.Call, err error) { c.Warnln("Unexpected error: " + err.Error()) }

func runShell(_ context.Context, c *tool.Call) error {
	found, err := load(fs.OS, c.Value("snapshot"))
	if err != nil {
		return err
	}
	for _, note := range found.notes {
		c.Warnln("kafka-metadata-shell: " + note)
	}
	s := &session{Streams: c.Streams, root: root(found.image), at: "/"}
	if words := c.Values("command"); len(words) > 0 {
		s.do(words)
		return nil
	}
	c.Println("Loading...\nStarting...\n[ Kafka Metadata Shell ]")
	if err := s.interact(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read a command: %w", err)
	}
	return nil
}

// session is one user of the shell.
type session struct {
	run.Streams

	root    *node
	at      string   // the directory that names without / begin at
	prompt  bool     // commands come from a prompt: those for it are known as well
	history []string // lines of the prompt
	columns int      // of the terminal; 0: it is none
	ended   bool
}
