package manage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"leat/internal/cli/present"
	"leat/internal/cli/reach"
	"leat/internal/cli/run"
)

const profileLong = `Profiles name clusters, each with the properties of a client: bootstrap.servers, security.protocol, ssl.*, sasl.* and others. They are in one file,
leat/config.yaml below $XDG_CONFIG_HOME or ~/.config, or where LEAT_CONFIG says. leat profile use chooses the one that commands use which name no cluster;
--profile and LEAT_PROFILE choose another. Secrets stand elsewhere: ${file:/path}, ${file:/path:key} and ${env:NAME} are looked up when they are needed.`

func profileFamily(s run.Streams) *cobra.Command {
	cmd := family("profile", "Keep the addresses and credentials of several clusters", profileListCommand(s), profileShowCommand(s), profileUseCommand(s), profileSetCommand(s), profileDeleteCommand(s))
	cmd.Long = profileLong
	return cmd
}

// local makes a command that asks no cluster.
func local(s run.Streams, cmd *cobra.Command, do func(out *present.Output, all *reach.Profiles, args []string) error) (*cobra.Command, *present.Output) {
	out := present.To(s)
	out.Add(cmd)
	cmd.ValidArgsFunction = completeProfiles
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := out.Check(); err != nil {
			return err
		}
		all, err := reach.LoadProfiles()
		if err != nil {
			return run.Failed(err)
		}
		return do(out, all, args)
	}
	return cmd, out
}

func completeProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	all, err := reach.LoadProfiles()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return all.Names(), cobra.ShellCompDirectiveNoFileComp
}

// profile is what `leat profile list -o json` prints of each.
type profile struct {
	Name       string            `json:"name"`
	InUse      bool              `json:"in_use"`
	Properties map[string]string `json:"properties"` // secrets that are not references are hidden
}

func profileOf(all *reach.Profiles, name string) profile {
	p := profile{Name: name, InUse: name == all.Current, Properties: maps.Clone(all.Profiles[name])}
	for key, value := range p.Properties {
		if reach.Secret(key) && !refers(value) {
			p.Properties[key] = "(hidden)"
		}
	}
	return p
}

// refers reports whether a value stands elsewhere.
func refers(value string) bool { return strings.Contains(value, "${") }

func profileListCommand(s run.Streams) *cobra.Command {
	cmd, _ := local(s, &cobra.Command{Use: "list", Short: "List profiles", Example: "  leat profile list", Args: cobra.NoArgs},
		func(out *present.Output, all *reach.Profiles, _ []string) error {
			listed, t := []profile{}, present.NewTable("PROFILE", "IN USE", "SERVERS", "SECURITY")
			for _, name := range all.Names() {
				p := profileOf(all, name)
				listed = append(listed, p)
				use := any(nil)
				if p.InUse {
					use = present.Good("yes")
				}
				t.Add(name, use, p.Properties["bootstrap.servers"], p.Properties["security.protocol"])
			}
			t.Notes = []string{"in " + all.Path()}
			return out.Show(listed, t)
		})
	return cmd
}

func profileShowCommand(s run.Streams) *cobra.Command {
	cmd, _ := local(s, &cobra.Command{Use: "show [PROFILE]", Short: "Show the properties of a profile, or of the one in use", Example: "  leat profile show prod", Args: cobra.MaximumNArgs(1)},
		func(out *present.Output, all *reach.Profiles, args []string) error {
			name := all.Current
			if len(args) == 1 {
				name = args[0]
			}
			if name == "" {
				return run.Failed(fmt.Errorf("no profile is in use: leat profile use NAME chooses one"))
			}
			if _, err := all.Find(name); err != nil {
				return run.Failed(err)
			}
			p := profileOf(all, name)
			t := present.NewTable("PROPERTY", "VALUE")
			for _, key := range slices.Sorted(maps.Keys(p.Properties)) {
				t.Add(key, p.Properties[key])
			}
			return out.Show(p, t)
		})
	return cmd
}

func profileUseCommand(s run.Streams) *cobra.Command {
	var none bool
	cmd, _ := local(s, &cobra.Command{Use: "use PROFILE", Short: "Choose the profile for commands that name no cluster", Example: "  leat profile use prod\n  leat profile use --none", Args: cobra.MaximumNArgs(1)},
		func(out *present.Output, all *reach.Profiles, args []string) error {
			if none == (len(args) == 1) {
				return fmt.Errorf("give a profile, or --none")
			}
			name := strings.Join(args, "")
			if err := all.Use(name); err != nil {
				return run.Failed(err)
			}
			return save(out, all, present.Step{Object: "profile " + name, Action: "use"})
		})
	cmd.Flags().BoolVar(&none, "none", false, "use none")
	return cmd
}

// save writes the profiles, and tells what was done.
func save(out *present.Output, all *reach.Profiles, steps ...present.Step) error {
	if !out.Planning() {
		if err := all.Save(); err != nil {
			return run.Failed(err)
		}
	}
	for i := range steps {
		steps[i].Done = !out.Planning()
	}
	return out.Show(present.Steps(steps), present.Steps(steps).Planned())
}

func profileSetCommand(s run.Streams) *cobra.Command {
	cmd, out := local(s, &cobra.Command{
		Use: "set PROFILE KEY=VALUE...", Short: "Make a profile, or change its properties; an empty value takes one away",
		Example: "  leat profile set prod bootstrap.servers=b1:9092,b2:9092 security.protocol=SASL_SSL \\\n    sasl.mechanism=SCRAM-SHA-512 sasl.username=alice 'sasl.password=${file:/run/secrets/alice}'",
		Args:    cobra.MinimumNArgs(2),
	}, func(out *present.Output, all *reach.Profiles, args []string) error {
		set, err := pairs(args[1:])
		if err != nil {
			return err
		}
		p := maps.Clone(all.Profiles[args[0]])
		if p == nil {
			p = map[string]string{}
		}
		var steps []present.Step
		for _, kv := range set {
			if reach.Secret(kv[0]) && kv[1] != "" && !refers(kv[1]) {
				return fmt.Errorf("%s: others see what is written on a command line: write %s='${file:/path}' or '${env:NAME}'", kv[0], kv[0])
			}
			step := present.Step{Object: "profile " + args[0], Action: "set", What: kv[0], Before: profileOf(all, args[0]).Properties[kv[0]], After: kv[1]}
			if p[kv[0]] = kv[1]; kv[1] == "" {
				delete(p, kv[0])
				step.Action = "unset"
			}
			steps = append(steps, step)
		}
		if _, err := reach.FromProperties(withoutReferences(p)); err != nil {
			return fmt.Errorf("profile %s: %w", args[0], err)
		}
		all.Profiles[args[0]] = p
		return save(out, all, steps...)
	})
	out.AddPlan(cmd)
	return cmd
}

// withoutReferences is a profile as far as it can be looked at now: what stands elsewhere may come later.
func withoutReferences(p map[string]string) map[string]string {
	out := map[string]string{}
	if p["security.protocol"] != "PLAINTEXT" && slices.ContainsFunc(slices.Collect(maps.Values(p)), refers) {
		return out
	}
	maps.Copy(out, p)
	return out
}

func profileDeleteCommand(s run.Streams) *cobra.Command {
	cmd, out := local(s, &cobra.Command{Use: "delete PROFILE...", Short: "Delete profiles", Example: "  leat profile delete old --yes", Args: cobra.MinimumNArgs(1)},
		func(out *present.Output, all *reach.Profiles, args []string) error {
			var steps []present.Step
			for _, name := range args {
				if _, err := all.Find(name); err != nil {
					return run.Failed(err)
				}
				delete(all.Profiles, name)
				if all.Current == name {
					all.Current = ""
				}
				steps = append(steps, present.Step{Object: "profile " + name, Action: "delete"})
			}
			if !out.Planning() {
				if err := out.Confirm("delete " + plural(len(args), "profile")); err != nil {
					return err
				}
			}
			return save(out, all, steps...)
		})
	out.AddPlan(cmd)
	out.AddYes(cmd)
	return cmd
}
