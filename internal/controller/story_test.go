package controller

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/machine"
	"leat/internal/machine/machinetest"
	"leat/internal/metadata"
	"leat/internal/record"
)

var update = flag.Bool("update", false, "rewrite the expected output of the stories")

// TestStories runs the scripts in testdata. A line that begins with "> " is a command (commands_test.go), what follows it is what comes of
// it: "= ..." is the reply, "+ ..." a record, "! ..." a notice. After every command the hard state is rebuilt from the records and compared.
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

const clusterID = "AAAAAAAAQACAAAAAAAAAAQ"

// story is a controller and its clock. Topic ids are shown by the name of their topic.
type story struct {
	t      *testing.T
	driver *machinetest.Driver[Event, Record]
	now    time.Time
	shown  int
	names  map[record.UUID]string
	epochs map[int32]int64
}

func values(t testing.TB, extra map[string]string) *config.Values {
	t.Helper()
	v, _, err := config.ParseBroker(map[string]string{
		"node.id": "1", "process.roles": "broker,controller", "controller.quorum.voters": "1@127.0.0.1:9093",
		"listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093", "controller.listener.names": "CONTROLLER",
		"num.partitions": "2", "leat.leader.return.ms": "-1",
	}, extra)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newStory(t *testing.T) *story {
	s := &story{t: t, now: time.Unix(1_000_000, 0).UTC(), names: map[record.UUID]string{}, epochs: map[int32]int64{}}
	v := values(t, nil)
	s.driver = &machinetest.Driver[Event, Record]{
		T: t,
		New: func() machine.Machine[Event, Record] {
			return New(Config{NodeID: 1, ClusterID: clusterID, Broker: v, Image: metadata.Empty, Now: s.now, Rand: rand.New(rand.NewSource(7))})
		},
		Hard: func(m machine.Machine[Event, Record]) any { return snapshotOf(m.(*Machine).Image()) },
		Recode: func(r Record) Record {
			back, err := metadata.ParseRecord(metadata.AppendRecord(nil, r))
			if err != nil {
				t.Fatal(err)
			}
			return back
		},
	}
	// The log begins as a real one does; the first entry stands for the leader change.
	for i, r := range append([]Record{&metadata.NoOpRecord{}}, Bootstrap(nil, "1")...) {
		s.driver.Entries = append(s.driver.Entries, machine.Entry[Record]{Offset: int64(i), Record: r})
	}
	s.driver.Reload()
	s.shown = len(s.driver.Entries)
	return s
}

func snapshotOf(im *metadata.Image) []string {
	var out []string
	for r := range im.Snapshot() {
		out = append(out, fmt.Sprintf("%T %x", r, metadata.AppendRecord(nil, r)))
	}
	return out
}

func (s *story) run(text string) string {
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "> "):
			out.WriteString(line + "\n")
			s.command(&out, strings.TrimPrefix(line, "> "))
		case strings.HasPrefix(line, "= "), strings.HasPrefix(line, "+ "), strings.HasPrefix(line, "! "):
		default:
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

func (s *story) command(out *strings.Builder, line string) {
	s.t.Helper()
	words := strings.Fields(line)
	var effects []machine.Effect
	switch words[0] {
	case "reload":
		s.driver.Reload()
	case "limit":
		s.driver.Machine.(*Machine).limits.records = int(number(words[1]))
	case "in-sync":
		topic, _ := s.driver.Machine.(*Machine).image().Topic(words[1])
		change := metadata.NewPartitionChange(topic.ID, number(words[2]))
		for _, id := range words[3:] {
			change.ISR = append(change.ISR, number(id))
		}
		s.driver.Entries = append(s.driver.Entries, machine.Entry[Record]{Offset: int64(len(s.driver.Entries)), Record: change})
		s.driver.Reload()
	case "suspect": // a connection closed; with a proof: and nobody listens any more
		id := number(words[1])
		what := &Suspicion{BrokerID: id, BrokerEpoch: s.epoch(id, nil), Proof: strings.Join(words[2:], " ")}
		effects = s.driver.Step(s.now, func(t machine.Ticket) Event { return Event{Ticket: t, Suspicion: what} })
	case "sleep": // the controller's process stands still, and its clock does not
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = s.now.Add(d)
	case "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = s.now.Add(d)
		effects = s.driver.Tick(s.now)
	default:
		r := s.request(words)
		effects = s.driver.Step(s.now, func(t machine.Ticket) Event { return Event{Ticket: t, Request: r} })
	}
	for ; s.shown < len(s.driver.Entries); s.shown++ {
		e := s.driver.Entries[s.shown]
		if topic, ok := e.Record.(*metadata.TopicRecord); ok {
			s.names[topic.TopicID] = topic.Name
		}
		fmt.Fprintf(out, "+ %s\n", s.showRecord(e.Record))
	}
	for _, e := range effects {
		if n, ok := e.(Notice); ok {
			if n.What != BrokerUnfenced { // the record says as much
				fmt.Fprintf(out, "! %s\n", s.notice(n))
			}
			continue
		}
		for _, l := range s.reply(e.(machine.Reply).Response) {
			fmt.Fprintf(out, "= %s\n", l)
		}
	}
}

// notice writes what people are told.
func (s *story) notice(n Notice) string {
	switch n.What {
	case BrokerFenced:
		how := ""
		if n.InOrder {
			how = " in order"
		}
		return fmt.Sprintf("broker %d fenced%s, led %d: %s", n.BrokerID, how, n.Led, n.Why)
	case BrokerLeaving:
		return fmt.Sprintf("broker %d leaves, led %d: %s", n.BrokerID, n.Led, n.Why)
	}
	if n.What == LeadersElected {
		return fmt.Sprintf("leaders elected: unclean %d, eligible %d", n.Unclean, n.Eligible)
	}
	return fmt.Sprintf("slept %v", n.Lost)
}

// showRecord writes a record's type and the fields that are not zero.
func (s *story) showRecord(r Record) string {
	v := reflect.ValueOf(r).Elem()
	return strings.TrimSuffix(v.Type().Name(), "Record") + s.show(v)
}

func (s *story) show(v reflect.Value) string {
	if id, ok := v.Interface().(record.UUID); ok {
		return s.showID(id)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return s.show(v.Elem())
	case reflect.String:
		return strconv.Quote(v.String())
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, s.show(v.Index(i)))
		}
		return "[" + strings.Join(items, " ") + "]"
	case reflect.Struct:
		fields := ""
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; !v.Field(i).IsZero() && name != "Features" {
				fields += " " + v.Type().Field(i).Name + "=" + s.show(v.Field(i))
			}
		}
		return fields
	default:
		return fmt.Sprint(v)
	}
}

func (s *story) showID(id record.UUID) string {
	if name, ok := s.names[id]; ok {
		return "<" + name + ">"
	}
	if [14]byte(id[1:15]) == [14]byte{} {
		return fmt.Sprintf("#%d", int(id[0])<<8|int(id[15]))
	}
	return id.String()
}

func problem(code int16, message *string) string {
	if code == 0 {
		return "ok"
	}
	name := "UNKNOWN"
	if e, ok := kerr.ErrorForCode(code).(*kerr.Error); ok {
		name = e.Message
	}
	if message == nil {
		return name
	}
	return name + ": " + *message
}

// reply writes a response, one line per item.
func (s *story) reply(response any) []string {
	switch r := response.(type) {
	case *kmsg.BrokerRegistrationResponse:
		return []string{fmt.Sprintf("%s epoch=%d", problem(r.ErrorCode, nil), r.BrokerEpoch)}
	case *kmsg.BrokerHeartbeatResponse:
		return []string{fmt.Sprintf("%s caught-up=%v fenced=%v shut-down=%v", problem(r.ErrorCode, nil), r.IsCaughtUp, r.IsFenced, r.ShouldShutdown)}
	case *kmsg.UnregisterBrokerResponse:
		return []string{problem(r.ErrorCode, r.ErrorMessage)}
	case *kmsg.AllocateProducerIDsResponse:
		return []string{fmt.Sprintf("%s first=%d count=%d", problem(r.ErrorCode, nil), r.ProducerIDStart, r.ProducerIDLen)}
	}
	if lines := s.clusterReply(response); lines != nil {
		return lines
	}
	var lines []string
	add := func(name string, code int16, message *string, more string) {
		lines = append(lines, strings.TrimSpace(name+" "+problem(code, message)+more))
	}
	switch r := response.(type) {
	case *kmsg.CreateTopicsResponse:
		for _, x := range r.Topics {
			more := ""
			if x.ErrorCode == 0 {
				more = fmt.Sprintf(" %s partitions=%d factor=%d%s", s.showID(x.TopicID), x.NumPartitions, x.ReplicationFactor, chosen(x.Configs))
			}
			add(x.Topic, x.ErrorCode, x.ErrorMessage, more)
		}
	case *kmsg.DeleteTopicsResponse:
		for _, x := range r.Topics {
			name := "null"
			if x.Topic != nil {
				name = *x.Topic
			}
			add(name, x.ErrorCode, x.ErrorMessage, "")
		}
	case *kmsg.CreatePartitionsResponse:
		for _, x := range r.Topics {
			add(x.Topic, x.ErrorCode, x.ErrorMessage, "")
		}
	case *kmsg.IncrementalAlterConfigsResponse:
		for _, x := range r.Resources {
			add(strconv.Quote(x.ResourceName), x.ErrorCode, x.ErrorMessage, "")
		}
	case *kmsg.AlterConfigsResponse:
		for _, x := range r.Resources {
			add(strconv.Quote(x.ResourceName), x.ErrorCode, x.ErrorMessage, "")
		}
	case *kmsg.ElectLeadersResponse:
		add("all", r.ErrorCode, nil, "")
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				add(fmt.Sprintf("%s-%d", t.Topic, p.Partition), p.ErrorCode, p.ErrorMessage, "")
			}
		}
	case *kmsg.UpdateFeaturesResponse:
		add("all", r.ErrorCode, r.ErrorMessage, "")
		for _, x := range r.Results {
			add(x.Feature, x.ErrorCode, x.ErrorMessage, "")
		}
	default:
		lines = append(lines, fmt.Sprint(response))
	}
	return lines
}

// chosen lists the configs of a new topic that somebody chose, with the number of their source.
func chosen(configs []kmsg.CreateTopicsResponseTopicConfig) string {
	out := ""
	for _, c := range configs {
		if c.Source != int8(config.FromDefault) {
			out += fmt.Sprintf(" %s=%s(%d)", c.Name, *c.Value, c.Source)
		}
	}
	return out
}
