package metadata

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"leat/internal/record"
)

// nameSum derives a value from a field's name, so that two fields of the same type swapped in the codec are found. The program that
// recorded testdata/records.txt used the same rule.
func nameSum(name string) int {
	sum := 0
	for _, b := range []byte(strings.ToLower(name)) {
		sum += int(b)
	}
	return sum%100 + 1
}

func fillStruct(v reflect.Value) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if name == "QuotaKey" {
			name = "key" // Kafka's name; ours differs because Key is a method
		}
		fillField(v.Field(i), name)
	}
}

func fillField(f reflect.Value, name string) {
	sum := nameSum(name)
	switch p := f.Addr().Interface().(type) {
	case *record.UUID:
		*p = uuidFrom(sum, 0)
		return
	case **string:
		s := strings.ToLower(name)
		*p = &s
		return
	case *[]byte:
		*p = []byte{byte(sum), byte(sum + 1)}
		return
	}
	switch f.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32:
		f.SetInt(int64(sum))
	case reflect.Uint16:
		f.SetUint(uint64(sum))
	case reflect.Int64:
		f.SetInt(int64(sum) * 1000000007)
	case reflect.Float64:
		f.SetFloat(float64(sum) + 0.5)
	case reflect.Bool:
		f.SetBool(true)
	case reflect.String:
		f.SetString(strings.ToLower(name))
	case reflect.Slice:
		n := 2
		if f.Type().Elem().Kind() == reflect.Struct {
			n = 1
		}
		f.Set(reflect.MakeSlice(f.Type(), n, n))
		for i := range n {
			fillElement(f.Index(i), name, i)
		}
	default:
		panic("no rule for " + f.Type().String())
	}
}

func fillElement(e reflect.Value, name string, i int) {
	switch p := e.Addr().Interface().(type) {
	case *int32:
		*p = int32(nameSum(name) + i)
	case *string:
		*p = strings.ToLower(name) + strconv.Itoa(i)
	case *record.UUID:
		*p = uuidFrom(nameSum(name), i)
	default:
		fillStruct(e)
	}
}

func uuidFrom(sum, i int) record.UUID {
	var u record.UUID
	for k := range 8 {
		u[k] = byte(sum)
	}
	u[15] = byte(sum + i)
	return u
}

type goldenRow struct {
	name    string
	version int16
	filled  bool
	value   []byte
}

func goldenRows(t testing.TB) []goldenRow {
	t.Helper()
	f, err := os.Open("testdata/records.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []goldenRow
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) != 4 || fields[0] == "#" {
			continue
		}
		version, err := strconv.Atoi(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		value, err := hex.DecodeString(fields[3])
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, goldenRow{fields[0], int16(version), fields[2] == "filled", value})
	}
	return rows
}

func TestRecordsAreByteEqualToKafkas(t *testing.T) {
	seen := map[string]int16{}
	for _, row := range goldenRows(t) {
		r := recordNamed(row.name)
		if r == nil {
			t.Errorf("%s: no such record type", row.name)
			continue
		}
		if row.filled {
			fillStruct(reflect.ValueOf(r).Elem())
		}
		if got := AppendRecordAt(nil, r, row.version); !reflect.DeepEqual(got, row.value) {
			t.Errorf("%s version %d filled=%v:\n got %x\nwant %x", row.name, row.version, row.filled, got, row.value)
		}
		back, err := ParseRecord(row.value)
		if err != nil {
			t.Errorf("%s version %d filled=%v: %v", row.name, row.version, row.filled, err)
			continue
		}
		if again := AppendRecordAt(nil, back, row.version); !reflect.DeepEqual(again, row.value) {
			t.Errorf("%s version %d filled=%v read and written again:\n got %x\nwant %x", row.name, row.version, row.filled, again, row.value)
		}
		if row.version == r.MaxVersion() && !reflect.DeepEqual(back, r) {
			t.Errorf("%s version %d filled=%v: read %+v, want %+v", row.name, row.version, row.filled, back, r)
		}
		seen[row.name] = max(seen[row.name], row.version)
	}
	for _, make := range recordTypes {
		if make == nil {
			continue
		}
		r := make()
		name := reflect.TypeOf(r).Elem().Name()
		if v, ok := seen[name]; !ok || v != r.MaxVersion() {
			t.Errorf("%s: highest version recorded from Kafka is %d, ours is %d", name, v, r.MaxVersion())
		}
	}
}

func recordNamed(name string) Record {
	for _, make := range recordTypes {
		if make != nil && reflect.TypeOf(make()).Elem().Name() == name {
			return make()
		}
	}
	return nil
}

func TestUnknownTaggedFieldsAreSkipped(t *testing.T) {
	// TopicRecord "t" with one tagged field, number 9, of three bytes.
	value := append([]byte{1, 2, 0, 2, 't'}, make([]byte, 16)...)
	value = append(value, 1, 9, 3, 0xaa, 0xbb, 0xcc)
	r, err := ParseRecord(value)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.(*TopicRecord).Name; got != "t" {
		t.Fatalf("name %q, want t", got)
	}
}

func TestMalformedRecordsAreRefused(t *testing.T) {
	for name, value := range map[string][]byte{
		"empty":                      {},
		"frame version 2":            {2, 2, 0},
		"unknown type":               {1, 120, 0},
		"gap in the types":           {1, 6, 0},
		"version too high":           {1, 2, 7},
		"ends inside the name":       {1, 2, 0, 10, 't'},
		"array longer than the rest": {1, 10, 0, 2, 'o', 2, 'r', 0xff, 0xff, 0xff, 0xff, 0x0f},
		"bytes left over":            {1, 24, 0, 0, 0},
		"huge varint":                {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
	} {
		if r, err := ParseRecord(value); err == nil {
			t.Errorf("%s: read %+v", name, r)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, row := range goldenRows(f) {
		f.Add(row.value)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := ParseRecord(value)
		if err != nil {
			return
		}
		once := AppendRecord(nil, r)
		again, err := ParseRecord(once)
		if err != nil {
			t.Fatalf("%T written again: %v", r, err)
		}
		if twice := AppendRecord(nil, again); !bytes.Equal(once, twice) {
			t.Fatalf("%T is written as %x, then as %x", r, once, twice)
		}
	})
}

func TestVersionFollowsTheMetadataLevel(t *testing.T) {
	for _, c := range []struct {
		r     Record
		level int16
		want  int16
	}{
		{&RegisterBrokerRecord{}, 7, 1},
		{&RegisterBrokerRecord{}, 8, 2},
		{&RegisterBrokerRecord{}, 17, 3},
		{&RegisterBrokerRecord{}, 29, 3},
		{&RegisterBrokerRecord{}, 30, 4},
		{&BrokerRegistrationChangeRecord{}, 16, 1},
		{&BrokerRegistrationChangeRecord{}, 17, 2},
		{&BrokerRegistrationChangeRecord{}, 33, 3},
		{&PartitionRecord{}, 16, 0},
		{&PartitionRecord{}, 17, 1},
		{&PartitionChangeRecord{}, 22, 1},
		{&PartitionChangeRecord{}, 23, 2},
		{&TopicRecord{}, 7, 0},
	} {
		if got := VersionAt(c.r, c.level); got != c.want {
			t.Errorf("%T at metadata.version %d is written at version %d, want %d", c.r, c.level, got, c.want)
		}
	}
}
