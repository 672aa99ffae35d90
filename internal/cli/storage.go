package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/config"
	"leat/internal/format"
	"leat/internal/fs"
	"leat/internal/storage"
)

// kafkaStorage is the name of Kafka's tool, which the program is when it is called by it.
const kafkaStorage = "kafka-storage"

func (p *program) storageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "storage",
		Short: "Format the log directories of a node, and say what they are",
		Long: `Format the log directories of a node, and say what they are.

A node alone needs none of this: leat server formats fresh directories by itself. Formatting by hand chooses the cluster's id, its feature
levels, its first controllers and its first SCRAM credentials.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	p.addStorageCommands(cmd, false)
	return cmd
}

func (p *program) kafkaStorageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   kafkaStorage,
		Short: "Format log directories as Kafka's kafka-storage does",
		Long: `Format log directories as Kafka's kafka-storage does: the same flags, the same lines, and exit status 1 for whatever is wrong.

A link to the program with the name kafka-storage or kafka-storage.sh is this command.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return errors.New("kafka-storage: error: too few arguments") },
	}
	p.addStorageCommands(cmd, true)
	return cmd
}

// addStorageCommands adds the commands that both have. Kafka's wants the arguments that Kafka wants.
func (p *program) addStorageCommands(parent *cobra.Command, kafka bool) {
	parent.AddCommand(p.storageInfoCommand(kafka), p.storageFormatCommand(kafka), p.versionMappingCommand(kafka), p.featureDependenciesCommand(kafka),
		p.randomUUIDCommand(kafka))
}

// form gives a command its output. Kafka's has no flag for it: it is always in Kafka's words.
func (p *program) form(cmd *cobra.Command, kafka bool) *present.Output {
	out := present.To(p.Streams)
	if !kafka {
		out.Add(cmd)
		cmd.PreRunE = func(*cobra.Command, []string) error { return out.Check() }
	}
	return out
}

// nodeFlags say which node it is about.
type nodeFlags struct {
	file  string
	set   []string
	kafka bool
}

func (f *nodeFlags) add(cmd *cobra.Command) {
	if f.kafka {
		cmd.Flags().StringVarP(&f.file, "config", "c", "", "properties `FILE` of the node; needed")
		return
	}
	cmd.Flags().StringVarP(&f.file, "config", "c", "", "properties `FILE` of the node; without it that of leat server without a file")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "set one key, as `KEY=VALUE`; may be repeated")
}

func (f *nodeFlags) read() (*config.Values, error) {
	if f.kafka && f.file == "" {
		return nil, errors.New("kafka-storage: error: argument --config/-c is required")
	}
	set, err := parseSet(f.set)
	if err != nil {
		return nil, err
	}
	values, _, _, err := readConfig(f.file, set)
	if err != nil {
		return nil, run.Failed(err)
	}
	return values, nil
}

func (p *program) storageInfoCommand(kafka bool) *cobra.Command {
	flags := nodeFlags{kafka: kafka}
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Say what the log directories of a node are, and what is wrong with them",
		Args:  cobra.NoArgs,
	}
	out := p.form(cmd, kafka)
	cmd.RunE = func(*cobra.Command, []string) error {
		values, err := flags.read()
		if err != nil {
			return err
		}
		found := format.Info(fs.OS, values)
		if out.People() {
			found.Write(p.Out)
		} else if err := out.Show(found); err != nil {
			return err
		}
		if len(found.Problems) > 0 {
			return run.Failed(errors.New("not all log directories are formatted as one node's"))
		}
		return nil
	}
	flags.add(cmd)
	return cmd
}

func (p *program) versionMappingCommand(kafka bool) *cobra.Command {
	var release string
	cmd := &cobra.Command{
		Use:   "version-mapping",
		Short: "Show which feature levels a release stands for",
		Args:  cobra.NoArgs,
	}
	out := p.form(cmd, kafka)
	cmd.RunE = func(*cobra.Command, []string) error {
		r, err := format.ParseRelease(release)
		if err != nil {
			return run.Failed(err)
		}
		levels := format.Mapping(r)
		if !kafka {
			t := present.NewTable("FEATURE", "LEVEL", "RELEASE")
			for _, l := range levels {
				t.Add(l.Feature, l.Level, l.Release)
			}
			return out.Show(levels, t)
		}
		for _, l := range levels {
			if err := p.print([]string{l.String()}); err != nil {
				return err
			}
		}
		return nil
	}
	cmd.Flags().StringVarP(&release, "release-version", "r", "", releaseUsage())
	return cmd
}

func releaseUsage() string {
	return fmt.Sprintf("`RELEASE` whose feature levels are meant, for instance 4.1 or 4.1-IV0; from %s to %s, which is the default",
		format.Least().Name, format.Newest().Name)
}

func (p *program) featureDependenciesCommand(kafka bool) *cobra.Command {
	var list []string
	cmd := &cobra.Command{
		Use:   "feature-dependencies",
		Short: "Show what levels of features depend on",
		Args:  cobra.NoArgs,
	}
	out := p.form(cmd, kafka)
	cmd.RunE = func(*cobra.Command, []string) error {
		if len(list) == 0 {
			if kafka {
				return errors.New("kafka-storage: error: argument --feature/-f is required")
			}
			return errors.New("--feature: name at least one FEATURE=LEVEL, such as share.version=1")
		}
		all := make([]*format.Dependency, 0, len(list))
		for _, item := range list {
			d, err := dependency(item)
			if err == nil && kafka {
				err = p.print(d.Lines())
			}
			if err != nil {
				return run.Failed(err)
			}
			all = append(all, d)
		}
		if kafka {
			return nil
		}
		t := present.NewTable("FEATURE", "LEVEL", "REQUIRES")
		for _, d := range all {
			var needs []string
			for _, l := range d.Requires {
				needs = append(needs, l.String())
			}
			t.Add(d.Feature, d.Level.Level, strings.Join(needs, ", "))
		}
		return out.Show(all, t)
	}
	cmd.Flags().StringArrayVarP(&list, "feature", "f", nil, "`FEATURE=LEVEL` to look up; may be repeated")
	return cmd
}

func dependency(item string) (*format.Dependency, error) {
	name, text, ok := strings.Cut(item, "=")
	if !ok {
		return nil, format.Refuse("Invalid feature format: %s. Expected format: 'feature=version' (e.g. 'group.version=1')", item)
	}
	level, err := strconv.ParseInt(text, 10, 16)
	if err != nil {
		return nil, format.Refuse("Invalid version format: %s for feature %s", text, name)
	}
	return format.Dependencies(name, int16(level))
}

func (p *program) randomUUIDCommand(kafka bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "random-uuid",
		Short: "Print a random id, for a cluster or a directory",
		Args:  cobra.NoArgs,
	}
	out := p.form(cmd, kafka)
	cmd.RunE = func(*cobra.Command, []string) error {
		id := storage.NewID().String()
		if out.People() {
			return p.print([]string{id})
		}
		return out.Show(struct {
			ID string `json:"id"`
		}{id})
	}
	return cmd
}

func (p *program) print(lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(p.Out, line); err != nil {
			return run.Failed(err)
		}
	}
	return nil
}
