package consumer_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	"leat/internal/coordinator/group/consumer"
	"leat/internal/machine"
	"leat/internal/machine/machinetest"
	"leat/internal/metadata"
	"leat/internal/record"
)

var update = flag.Bool("update", false, "rewrite the expected output of the stories")

// TestStories runs the scripts in testdata/stories. A line that begins with "> " is a command, what follows is what comes of it: "#3 ..."
// answers the third request, "+ ..." is a record, "* ..." is what the operator is told. After every command the hard state is rebuilt
// from the records and compared.
func TestStories(t *testing.T) {
	files, _ := filepath.Glob("testdata/stories/*.txt")
	if len(files) == 0 {
		t.Fatal("no stories")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newStory(t).run(string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("(-expected +got)\n%s", diff)
			}
		})
	}
}

// story is a machine, its clock and its image.
type story struct {
	t      *testing.T
	driver *machinetest.Driver[group.Event, group.Record]
	now    time.Time
	set    group.Settings
	image  *metadata.Image
	shown  int
	ids    []string // those that were made up; $1 is the first
}

func newStory(t *testing.T) *story {
	s := &story{t: t, now: time.UnixMilli(1_000_000_000_000), set: group.DefaultSettings, image: metadata.Empty}
	s.driver = newDriver(t, func() group.Settings { return s.set })
	s.step(group.Event{Loaded: true, Image: s.image})
	s.driver.Ticket = 0
	return s
}

func newDriver(t *testing.T, set func() group.Settings) *machinetest.Driver[group.Event, group.Record] {
	return &machinetest.Driver[group.Event, group.Record]{
		T: t,
		New: func() machine.Machine[group.Event, group.Record] {
			return group.New(group.Config{Settings: set, Rand: rand.New(rand.NewPCG(1, 2))})
		},
		Hard:    func(m machine.Machine[group.Event, group.Record]) any { return m.(*group.Machine).Hard() },
		Options: []cmp.Option{cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateEmpty()},
		Recode: func(r group.Record) group.Record {
			back, err := group.Decode(r.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if key, value := r.Encode(); len(key)+len(value) > r.Size() {
				t.Fatalf("record of %d bytes says it has at most %d", len(key)+len(value), r.Size())
			}
			return back
		},
	}
}

func (s *story) run(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "> "):
			out.WriteString(line)
			for _, l := range s.command(strings.Fields(line[2:])) {
				out.WriteString(l + "\n")
			}
		case strings.HasPrefix(line, "//") || strings.TrimSpace(line) == "":
			out.WriteString(line)
		}
	}
	return out.String()
}

// topicID is the id of a topic by its name: a letter.
func topicID(name string) record.UUID { return record.UUID{0: 0xaa, 15: name[len(name)-1]} }

// topics makes an image with the topics given as name:partitions.
func topics(t *testing.T, base *metadata.Image, words []string) (*metadata.Image, group.Event) {
	d := metadata.NewDelta(base)
	var e group.Event
	for _, w := range words {
		name, n, _ := strings.Cut(w, ":")
		partitions, _ := strconv.Atoi(n)
		have := 0
		old, known := base.Topic(name)
		if known {
			have = len(old.Partitions)
		}
		replay := func(r metadata.Record) {
			if err := d.Replay(r); err != nil {
				t.Fatal(err)
			}
		}
		if partitions == 0 {
			replay(&metadata.RemoveTopicRecord{TopicID: old.ID})
			e.DeletedTopics = append(e.DeletedTopics, name)
			continue
		}
		if !known {
			replay(&metadata.TopicRecord{Name: name, TopicID: topicID(name)})
		}
		for p := have; p < partitions; p++ {
			replay(&metadata.PartitionRecord{TopicID: topicID(name), PartitionID: int32(p), Replicas: []int32{1}, ISR: []int32{1}, Leader: 1})
		}
	}
	e.Image = d.Image(base.Offset+1, 1, 1)
	for _, w := range words {
		name, _, _ := strings.Cut(w, ":")
		if topic, ok := e.Image.Topic(name); ok {
			if _, known := base.Topic(name); known {
				e.ChangedTopics = append(e.ChangedTopics, topic)
			} else {
				e.CreatedTopics = append(e.CreatedTopics, topic)
			}
		}
	}
	return e.Image, e
}

// step handles an event that nobody waits for.
func (s *story) step(e group.Event) []machine.Effect {
	return s.driver.Step(s.now, func(machine.Ticket) group.Event { s.driver.Ticket--; return e })
}

func (s *story) command(words []string) []string {
	named := map[string]string{}
	var plain []string
	for _, w := range words[1:] {
		for i, id := range s.ids {
			w = strings.ReplaceAll(w, fmt.Sprintf("$%d", i+1), id)
		}
		if k, v, ok := strings.Cut(w, "="); ok {
			named[k] = v
		} else {
			plain = append(plain, w)
		}
	}
	switch words[0] {
	case "wait":
		d, err := time.ParseDuration(plain[0])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = s.now.Add(d)
		return s.show(s.driver.Tick(s.now))
	case "reload":
		s.driver.Reload()
		return s.show(s.step(group.Event{Loaded: true, Image: s.image}))
	case "topics":
		var e group.Event
		s.image, e = topics(s.t, s.image, plain)
		return s.show(s.step(e))
	case "set":
		if v, ok := named["max-size"]; ok {
			s.set.Consumer.MaxSize, _ = strconv.Atoi(v)
		}
		if v, ok := named["interval"]; ok {
			s.set.Consumer.AssignmentInterval, _ = time.ParseDuration(v)
		}
		if v, ok := named["migration"]; ok {
			s.set.Consumer.MigrationPolicy = v
		}
		return nil
	}
	rq := request(s.t, words[0], plain, named)
	effects := s.driver.Step(s.now, func(t machine.Ticket) group.Event {
		return group.Event{Ticket: t, Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"}
	})
	return s.show(append(effects, s.driver.Tick(s.now)...))
}

// owned reads partitions of the form a:0,1;b:2.
func owned(text string) []kmsg.ConsumerGroupHeartbeatRequestTopic {
	all := []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' }) {
		name, list, _ := strings.Cut(part, ":")
		t := kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: topicID(name)}
		for _, p := range strings.Split(list, ",") {
			n, _ := strconv.Atoi(p)
			t.Partitions = append(t.Partitions, int32(n))
		}
		all = append(all, t)
	}
	return all
}

func optional(named map[string]string, key string) *string {
	if v, ok := named[key]; ok {
		return &v
	}
	return nil
}

func number(named map[string]string, key string, otherwise int) int {
	if v, ok := named[key]; ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			panic(err)
		}
		return n
	}
	return otherwise
}

func request(t *testing.T, name string, plain []string, named map[string]string) kmsg.Request {
	switch name {
	case "join", "beat":
		rq := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		rq.Version, rq.Group, rq.MemberID, rq.MemberEpoch = int16(number(named, "v", 1)), plain[0], named["m"], int32(number(named, "epoch", 0))
		rq.InstanceID, rq.RackID, rq.ServerAssignor, rq.SubscribedTopicRegex = optional(named, "i"), optional(named, "rack"), optional(named, "assignor"), optional(named, "regex")
		rq.RebalanceTimeoutMillis = -1
		if name == "join" {
			rq.RebalanceTimeoutMillis, rq.Topics = 60_000, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		}
		rq.RebalanceTimeoutMillis = int32(number(named, "rebalance", int(rq.RebalanceTimeoutMillis)))
		if v, ok := named["t"]; ok {
			rq.SubscribedTopicNames = strings.FieldsFunc(v, func(r rune) bool { return r == ',' })
		}
		if v, ok := named["owns"]; ok {
			rq.Topics = owned(v)
		}
		return rq
	case "describe":
		rq := kmsg.NewPtrConsumerGroupDescribeRequest()
		rq.Version, rq.Groups = 1, plain
		return rq
	case "list":
		rq := kmsg.NewPtrListGroupsRequest()
		rq.TypesFilter, rq.StatesFilter = strings.Fields(named["types"]), strings.Fields(named["states"])
		return rq
	case "delete":
		rq := kmsg.NewPtrDeleteGroupsRequest()
		rq.Groups = plain
		return rq
	case "offsetdelete":
		rq := kmsg.NewPtrOffsetDeleteRequest()
		rq.Group = plain[0]
		rq.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: plain[1], Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
		return rq
	case "commit":
		rq := kmsg.NewPtrOffsetCommitRequest()
		rq.Version, rq.Group, rq.MemberID, rq.Generation = int16(number(named, "v", 9)), plain[0], named["m"], int32(number(named, "epoch", -1))
		rq.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: plain[1], Partitions: []kmsg.OffsetCommitRequestTopicPartition{
			{Partition: int32(number(named, "p", 0)), Offset: 7, LeaderEpoch: -1}}}}
		return rq
	case "fetch":
		rq := kmsg.NewPtrOffsetFetchRequest()
		rq.Version = 9
		rg := kmsg.NewOffsetFetchRequestGroup()
		rg.Group, rg.MemberID, rg.MemberEpoch = plain[0], optional(named, "m"), int32(number(named, "epoch", -1))
		rg.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: plain[1], Partitions: []int32{0}}}
		rq.Groups = append(rq.Groups, rg)
		return rq
	}
	return classicRequest(t, name, plain, named)
}

// classicRequest makes the requests of members of the classic protocol.
func classicRequest(t *testing.T, name string, plain []string, named map[string]string) kmsg.Request {
	switch name {
	case "classicjoin":
		rq := kmsg.NewPtrJoinGroupRequest()
		rq.Version, rq.Group, rq.MemberID, rq.InstanceID = 9, plain[0], named["m"], optional(named, "i")
		rq.SessionTimeoutMillis, rq.RebalanceTimeoutMillis, rq.ProtocolType = 10_000, 60_000, "consumer"
		sub := kmsg.NewConsumerMemberMetadata()
		sub.Version, sub.Topics = 1, strings.Split(named["t"], ",")
		for _, o := range owned(named["owns"]) {
			sub.OwnedPartitions = append(sub.OwnedPartitions, kmsg.ConsumerMemberMetadataOwnedPartition{Topic: string(rune(o.TopicID[15])), Partitions: o.Partitions})
		}
		if v, ok := named["type"]; ok {
			rq.ProtocolType = v
		}
		rq.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: sub.AppendTo(nil)}}
		if _, ok := named["empty"]; ok {
			rq.Protocols[0].Metadata = nil
		}
		return rq
	case "sync":
		rq := kmsg.NewPtrSyncGroupRequest()
		protocolType, protocol := "consumer", "range"
		rq.Version, rq.Group, rq.MemberID, rq.Generation, rq.ProtocolType, rq.Protocol = 5, plain[0], named["m"], int32(number(named, "gen", 0)), &protocolType, &protocol
		for who, what := range named {
			if id, ok := strings.CutPrefix(who, "to:"); ok {
				a := kmsg.NewConsumerMemberAssignment()
				for _, o := range owned(what) {
					a.Topics = append(a.Topics, kmsg.ConsumerMemberAssignmentTopic{Topic: string(rune(o.TopicID[15])), Partitions: o.Partitions})
				}
				rq.GroupAssignment = append(rq.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: id, MemberAssignment: a.AppendTo(nil)})
			}
		}
		return rq
	case "classicbeat":
		rq := kmsg.NewPtrHeartbeatRequest()
		rq.Version, rq.Group, rq.MemberID, rq.Generation = 4, plain[0], named["m"], int32(number(named, "gen", 0))
		return rq
	case "leave":
		rq := kmsg.NewPtrLeaveGroupRequest()
		rq.Version, rq.Group = 5, plain[0]
		rq.Members = []kmsg.LeaveGroupRequestMember{{MemberID: named["m"], InstanceID: optional(named, "i")}}
		return rq
	}
	t.Fatalf("unknown command %s", name)
	return nil
}

// show tells what came of a command.
func (s *story) show(effects []machine.Effect) []string {
	var lines []string
	for _, e := range s.driver.Entries[s.shown:] {
		lines = append(lines, "+ "+showRecord(e.Record))
	}
	s.shown = len(s.driver.Entries)
	for _, e := range effects {
		switch e := e.(type) {
		case machine.Reply:
			lines = append(lines, fmt.Sprintf("#%d %s", e.To, showReply(e.Response)))
		case group.Notice:
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("* %s: %s %s", e.Message, e.Member, e.Reason)))
			if q := e.Quiet; q != nil {
				lines = append(lines, fmt.Sprintf("  without a commit of %v for %v, poll interval %v", q.Partitions, s.now.Sub(q.Since), q.PollInterval))
			}
		}
	}
	for i := range lines {
		lines[i] = s.shorten(lines[i])
	}
	return lines
}

var madeUp = regexp.MustCompile(`[a-z]+-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|\b[0-9A-Za-z_-]{22}\b`)

// shorten gives ids that were made up short names, in the order in which they appear.
func (s *story) shorten(line string) string {
	return madeUp.ReplaceAllStringFunc(line, func(id string) string {
		if !slices.Contains(s.ids, id) {
			s.ids = append(s.ids, id)
		}
		return fmt.Sprintf("$%d", slices.Index(s.ids, id)+1)
	})
}

func showRecord(r group.Record) string {
	switch r := r.(type) {
	case fmt.Stringer:
		return r.String()
	case *consumer.EpochRecord:
		if r.Gone {
			return "group " + r.Group + " gone"
		}
		return fmt.Sprintf("group %s epoch %d", r.Group, r.Epoch)
	case *consumer.AssignmentMetadataRecord:
		if r.Gone {
			return "assignment of " + r.Group + " gone"
		}
		return fmt.Sprintf("assignment of %s epoch %d", r.Group, r.Epoch)
	case *consumer.TargetRecord:
		if r.Gone {
			return fmt.Sprintf("target %s/%s gone", r.Group, r.ID)
		}
		return fmt.Sprintf("target %s/%s %s", r.Group, r.ID, showPartitions(r.Target))
	case *consumer.MemberRecord:
		if r.Member == nil {
			return fmt.Sprintf("member %s/%s gone", r.Group, r.ID)
		}
		return fmt.Sprintf("member %s/%s", r.Group, r.ID)
	case *consumer.CurrentRecord:
		if r.Gone {
			return fmt.Sprintf("current %s/%s gone", r.Group, r.ID)
		}
		return fmt.Sprintf("current %s/%s epoch %d before %d state %d has %s revokes %s", r.Group, r.ID, r.Epoch, r.PreviousEpoch, r.State, showEpochs(r.Assigned), showEpochs(r.Pending))
	case *consumer.RegexRecord:
		if r.Gone {
			return fmt.Sprintf("regex %s %s gone", r.Group, r.Regex)
		}
		return fmt.Sprintf("regex %s %s = %v", r.Group, r.Regex, r.Topics)
	case *group.OffsetRecord:
		if r.Offset == nil {
			return fmt.Sprintf("offset %s %s/%d gone", r.Group, r.Topic, r.Partition)
		}
		return fmt.Sprintf("offset %s %s/%d = %d", r.Group, r.Topic, r.Partition, r.Offset.Offset)
	case *group.MetadataRecord:
		if r.Metadata == nil {
			return "classic group " + r.Group + " gone"
		}
		out := fmt.Sprintf("classic group %s generation %d leader %q", r.Group, r.Metadata.Generation, deref(r.Metadata.Leader))
		for _, p := range r.Metadata.Members {
			out += fmt.Sprintf(" %s[%s]", p.MemberID, showClassic(p.Assignment))
		}
		return out
	}
	return fmt.Sprintf("%T", r)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// showEpochs shows partitions with the epoch at which each was got: a:0@2.
func showEpochs(all map[record.UUID]map[int32]int32) string {
	var words []string
	for id, ps := range all {
		for p, since := range ps {
			words = append(words, fmt.Sprintf("%c:%d@%d", id[15], p, since))
		}
	}
	slices.Sort(words)
	return fmt.Sprint(words)
}

func showPartitions[M ~map[record.UUID][]int32](all M) string {
	var words []string
	for id, ps := range all {
		words = append(words, fmt.Sprintf("%c:%v", id[15], ps))
	}
	slices.Sort(words)
	return fmt.Sprint(words)
}

// showClassic shows the assignment of a classic consumer.
func showClassic(b []byte) string {
	var a kmsg.ConsumerMemberAssignment
	if len(b) == 0 || a.ReadFrom(b) != nil {
		return ""
	}
	var words []string
	for _, t := range a.Topics {
		words = append(words, fmt.Sprintf("%s:%v", t.Topic, t.Partitions))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func code(c int16) string {
	if c == 0 {
		return "ok"
	}
	return kerr.TypedErrorForCode(c).Message
}

func showReply(resp any) string {
	switch r := resp.(type) {
	case *kmsg.ConsumerGroupHeartbeatResponse:
		if r.ErrorCode != 0 {
			return fmt.Sprintf("%s: %s", code(r.ErrorCode), deref(r.ErrorMessage))
		}
		out := fmt.Sprintf("member %s epoch %d every %d ms", deref(r.MemberID), r.MemberEpoch, r.HeartbeatIntervalMillis)
		if r.Assignment != nil {
			all := map[record.UUID][]int32{}
			for _, t := range r.Assignment.Topics {
				all[t.TopicID] = t.Partitions
			}
			out += " assigned " + showPartitions(all)
		}
		return out
	case *kmsg.ConsumerGroupDescribeResponse:
		g := r.Groups[0]
		if g.ErrorCode != 0 {
			return fmt.Sprintf("%s: %s", code(g.ErrorCode), deref(g.ErrorMessage))
		}
		out := fmt.Sprintf("%s %s epoch %d assigned at %d by %s", g.Group, g.State, g.Epoch, g.AssignmentEpoch, g.AssignorName)
		for _, m := range g.Members {
			out += fmt.Sprintf(" %s(epoch %d reads %v%s has %s shall %s type %d)", m.MemberID, m.MemberEpoch, m.SubscribedTopics, deref(m.SubscribedTopicRegex),
				showNamed(m.Assignment), showNamed(m.TargetAssignment), m.MemberType)
		}
		return out
	case *kmsg.ListGroupsResponse:
		out := "list"
		for _, g := range r.Groups {
			out += fmt.Sprintf(" %s(%s,%s,%s)", g.Group, g.GroupType, g.ProtocolType, g.GroupState)
		}
		return out
	case *kmsg.DeleteGroupsResponse:
		return "delete " + code(r.Groups[0].ErrorCode)
	case *kmsg.OffsetDeleteResponse:
		if r.ErrorCode != 0 {
			return "offsetdelete " + code(r.ErrorCode)
		}
		return "offsetdelete " + code(r.Topics[0].Partitions[0].ErrorCode)
	case *kmsg.OffsetCommitResponse:
		return "commit " + code(r.Topics[0].Partitions[0].ErrorCode)
	case *kmsg.OffsetFetchResponse:
		g := r.Groups[0]
		if g.ErrorCode != 0 {
			return "fetch " + code(g.ErrorCode)
		}
		return fmt.Sprintf("fetch %d", g.Topics[0].Partitions[0].Offset)
	case *kmsg.JoinGroupResponse:
		out := fmt.Sprintf("join %s member %q generation %d leader %q protocol %q", code(r.ErrorCode), r.MemberID, r.Generation, r.LeaderID, deref(r.Protocol))
		for _, m := range r.Members {
			out += " " + m.MemberID
		}
		return out
	case *kmsg.SyncGroupResponse:
		return fmt.Sprintf("sync %s [%s]", code(r.ErrorCode), showClassic(r.MemberAssignment))
	case *kmsg.HeartbeatResponse:
		return "beat " + code(r.ErrorCode)
	case *kmsg.LeaveGroupResponse:
		return fmt.Sprintf("leave %s %s", code(r.ErrorCode), code(r.Members[0].ErrorCode))
	}
	return fmt.Sprintf("%T", resp)
}

func showNamed(a kmsg.Assignment) string {
	var words []string
	for _, t := range a.TopicPartitions {
		words = append(words, fmt.Sprintf("%s:%v", t.Topic, t.Partitions))
	}
	return fmt.Sprint(words)
}
