// Command leat is the event streaming platform in one binary.
package main

import (
	"os"

	"leat/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args, os.Stdout, os.Stderr)) }
