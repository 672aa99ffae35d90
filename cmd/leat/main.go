// Command leat is the event streaming platform in one binary.
package main

import (
	"os"

	"leat/internal/cli"
	"leat/internal/cli/run"
)

func main() { os.Exit(cli.Main(os.Args, run.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})) }
