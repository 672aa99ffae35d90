package streams

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
	"leat/internal/machine/machinetest"
	"leat/internal/record"
)

var update = flag.Bool("update", false, "rewrite the expected output of the stories")

// TestStories runs the scripts in testdata/stories. A line that begins with "> " is a command, what follows is what comes of it: "= ..."
// is an answer, "+ ..." a record, "* ..." what the operator is told. After every command the hard state is compared with a replay.
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

// story is a machine with its clock and topics, and clients that remember what they were told.
type story struct {
	t      *testing.T
	d      *machinetest.Driver[event, kind.Record]
	now    time.Time
	topics map[string]int32
	told   map[string]*known
	shown  int
}

func newStory(t *testing.T) *story {
	s := &story{t: t, d: drive(t), now: time.UnixMilli(1_000_000_000_000), topics: make(map[string]int32), told: make(map[string]*known)}
	s.d.Step(s.now, func(machine.Ticket) event { return event{loaded: true, image: imageOf(t, nil)} })
	return s
}

func (s *story) machine() *alone { return s.d.Machine.(*alone) }

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

// command does one of: topics NAME:N...; set standbys|interval|delay|size VALUE; beat MEMBER WORD...; wait DURATION; reload; describe;
// commit MEMBER EPOCH TOPIC:PARTITION...
func (s *story) command(words []string) []string {
	switch words[0] {
	case "topics":
		changed := kind.Topics{}
		for _, w := range words[1:] {
			name, n, _ := strings.Cut(w, ":")
			if s.topics[name] = int32(s.number(n)); s.topics[name] == 0 {
				delete(s.topics, name)
			}
			changed.Deleted = append(changed.Deleted, name) // a name is all that is looked at
		}
		image := imageOf(s.t, s.topics)
		return s.show(s.d.Step(s.now, func(machine.Ticket) event { return event{image: image, topics: changed} }))
	case "set":
		s.set(words[1], s.number(words[2]))
		return nil
	case "beat":
		return s.beat(words[1], words[2:])
	case "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = s.now.Add(d)
		return s.show(s.d.Tick(s.now))
	case "reload":
		set := s.machine().set
		s.d.Reload()
		s.machine().set = set
		image := imageOf(s.t, s.topics)
		return s.show(s.d.Step(s.now, func(machine.Ticket) event { return event{loaded: true, image: image} }))
	case "describe":
		return s.describe()
	case "commit":
		c := kind.Commit{Group: "app", MemberID: words[1], Epoch: int32(s.number(words[2])), Version: offsetCommitWithEpochs}
		for _, w := range words[3:] {
			topic, p, _ := strings.Cut(w, ":")
			c.Partitions = append(c.Partitions, record.TopicPartition{Topic: topic, Partition: int32(s.number(p))})
		}
		return []string{"= " + errorName(s.machine().CheckCommit(s.machine(), c))}
	}
	s.t.Fatalf("no command %s", words[0])
	return nil
}

func (s *story) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *story) set(what string, n int) {
	set := &s.machine().set.Streams
	switch what {
	case "standbys":
		set.StandbyReplicas = n
	case "interval":
		set.AssignmentInterval = time.Duration(n) * time.Millisecond
	case "delay":
		set.InitialRebalanceDelay = time.Duration(n) * time.Millisecond
	case "size":
		set.MaxSize = n
	default:
		s.t.Fatalf("no setting %s", what)
	}
}

// beat sends a heartbeat. Unless words say otherwise (join, leave, away, epoch=N, runs=TASKS, process=P, instance=I, topology=wide,
// shutdown), the member tells the epoch and tasks that it was told last.
func (s *story) beat(id string, words []string) []string {
	rq := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	rq.Version, rq.Group, rq.MemberID = 1, "app", id
	m := s.told[id]
	if m == nil {
		m = &known{}
		s.told[id] = m
	}
	rq.MemberEpoch, rq.ActiveTasks, rq.StandbyTasks, rq.WarmupTasks = m.epoch, m.tasks[Active].grouped(), m.tasks[Standby].grouped(), []kmsg.TaskIDs{}
	for _, w := range words {
		key, val, _ := strings.Cut(w, "=")
		switch key {
		case "join":
			rq.MemberEpoch, rq.ActiveTasks, rq.StandbyTasks = 0, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
			rq.RebalanceTimeoutMillis, rq.Topology, rq.ProcessID = 10000, wordCount(), new("p-"+id)
		case "leave":
			rq.MemberEpoch = leaveEpoch
		case "away":
			rq.MemberEpoch = leaveStaticEpoch
		case "epoch":
			rq.MemberEpoch = int32(s.number(val))
		case "runs":
			rq.ActiveTasks = tasksIn(s, val).grouped()
		case "process":
			rq.ProcessID = &val
		case "instance":
			rq.InstanceID = &val
		case "topology":
			oversize(rq.Topology, val)
		case "shutdown":
			rq.ShutdownApplication = true
		}
	}
	effects := s.d.Step(s.now, func(t machine.Ticket) event {
		return event{Event: kind.Event{Ticket: t, Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"}}
	})
	if a := effects[len(effects)-1].(machine.Reply).Response.(*Answer); a.ErrorCode == 0 {
		if m.epoch = a.MemberEpoch; a.ActiveTasks != nil {
			m.tasks = Assignment{tasksOf(a.ActiveTasks), tasksOf(a.StandbyTasks), tasksOf(a.WarmupTasks)}
		}
	}
	return s.show(effects)
}

// oversize makes a topology one that nobody could run.
func oversize(t *kmsg.StreamsGroupHeartbeatRequestTopology, how string) {
	switch how {
	case "deep":
		for i := range maxSubtopologies {
			sub := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
			sub.SubtopologyID, sub.SourceTopics = fmt.Sprint("more-", i), []string{"lines"}
			t.Subtopologies = append(t.Subtopologies, sub)
		}
	case "broad":
		for i := range maxTopologyTopics {
			t.Subtopologies[0].SourceTopics = append(t.Subtopologies[0].SourceTopics, fmt.Sprint("t-", i))
		}
	case "many":
		t.Subtopologies[1].RepartitionSourceTopics[0].NumPartitions = 1 << 30
	case "other":
		t.Subtopologies[0].SourceTopics = []string{"words"}
	case "older":
		t.Epoch = 0
	case "newer":
		t.Epoch = 1
	}
}

// tasksIn reads tasks as they are shown: 0:1,2;1:0
func tasksIn(s *story, text string) Tasks {
	out := make(Tasks)
	for part := range strings.SplitSeq(text, ";") {
		id, partitions, ok := strings.Cut(part, ":")
		if !ok {
			continue
		}
		for p := range strings.SplitSeq(partitions, ",") {
			out[Task{id, int32(s.number(p))}] = 0
		}
	}
	return out
}

func (s *story) show(effects []machine.Effect) (lines []string) {
	for _, e := range effects {
		switch e := e.(type) {
		case machine.Reply:
			lines = append(lines, "= "+answerText(e.Response.(*Answer)))
		case kind.Notice:
			lines = append(lines, strings.TrimSuffix(fmt.Sprintf("* %s: %s, %s", e.Message, e.Member, e.Reason), ", "))
		}
	}
	for ; s.shown < len(s.d.Entries); s.shown++ {
		lines = append(lines, "+ "+recordText(s.d.Entries[s.shown].Record))
	}
	return lines
}

func errorName(code int16) string {
	if code == 0 {
		return "taken"
	}
	return kerr.ErrorForCode(code).(*kerr.Error).Message
}

func answerText(a *Answer) string {
	if a.ErrorCode != 0 {
		return errorName(a.ErrorCode) + ": " + *a.ErrorMessage
	}
	text := fmt.Sprintf("%s epoch %d", a.MemberID, a.MemberEpoch)
	if a.ActiveTasks != nil {
		text += " " + tasksText(Assignment{tasksOf(a.ActiveTasks), tasksOf(a.StandbyTasks), tasksOf(a.WarmupTasks)})
	}
	for _, status := range a.Status {
		text += fmt.Sprintf(" [%d %s]", status.StatusCode, status.StatusDetail)
	}
	for i := range a.Create {
		text += fmt.Sprintf(" create %s:%d", a.Create[i].Topic, a.Create[i].NumPartitions)
	}
	return text
}

func tasksText(a Assignment) string {
	var all []string
	for r, name := range []string{"active", "standby", "warmup"} {
		if len(a[r]) > 0 {
			all = append(all, name+" "+strings.Join(taskWords(a[r]), ";"))
		}
	}
	if len(all) == 0 {
		return "no tasks"
	}
	return strings.Join(all, " ")
}

func taskWords(t Tasks) (words []string) {
	for _, ids := range t.grouped() {
		words = append(words, ids.SubtopologyID+":"+strings.ReplaceAll(strings.Trim(fmt.Sprint(ids.Partitions), "[]"), " ", ","))
	}
	return words
}

func recordText(r kind.Record) string {
	switch r := r.(type) {
	case *MetadataRecord:
		if r.Metadata != nil {
			return fmt.Sprintf("group in epoch %d, validated topology %d, %v", r.Metadata.Epoch, r.Metadata.ValidatedTopology, r.Metadata.Configs)
		}
	case *MemberRecord:
		if r.Metadata != nil {
			return fmt.Sprintf("member %s of process %s, topology %d", r.Member, r.Metadata.ProcessID, r.Metadata.TopologyEpoch)
		}
		return "member " + r.Member + " gone"
	case *TargetMetadataRecord:
		if r.Target != nil {
			return fmt.Sprintf("target of epoch %d", r.Target.Epoch)
		}
	case *TargetMemberRecord:
		if r.Tasks != nil {
			return fmt.Sprintf("target of %s: %s", r.Member, tasksText(*r.Tasks))
		}
		return "target of " + r.Member + " gone"
	case *CurrentRecord:
		if r.Current != nil {
			return fmt.Sprintf("%s is in epoch %d after %d, state %d: %s; gives up %s", r.Member, r.Current.Epoch, r.Current.Previous, r.Current.State,
				tasksText(r.Current.Assigned), tasksText(r.Current.Revoking))
		}
		return r.Member + " is gone"
	case *TopologyRecord:
		if r.Topology != nil {
			return fmt.Sprintf("topology %d of %d parts", r.Topology.Epoch, len(r.Topology.Subtopologies))
		}
	}
	return fmt.Sprintf("tombstone %T", r)
}

// describe shows the group as tools see it.
func (s *story) describe() (lines []string) {
	rq := kmsg.NewPtrStreamsGroupDescribeRequest()
	rq.Groups = []string{"app"}
	g := s.machine().describe(s.machine(), rq).Groups[0]
	lines = append(lines, fmt.Sprintf("= %s, epoch %d, assigned in %d", g.State, g.Epoch, g.AssignmentEpoch))
	for _, m := range g.Members {
		held, target := s.machine().hard["app"].Members[m.MemberID], s.machine().hard["app"].Targets[m.MemberID]
		lines = append(lines, fmt.Sprintf("= %s epoch %d: %s; target %s", m.MemberID, m.MemberEpoch, tasksText(held.Assigned), tasksText(target)))
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.machine().timers), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		lines = append(lines, fmt.Sprintf("= due in %v: %s", s.machine().timers[key].Sub(s.now), key[1]))
	}
	return lines
}
