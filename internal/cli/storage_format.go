package cli

import (
	"cmp"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/format"
	"leat/internal/fs"
	"leat/internal/storage"
)

// formatFlags are the flags of storage format, as Kafka calls them.
type formatFlags struct {
	nodeFlags
	clusterID, release, initialControllers           string
	scram, features                                  []string
	ignoreFormatted, standalone, noInitialController bool
}

func (p *program) storageFormatCommand(kafka bool) *cobra.Command {
	flags := formatFlags{nodeFlags: nodeFlags{kafka: kafka}}
	cmd := &cobra.Command{
		Use:   "format",
		Short: "Format the log directories of a node",
		Long: `Format the log directories of a node: each gets its meta.properties, and that of a controller's metadata log the checkpoint with which
the cluster begins. Directories that are formatted are never changed.

A controller whose configuration has no controller.quorum.voters says with one of --standalone, --initial-controllers and
--no-initial-controllers who the first controllers are.`,
		Example: `  leat storage format --config server.properties --cluster-id $(leat storage random-uuid) --standalone`,
		Args:    cobra.NoArgs,
	}
	out := p.form(cmd, kafka)
	cmd.RunE = func(*cobra.Command, []string) error { return runFormat(out, &flags) }
	flags.add(cmd)
	f := cmd.Flags()
	cluster := "`ID` of the cluster; without it that of the directories, or a new one"
	if kafka {
		cluster = "`ID` of the cluster; needed"
	}
	f.StringVarP(&flags.clusterID, "cluster-id", "t", "", cluster)
	f.StringArrayVarP(&flags.scram, "add-scram", "S", nil,
		"`CREDENTIAL` to begin with, as SCRAM-SHA-256=[name=alice,password=secret] or SCRAM-SHA-512=[name=alice,iterations=8192,salt=\"N3E=\",saltedpassword=\"YCE=\"]; may be repeated")
	f.BoolVarP(&flags.ignoreFormatted, "ignore-formatted", "g", false, "pass over directories that are formatted, instead of failing")
	f.StringVarP(&flags.release, "release-version", "r", "", releaseUsage())
	f.StringArrayVarP(&flags.features, "feature", "f", nil, "`FEATURE=LEVEL` in place of what the release has; may be repeated")
	f.BoolVarP(&flags.standalone, "standalone", "s", false, "this node is the first and only controller")
	f.BoolVarP(&flags.noInitialController, "no-initial-controllers", "N", false, "the controllers are found later: this one joins others")
	f.StringVarP(&flags.initialControllers, "initial-controllers", "I", "", "first controllers, as `ID@HOST:PORT:DIRECTORY`,...; the same for all nodes")
	cmd.MarkFlagsMutuallyExclusive("standalone", "no-initial-controllers", "initial-controllers")
	return cmd
}

func runFormat(out *present.Output, flags *formatFlags) error {
	values, err := flags.read()
	if err != nil {
		return err
	}
	if flags.clusterID == "" {
		if flags.kafka {
			return errors.New("kafka-storage: error: argument --cluster-id/-t is required")
		}
		found, _, _, err := storage.ReadClusterID(fs.OS, format.Directories(values))
		if err != nil {
			return run.Failed(err)
		}
		flags.clusterID = cmp.Or(found, storage.NewID().String())
	}
	levels, err := parseLevels(flags.features)
	if err != nil {
		return run.Failed(err)
	}
	release, err := format.ParseRelease(flags.release)
	if err != nil {
		return run.Failed(err)
	}
	formatted, err := format.Run(fs.OS, format.Request{
		Values: values, ClusterID: flags.clusterID, Release: release, Levels: levels, Scram: flags.scram,
		Standalone: flags.standalone, NoInitialControllers: flags.noInitialController, InitialControllers: flags.initialControllers,
		IgnoreFormatted: flags.ignoreFormatted, NewID: storage.NewID,
	})
	switch {
	case formatted != nil && out.People():
		formatted.Write(out.Out)
	case formatted != nil:
		err = errors.Join(out.Show(formatted), err)
	}
	return run.Failed(err)
}

// parseLevels reads what --feature says.
func parseLevels(list []string) (map[string]int16, error) {
	levels := map[string]int16{}
	for _, item := range list {
		name, text, ok := strings.Cut(item, "=")
		if !ok {
			return nil, format.Refuse("Can't parse feature=level string %s: equals sign not found.", item)
		}
		level, err := strconv.ParseInt(text, 10, 16)
		if err != nil {
			return nil, format.Refuse("Can't parse feature=level string %s: unable to parse %s as a short.", item, text)
		}
		levels[name] = int16(level)
	}
	return levels, nil
}
