package format

import (
	"fmt"
	"slices"
	"strings"

	"leat/internal/metadata"
)

// releases are the names of the levels of metadata.version, from the least that Kafka 4 accepts.
var releases = []string{
	"3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2", "3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4",
	"3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2", "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0", "4.4-IV0", "4.4-IV1", "4.4-IV2",
}

const leastLevel = 7

// Release is a level of metadata.version with the name that it was asked for by.
type Release struct {
	Level int16
	Name  string
}

// Newest is the release whose features a cluster gets unless it is told otherwise.
func Newest() Release {
	last := len(releases) - 1
	return Release{int16(leastLevel + last), releases[last]}
}

// Least is the earliest release that can be formatted.
func Least() Release { return Release{leastLevel, releases[0]} }

// ParseRelease reads a name like 4.1-IV0, or one like 4.1 or 4.1.2 for the last level of a release; "" is the newest.
func ParseRelease(name string) (Release, error) {
	if name == "" {
		return Newest(), nil
	}
	for i, r := range slices.Backward(releases) {
		short, _, _ := strings.Cut(r, "-")
		if name == r || name == short || strings.HasPrefix(name, short+".") {
			return Release{int16(leastLevel + i), name}, nil
		}
	}
	return Release{}, Refuse("Unknown metadata.version '%s'. Supported metadata.version are: %s", name, strings.Join(releases, ", "))
}

// LevelName is the name of a level of metadata.version.
func LevelName(level int16) (string, bool) {
	if i := int(level) - leastLevel; i >= 0 && i < len(releases) {
		return releases[i], true
	}
	return "", false
}

// feature is what a release brings.
type feature struct {
	name string
	// since lists for each level from 1 on the level of metadata.version with which a new cluster gets it.
	since []int16
	// needs is the level of metadata.version without which none can be set.
	needs int16
}

// features are in the order in which Kafka lists them.
var features = []feature{
	{metadata.FeatureKRaftVersion, []int16{21}, 0},
	{metadata.FeatureTransactionVersion, []int16{24, 24}, 0},
	{metadata.FeatureGroupVersion, []int16{22}, 0},
	{metadata.FeatureELRVersion, []int16{26}, 23},
	{metadata.FeatureShareVersion, []int16{28, 31}, 0},
	{metadata.FeatureStreamsVersion, []int16{29}, 0},
}

func (f *feature) levelAt(release Release) int16 {
	level := int16(0)
	for i, since := range f.since {
		if release.Level >= since {
			level = int16(i + 1)
		}
	}
	return level
}

func find(name string) *feature {
	for i := range features {
		if features[i].name == name {
			return &features[i]
		}
	}
	return nil
}

// Levels are what a release stands for, by the names of the features.
func Levels(r Release) map[string]int16 {
	levels := map[string]int16{metadata.FeatureMetadataVersion: r.Level}
	for _, f := range features {
		levels[f.name] = f.levelAt(r)
	}
	return levels
}

// Level is a level of a feature.
type Level struct {
	Feature string `json:"feature"`
	Level   int16  `json:"level"`
	Release string `json:"release,omitempty"` // what a level of metadata.version is called
}

func (l Level) String() string {
	if l.Release != "" {
		return fmt.Sprintf("%s=%d (%s)", l.Feature, l.Level, l.Release)
	}
	return fmt.Sprintf("%s=%d", l.Feature, l.Level)
}

// Mapping is which levels a release stands for, in Kafka's order.
func Mapping(r Release) []Level {
	levels := []Level{{metadata.FeatureMetadataVersion, r.Level, r.Name}}
	for _, f := range features {
		levels = append(levels, Level{Feature: f.name, Level: f.levelAt(r)})
	}
	return levels
}

// Dependency is what a level of a feature depends on.
type Dependency struct {
	Level
	Requires []Level `json:"requires"`
}

// Lines say it as Kafka does.
func (d *Dependency) Lines() []string {
	if len(d.Requires) == 0 {
		return []string{d.String() + " has no dependencies."}
	}
	lines := []string{d.String() + " requires:"}
	for _, l := range d.Requires {
		lines = append(lines, "    "+l.String())
	}
	return lines
}

// Dependencies are what a level of a feature depends on.
func Dependencies(name string, level int16) (*Dependency, error) {
	d := &Dependency{Level: Level{Feature: name, Level: level}, Requires: []Level{}}
	if name == metadata.FeatureMetadataVersion {
		var ok bool
		if d.Release, ok = LevelName(level); !ok {
			return nil, Refuse("Unknown metadata.version %d", level)
		}
		return d, nil
	}
	f := find(name)
	switch {
	case f == nil:
		return nil, Refuse("Unknown feature: %s", name)
	case level < 0 || int(level) > len(f.since):
		return nil, Refuse("Feature level %d is not supported for feature %s", level, name)
	case level > 0 && f.needs > 0:
		release, _ := LevelName(f.needs)
		d.Requires = append(d.Requires, Level{metadata.FeatureMetadataVersion, f.needs, release})
	}
	return d, nil
}

// Refusal is why nothing was done, in Kafka's words.
type Refusal struct{ text string }

func (r *Refusal) Error() string { return r.text }

// Refuse says in Kafka's words why nothing is done.
func Refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }
