package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"leat/internal/cli/run"
	"leat/internal/fs"
	"leat/internal/quorum/takeover"
)

func (p *program) quorumPositionCommand() *cobra.Command {
	var flags nodeFlags
	cmd := &cobra.Command{
		Use:   "position",
		Short: "Tell how far the metadata log of a stopped controller is",
		Long: `Tell how far the metadata log of a stopped controller is, Apache Kafka's or leat's, as NODE:EPOCH:END:SEEN: its node id, the epoch of its last record, the
offset after that, and the highest epoch it has heard of. leat quorum takeover wants the positions of all controllers.`,
		Example: `  leat quorum position --config controller.properties`,
		Args:    cobra.NoArgs,
	}
	flags.add(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		values, err := flags.read()
		if err != nil {
			return err
		}
		at, err := takeover.Look(fs.OS, values.MetadataLogDir(), int32(values.Int("node.id")))
		if err != nil {
			return run.Failed(err)
		}
		_, err = fmt.Fprintln(p.Out, at)
		return err
	}
	return cmd
}

func (p *program) quorumTakeoverCommand() *cobra.Command {
	var flags nodeFlags
	cmd := &cobra.Command{
		Use:   "takeover POSITION...",
		Short: "Let this stopped controller go on under leat, or under Apache Kafka",
		Long: `Let this stopped controller go on under leat where Apache Kafka stopped, or the other way round, on the same metadata log. Stop all controllers, ask each for its
position with leat quorum position, and run this at each with all positions. It changes nothing unless this controller's log has everything that any of
the others has; otherwise it names the one to copy from.`,
		Example: `  leat quorum takeover --config controller.properties 1:7:5210:7 2:7:5210:7 3:7:5208:7`,
		Args:    cobra.MinimumNArgs(1),
	}
	flags.add(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		values, err := flags.read()
		if err != nil {
			return err
		}
		var all []takeover.Position
		for _, arg := range args {
			at, err := takeover.Parse(arg)
			if err != nil {
				return err
			}
			all = append(all, at)
		}
		var voters []int32
		for _, v := range values.Voters() {
			voters = append(voters, v.ID)
		}
		node := int32(values.Int("node.id"))
		if err := takeover.Prepare(fs.OS, values.MetadataLogDir(), node, voters, all); err != nil {
			return run.Failed(err)
		}
		_, err = fmt.Fprintf(p.Out, "controller %d may go on\n", node)
		return err
	}
	return cmd
}
