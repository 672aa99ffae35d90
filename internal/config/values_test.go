package config

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestTopicValuesComeFromOverridesThenSynonymsThenDefaults(t *testing.T) {
	hours := parse(t, map[string]string{"log.retention.hours": "2", "log.roll.jitter.hours": "1", "log.flush.scheduler.interval.ms": "50"})
	minutes := parse(t, map[string]string{"log.retention.hours": "2", "log.retention.minutes": "3"})
	forEver := parse(t, map[string]string{"log.retention.hours": "-7"})
	endless := parse(t, map[string]string{"log.retention.ms": "9223372036854775807"})
	for _, c := range []struct {
		v    *Values
		name string
		want time.Duration
	}{
		{hours.ForTopic(nil), "retention.ms", 2 * time.Hour},
		{hours.ForTopic(nil), "segment.ms", 168 * time.Hour},
		{hours.ForTopic(nil), "segment.jitter.ms", time.Hour},
		{hours.ForTopic(nil), "flush.ms", 50 * time.Millisecond},
		{hours.ForTopic(map[string]string{"retention.ms": "5"}), "retention.ms", 5 * time.Millisecond},
		{hours.ForTopic(map[string]string{"retention.ms": "nonsense"}), "retention.ms", 2 * time.Hour},
		{hours.With(map[string]string{"log.retention.ms": "9"}).ForTopic(nil), "retention.ms", 9 * time.Millisecond},
		{minutes.ForTopic(nil), "retention.ms", 3 * time.Minute},
		{forEver.ForTopic(nil), "retention.ms", -time.Millisecond},
		{endless.ForTopic(nil), "retention.ms", math.MaxInt64},
	} {
		if got := c.v.Millis(c.name); got != c.want {
			t.Errorf("%s is %v, not %v", c.name, got, c.want)
		}
	}
	if got := hours.ForTopic(nil).Int64("retention.bytes"); got != -1 {
		t.Errorf("retention.bytes is %d", got)
	}
}

func TestDynamicValuesCoverTheFileAndAreReplaced(t *testing.T) {
	v := parse(t, map[string]string{"log.cleaner.threads": "3", "num.partitions": "4"})
	one := v.With(map[string]string{"log.cleaner.threads": "5", "listeners": "X://:1"}, map[string]string{"num.partitions": "9"})
	both := one.With(map[string]string{"log.cleaner.threads": "6"}, map[string]string{"log.cleaner.threads": "7"})
	for name, c := range map[string]struct {
		got, want any
	}{
		"the file":                                 {v.Int("log.cleaner.threads"), 3},
		"cluster-wide":                             {one.Int("log.cleaner.threads"), 5},
		"per broker covers cluster-wide":           {both.Int("log.cleaner.threads"), 7},
		"a read-only key stays":                    {one.Int("num.partitions"), 4},
		"a per-broker key is not set cluster-wide": {strings.Join(one.List("listeners"), ","), "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"},
		"no overrides any more":                    {both.With(nil, nil).Int("log.cleaner.threads"), 3},
		"none of what was set":                     {len(both.With().Overrides(FromDynamicBroker)), 0},
		"overrides by source":                      {both.Overrides(FromDynamicDefaultBroker)["log.cleaner.threads"], "6"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, not %v", name, c.got, c.want)
		}
	}
}

// TestClusterWideOverridesThatNoTableHas: a limit of one listener holds on every broker, and what a plugin would read is told as set.
func TestClusterWideOverridesThatNoTableHas(t *testing.T) {
	v := parse(t, nil).With(map[string]string{"listener.name.x.max.connections": "7", "listener.name.x.ssl.keystore.location": "/k", "a.plugin.reads": "3"})
	if text, _, _ := v.Lookup("listener.name.x.max.connections"); text != "7" {
		t.Errorf("the listener's limit is %q", text)
	}
	if text, _, ok := v.Lookup("listener.name.x.ssl.keystore.location"); ok {
		t.Errorf("one key store for all brokers: %q", text)
	}
	var told []string
	for _, e := range v.DescribeDefaults() {
		told = append(told, e.Name)
		if hidden := e.Name == "a.plugin.reads"; (e.Value == nil) != hidden || e.Sensitive != hidden {
			t.Errorf("%s is told as %v, sensitive %v", e.Name, e.Value, e.Sensitive)
		}
	}
	if got := strings.Join(told, " "); got != "a.plugin.reads listener.name.x.max.connections" {
		t.Errorf("told: %s", got)
	}
}

func TestLookupTellsNullFromSetFromDefault(t *testing.T) {
	v := parse(t, map[string]string{"broker.rack": " r1 "})
	for name, want := range map[string]struct {
		text    string
		set, ok bool
	}{
		"broker.rack": {"r1", true, true}, "num.partitions": {"1", false, true}, "log.retention.ms": {"", false, false}, "no.such.key": {"", false, false},
	} {
		if text, set, ok := v.Lookup(name); text != want.text || set != want.set || ok != want.ok {
			t.Errorf("%s: %q, %v, %v, not %v", name, text, set, ok, want)
		}
	}
	if v.Int64("log.retention.ms") != 0 || v.String("metadata.log.dir") != "" {
		t.Error("null is not the zero value")
	}
}

func TestGettersPanicOnBugs(t *testing.T) {
	v := parse(t, nil)
	for name, get := range map[string]func(){
		"no such key":   func() { v.Int("no.such.key") },
		"another type":  func() { v.Bool("num.partitions") },
		"another scope": func() { v.ForTopic(nil).Int("num.partitions") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			get()
		}()
	}
}

func TestNotBuiltListsWhatIsSetAndDiffers(t *testing.T) {
	v := parse(t, map[string]string{"num.partitions": "2", "sasl.kerberos.kinit.cmd": "/bin/kinit", "ssl.keymanager.algorithm": "SunX509", "ssl.provider": "x",
		"config.providers": "file", "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider"})
	if got := strings.Join(v.NotBuilt(), " "); got != "sasl.kerberos.kinit.cmd ssl.provider" {
		t.Errorf("not built: %s", got)
	}
}

func TestUnknownKeysWarnWithTheNearestOne(t *testing.T) {
	_, warnings, err := ParseBroker(map[string]string{
		"log.retention.hourz": "1", "zookeeper.connect": "z", "completely.different.thing": "1", "listener.name.ext.ssl.keystore.location": "/k",
		"listener.name.ext.scram-sha-256.sasl.jaas.config": "j", "listener.name.ext.ssl.keystore.locatoin": "/k", "rsm.config.bucket": "b",
		"my.prefix.x": "1", "remote.log.storage.manager.impl.prefix": "my.prefix.", "config.providers.file.class": "c",
		"listener.name.EXT.ssl.client.auth": "required", "listener.name.ext.PLAIN.sasl.jaas.config": "j", "listener.name.ext.other.sasl.jaas.config": "j",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"completely.different.thing: no such key, it is ignored",
		"listener.name.EXT.ssl.client.auth: it is ignored: names of listeners and mechanisms stand here in lower case, so write listener.name.ext.ssl.client.auth",
		"listener.name.ext.PLAIN.sasl.jaas.config: it is ignored: names of listeners and mechanisms stand here in lower case, so write listener.name.ext.plain.sasl.jaas.config",
		"listener.name.ext.other.sasl.jaas.config: no such key, it is ignored: did you mean listener.name.ext.sasl.jaas.config",
		"listener.name.ext.ssl.keystore.locatoin: no such key, it is ignored: did you mean listener.name.ext.ssl.keystore.location",
		"log.retention.hourz: no such key, it is ignored: did you mean log.retention.hours",
		"zookeeper.connect: Kafka 4 has no such key (there is no ZooKeeper any more): it is ignored, delete the line",
	}
	if strings.Join(warnings, "\n") != strings.Join(want, "\n") {
		t.Errorf("warnings are\n%s", strings.Join(warnings, "\n"))
	}
}

func TestDirectoriesAndDefaultsFollowWhatIsGiven(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want string
	}{
		{map[string]string{"log.dir": "/a"}, "/a"},
		{map[string]string{"log.dir": "/a", "log.dirs": "/b, /c"}, "/b,/c"},
		{nil, "./leat-data"},
	} {
		v := parse(t, c.set)
		if got := strings.Join(v.LogDirs(), ","); got != c.want || v.MetadataLogDir() != strings.Split(c.want, ",")[0] {
			t.Errorf("%v: directories are %s, metadata in %s", c.set, got, v.MetadataLogDir())
		}
	}
	if v := parse(t, map[string]string{"broker.id": "5"}); v.Int("node.id") != 5 {
		t.Errorf("node.id is %d", v.Int("node.id"))
	}
	v := parse(t, map[string]string{"process.roles": "controller", "controller.listener.names": "C"})
	if ls, err := v.Listeners(); err != nil || len(ls.Bind) != 1 || ls.Bind[0].String() != "C://127.0.0.1:9093" {
		t.Errorf("listeners are %v, %v", ls.Bind, err)
	}
	v = parse(t, map[string]string{"controller.quorum.voters": "1@h:9093,2@i:9093"})
	if voters := v.Voters(); len(voters) != 2 || voters[1] != (Voter{2, "i", 9093}) || v.Int("offsets.topic.replication.factor") != 3 {
		t.Errorf("voters are %v, replicas %d", voters, v.Int("offsets.topic.replication.factor"))
	}
}

func TestAllWrongValuesAreNamedAtOnce(t *testing.T) {
	_, _, err := ParseBroker(map[string]string{"num.partitions": "0", "node.id": "x", "listeners": "nonsense"}, map[string]string{"node.id": "y"})
	want := "node.id=y: not a whole number\nnum.partitions=0: too small: the least is 1"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v", err)
	}
}

func TestPropertiesAreReadAsByJava(t *testing.T) {
	got, err := ReadProperties([]byte("# comment\n! another\na=1\nb : two words \n c\\ d = x\\\n   y\ne=${file:/x:key}\nf=\\u00e4\xe4\ng\na=2\n\\:h=\\=\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "2", "b": "two words ", "c d": "xy", "e": "${file:/x:key}", "f": "ää", "g": "", ":h": "="} {
		if got[name] != want {
			t.Errorf("%s is %q, not %q", name, got[name], want)
		}
	}
	if len(got) != 7 {
		t.Errorf("keys are %q", got)
	}
	if _, err := ReadProperties([]byte("a=\\u12")); err == nil || !strings.HasPrefix(err.Error(), "not a properties file: ") {
		t.Errorf("error is %v", err)
	}
}
