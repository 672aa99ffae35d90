package sharing_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	"leat/internal/coordinator/group/kind"
	"leat/internal/coordinator/group/sharing"
	"leat/internal/machine"
	"leat/internal/machine/machinetest"
	"leat/internal/metadata"
	"leat/internal/record"
)

var update = flag.Bool("update", false, "rewrite the expected output of the stories")

// TestStories runs the scripts in testdata/stories. A line that begins with "> " is a command, what follows is what comes of it: "#3 ..."
// answers the third request, "+ ..." is a record, "* ..." is what the operator is told, "!1 ..." is the first thing asked of the share
// coordinator. After every command the hard state is rebuilt from the records and compared.
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

// story is a machine, its clock, its image, and what it asked of the share coordinator.
type story struct {
	t      *testing.T
	driver *machinetest.Driver[group.Event, group.Record]
	now    time.Time
	set    group.Settings
	image  *metadata.Image
	shown  int
	loads  uint64
	asked  []machine.Effect
}

func newStory(t *testing.T) *story {
	s := &story{t: t, now: time.UnixMilli(1_000_000_000_000), set: group.DefaultSettings, image: metadata.Empty}
	s.set.Share = kind.DefaultShareSettings
	s.driver = newDriver(t, func() group.Settings { return s.set }, func() *rand.Rand { s.loads++; return rand.New(rand.NewPCG(s.loads, 2)) })
	s.step(group.Event{Loaded: true, Image: s.image})
	s.driver.Ticket = 0
	return s
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

// step handles an event that nobody waits for.
func (s *story) step(e group.Event) []machine.Effect {
	return s.driver.Step(s.now, func(machine.Ticket) group.Event { s.driver.Ticket--; return e })
}

// topics brings the image to the topics given as name:partitions, whose ids are their first letters. One with :0 goes, and with :0!
// nobody is told.
func (s *story) topics(words []string) []machine.Effect {
	d := metadata.NewDelta(s.image)
	var e group.Event
	told := true
	for _, w := range words {
		name, n, _ := strings.Cut(w, ":")
		told = told && !strings.HasSuffix(n, "!")
		id, partitions := record.UUID{name[0]}, s.number(strings.TrimSuffix(n, "!"))
		var records []metadata.Record
		old, known := s.image.Topic(name)
		switch {
		case partitions == 0:
			records = append(records, &metadata.RemoveTopicRecord{TopicID: id})
			e.DeletedTopics = append(e.DeletedTopics, name)
		case !known:
			records = append(records, &metadata.TopicRecord{Name: name, TopicID: id})
			old = &metadata.Topic{}
			fallthrough
		default:
			for p := len(old.Partitions); p < partitions; p++ {
				records = append(records, &metadata.PartitionRecord{TopicID: id, PartitionID: int32(p), Replicas: []int32{1}, ISR: []int32{1}, Leader: 1})
			}
		}
		for _, r := range records {
			if err := d.Replay(r); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	s.image = d.Image(s.image.Offset+1, 1, 1)
	if !told {
		return nil
	}
	e.Image = s.image
	return s.step(e)
}

func (s *story) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *story) command(words []string) []string {
	named, plain := map[string]string{}, []string(nil)
	for _, w := range words[1:] {
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
		return s.show(s.topics(plain))
	case "set":
		d, err := time.ParseDuration(named["interval"])
		if err != nil {
			s.t.Fatal(err)
		}
		s.set.Share.AssignmentInterval = d
		return nil
	case "done":
		if n := s.number(plain[0]); n > len(s.asked) {
			return []string{fmt.Sprintf("only %d things were asked", len(s.asked))}
		}
		return s.show(s.step(group.Event{Request: s.outcome(s.asked[s.number(plain[0])-1], named)}))
	case "refuse": // the command after it is decided on, and its records are not written
		rq := s.request(plain, named)
		s.driver.Ticket++
		m := s.driver.Machine.(*group.Machine)
		res := m.Handle(s.now, group.Event{Ticket: s.driver.Ticket, Request: rq})
		m.Refused(s.now, res.Records)
		return []string{fmt.Sprintf("%d records refused", len(res.Records))}
	}
	rq := s.request(words, named)
	return s.show(s.driver.Step(s.now, func(t machine.Ticket) group.Event {
		return group.Event{Ticket: t, Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"}
	}))
}

// outcome is what the share coordinator made of what it was asked, with an error for all or for topic/partition.
func (s *story) outcome(e machine.Effect, named map[string]string) kmsg.Request {
	code := func(id record.UUID, p int32) int16 {
		name, ok := named[fmt.Sprintf("%c/%d", id[0], p)]
		if !ok {
			name = named["code"]
		}
		for _, known := range []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.UnknownTopicOrPartition, kerr.FencedStateEpoch} {
			if known.Message == name {
				return known.Code
			}
		}
		return 0
	}
	var all []sharing.Outcome
	switch e := e.(type) {
	case sharing.Initialize:
		for _, t := range e.Topics {
			for _, p := range t.Partitions {
				all = append(all, sharing.Outcome{TopicID: t.TopicID, Partition: p.Partition, Code: code(t.TopicID, p.Partition)})
			}
		}
		return &sharing.Initialized{ID: e.ID, Group: e.Group, Outcomes: all}
	case sharing.Discard:
		for _, t := range e.Topics {
			for _, p := range t.Partitions {
				all = append(all, sharing.Outcome{TopicID: t.TopicID, Partition: p, Code: code(t.TopicID, p)})
			}
		}
		return &sharing.Discarded{ID: e.ID, Group: e.Group, Outcomes: all}
	}
	return nil
}

// request makes the request of a command, whose second word is the group.
func (s *story) request(words []string, named map[string]string) kmsg.Request {
	id := words[1]
	switch words[0] {
	case "beat":
		rq := kmsg.NewPtrShareGroupHeartbeatRequest()
		rq.GroupID, rq.MemberID, rq.MemberEpoch = id, words[2], int32(s.number(named["epoch"]))
		if v, ok := named["read"]; ok {
			rq.SubscribedTopicNames = strings.Split(v, ",")
		}
		return rq
	case "describe":
		rq := kmsg.NewPtrShareGroupDescribeRequest()
		rq.GroupIDs = []string{id}
		return rq
	case "alter":
		rq := kmsg.NewPtrAlterShareGroupOffsetsRequest()
		rq.GroupID = id
		for _, w := range words[2:] { // topic/partition@offset
			tp, offset, _ := strings.Cut(w, "@")
			topic, p, _ := strings.Cut(tp, "/")
			rq.Topics = append(rq.Topics, kmsg.AlterShareGroupOffsetsRequestTopic{Topic: topic, Partitions: []kmsg.AlterShareGroupOffsetsRequestTopicPartition{
				{Partition: int32(s.number(p)), StartOffset: int64(s.number(offset))}}})
		}
		return rq
	case "forget":
		rq := kmsg.NewPtrDeleteShareGroupOffsetsRequest()
		rq.GroupID = id
		for _, w := range words[2:] {
			rq.Topics = append(rq.Topics, kmsg.DeleteShareGroupOffsetsRequestTopic{Topic: w})
		}
		return rq
	case "delete":
		rq := kmsg.NewPtrDeleteGroupsRequest()
		rq.Groups = []string{id}
		return rq
	}
	s.t.Fatalf("unknown command %s", words[0])
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
			if text := showReply(e.Response); text != "" {
				lines = append(lines, fmt.Sprintf("#%d %s", e.To, text))
			}
		case kind.Notice:
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("* %s: %s %s", e.Message, e.Member, e.Reason)))
		case sharing.Initialize:
			s.asked = append(s.asked, e)
			line := fmt.Sprintf("!%d initialize %s at state epoch %d:", len(s.asked), e.Group, e.StateEpoch)
			for _, t := range e.Topics {
				for _, p := range t.Partitions {
					line += fmt.Sprintf(" %c/%d from %d", t.TopicID[0], p.Partition, p.StartOffset)
				}
			}
			lines = append(lines, line)
		case sharing.Discard:
			s.asked = append(s.asked, e)
			line := fmt.Sprintf("!%d discard %s:", len(s.asked), e.Group)
			for _, t := range e.Topics {
				line += fmt.Sprintf(" %c%v", t.TopicID[0], t.Partitions)
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func showAssignment(a sharing.Assignment) (text string) {
	for _, t := range a {
		text += fmt.Sprintf(" %c%v", t.TopicID[0], t.Partitions)
	}
	if text == "" {
		return " nothing"
	}
	return text
}

func showStates(name string, list []sharing.TopicState) (text string) {
	for _, t := range list {
		text += fmt.Sprintf(" %s %s%v", name, t.Topic, t.Partitions)
	}
	return text
}

func showRecord(r group.Record) string {
	rec, ok := r.(*sharing.Record)
	switch {
	case !ok:
		return fmt.Sprintf("%T", r)
	case rec.Info != nil:
		return fmt.Sprintf("member %s reads %v", rec.Member, rec.Info.Topics)
	case rec.Epoch != nil:
		return fmt.Sprintf("group epoch %d", rec.Epoch.Epoch)
	case rec.TargetEpoch != nil:
		return fmt.Sprintf("assignment epoch %d", rec.TargetEpoch.Epoch)
	case rec.Target != nil:
		return fmt.Sprintf("target of %s:%s", rec.Member, showAssignment(*rec.Target))
	case rec.Current != nil:
		return fmt.Sprintf("%s has at epoch %d:%s", rec.Member, rec.Current.MemberEpoch, showAssignment(rec.Current.Assigned))
	case rec.States != nil:
		return strings.TrimSpace("states:" + showStates("initializing", rec.States.Initializing) + showStates("initialized", rec.States.Initialized) + showStates("deleting", rec.States.Deleting))
	}
	return fmt.Sprintf("tombstone %d %s", rec.Key, rec.Member)
}

func showCode(code int16) string {
	if err := kerr.TypedErrorForCode(code); err != nil {
		return err.Message
	}
	return "ok"
}

func showReply(resp any) string {
	switch resp := resp.(type) {
	case *kmsg.ShareGroupHeartbeatResponse:
		if resp.ErrorCode != 0 {
			return showCode(resp.ErrorCode)
		}
		text := fmt.Sprintf("epoch %d", resp.MemberEpoch)
		if resp.Assignment != nil {
			var a sharing.Assignment
			for _, t := range resp.Assignment.TopicPartitions {
				a = append(a, sharing.TopicPartitions{TopicID: t.TopicID, Partitions: t.Partitions})
			}
			text += ":" + showAssignment(a)
		}
		return text
	case *kmsg.ShareGroupDescribeResponse:
		g := resp.Groups[0]
		return fmt.Sprintf("%s %s, epochs of group %d and assignment %d, %d members", showCode(g.ErrorCode), g.GroupState, g.GroupEpoch, g.AssignmentEpoch, len(g.Members))
	case *kmsg.AlterShareGroupOffsetsResponse:
		text := showCode(resp.ErrorCode)
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				text += fmt.Sprintf(" %s/%d %s", t.Topic, p.Partition, showCode(p.ErrorCode))
			}
		}
		return text
	case *kmsg.DeleteShareGroupOffsetsResponse:
		text := showCode(resp.ErrorCode)
		for _, t := range resp.Topics {
			text += fmt.Sprintf(" %s %s", t.Topic, showCode(t.ErrorCode))
		}
		return text
	case *kmsg.DeleteGroupsResponse:
		return "delete " + showCode(resp.Groups[0].ErrorCode)
	}
	return ""
}
