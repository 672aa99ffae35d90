package group

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/field"
	"leat/internal/machine"
	"leat/internal/machine/machinetest"
)

var update = flag.Bool("update", false, "rewrite the expected output of the stories")

// TestStories runs the scripts in testdata. A line that begins with "> " is a command, what follows it is what comes of it: "#3 ..." answers
// the third request, "+ ..." is a record, "* ..." is what the operator is told. After every command the hard state is rebuilt from
// the records and compared.
func TestStories(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
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

// story is a machine, its clock, and the short names of member ids.
type story struct {
	driver *machinetest.Driver[Event, Record]
	now    time.Time
	set    Settings
	shown  int // records already shown
	full   map[string]string
	short  map[string]string
}

func newStory(t *testing.T) *story {
	s := &story{now: time.UnixMilli(1_000_000_000_000), set: DefaultSettings, full: map[string]string{}, short: map[string]string{}}
	s.driver = newDriver(t, func() Settings { return s.set })
	s.driver.Step(s.now, func(machine.Ticket) Event { return Event{Loaded: true} })
	s.driver.Ticket = 0
	return s
}

func newDriver(t *testing.T, set func() Settings) *machinetest.Driver[Event, Record] {
	chance := rand.New(rand.NewPCG(1, 2)) // goes on after a restart: ids must not come again
	return &machinetest.Driver[Event, Record]{
		T: t,
		New: func() machine.Machine[Event, Record] {
			return New(Config{Settings: set, Rand: chance})
		},
		Hard:    func(m machine.Machine[Event, Record]) any { return m.(*Machine).hard },
		Options: []cmp.Option{cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateEmpty()},
		Recode: func(r Record) Record {
			back, err := Decode(r.Encode())
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

// args are the words of a command: plain ones, and key=value.
type args struct {
	plain []string
	named map[string]string
	list  [][2]string
}

func (s *story) args(words []string) args {
	a := args{named: map[string]string{}}
	for _, w := range words {
		if k, v, ok := strings.Cut(w, "="); ok {
			if full, known := s.full[v]; known {
				v = full
			}
			a.named[k] = v
			a.list = append(a.list, [2]string{k, v})
		} else {
			a.plain = append(a.plain, w)
		}
	}
	return a
}

func (a args) int(name string, otherwise int) int {
	if v, ok := a.named[name]; ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			panic(err)
		}
		return n
	}
	return otherwise
}

func (a args) millis(name string, otherwise time.Duration) int32 {
	if v, ok := a.named[name]; ok {
		d, err := time.ParseDuration(v)
		if err != nil {
			panic(err)
		}
		otherwise = d
	}
	return int32(otherwise.Milliseconds())
}

func (a args) text(name, otherwise string) string {
	if v, ok := a.named[name]; ok {
		return v
	}
	return otherwise
}

func (a args) null(name string) *string {
	if v, ok := a.named[name]; ok {
		return &v
	}
	return nil
}

// offsets reads words of the form topic/partition, with =offset or without.
func (a args) partitions() [][3]string {
	var all [][3]string
	for _, w := range a.plain {
		if t, p, ok := strings.Cut(w, "/"); ok {
			all = append(all, [3]string{t, p})
		}
	}
	for _, kv := range a.list {
		if t, p, ok := strings.Cut(kv[0], "/"); ok {
			all = append(all, [3]string{t, p, kv[1]})
		}
	}
	return all
}

func (s *story) command(words []string) []string {
	a := s.args(words[1:])
	switch words[0] {
	case "wait":
		d, err := time.ParseDuration(a.plain[0])
		if err != nil {
			panic(err)
		}
		s.now = s.now.Add(d)
		return s.show(s.driver.Tick(s.now))
	case "reload":
		s.driver.Reload()
		return s.show(s.driver.Step(s.now, func(machine.Ticket) Event { s.driver.Ticket--; return Event{Loaded: true} }))
	case "set":
		s.set.MaxSize = a.int("max-size", s.set.MaxSize)
		s.set.InitialRebalanceDelay = time.Duration(a.millis("delay", s.set.InitialRebalanceDelay)) * time.Millisecond
		return nil
	case "forget":
		return s.show(s.driver.Step(s.now, func(machine.Ticket) Event { s.driver.Ticket--; return Event{DeletedTopics: a.plain} }))
	case "end":
		marker := machine.AbortMarker
		if a.plain[0] == "commit" {
			marker = machine.CommitMarker
		}
		s.driver.Mark(s.now, machine.Producer{ID: int64(a.int("pid", 0)), Epoch: int16(a.int("epoch", 0))}, marker)
		s.shown = len(s.driver.Entries)
		return nil
	}
	rq := s.request(words[0], a)
	return s.show(s.driver.Step(s.now, func(t machine.Ticket) Event {
		return Event{Ticket: t, Request: rq, ClientID: a.text("client", "c"), ClientHost: "/127.0.0.1"}
	}))
}

// request makes the request of a command. The first plain word is the group.
func (s *story) request(name string, a args) kmsg.Request {
	var group string
	if len(a.plain) > 0 && !strings.Contains(a.plain[0], "/") {
		group = a.plain[0]
	}
	version := int16(a.int("v", 9))
	switch name {
	case "join":
		rq := kmsg.NewPtrJoinGroupRequest()
		rq.Version, rq.Group, rq.MemberID, rq.InstanceID = version, group, a.text("member", ""), a.null("instance")
		rq.SessionTimeoutMillis, rq.RebalanceTimeoutMillis = a.millis("session", 10*time.Second), a.millis("rebalance", time.Minute)
		rq.ProtocolType, rq.Reason = a.text("type", "test"), a.null("reason")
		for _, kv := range a.list {
			if kv[0] == "p" {
				name, metadata, _ := strings.Cut(kv[1], ":")
				rq.Protocols = append(rq.Protocols, kmsg.JoinGroupRequestProtocol{Name: name, Metadata: subscription(rq.ProtocolType, metadata)})
			}
		}
		return rq
	case "sync":
		rq := kmsg.NewPtrSyncGroupRequest()
		rq.Version, rq.Group, rq.MemberID, rq.InstanceID, rq.Generation = int16(a.int("v", 4)), group, a.text("member", ""), a.null("instance"), int32(a.int("gen", 1))
		rq.ProtocolType, rq.Protocol = a.null("type"), a.null("p")
		for _, kv := range a.list {
			if to, ok := strings.CutPrefix(kv[0], "to:"); ok {
				id := to
				if full, known := s.full[to]; known {
					id = full
				}
				rq.GroupAssignment = append(rq.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: id, MemberAssignment: []byte(kv[1])})
			}
		}
		return rq
	case "beat":
		rq := kmsg.NewPtrHeartbeatRequest()
		rq.Version, rq.Group, rq.MemberID, rq.InstanceID, rq.Generation = 4, group, a.text("member", ""), a.null("instance"), int32(a.int("gen", 1))
		return rq
	case "leave":
		rq := kmsg.NewPtrLeaveGroupRequest()
		rq.Version, rq.Group = version, group
		if version < 3 {
			rq.MemberID = a.text("member", "")
		}
		for _, kv := range a.list {
			switch kv[0] {
			case "member":
				rq.Members = append(rq.Members, kmsg.LeaveGroupRequestMember{MemberID: kv[1], InstanceID: a.null("of"), Reason: a.null("reason")})
			case "instance":
				rq.Members = append(rq.Members, kmsg.LeaveGroupRequestMember{InstanceID: &kv[1]})
			}
		}
		return rq
	case "describe":
		rq := kmsg.NewPtrDescribeGroupsRequest()
		rq.Version, rq.Groups = version, a.plain
		return rq
	case "list":
		rq := kmsg.NewPtrListGroupsRequest()
		rq.StatesFilter, rq.TypesFilter = strings.Fields(strings.ReplaceAll(a.text("states", ""), ",", " ")), strings.Fields(a.text("types", ""))
		return rq
	case "delete":
		rq := kmsg.NewPtrDeleteGroupsRequest()
		rq.Groups = a.plain
		return rq
	}
	return offsetRequest(name, group, version, a)
}

func offsetRequest(name, group string, version int16, a args) kmsg.Request {
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	}
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Version, commit.Group, commit.MemberID, commit.InstanceID, commit.Generation = version, group, a.text("member", ""), a.null("instance"), int32(a.int("gen", -1))
	if v, ok := a.named["retention"]; ok {
		commit.RetentionTimeMillis = number(v)
	}
	txn := kmsg.NewPtrTxnOffsetCommitRequest()
	txn.Version, txn.Group, txn.MemberID, txn.Generation = 5, group, commit.MemberID, commit.Generation
	txn.ProducerID, txn.ProducerEpoch = int64(a.int("pid", 0)), int16(a.int("epoch", 0))
	fetch := kmsg.NewPtrOffsetFetchRequest()
	fetch.RequireStable = a.int("stable", 0) == 1
	fetch.Groups = []kmsg.OffsetFetchRequestGroup{{Group: group}}
	del := kmsg.NewPtrOffsetDeleteRequest()
	del.Group = group
	for _, tp := range a.partitions() {
		p := int32(number(tp[1]))
		fetch.Groups[0].Topics = append(fetch.Groups[0].Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: tp[0], Partitions: []int32{p}})
		del.Topics = append(del.Topics, kmsg.OffsetDeleteRequestTopic{Topic: tp[0], Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: p}}})
		if tp[2] == "" {
			continue
		}
		offset, metadata, _ := strings.Cut(tp[2], ":")
		if n, ok := strings.CutPrefix(metadata, "x*"); ok {
			metadata = strings.Repeat("x", int(number(n)))
		}
		commit.Topics = append(commit.Topics, kmsg.OffsetCommitRequestTopic{Topic: tp[0], Partitions: []kmsg.OffsetCommitRequestTopicPartition{
			{Partition: p, Offset: number(offset), LeaderEpoch: -1, Metadata: &metadata}}})
		txn.Topics = append(txn.Topics, kmsg.TxnOffsetCommitRequestTopic{Topic: tp[0], Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{
			{Partition: p, Offset: number(offset), LeaderEpoch: -1, Metadata: &metadata}}})
	}
	switch name {
	case "commit":
		return commit
	case "txncommit":
		return txn
	case "fetch":
		return fetch
	case "offsetdelete":
		return del
	}
	panic("unknown command " + name)
}

// subscription is a consumer's subscription to comma-separated topics; for other types the text itself.
func subscription(protocolType, metadata string) []byte {
	if protocolType != consumerProtocol || metadata == "junk" {
		return []byte(metadata)
	}
	w := field.Writer{}
	w.Int16(1)
	topics := strings.Split(metadata, ",")
	w.Int32(int32(len(topics)))
	for _, t := range topics {
		w.String(t)
	}
	w.Int32(-1)
	return w.B
}

// show tells what came of a command.
func (s *story) show(effects []machine.Effect) []string {
	var lines []string
	for _, e := range s.driver.Entries[s.shown:] {
		lines = append(lines, "+ "+showRecord(e))
	}
	s.shown = len(s.driver.Entries)
	for _, e := range effects {
		switch e := e.(type) {
		case machine.Reply:
			lines = append(lines, fmt.Sprintf("#%d %s", e.To, showReply(e.Response)))
		case Notice:
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

var memberID = regexp.MustCompile(`([a-z]+)-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// shorten gives member ids short names, in the order in which they appear.
func (s *story) shorten(line string) string {
	return memberID.ReplaceAllStringFunc(line, func(id string) string {
		if s.short[id] == "" {
			prefix := memberID.FindStringSubmatch(id)[1]
			for n := 1; s.short[id] == ""; n++ {
				if name := fmt.Sprintf("%s%d", prefix, n); s.full[name] == "" {
					s.short[id], s.full[name] = name, id
				}
			}
		}
		return s.short[id]
	})
}

func showRecord(e machine.Entry[Record]) string {
	switch r := e.Record.(type) {
	case *OffsetRecord:
		of := ""
		if e.ProducerID >= 0 {
			of = fmt.Sprintf(" of producer %d", e.ProducerID)
		}
		if r.Offset == nil {
			return fmt.Sprintf("offset %s %s/%d gone", r.Group, r.Topic, r.Partition)
		}
		expires := ""
		if r.Offset.ExpireTimestamp >= 0 {
			expires = fmt.Sprintf(" expires in %d ms", r.Offset.ExpireTimestamp-r.Offset.CommitTimestamp)
		}
		return fmt.Sprintf("offset %s %s/%d = %d%s%s", r.Group, r.Topic, r.Partition, r.Offset.Offset, of, expires)
	case *MetadataRecord:
		if r.Metadata == nil {
			return fmt.Sprintf("group %s gone", r.Group)
		}
		members := ""
		for _, p := range r.Metadata.Members {
			members += fmt.Sprintf(" %s[%s]", p.MemberID, p.Assignment)
		}
		return fmt.Sprintf("group %s generation %d type %q protocol %q leader %q%s", r.Group, r.Metadata.Generation, r.Metadata.ProtocolType,
			text(r.Metadata.Protocol), text(r.Metadata.Leader), members)
	}
	return "unknown record"
}

func code(c int16) string {
	if c == 0 {
		return "ok"
	}
	return kerr.TypedErrorForCode(c).Message
}

func showReply(resp any) string {
	switch r := resp.(type) {
	case *kmsg.JoinGroupResponse:
		if r.ErrorCode != 0 {
			return fmt.Sprintf("join %s member %q", code(r.ErrorCode), r.MemberID)
		}
		out := fmt.Sprintf("join ok generation %d protocol %q member %q leader %q", r.Generation, text(r.Protocol), r.MemberID, r.LeaderID)
		if r.SkipAssignment {
			out += " skip-assignment"
		}
		for _, p := range r.Members {
			out += " " + p.MemberID
		}
		return out
	case *kmsg.SyncGroupResponse:
		return fmt.Sprintf("sync %s [%s]", code(r.ErrorCode), r.MemberAssignment)
	case *kmsg.HeartbeatResponse:
		return "beat " + code(r.ErrorCode)
	case *kmsg.LeaveGroupResponse:
		out := "leave " + code(r.ErrorCode)
		for _, p := range r.Members {
			out += fmt.Sprintf(" %s%s=%s", p.MemberID, text(p.InstanceID), code(p.ErrorCode))
		}
		return out
	case *kmsg.DescribeGroupsResponse:
		g := r.Groups[0]
		out := fmt.Sprintf("describe %s %s type %q protocol %q", code(g.ErrorCode), g.State, g.ProtocolType, g.Protocol)
		for _, p := range g.Members {
			out += fmt.Sprintf(" %s(%s,%s)[%s]", p.MemberID, p.ClientID, p.ClientHost, p.MemberAssignment)
		}
		return out
	case *kmsg.ListGroupsResponse:
		out := "list"
		for _, g := range r.Groups {
			out += fmt.Sprintf(" %s(%s,%s,%s)", g.Group, g.ProtocolType, g.GroupState, g.GroupType)
		}
		return out
	case *kmsg.DeleteGroupsResponse:
		out := "delete"
		for _, g := range r.Groups {
			out += fmt.Sprintf(" %s=%s", g.Group, code(g.ErrorCode))
		}
		return out
	}
	return showOffsets(resp)
}

func showOffsets(resp any) string {
	var out string
	switch r := resp.(type) {
	case *kmsg.OffsetCommitResponse:
		out = "commit"
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				out += fmt.Sprintf(" %s/%d=%s", t.Topic, p.Partition, code(p.ErrorCode))
			}
		}
	case *kmsg.TxnOffsetCommitResponse:
		out = "txncommit"
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				out += fmt.Sprintf(" %s/%d=%s", t.Topic, p.Partition, code(p.ErrorCode))
			}
		}
	case *kmsg.OffsetFetchResponse:
		out = "fetch " + code(r.Groups[0].ErrorCode)
		for _, t := range r.Groups[0].Topics {
			for _, p := range t.Partitions {
				out += fmt.Sprintf(" %s/%d=%d", t.Topic, p.Partition, p.Offset)
				if p.ErrorCode != 0 {
					out += "(" + code(p.ErrorCode) + ")"
				}
			}
		}
	case *kmsg.OffsetDeleteResponse:
		out = "offsetdelete " + code(r.ErrorCode)
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				out += fmt.Sprintf(" %s/%d=%s", t.Topic, p.Partition, code(p.ErrorCode))
			}
		}
	}
	return out
}
