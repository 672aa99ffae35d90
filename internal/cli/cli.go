// Package cli is leat's command line: it reads flags, calls a room, and prints. It decides nothing about the system.
package cli

import "io"

// Main runs the command line and returns the exit status: 0 done, 1 failed, 2 wrong usage.
func Main(args []string, stdout, stderr io.Writer) int { panic("unbuilt") }
