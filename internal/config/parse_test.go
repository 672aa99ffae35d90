package config

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestErrorsSayWhatWouldBeRight(t *testing.T) {
	for _, c := range []struct {
		scope            Scope
		name, text, want string
	}{
		{Broker, "log.retention.ms", "7d", "log.retention.ms=7d: not a whole number of milliseconds: 7 days are 604800000, for ever is -1"},
		{Topic, "retention.ms", "1.5h", "retention.ms=1.5h: not a whole number of milliseconds: 1.5 hours are 5400000, for ever is -1"},
		{Broker, "log.retention.hours", "7d", "log.retention.hours=7d: not a whole number of hours: 7 days are 168, for ever is -1"},
		{Broker, "log.retention.hours", "10 min", "log.retention.hours=10 min: not a whole number of hours: 10 minutes are not a whole number of them, for ever is -1"},
		{Topic, "retention.bytes", "1gb", "retention.bytes=1gb: not a whole number of bytes: 1 GiB is 1073741824, without bound is -1"},
		{Broker, "log.segment.bytes", "512mb", "log.segment.bytes=512mb: not a whole number of bytes: 512 MiB are 536870912"},
		{Broker, "request.timeout.ms", "soon", "request.timeout.ms=soon: not a whole number of milliseconds"},
		{Broker, "num.partitions", "", "num.partitions=: no value: give a whole number, or leave the key out"},
		{Broker, "num.partitions", "0", "num.partitions=0: too small: the least is 1"},
		{Broker, "num.partitions", "1e3", "num.partitions=1e3: not a whole number"},
		{Broker, "num.partitions", "9999999999", "num.partitions=9999999999: outside the type int: from -2147483648 to 2147483647"},
		{Broker, "log.retention.ms", "99999999999999999999", "log.retention.ms=99999999999999999999: outside the type long: from -9223372036854775808 to 9223372036854775807"},
		{Broker, "compression.gzip.level", "12", "compression.gzip.level=12: too large: the most is 9 or -1"},
		{Broker, "compression.gzip.level", "0", "compression.gzip.level=0: too small: the least is 1 or -1"},
		{Topic, "compression.type", "lzma", "compression.type=lzma: not one of uncompressed, zstd, lz4, snappy, gzip, producer"},
		{Topic, "cleanup.policy", "compact,remove", `cleanup.policy=compact,remove: "remove" is not one of compact, delete`},
		{Topic, "cleanup.policy", "compact,", "cleanup.policy=compact,: an empty item: take the comma out"},
		{Topic, "leader.replication.throttled.replicas", "1-2", `leader.replication.throttled.replicas=1-2: "1-2" is not a pair partition:broker: write 0:101,1:102, or * for all replicas`},
		{Topic, "min.cleanable.dirty.ratio", "half", "min.cleanable.dirty.ratio=half: not a number: write it like 0.5"},
		{Topic, "min.cleanable.dirty.ratio", "2", "min.cleanable.dirty.ratio=2: too large: the most is 1"},
		{Broker, "delete.topic.enable", "yes", "delete.topic.enable=yes: neither true nor false"},
		{Broker, "ssl.client.auth", "maybe", "ssl.client.auth=maybe: not one of required, requested, none"},
		{Broker, "leat.http.listener", "9644", `leat.http.listener=9644: "9644" has no port: write host:port, or nothing to turn it off`},
		{Broker, "leat.topic.limits", "partitions<=many", `leat.topic.limits=partitions<=many: "partitions<=many": "many" is not a number`},
		{Broker, "leat.topic.limits", "few", `leat.topic.limits=few: "few" is no limit: write for instance partitions<=100, replication.factor>=3 or cleanup.policy=delete`},
		{Group, "share.auto.offset.reset", "by_duration:1h",
			"share.auto.offset.reset=by_duration:1h: not one of latest, earliest, by_duration: a duration of an hour and a half is by_duration:PT1H30M"},
		{Broker, "controller.quorum.voters", "h:9093", `controller.quorum.voters=h:9093: "h:9093" is not id@host:port: write for instance 1@controller1:9093`},
		{ClientMetrics, "match", "a", `match=a: "a" is not name=pattern with a name of client_instance_id, client_id, client_software_name, client_software_version, client_source_address, client_source_port`},
		{Topic, "retention.m", "1", "retention.m: no such key: did you mean retention.ms"},
		{Topic, "qqqqqqq", "1", "qqqqqqq: no such key"},
	} {
		err := Check(c.scope, c.name, c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s=%s\nsays %v\nnot  %s", c.name, c.text, err, c.want)
		}
	}
}

func TestPasswordsAreNotRepeated(t *testing.T) {
	k := &Key{Name: "p", Type: Password, Valid: nonEmpty}
	if _, err := k.parse(" "); err == nil || !strings.HasPrefix(err.Error(), "p=[hidden]: ") {
		t.Errorf("error is %v", err)
	}
}

func TestTextsAreReadAsInKafka(t *testing.T) {
	for _, c := range []struct {
		kind Type
		text string
		want any
	}{
		{Int, " 7 ", int64(7)}, {Int, "+7", int64(7)}, {Int, "007", int64(7)}, {Int, "-2147483648", int64(math.MinInt32)},
		{Boolean, "TRUE", true}, {Boolean, " False\t", false}, {Double, "1e-3", 0.001}, {Double, "5f", 5.0}, {Double, "1e400", math.Inf(1)},
		{String, "  a b ", "a b"}, {String, "\u00a0x", "\u00a0x"},
	} {
		got, err := (&Key{Name: "k", Type: c.kind}).parse(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s %q is %v (%v), not %v", c.kind, c.text, got, err, c.want)
		}
	}
	list, err := (&Key{Name: "k", Type: List}).parse(" a , b,a ")
	if err != nil || strings.Join(list.([]string), "|") != "a|b" {
		t.Errorf("list is %q, %v", list, err)
	}
}

func TestDoublesAreWrittenAsInJava(t *testing.T) {
	for n, want := range map[float64]string{
		0.5: "0.5", 1: "1.0", 1e7: "1.0E7", 9999999: "9999999.0", 0.001: "0.001", 0.00099: "9.9E-4", math.MaxFloat64: "1.7976931348623157E308",
		-2.5: "-2.5", 0: "0.0", math.Inf(-1): "-Infinity",
	} {
		if got := formatDouble(n); got != want {
			t.Errorf("%v is written %s, not %s", n, got, want)
		}
	}
}

// TestPropertyFormatIsReadBack: what DescribeConfigs prints of a value is that value again.
func TestPropertyFormatIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := &Key{Name: "k", Type: Double}
		var text string
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			text = formatDouble(rapid.Float64().Draw(t, "double"))
		case 1:
			k.Type, text = Long, k.format(rapid.Int64().Draw(t, "long"))
		case 2:
			k.Type, text = List, strings.Join(rapid.SliceOf(rapid.StringMatching(`[a-z]{1,3}`)).Draw(t, "list"), ",")
		}
		value, err := k.parse(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := k.parse(k.format(value))
		if err != nil || k.format(again) != k.format(value) {
			t.Fatalf("%q is read as %v, then as %v (%v)", text, value, again, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("log.retention.ms", "7d")
	f.Add("listeners", "PLAINTEXT://[::1]:9092,X://:0")
	f.Add("controller.quorum.voters", "1@h:1")
	f.Add("max.connections.per.ip.overrides", "h:1,[::1]:2")
	f.Fuzz(func(_ *testing.T, name, value string) {
		_ = Check(Broker, name, value)
		_ = Check(Topic, name, value)
		v, _, err := ParseBroker(map[string]string{name: value})
		if err == nil {
			_, _ = v.Listeners()
			v.With(map[string]string{name: value}, map[string]string{name: value}).Describe()
		}
	})
}
