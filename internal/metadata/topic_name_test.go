package metadata

import (
	"strings"
	"testing"
)

func TestTopicNamesAreLegalAsInKafka(t *testing.T) {
	for name, legal := range map[string]bool{
		"orders": true, "a.b_c-D9": true, "...": true, strings.Repeat("x", 249): true,
		"": false, ".": false, "..": false, strings.Repeat("x", 250): false, "a b": false, "a/b": false, "ä": false, "a\x00": false,
	} {
		if err := CheckTopicName(name); (err == nil) != legal {
			t.Errorf("CheckTopicName(%q) = %v, want legal %v", name, err, legal)
		}
	}
}
