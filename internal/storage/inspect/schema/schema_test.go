package schema

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"leat/internal/record"
)

// TestEveryMetadataRecordOfKafkaIsShown decodes what Apache Kafka 4.4's own serde wrote, every type and version, empty and full.
func TestEveryMetadataRecordOfKafkaIsShown(t *testing.T) {
	f, err := os.Open("../../../metadata/testdata/records.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) != 4 || words[0] == "#" {
			continue
		}
		b, err := hex.DecodeString(words[3])
		if err != nil {
			t.Fatal(err)
		}
		got, err := Metadata(b)
		if err != nil || !json.Valid(got) || !strings.HasPrefix(string(got), `{"type":"`+upperSnake(words[0])+`","version":`+words[1]+`,"data":{`) {
			t.Errorf("%v: %s, %v", words[:3], got, err)
		}
		if !strings.Contains(words[0], "ConfigRecord") || words[2] != "filled" {
			seen++
			continue
		}
		if want := `{"type":"CONFIG_RECORD","version":0,"data":{"resourceType":23,"resourceName":"resourcename","name":"name","value":"value"}}`; string(got) != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	if seen < 50 {
		t.Errorf("only %d records", seen)
	}
}

func TestTaggedFieldsAreShownOnlyWhenTheySaySomething(t *testing.T) {
	// An offset commit of version 3 with its key.
	key, _ := hex.DecodeString("0001" + "000167" + "000174" + "00000005")
	value, _ := hex.DecodeString("0003" + "0000000000000007" + "00000002" + "00016d" + "0000000000000009")
	k, v, err := Coordinator(Groups, key, value)
	if err != nil || string(k) != `{"type":"1","data":{"group":"g","topic":"t","partition":5}}` ||
		string(v) != `{"version":"3","data":{"offset":7,"leaderEpoch":2,"metadata":"m","commitTimestamp":9}}` {
		t.Errorf("%s %s %v", k, v, err)
	}
	if _, v, err := Coordinator(Groups, key, nil); v != nil || err != nil {
		t.Errorf("a tombstone is %s, %v", v, err)
	}
	if _, _, err := Coordinator(Groups, []byte{0, 99}, nil); err != (UnknownTypeError{99}) {
		t.Errorf("type 99: %v", err)
	}
}

func TestNumbersAndTextAreAsJavaWritesThem(t *testing.T) {
	for v, want := range map[float64]string{0: "0.0", 1024: "1024.0", 1.5: "1.5", 1e7: "1.0E7", 1.25e-5: "1.25E-5", -12345678: "-1.2345678E7"} {
		if got := string(appendDouble(nil, v)); got != want {
			t.Errorf("%v is %s, not %s", v, got, want)
		}
	}
	if got := string(appendText(nil, "a\"\\\n\t\x01é")); got != `"a\"\\\n\t\u0001é"` {
		t.Errorf("text is %s", got)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte{0, 1, 0, 1, 'g', 0, 1, 't', 0, 0, 0, 5}, []byte{0, 3})
	f.Add([]byte{0, 2, 0, 1, 'g'}, []byte{0, 4, 9, 'c', 'o', 'n', 's', 'u', 'm', 'e', 'r', 0, 0, 0, 1, 0, 0})
	f.Add([]byte{1, 3, 2}, []byte{1, 5, 0})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		check := func(b []byte, err error) {
			if err == nil && b != nil && !json.Valid(b) {
				t.Errorf("not JSON: %s", b)
			}
			if len(b) > 4096+512*(len(key)+len(value)) {
				t.Errorf("%d bytes from %d", len(b), len(key)+len(value))
			}
		}
		for _, family := range []Family{Groups, Transactions, ShareState} {
			k, v, err := Coordinator(family, key, value)
			check(k, err)
			check(v, err)
		}
		for _, decode := range []func([]byte) ([]byte, error){Metadata, RemoteLogMetadata} {
			check(decode(value))
		}
		for _, kind := range []record.ControlType{0, 2, 3, 4, 5, 6, 7} {
			b, _, err := Control(kind, value)
			check(b, err)
		}
	})
}
