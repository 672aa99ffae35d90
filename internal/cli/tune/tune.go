// Package tune says what of a machine stands in a node's way: limits, swap, file systems, clocks. It looks and changes nothing.
//
// The checks are functions of what was read from the machine ([machine]), so that a test can hand them another one; what they advise is for Linux, where the
// figures come from.
package tune

import (
	"github.com/spf13/cobra"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"`
	Found  string `json:"found"`
	Fine   bool   `json:"fine"`
	Why    string `json:"why,omitempty"`    // what it costs if it stays
	Change string `json:"change,omitempty"` // what to do
}

// flags are those of `leat tune`.
type flags struct {
	*present.Output
	dirs   []string
	strict bool
}

// Command is `leat tune`.
func Command(s run.Streams) *cobra.Command {
	f := &flags{Output: present.To(s)}
	cmd := &cobra.Command{
		Use:   "tune",
		Short: "Look at this machine, and print what to change before a node runs on it",
		Long: "Look at this machine (limits, swap, file systems, clock, network) and print what to change before a node runs on it. Nothing is changed.\n\n" +
			"Limits are those of this process: run it as the user, and where, the node will run.",
		Example: "  leat tune --log-dirs /var/lib/leat\n  sudo -u leat leat tune --strict && echo ready",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := f.Check(); err != nil {
				return err
			}
			return f.run()
		},
	}
	f.Add(cmd)
	cmd.Flags().StringSliceVar(&f.dirs, "log-dirs", []string{"."}, "`DIR,...` where data will be")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "end with status 1 if something should be changed")
	return cmd
}

func (f *flags) run() error {
	all := examine(thisMachine(), f.dirs)
	t := present.NewTable("CHECK", "FOUND", "", "WHAT TO DO")
	wrong := 0
	for _, one := range all {
		verdict, advice := any(present.Good("fine")), ""
		if !one.Fine {
			wrong++
			verdict, advice = present.Warn("change"), one.Change+" ("+one.Why+")"
		}
		t.Add(one.Check, one.Found, verdict, advice)
	}
	if err := f.Show(all, t); err != nil {
		return err
	}
	if f.strict && wrong > 0 {
		return run.Exit(1)
	}
	return nil
}
