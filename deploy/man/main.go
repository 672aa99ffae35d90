// Program man writes leat's manual pages, one for each command, from the commands themselves.
//
//	go run ./deploy/man dist/man
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra/doc"

	"leat/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: man DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // pages are for everybody
		return err
	}
	root := cli.Commands()
	root.DisableAutoGenTag = true
	never := time.Unix(0, 0) // the same commands give the same pages
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "leat", Manual: "leat", Date: &never}, dir)
}
