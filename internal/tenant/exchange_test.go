package tenant

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
)

// world is a cluster with topics by id, and patterns of ACLs.
type world struct {
	topics   map[[16]byte]string
	patterns []Pattern
}

func (w world) TopicName(id [16]byte) (string, bool) {
	name, ok := w.topics[id]
	return name, ok
}

func (w world) Patterns(yield func(Pattern) bool) {
	for _, p := range w.patterns {
		if !yield(p) {
			return
		}
	}
}

var (
	mask   = [16]byte{1, 2, 3}
	own    = [16]byte{15: 1}
	others = [16]byte{15: 2}
	two    = world{topics: map[[16]byte]string{own: "zred.orders", others: "zblue.orders"}}
)

// stuff makes every list of a message have two elements, every text one of the names in turn, and every id one of the ids.
func stuff(v reflect.Value, names []string, ids [][16]byte, n *int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "Version" && name != "UnknownTags" {
				stuff(v.Field(i), names, ids, n)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		stuff(v.Elem(), names, ids, n)
	case reflect.Slice:
		if !listed(v.Type()) {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			stuff(v.Index(i), names, ids, n)
		}
	case reflect.String:
		*n++
		v.SetString(names[*n%len(names)])
	case reflect.Array:
		*n++
		v.Set(reflect.ValueOf(ids[*n%len(ids)]))
	}
}

// Whatever an answer is made of, no inner name leaves, and nothing of others.
func TestAnswersHoldPlainNamesOnly(t *testing.T) {
	for key := range planned().responses {
		for offset := range 3 {
			x := New("zred").Begin(two, mask)
			if err := x.In(kmsg.RequestForKey(key)); err != nil {
				t.Fatal(err)
			}
			resp := kmsg.ResponseForKey(key)
			n := offset
			stuff(reflect.ValueOf(resp).Elem(), []string{"zred.orders", "zblue.orders", "__consumer_offsets"}, [][16]byte{own}, &n)
			plainFields(reflect.ValueOf(resp).Elem(), reflect.TypeOf(resp).Elem().Name(), "")
			x.Out(resp)
			resp.SetVersion(resp.MaxVersion())
			b := resp.AppendTo(nil)
			for _, secret := range []string{"zred", "zblue", "__consumer_offsets"} {
				if bytes.Contains(b, []byte(secret)) {
					t.Errorf("%T: %q is in %q", resp, secret, b)
				}
			}
		}
	}
}

// plainFields empties what holds no names, and texts for people, which hold the tenant's names only.
func plainFields(v reflect.Value, message, path string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Name == "Version" || f.Name == "UnknownTags" {
				continue
			}
			at := path + "." + f.Name
			k, known := kindsAt[message+at]
			if !known {
				k = kinds[f.Name]
			}
			inner := f.Type
			for listed(inner) || inner.Kind() == reflect.Pointer {
				if listed(inner) {
					at += "[]"
				}
				inner = inner.Elem()
			}
			if inner.Kind() != reflect.Struct && (k == plain || k == text || k == topicRegex || f.Name == "Value") {
				v.Field(i).SetZero()
				continue
			}
			plainFields(v.Field(i), message, at)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			plainFields(v.Elem(), message, path)
		}
	case reflect.Slice:
		if listed(v.Type()) {
			for i := range v.Len() {
				plainFields(v.Index(i), message, path)
			}
		}
	}
}

func TestAnswersThatOthersHoldAreNotChanged(t *testing.T) {
	name, names := "zred.orders", []string{"zred.a", "zblue.b", "zred.c"}
	x := New("zred").Begin(two, mask)
	if err := x.In(kmsg.NewPtrConsumerGroupDescribeRequest()); err != nil {
		t.Fatal(err)
	}
	resp := kmsg.NewPtrConsumerGroupDescribeResponse()
	members := []kmsg.ConsumerGroupDescribeResponseGroupMember{{SubscribedTopics: names}}
	resp.Groups = []kmsg.ConsumerGroupDescribeResponseGroup{{Group: name, Members: members}}
	x.Out(resp)
	if got := resp.Groups[0].Members[0].SubscribedTopics; resp.Groups[0].Group != "orders" || !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("told %+v", resp.Groups)
	}
	if !slices.Equal(names, []string{"zred.a", "zblue.b", "zred.c"}) || !slices.Equal(members[0].SubscribedTopics, names) {
		t.Errorf("what is shared became %q", names)
	}
}

func TestTopicIDsOfOthersAreUnknown(t *testing.T) {
	x := New("zred").Begin(two, mask)
	if x.TopicID(own) != own || x.PlainTopicID(own) != own {
		t.Error("the tenant's own id is hidden")
	}
	hidden := x.TopicID(others)
	if _, known := two.topics[hidden]; known || x.PlainTopicID(hidden) != others {
		t.Errorf("another's id is looked for as %x and answered as %x", hidden, x.PlainTopicID(hidden))
	}
	if unknown := ([16]byte{9}); x.TopicID(unknown) != unknown || x.PlainTopicID(unknown) != unknown {
		t.Error("an id that nobody has is changed")
	}
}

// What members tell each other comes out as it went in, whatever it is.
func TestProtocolBytesComeBackAsTheyWere(t *testing.T) {
	x := New("zred").Begin(two, mask)
	subscribed := kmsg.NewConsumerMemberMetadata()
	subscribed.Version, subscribed.Topics, subscribed.UserData = 3, []string{"orders", "zred.odd"}, []byte("orders")
	subscribed.OwnedPartitions = []kmsg.ConsumerMemberMetadataOwnedPartition{{Topic: "orders", Partitions: []int32{1, 2}}}
	assigned := kmsg.NewConsumerMemberAssignment()
	assigned.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: "orders", Partitions: []int32{0}}}
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 20000 {
		b, k := assigned.AppendTo(nil), assignment
		if i%2 == 0 {
			b, k = subscribed.AppendTo(nil), subscription
		}
		for range i % 4 {
			b[r.IntN(len(b))] = byte(r.IntN(4))
		}
		if i%5 == 4 {
			b = b[:r.IntN(len(b)+1)]
		}
		in, err := protocolNames(slices.Clone(b), k, x.nameOfProtocolIn)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if back, err := protocolNames(in, k, x.nameOfProtocolOut); err != nil || !bytes.Equal(back, b) {
			t.Fatalf("%q became %q and then %q: %v", b, in, back, err)
		}
		onlyOwn(t, b, in, k)
	}
}

// onlyOwn reads what a member sent as a coordinator does: if that can be read, it names nothing of others.
func onlyOwn(t *testing.T, sent, b []byte, k kind) {
	t.Helper()
	var names []string
	if k == subscription {
		var inner kmsg.ConsumerMemberMetadata
		if inner.ReadFrom(b) != nil {
			return
		}
		names = inner.Topics
		for _, o := range inner.OwnedPartitions {
			names = append(names, o.Topic)
		}
	} else {
		var inner kmsg.ConsumerMemberAssignment
		if inner.ReadFrom(b) != nil {
			return
		}
		for _, a := range inner.Topics {
			names = append(names, a.Topic)
		}
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "zred.") {
			t.Fatalf("%q names %q for the coordinator", sent, name)
		}
	}
}

// What no client writes must not reach the coordinator as it came, because the coordinator may read it.
func TestProtocolBytesNameNothingOfOthers(t *testing.T) {
	long := strings.Repeat("x", longestName+1)
	for _, version := range []int16{-32768, -1, 0, 1, 3, 32767} {
		for _, topics := range [][]string{nil, {"zblue.orders"}, {"zblue.orders", long}} {
			m := kmsg.NewConsumerMemberMetadata()
			m.Version, m.Topics = version, topics
			m.OwnedPartitions = []kmsg.ConsumerMemberMetadataOwnedPartition{{Topic: "zblue.orders", Partitions: []int32{1}}}
			a := kmsg.NewConsumerMemberAssignment()
			a.Version = version
			for _, topic := range topics {
				a.Topics = append(a.Topics, kmsg.ConsumerMemberAssignmentTopic{Topic: topic, Partitions: []int32{0}})
			}
			for k, b := range map[kind][]byte{subscription: m.AppendTo(nil), assignment: a.AppendTo(nil)} {
				for _, none := range []bool{false, true} { // a list of fewer elements than none
					if none && topics == nil {
						copy(b[2:], []byte{0xff, 0xff, 0xff, 0xff})
					}
					x := New("zred").Begin(two, mask)
					in, err := protocolNames(slices.Clone(b), k, x.nameOfProtocolIn)
					if (err != nil) != slices.Contains(topics, long) {
						t.Errorf("%.80q: %v", b, err)
					}
					if err == nil {
						onlyOwn(t, b, in, k)
					}
				}
			}
		}
	}
}

// What a member could have said of others before stays hidden.
func TestProtocolBytesOfOthersAreNotShown(t *testing.T) {
	a := kmsg.NewConsumerMemberAssignment()
	a.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: "zblue.orders", Partitions: []int32{0}}}
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.MemberAssignment = a.AppendTo(nil)
	x := New("zred").Begin(two, mask)
	if err := x.In(kmsg.NewPtrSyncGroupRequest()); err != nil {
		t.Fatal(err)
	}
	if x.Out(resp); len(resp.MemberAssignment) != 0 {
		t.Errorf("it says %q", resp.MemberAssignment)
	}
}

// A request of short names only must not become many times as long.
func TestNamesOfOneRequestAreBounded(t *testing.T) {
	m := kmsg.NewConsumerMemberMetadata()
	m.Topics = make([]string, mostLonger/len("zred.")+1)
	rq := kmsg.NewPtrJoinGroupRequest()
	rq.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: m.AppendTo(nil)}}
	if err := New("zred").Begin(two, mask).In(rq); !errors.Is(err, ErrRequest) {
		t.Errorf("%d names: %v", len(m.Topics), err)
	}
}

func TestExpressionsChooseOwnNamesOnly(t *testing.T) {
	x := New("zred").Begin(two, mask)
	for _, pattern := range []string{".*", "orders", "o.*|p.*", "x)|(.*", "x|.*", `\Qa`, "(?i)ORDERS", "[a-z]+", "^orders$", "(?i)^O[a-z]+", `^\Qa`} {
		inner := x.regexIn(pattern)
		re, err := regexp.Compile(`\A(?:` + inner + `)\z`)
		if err != nil {
			if _, bad := regexp.Compile(pattern); bad == nil {
				t.Errorf("%q became %q: %v", pattern, inner, err)
			}
			continue
		}
		alone := regexp.MustCompile(`\A(?:` + strings.ReplaceAll(pattern, `\Qa`, `a`) + `)\z`)
		for _, name := range []string{"orders", "p1", "zblue.orders", "__consumer_offsets", "zred", "a"} {
			if re.MatchString(name) {
				t.Errorf("%q chooses %s, which is not the tenant's", pattern, name)
			}
			if re.MatchString("zred."+name) != alone.MatchString(name) {
				t.Errorf("%q as %q chooses %s wrongly", pattern, inner, name)
			}
		}
	}
	for _, pattern := range []string{"o.*|p.*", "^orders$", "^", "(^a|^b)c", `^a\.b\(x\)`, "^(?P<day>x)", "(?i)^ORDERS", `^\\x`, "^ä{2}", "(?:^a){0}"} {
		if back := x.regexOut(x.regexIn(pattern)); back != pattern {
			t.Errorf("%q is told as %q", pattern, back)
		}
	}
	if long := x.regexIn("^" + strings.Repeat("orders", 400)); len(long) > 4096 {
		t.Errorf("an expression of 2401 bytes becomes one of %d, which is refused", len(long))
	}
}

func TestPatternsOfACLsComeBack(t *testing.T) {
	x := New("zred").Begin(two, mask)
	for _, p := range []Pattern{{2, 3, "orders"}, {2, 4, "or"}, {2, 3, "*"}, {2, 4, "*"}, {3, 3, "*"}, {4, 3, "kafka-cluster"}} {
		inner := x.patternIn(p)
		back, mine := x.patternOut(inner)
		if !x.Owns(inner.Name) || !mine || back != p {
			t.Errorf("%+v became %+v and then %+v", p, inner, back)
		}
	}
	if _, mine := x.patternOut(Pattern{2, 3, "*"}); mine {
		t.Error("the operator's rule about all topics is shown")
	}
}

// A filter without a name must not reach what others have.
func TestDeletingAllACLsDeletesTheTenantsOwn(t *testing.T) {
	w := world{patterns: []Pattern{{2, 3, "zblue.orders"}, {2, 3, "zred.orders"}, {2, 4, "zred."}, {2, 3, "*"}, {3, 3, "zred.workers"}, {2, 3, "zred.orders"}}}
	x := New("zred").Begin(w, mask)
	rq := kmsg.NewPtrDeleteACLsRequest()
	filter := kmsg.DeleteACLsRequestFilter{ResourceType: 2, ResourcePatternType: kmsg.ACLResourcePatternTypeAny, Operation: 1, PermissionType: 1}
	rq.Filters = []kmsg.DeleteACLsRequestFilter{filter, filter}
	if err := x.In(rq); err != nil {
		t.Fatal(err)
	}
	resp := kmsg.NewPtrDeleteACLsResponse()
	for _, f := range rq.Filters {
		if f.ResourceName == nil || !x.Owns(*f.ResourceName) {
			t.Fatalf("the cluster is asked to delete %+v", f)
		}
		resp.Results = append(resp.Results, kmsg.DeleteACLsResponseResult{MatchingACLs: []kmsg.DeleteACLsResponseResultMatchingACL{
			{ResourceType: f.ResourceType, ResourceName: *f.ResourceName, ResourcePatternType: f.ResourcePatternType}}})
	}
	x.Out(resp)
	if len(rq.Filters) != 4 || len(resp.Results) != 2 || len(resp.Results[0].MatchingACLs) != 2 || resp.Results[0].MatchingACLs[1].ResourceName != "*" {
		t.Errorf("%d filters, answered %+v", len(rq.Filters), resp.Results)
	}
}

func TestWhoBelongsToWhichTenant(t *testing.T) {
	v, _, err := config.ParseBroker(map[string]string{
		"listeners": "PLAINTEXT://:9092,RED://:9094,CONTROLLER://:9093", "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,RED:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"listener.name.red.leat.tenant": "red", "leat.tenant.principals": "blue=User:CN=b*,O=x; red=Group:team-*; green=User:*", "super.users": "User:broker",
		"leat.tenant.blue.produce.rate": "1000", "leat.tenant.blue.administrators": "User:CN=b,O=x",
	})
	if err != nil {
		t.Fatal(err)
	}
	d := NewDirectory(v, new(Usages))
	for _, c := range []struct{ listener, principal, group, tenant string }{
		{"RED", "User:broker", "", "red"}, {"PLAINTEXT", "User:CN=bob,O=x", "", "blue"}, {"PLAINTEXT", "User:CN=bob,O=y", "", "green"}, {"PLAINTEXT", "User:broker", "", ""},
		{"PLAINTEXT", "User:ann", "team-red", "red"}, {"PLAINTEXT", "User:ann", "a-team-red", "green"}, {"PLAINTEXT", "User:CN=bob,O=x", "team-red", "blue"},
		{"PLAINTEXT", "User:broker", "team-red", ""},
	} {
		name := ""
		if of := d.Of(c.listener, c.principal, []string{"all", c.group}); of != nil {
			name = of.Name
		}
		if name != c.tenant {
			t.Errorf("%s of %q at %s belongs to %q, want %q", c.principal, c.group, c.listener, name, c.tenant)
		}
	}
	for inner, plain := range map[string]string{"blue.a.b": "a.b", "nobody.a": "nobody.a", "blue": "blue"} {
		if got := d.Plain(inner); got != plain {
			t.Errorf("%s is called %s", inner, got)
		}
	}
	blue := d.Of("PLAINTEXT", "User:CN=b,O=x", nil)
	if blue.Limits.ProduceRate != 1000 || blue.Limits.ConsumeRate != -1 || !blue.Administers("User:CN=b,O=x") || blue.Administers("User:CN=bob,O=x") {
		t.Errorf("blue is %+v", blue)
	}
}

func TestRatesAreKept(t *testing.T) {
	u, now := new(Usage), time.Unix(1000, 0)
	if wait := u.Produced(now, 1000, 1000); wait != 0 {
		t.Errorf("what comes in a second has to wait %v", wait)
	}
	if wait := u.Produced(now, 1000, 500); wait != 500*time.Millisecond {
		t.Errorf("half a second more has to wait %v", wait)
	}
	if wait := u.Produced(now.Add(2*time.Second), 1000, 1000); wait != 0 {
		t.Errorf("after the rest it has to wait %v", wait)
	}
	if wait := u.Produced(now.Add(time.Hour), -1, 1<<40); wait != 0 {
		t.Errorf("without a limit it has to wait %v", wait)
	}
	if wait := u.Spent(now, 10, 300*time.Millisecond); wait != 2*time.Second {
		t.Errorf("three times what comes in a second has to wait %v", wait)
	}
	if !u.Connect(1) || u.Connect(1) || !u.Connect(-1) {
		t.Error("connections are not counted")
	}
}

func TestTextsForPeopleLoseThePrefix(t *testing.T) {
	of := New("red")
	for text, want := range map[string]string{"Topic 'red.a' already exists.": "Topic 'a' already exists.", "red.a, red.b": "a, b", "it is required. red": "it is required. red"} {
		if got := of.plainText(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}
