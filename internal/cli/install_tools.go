package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"leat/internal/cli/kafka"
	"leat/internal/cli/run"
)

// installToolsCommand makes links by which the program is called as Kafka's tools are.
func (p *program) installToolsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "install-tools DIR",
		Short: "Make links with the names of Kafka's command-line tools",
		Long: `Make links to this program in a directory, with the names of Kafka's command-line tools, with and without .sh. Called by such a name it takes the flags of
that tool and prints what it prints, so that scripts keep working. A link that is there already is made again; any other file of such a name is left alone.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			self, err := os.Executable()
			if err != nil {
				return run.Failed(err)
			}
			names := toolNames()
			if err := linkTools(self, args[0], names); err != nil {
				return run.Failed(err)
			}
			fmt.Fprintf(p.Out, "%d tools in %s\n", len(names), args[0])
			return nil
		},
	}
}

// toolNames are those of all tools of Kafka's that the program knows.
func toolNames() []string {
	names := append(kafka.Names(), kafkaTools...)
	slices.Sort(names)
	return slices.Compact(names)
}

func linkTools(self, dir string, names []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		for _, path := range []string{filepath.Join(dir, name), filepath.Join(dir, name+".sh")} {
			if info, err := os.Lstat(path); err == nil {
				if info.Mode()&os.ModeSymlink == 0 {
					return fmt.Errorf("%s: it is a file already, and no link: move it away or name another directory", path)
				}
				if err := os.Remove(path); err != nil {
					return err
				}
			}
			if err := os.Symlink(self, path); err != nil {
				return err
			}
		}
	}
	return nil
}
