package stream

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFilters(t *testing.T) {
	r := &kgo.Record{Key: []byte("customer-7"), Value: []byte(`{"status":"paid","amount":12.5,"tags":["a","b"],"to":{"city":"Rome"},"none":null,"ok":true}`),
		Headers: []kgo.RecordHeader{{Key: "source", Value: []byte("shop")}, {Key: "empty"}}}
	for _, c := range []struct {
		flags filterFlags
		want  bool
	}{
		{filterFlags{}, true},
		{filterFlags{key: "^customer-"}, true}, {filterFlags{key: "^shop"}, false}, {filterFlags{value: "paid"}, true}, {filterFlags{value: "unpaid"}, false},
		{filterFlags{key: "7$", value: "lost"}, false},
		{filterFlags{headers: []string{"source=shop"}}, true}, {filterFlags{headers: []string{"source"}}, true}, {filterFlags{headers: []string{"source=web"}}, false},
		{filterFlags{headers: []string{"empty="}}, true}, {filterFlags{headers: []string{"source", "none"}}, false},
		{filterFlags{fields: []string{"status=paid"}}, true}, {filterFlags{fields: []string{"status!=paid"}}, false}, {filterFlags{fields: []string{"amount>=12.5"}}, true},
		{filterFlags{fields: []string{"amount<9"}}, false}, {filterFlags{fields: []string{"amount>9"}}, true}, {filterFlags{fields: []string{"amount<=12"}}, false},
		{filterFlags{fields: []string{"to.city~^R"}}, true}, {filterFlags{fields: []string{"to.city~^P"}}, false}, {filterFlags{fields: []string{"tags.1=b"}}, true},
		{filterFlags{fields: []string{"tags.2"}}, false}, {filterFlags{fields: []string{"none=null"}}, true}, {filterFlags{fields: []string{"ok=true", "to"}}, true},
		{filterFlags{fields: []string{"status.x"}}, false}, {filterFlags{fields: []string{"nothing!=1"}}, false},
	} {
		test, err := c.flags.filter()
		if err != nil {
			t.Errorf("%+v: %v", c.flags, err)
			continue
		}
		if got := test(r); got != c.want {
			t.Errorf("%+v: %v", c.flags, got)
		}
	}
	if test, _ := (&filterFlags{fields: []string{"a"}}).filter(); test(&kgo.Record{}) || test(&kgo.Record{Value: []byte("{no json")}) {
		t.Error("what is no JSON has a field")
	}
	for _, f := range []filterFlags{{key: "("}, {value: "["}, {fields: []string{"=1"}}, {fields: []string{"a~("}}} {
		if _, err := f.filter(); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}
