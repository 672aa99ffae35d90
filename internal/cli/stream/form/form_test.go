package form

import (
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// order is a record with everything that a record has.
func order() *kgo.Record {
	return &kgo.Record{Topic: "orders", Partition: 3, Offset: 42, LeaderEpoch: 7, Timestamp: time.UnixMilli(1700000000123).UTC(), Key: []byte("a"), Value: []byte("bread\n"),
		Headers: []kgo.RecordHeader{{Key: "x", Value: []byte("1")}, {Key: "y,z", Value: nil}}}
}

func TestFormatsPrint(t *testing.T) {
	for format, want := range map[string]string{
		`%k\t%v\n`:                    "a\tbread\n\n",
		`%t %p %o %e %%`:              "orders 3 42 7 %",
		`%T %d %d{unix} %d{unixnano}`: "1700000000123 1700000000123 1700000000 1700000000123000000",
		`%d{rfc3339}`:                 "2023-11-14T22:13:20.123Z",
		`%t{2006-01-02}`:              "2023-11-14",
		`%h`:                          `x=1,y\,z`,
		`%H%h{ [%k]=%v(%V)}`:          "2 [x]=1(1) [y,z]=(-1)",
		`%K %V %S %s`:                 "1 6 6 bread\n",
		`%V{big32}%K{little16}`:       "\x00\x00\x00\x06\x01\x00",
		`%k{hex} %v{base64}`:          "61 YnJlYWQK",
		`%v{json}\x00\r\\`:            `"bread\n"` + "\x00\r\\",
		`%V %v{hex}`:                  "12 62726561640a",
	} {
		f, err := Parse(format, "")
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		got, err := f.Append(nil, order())
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", format, got, err, want)
		}
	}
}

func TestNullIsNotEmpty(t *testing.T) {
	for format, want := range map[string]string{`%k|%v`: "NULL|", `%K %k %V %v`: "-1  0 "} {
		f, err := Parse(format, "NULL")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Append(nil, &kgo.Record{Value: []byte{}}); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", format, got, err, want)
		}
	}
}

func TestFormatsThatSayNothing(t *testing.T) {
	for format, want := range map[string]string{
		"": "it is empty", "%": "a % stands at the end", "%q": "%q is no field", "%k{rot13}": "%k: {rot13}: none of", "%K{big7}": "%K: {big7}: none of",
		"%d{never}": "%d: {never}: neither", `\q`: `\q is none of`, `\`: `a \ stands at the end`, "%h{%o}": "%o is no field", "%k{hex": "%k{ has no closing brace",
	} {
		if _, err := Parse(format, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", format, err, want)
		}
	}
	for format, want := range map[string]string{
		"%k%v": "%k%v: where does the first end", "%o %v": "%o: the broker decides it", "%h{%k=%v;}": "how many headers there are must go before",
		"%H %h{%k=%v}": "where does a header end", "%K%k": "%K%k: where does the first end",
	} {
		f, err := Parse(format, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewReader(strings.NewReader(""), f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", format, err, want)
		}
	}
}

// all reads everything, as key=value[headers]@partition for each; null is ~.
func all(r *Reader) (string, error) {
	var out []string
	text := func(b []byte) string {
		if b == nil {
			return "~"
		}
		return string(b)
	}
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return strings.Join(out, ";"), nil
		}
		if err != nil {
			return strings.Join(out, ";"), err
		}
		s := text(rec.Key) + "=" + text(rec.Value)
		for _, h := range rec.Headers {
			s += "[" + h.Key + ":" + text(h.Value) + "]"
		}
		if rec.Partition >= 0 {
			s += "@" + strconv.Itoa(int(rec.Partition))
		}
		if !rec.Timestamp.IsZero() {
			s += "!" + rec.Timestamp.UTC().Format("15:04:05.000")
		}
		out = append(out, s)
	}
}

func TestFormatsRead(t *testing.T) {
	for _, c := range []struct{ format, in, want, err string }{
		{`%v\n`, "a\nb\n\nc", "~=a;~=b;~=;~=c", ""},
		{`%v`, "a\nb\n", "~=a;~=b", ""},
		{`%k\t%v\n`, "k\tv\tw\nNULL\tx\n", "k=v\tw;~=x", ""},
		{`%k\t%v\n`, "k\tv\nlost\n", "k=v", `line 2: no "\t" after the key`},
		{`%v\0`, "a\nb\x00c\x00", "~=a\nb;~=c", ""},
		{`%K %k%V %v`, "1 a5 bread-1 2 xx", "a=bread;~=xx", ""},
		{`%V{big32}%v`, "\x00\x00\x00\x02hi\xff\xff\xff\xff", "~=hi;~=~", ""},
		{`%V{big32}%v`, "\x00\x00\x00\x02hi\x00\x00\x00\x05b\nd", "~=hi", "line 1: the input ends in the middle of a record: 3 of 5 bytes"},
		{`%V{big32}%v`, "\x7f\x00\x00\x02hi", "", "line 1: a length of 2130706434"},
		{`%V %v\n`, "3 a\nb\n2 cd\nx", "~=a\nb;~=cd", `line 4: the length of the value "": not a number`},
		{`%h %p %T %v\n`, "x=1,y 2 1000 hello world\n", "~=hello world[x:1][y:~]@2!00:00:01.000", ""},
		{`%d{rfc3339} %v`, "2023-11-14T22:13:20.123Z v\n", "~=v!22:13:20.123", ""},
		{`%d %v`, "soon v\n", "", `line 1: the time: time "soon": not a number`},
		{`%H %h{%k=%v;}%V %v`, "2 a=1;b=2;1 x", "~=x[a:1][b:2]", ""},
		{`%v{hex}`, "6162\n6\n", "~=ab", "line 2: the value: encoding/hex: odd length hex string"},
		{`<%v>\n`, "<a>\nb>\n", "~=a", `line 2: no "<"`},
	} {
		f, err := Parse(c.format, "NULL")
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(strings.NewReader(c.in), f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := all(r)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("%s: %q, %v, want %q, %s", c.format, got, err, c.want, c.err)
		}
	}
}

func TestJSONIsRead(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{`{"value":"a"}` + "\n\n" + `{"key":null,"value":null}`, "~=a;~=~", ""},
		{`{"key":1,"value":{"a": [1, 2]},"headers":{"x":"1","y":null},"partition":2,"timestamp":1000}`, `1={"a":[1,2]}[x:1][y:~]@2!00:00:01.000`, ""},
		{`{"key_base64":"YQ==","value":"","headers":[{"key":"x","value_base64":"YQ=="}],"timestamp":"1970-01-01T00:00:02Z"}`, "a=[x:a]!00:00:02.000", ""},
		{`{"value":"a"}` + "\n" + `{"vlaue":"a"}`, "~=a", `line 2: json: unknown field "vlaue"`},
		{`{"key":"a"}`, "", `line 1: no value: "value": null is a tombstone`},
		{`{"value":"a"`, "", "line 1: the JSON object is not complete"},
		{`{"value":"a"} {"value":"b"}`, "", "line 1: something follows the JSON object"},
		{`{"value":"a","timestamp":"yesterday"}`, "", `line 1: timestamp "yesterday": neither`},
		{`{"value":"a","value_base64":"YQ=="}`, "", "line 1: value and value_base64: one of them"},
	} {
		got, err := all(NewJSONReader(strings.NewReader(c.in)))
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("%s: %q, %v, want %q, %s", c.in, got, err, c.want, c.err)
		}
	}
}

func TestJSONIsPrinted(t *testing.T) {
	r := order()
	r.Key, r.Value = []byte{0xff}, []byte("<a>")
	want := `{"topic":"orders","partition":3,"offset":42,"timestamp":1700000000123,"key_base64":"/w==","value":"<a>","headers":[{"key":"x","value":"1"},{"key":"y,z","value":null}]}` + "\n"
	if got := string(AppendJSON(nil, r)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestPropertyWhatAFormatPrintsItReadsAgain: the same bytes, nulls, headers and times, whatever stands in them.
func TestPropertyWhatAFormatPrintsItReadsAgain(t *testing.T) {
	maybe := rapid.Custom(func(t *rapid.T) []byte {
		if rapid.Bool().Draw(t, "null") {
			return nil
		}
		return rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
	})
	rapid.Check(t, func(t *rapid.T) {
		r := &kgo.Record{Key: maybe.Draw(t, "key"), Value: maybe.Draw(t, "value"), Partition: rapid.Int32Range(0, 100).Draw(t, "partition"),
			Timestamp: time.UnixMilli(rapid.Int64Range(1, 1<<42).Draw(t, "time"))}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: rapid.String().Draw(t, "name"), Value: maybe.Draw(t, "header")})
		}
		for _, format := range []string{
			`%K %V %p %T %H %h{%K %k%V %v}%k%v`, `%K{big32}%V{big32}%p{little32}%H{byte}%h{%K{big16}%V{big16}%k%v}%k%v`,
			`%p %T %k{hex} %v{base64}\n`, "json",
		} {
			twice(t, format, r)
		}
	})
}

// twice prints two records, reads them, and compares what the format keeps.
func twice(t *rapid.T, format string, r *kgo.Record) {
	var text []byte
	var in *Reader
	if format == "json" {
		text = AppendJSON(AppendJSON(nil, r), r)
		in = NewJSONReader(strings.NewReader(string(text)))
	} else {
		f, err := Parse(format, "~")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if text, err = f.Append(text, r); err != nil {
				t.Fatal(err)
			}
		}
		if in, err = NewReader(strings.NewReader(string(text)), f); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		got, err := in.Next()
		if err != nil {
			t.Fatalf("%s: %q: %v", format, text, err)
		}
		if !reflect.DeepEqual(got.Key, r.Key) || !reflect.DeepEqual(got.Value, r.Value) || got.Partition != r.Partition ||
			(format == "json" || strings.Contains(format, "%h")) && !sameHeaders(got.Headers, r.Headers) || strings.Contains(format, "%T") && !got.Timestamp.Equal(r.Timestamp) {
			t.Fatalf("%s: %q became %+v, want %+v", format, text, got, r)
		}
	}
	if _, err := in.Next(); err != io.EOF {
		t.Fatalf("%s: %v at the end", format, err)
	}
}

func sameHeaders(a, b []kgo.RecordHeader) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// FuzzReader: whatever stands in the input, it is read to its end or refused.
func FuzzReader(f *testing.F) {
	f.Add(`%K{big32}%k%V %v`, "\x00\x00\x00\x01a5 bread")
	f.Add(`%h\t%k\t%v\n`, "a=1\tk\tv\n")
	f.Add(`%H %h{%k=%v;}%v\n`, "1 a=1;x\n")
	f.Fuzz(func(t *testing.T, format, in string) {
		p, err := Parse(format, "")
		if err != nil {
			return
		}
		r, err := NewReader(strings.NewReader(in), p)
		if err != nil {
			return
		}
		for range len(in) + 1 {
			if _, err := r.Next(); err != nil {
				return
			}
		}
		t.Errorf("%q: more records than bytes", format)
	})
}
