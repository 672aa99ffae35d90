package admin

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
	"leat/internal/format"
)

const metadataVersion = "metadata.version"

// Features is kafka-features.
func Features() *tool.Tool {
	return &tool.Tool{Name: "kafka-features", Parser: featuresParser(), Run: features}
}

func features(ctx context.Context, c *tool.Call) error {
	switch c.Value(tool.CommandName) {
	case "version-mapping":
		return versionMapping(c)
	case "feature-dependencies":
		return featureDependencies(c)
	}
	if c.Count("bootstrap-server", "bootstrap-controller") == 0 {
		return c.Misused("You must specify either --bootstrap-controller or --bootstrap-server.")
	}
	set, err := tool.Properties(c.Value("command-config"))
	if err != nil {
		return err
	}
	cluster, err := c.ConnectWith(set)
	if err != nil {
		return err
	}
	defer cluster.Close()
	if c.Value(tool.CommandName) == "describe" {
		return describeFeatures(ctx, c, cluster)
	}
	return changeFeatures(ctx, c, cluster)
}

func versionMapping(c *tool.Call) error {
	release, err := format.ParseRelease(c.Value("release-version"))
	if err != nil {
		return err
	}
	for _, level := range format.Mapping(release) {
		c.Println(level)
	}
	return nil
}

func featureDependencies(c *tool.Call) error {
	for _, text := range c.Values("feature") {
		name, level, err := featureLevel(text)
		if err != nil {
			return err
		}
		dependency, err := format.Dependencies(name, level)
		if err != nil && strings.HasPrefix(err.Error(), "Feature level") {
			err = tool.Saidf("No feature:%s with feature level %d", name, level)
		}
		if err != nil {
			return err
		}
		for _, line := range dependency.Lines() {
			c.Println(line)
		}
	}
	return nil
}

// featureLevel reads FEATURE=LEVEL.
func featureLevel(text string) (string, int16, error) {
	name, level, ok := strings.Cut(text, "=")
	if !ok {
		return "", 0, tool.Saidf("Can't parse feature=level string %s: equals sign not found.", text)
	}
	level = strings.TrimSpace(level)
	n, err := parseInt(level, 16)
	if err != nil {
		return "", 0, tool.Saidf("Can't parse feature=level string %s: unable to parse %s as a short.", text, level)
	}
	return strings.TrimSpace(name), int16(n), nil
}

// levelText is a level as the tool prints it.
func levelText(feature string, level int16) string {
	if feature != metadataVersion {
		return number(level)
	}
	if name, ok := format.LevelName(level); ok {
		return name
	}
	return "UNKNOWN " + number(level)
}

func describeFeatures(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "leat", tool.Version
	var answer *kmsg.ApiVersionsResponse
	var err error
	if c.Has("node-id") {
		answer, err = tool.AskNode[*kmsg.ApiVersionsResponse](ctx, cluster, c.Int32("node-id"), request)
	} else {
		answer, err = tool.Ask[*kmsg.ApiVersionsResponse](ctx, cluster, request)
	}
	if err == nil {
		err = tool.Refused(answer.ErrorCode, nil)
	}
	if err != nil {
		return tool.Executed(err)
	}
	levels := make(map[string]int16)
	for _, f := range answer.FinalizedFeatures {
		levels[f.Name] = f.MaxVersionLevel
	}
	epoch := "-"
	if answer.FinalizedFeaturesEpoch >= 0 {
		epoch = number(answer.FinalizedFeaturesEpoch)
	}
	slices.SortFunc(answer.SupportedFeatures, func(a, b kmsg.ApiVersionsResponseSupportedFeature) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range answer.SupportedFeatures {
		c.Printf("Feature: %-41s SupportedMinVersion: %-16s SupportedMaxVersion: %-16s FinalizedVersionLevel: %-16s Epoch: %s\n",
			f.Name, levelText(f.Name, f.MinVersion), levelText(f.Name, f.MaxVersion), levelText(f.Name, levels[f.Name]), epoch)
	}
	return nil
}

// Ways to change the level of a feature, as the protocol has them.
const (
	featureUp = iota + 1
	featureDown
	featureDownUnsafe
)

// featureWay is the way that a command stands for.
func featureWay(c *tool.Call) int8 {
	switch {
	case c.Value(tool.CommandName) == "upgrade":
		return featureUp
	case c.Has("unsafe"):
		return featureDownUnsafe
	}
	return featureDown
}

// changeFeatures sets levels, or takes features away.
func changeFeatures(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	command, way := c.Value(tool.CommandName), featureWay(c)
	wanted, err := wantedLevels(c, way)
	if err != nil {
		return err
	}
	if len(wanted) == 0 {
		return tool.Said("You must specify at least one feature to " + command)
	}
	names := slices.Sorted(maps.Keys(wanted))
	if slices.Contains(names, "") {
		return tool.Illegal("Provided feature can not be empty.")
	}
	failed, err := updateFeatures(ctx, c, cluster, wanted, way)
	if err != nil {
		return err
	}
	for _, name := range names {
		to, done := command+" "+name+" to "+number(wanted[name]), command+"d to "+number(wanted[name])+"."
		if command == "disable" {
			to, done = command+" "+name, "disabled."
		}
		switch err := failed[name]; {
		case err != nil && c.Has("dry-run"):
			c.Println("Can not " + to + ". " + err.Error())
		case err != nil:
			c.Println("Could not " + to + ". " + err.Error())
		case c.Has("dry-run"):
			c.Println(name + " can be " + done)
		default:
			c.Println(name + " was " + done)
		}
	}
	if len(failed) > 0 {
		return tool.Saidf("%d out of %d operation(s) failed.", len(failed), len(wanted))
	}
	return nil
}

// wantedLevels are what the options ask for.
func wantedLevels(c *tool.Call, way int8) (map[string]int16, error) {
	wanted := make(map[string]int16)
	add := func(name string, level int16) error {
		switch _, twice := wanted[name]; {
		case level < 0:
			return tool.Illegal("Cannot specify a negative version level.")
		case level == 0 && way == featureUp:
			return tool.Illegal("The upgradeType flag should be set to SAFE_DOWNGRADE or UNSAFE_DOWNGRADE when the provided maxVersionLevel:%d is < 1.", level)
		case twice:
			return tool.Said("Feature " + name + " was specified more than once.")
		}
		wanted[name] = level
		return nil
	}
	if c.Has("release-version") {
		if c.Count("metadata", "feature") > 0 {
			return nil, tool.Said("Can not specify `release-version` with other feature flags.")
		}
		release, err := format.ParseRelease(c.Value("release-version"))
		if err != nil {
			return nil, err
		}
		for name, level := range format.Levels(release) {
			if way != featureUp || level > 0 {
				wanted[name] = level
			}
		}
		return wanted, nil
	}
	if c.Has("metadata") {
		c.Println(" `metadata` flag is deprecated and may be removed in a future release.")
		release, err := format.ParseRelease(c.Value("metadata"))
		if err != nil {
			return nil, err
		}
		wanted[metadataVersion] = release.Level
	}
	for _, text := range c.Values("feature") {
		name, level, err := text, int16(0), error(nil)
		if c.Value(tool.CommandName) != "disable" {
			name, level, err = featureLevel(text)
		}
		if err == nil {
			err = add(name, level)
		}
		if err != nil {
			return nil, err
		}
	}
	return wanted, nil
}

// updateFeatures asks for levels and returns why it got some of them not.
func updateFeatures(ctx context.Context, c *tool.Call, cluster *tool.Cluster, wanted map[string]int16, way int8) (map[string]error, error) {
	request := kmsg.NewPtrUpdateFeaturesRequest()
	request.TimeoutMillis = 30000
	request.ValidateOnly = c.Has("dry-run")
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		u := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		u.Feature, u.MaxVersionLevel, u.UpgradeType, u.AllowDowngrade = name, wanted[name], way, way != featureUp
		request.FeatureUpdates = append(request.FeatureUpdates, u)
	}
	answer, err := tool.Ask[*kmsg.UpdateFeaturesResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	failed := make(map[string]error)
	if err := tool.Refused(answer.ErrorCode, answer.ErrorMessage); err != nil {
		for name := range wanted {
			failed[name] = err
		}
		return failed, nil
	}
	for _, r := range answer.Results {
		if err := tool.Refused(r.ErrorCode, r.ErrorMessage); err != nil {
			failed[r.Feature] = err
		}
	}
	return failed, nil
}

func featuresParser() *tool.Parser {
	release := "Release whose levels are meant, for instance 4.1-IV0."
	feature := tool.Arg{Flags: []string{"--feature"}, Append: true, Text: "Level to set, as FEATURE=LEVEL."}
	dryRun := tool.Arg{Flags: []string{"--dry-run"}, Switch: true, Text: "Say whether it could be done, and do nothing."}
	unsafe := tool.Arg{Flags: []string{"--unsafe"}, Switch: true, Text: "Even if metadata is lost by it."}
	metadata := tool.Arg{Flags: []string{"--metadata"}, Text: "(DEPRECATED) Level of metadata.version, as 3.3-IV3."}
	command := func(name, text string, args ...tool.Arg) tool.Command {
		return tool.Command{Name: name, Text: text, Parser: tool.Parser{Args: append([]tool.Arg{tool.HelpArg()}, args...)}}
	}
	disabled, required := feature, feature
	disabled.Text, required.Required, required.Text = "Name of a feature.", true, "Level to look up, as FEATURE=LEVEL."
	least, newest := format.Least().Name, format.Newest().Name
	return &tool.Parser{
		Program: "kafka-features", Text: "This tool shows and sets levels of features.", Brief: true,
		Args: []tool.Arg{
			tool.HelpArg(),
			{Flags: []string{"--bootstrap-server"}, Group: 1, Text: "Brokers to ask first, as HOST:PORT,..."},
			{Flags: []string{"--bootstrap-controller"}, Group: 1, Text: "Controllers to ask first, as HOST:PORT,..."},
			{Flags: []string{"--command-config"}, Text: "Properties file of the client."},
		},
		Groups: []tool.Group{{}},
		Commands: []tool.Command{
			command("describe", "Show the levels.", tool.Arg{Flags: []string{"--node-id"}, Type: "Integer", Text: "Node to ask; without it, any."}),
			command("upgrade", "Raise levels.", metadata, tool.Arg{Flags: []string{"--release-version"}, Text: release}, feature, dryRun),
			command("downgrade", "Lower levels.", metadata, tool.Arg{Flags: []string{"--release-version"}, Text: release}, feature, unsafe, dryRun),
			command("disable", "Set levels to zero.", disabled, unsafe, dryRun),
			command("version-mapping", "Show which levels a release stands for.",
				tool.Arg{Flags: []string{"--release-version"}, Text: "From " + least + " to " + newest + ", which is the default."}),
			command("feature-dependencies", "Show what levels depend on.", required),
		},
	}
}
