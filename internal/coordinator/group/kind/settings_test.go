package kind

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// otherNames are configs whose names do not follow from those of the fields. Empty: leat's own, which is off in the machine by default.
var otherNames = map[string]string{
	"HeartbeatHold":                   "",
	"OffsetMetadataMaxBytes":          "offset.metadata.max.bytes",
	"OffsetsRetention":                "offsets.retention.minutes",
	"RetentionCheckInterval":          "offsets.retention.check.interval.ms",
	"Consumer.LeastHeartbeatInterval": "",
	"Share.InitializeRetry":           "group.share.initialize.retry.interval.ms",
	"Streams.StandbyReplicas":         "group.streams.num.standby.replicas",
	"Streams.RackAwareTags":           "group.streams.rack.aware.assignment.tags",
}

var humps = regexp.MustCompile(`[A-Z][a-z]+`)

// configName is the config that a field stands for.
func configName(path string, f reflect.StructField) string {
	if name, ok := otherNames[path]; ok {
		return name
	}
	name := "group"
	for _, part := range strings.Split(path, ".") {
		for _, word := range humps.FindAllString(part, -1) {
			name += "." + strings.ToLower(word)
		}
	}
	if f.Type == reflect.TypeFor[time.Duration]() {
		name += ".ms"
	}
	return name
}

// settingText is a setting as Kafka writes it.
func settingText(name string, v reflect.Value) string {
	d, isTime := v.Interface().(time.Duration)
	switch {
	case isTime && strings.HasSuffix(name, ".minutes"):
		return fmt.Sprint(int64(d.Minutes()))
	case isTime:
		return fmt.Sprint(d.Milliseconds())
	case v.Kind() == reflect.Slice:
		return "[" + strings.Join(v.Interface().([]string), ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}

// TestDefaultsAreKafkas compares every default with the table of Kafka's configs.
func TestDefaultsAreKafkas(t *testing.T) {
	text, err := os.ReadFile("../../../config/testdata/kafka-4.4-broker-configs.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defaults := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		col := strings.Split(strings.TrimRight(line, "\n"), "\t")
		defaults[col[0]] = col[2]
	}
	seen := 0
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			path := prefix + f.Name
			if f.Type.Kind() == reflect.Struct {
				walk(path+".", v.Field(i))
				continue
			}
			name := configName(path, f)
			if name == "" {
				if !v.Field(i).IsZero() {
					t.Errorf("%s is %v, want the zero value", path, v.Field(i))
				}
				continue
			}
			want, ok := defaults[name]
			if got := settingText(name, v.Field(i)); !ok || got != want {
				t.Errorf("%s: default of %s is %s, Kafka's is %q", path, name, got, want)
			}
			seen++
		}
	}
	walk("", reflect.ValueOf(DefaultSettings))
	if seen < 45 {
		t.Errorf("%d settings were compared, want at least 45", seen)
	}
}

// TestTypesHaveKafkasNames keeps the words that listings and filters show.
func TestTypesHaveKafkasNames(t *testing.T) {
	got := []Type{None, Classic, Consumer, Share, Streams}
	if want := []Type{"", "classic", "consumer", "share", "streams"}; !slices.Equal(got, want) {
		t.Errorf("types are %q, want %q", got, want)
	}
}
