package txn

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/machine/machinetest"
	"leat/internal/metadata"
	"leat/internal/record"
)

var update = flag.Bool("update", false, "rewrite the expected output of the stories")

// TestStories runs the scripts in testdata. A line that begins with "> " is a command, what follows it is what comes of it: "#3 ..." answers
// the third request, "+ ..." is a record, "! ..." asks for markers, "* ..." is what the operator is told. After every command the hard
// state is rebuilt from the records and compared.
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

// story is a machine, its clock, and what it asked for.
type story struct {
	t       *testing.T
	driver  *machinetest.Driver[Event, Record]
	now     time.Time
	set     Settings
	shown   int // records already shown
	next    int64
	markers map[string]WriteMarkers // the last of each id
	before  map[string]WriteMarkers // the one before it
}

func newStory(t *testing.T) *story {
	s := &story{t: t, now: time.UnixMilli(1_000_000_000_000), set: DefaultSettings, next: 4000,
		markers: map[string]WriteMarkers{}, before: map[string]WriteMarkers{}}
	s.driver = newDriver(t, func() Settings { return s.set })
	s.step(Event{Loaded: true})
	return s
}

func newDriver(t *testing.T, set func() Settings) *machinetest.Driver[Event, Record] {
	chance := rand.New(rand.NewPCG(1, 2))
	return &machinetest.Driver[Event, Record]{
		T: t,
		New: func() machine.Machine[Event, Record] {
			return New(Config{Settings: set, CoordinatorEpoch: 7, Rand: chance})
		},
		Hard: func(m machine.Machine[Event, Record]) any { return m.(*Machine).hard },
		Recode: func(r Record) Record {
			key, value := r.Encode()
			back, err := Decode(key, value)
			if err != nil {
				t.Fatal(err)
			}
			if len(key)+len(value) > r.Size() {
				t.Fatalf("record of %d bytes says it has at most %d", len(key)+len(value), r.Size())
			}
			return back
		},
	}
}

// step handles an event that is no request.
func (s *story) step(e Event) []string {
	effects := s.driver.Step(s.now, func(machine.Ticket) Event { s.driver.Ticket--; return e })
	return s.show(effects)
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

// args are the words of a command: partitions, flags, and key=value.
type args struct {
	id    string
	parts []record.TopicPartition
	flags []string
	named map[string]string
}

func readArgs(words []string) args {
	a := args{named: map[string]string{}}
	for i, w := range words {
		topic, partition, isPartition := strings.Cut(w, "/")
		k, v, isNamed := strings.Cut(w, "=")
		switch {
		case isNamed:
			a.named[k] = v
		case isPartition:
			a.parts = append(a.parts, record.TopicPartition{Topic: topic, Partition: int32(number(partition))})
		case i == 0 && w != "''":
			a.id = w
			a.flags = append(a.flags, w)
		default:
			a.flags = append(a.flags, w)
		}
	}
	return a
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (a args) has(flag string) bool { return slices.Contains(a.flags, flag) }

func (a args) int(name string, otherwise int64) int64 {
	if v, ok := a.named[name]; ok {
		return number(v)
	}
	return otherwise
}

func (a args) duration(name string, otherwise time.Duration) time.Duration {
	if v, ok := a.named[name]; ok {
		d, err := time.ParseDuration(v)
		if err != nil {
			panic(err)
		}
		return d
	}
	return otherwise
}

// who is the producer that a command names: as=4000/3.
func (a args) who() identity {
	id, epoch, ok := strings.Cut(a.named["as"], "/")
	if !ok {
		return identity{noProducer, noEpoch}
	}
	return identity{number(id), int16(number(epoch))}
}

func (s *story) command(words []string) []string {
	a := readArgs(words[1:])
	switch words[0] {
	case "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			panic(err)
		}
		s.now = s.now.Add(d)
		return s.show(s.driver.Tick(s.now))
	case "reload":
		s.driver.Reload()
		return s.step(Event{Loaded: true, Image: s.driver.Machine.(*Machine).live.image})
	case "set":
		s.set.TransactionVersion = int16(a.int("tv", int64(s.set.TransactionVersion)))
		s.set.TwoPhaseCommit = a.int("2pc", 0) == 1
		return nil
	case "image":
		return s.step(Event{Image: imageOf(words[1:])})
	case "written":
		w := s.markers[a.id]
		if a.has("stale") {
			w = s.before[a.id]
		}
		if len(a.parts) == 0 {
			a.parts = w.Partitions
		}
		return s.step(Event{Written: &MarkersWritten{TransactionalID: a.id, Token: w.Token, Partitions: a.parts}})
	case "spare":
		s.next++
		return s.step(Event{NewProducerID: s.next - 1})
	case "at":
		// The epoch is raised by the log alone, which takes less time than 32,766 requests.
		t := *s.driver.Machine.(*Machine).hard[a.id]
		t.ProducerEpoch = int16(a.int("epoch", 0))
		s.driver.Machine.Apply(machine.Entry[Record]{Offset: int64(len(s.driver.Entries)), Record: &TransactionRecord{a.id, &t}})
		s.driver.Entries = append(s.driver.Entries, machine.Entry[Record]{ProducerID: -1, Record: &TransactionRecord{a.id, &t}})
		s.shown++
		return nil
	}
	e := s.request(words[0], a)
	return s.show(s.driver.Step(s.now, func(t machine.Ticket) Event { e.Ticket = t; return e }))
}

// imageOf makes an image of topics given as name:partitions.
func imageOf(topics []string) *metadata.Image {
	d := metadata.NewDelta(metadata.Empty)
	for i, topic := range topics {
		name, n, _ := strings.Cut(topic, ":")
		id := record.UUID{15: byte(i + 1)}
		if err := d.Replay(&metadata.TopicRecord{Name: name, TopicID: id}); err != nil {
			panic(err)
		}
		for p := range number(n) {
			r := &metadata.PartitionRecord{TopicID: id, PartitionID: int32(p), Replicas: []int32{1}, ISR: []int32{1}, Leader: 1}
			if err := d.Replay(r); err != nil {
				panic(err)
			}
		}
	}
	return d.Image(1, 1, 1)
}

// request makes the event of a command that asks something.
func (s *story) request(name string, a args) Event {
	who := a.who()
	switch name {
	case "init":
		rq := kmsg.NewPtrInitProducerIDRequest()
		rq.Version, rq.TransactionalID = int16(a.int("v", 5)), &a.id
		rq.TransactionTimeoutMillis = int32(a.duration("timeout", time.Minute).Milliseconds())
		rq.ProducerID, rq.ProducerEpoch = who.producerID, who.epoch
		e := Event{Request: rq, TwoPhaseCommit: a.has("2pc"), KeepPrepared: a.has("keep")}
		if !a.has("alone") {
			e.NewProducerID = s.next
			s.next++
		}
		return e
	case "add", "verify":
		return Event{Request: addRequest(name == "verify", a)}
	case "offsets":
		rq := kmsg.NewPtrAddOffsetsToTxnRequest()
		rq.Version, rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch, rq.Group = int16(a.int("v", 3)), a.id, who.producerID, who.epoch, "g"
		return Event{Request: rq, GroupPartition: 3}
	case "commit", "abort":
		rq := kmsg.NewPtrEndTxnRequest()
		rq.Version, rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch = int16(a.int("v", 5)), a.id, who.producerID, who.epoch
		rq.Commit = name == "commit"
		return Event{Request: rq}
	case "describe":
		rq := kmsg.NewPtrDescribeTransactionsRequest()
		rq.TransactionalIDs = []string{a.id}
		return Event{Request: rq}
	case "list":
		rq := kmsg.NewPtrListTransactionsRequest()
		rq.Version = 2
		rq.StateFilters = strings.FieldsFunc(a.named["states"], func(r rune) bool { return r == ',' })
		for _, f := range strings.FieldsFunc(a.named["producers"], func(r rune) bool { return r == ',' }) {
			rq.ProducerIDFilters = append(rq.ProducerIDFilters, number(f))
		}
		if _, ok := a.named["longer"]; ok {
			rq.DurationFilterMillis = a.duration("longer", 0).Milliseconds()
		}
		if p, ok := a.named["pattern"]; ok {
			rq.TransactionalIDPattern = &p
		}
		return Event{Request: rq}
	}
	panic("unknown command " + name)
}

func addRequest(verify bool, a args) kmsg.Request {
	who := a.who()
	rq := kmsg.NewPtrAddPartitionsToTxnRequest()
	if rq.Version = int16(a.int("v", 5)); rq.Version < 4 {
		rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch = a.id, who.producerID, who.epoch
		for _, p := range a.parts {
			rq.Topics = append(rq.Topics, kmsg.AddPartitionsToTxnRequestTopic{Topic: p.Topic, Partitions: []int32{p.Partition}})
		}
		return rq
	}
	one := kmsg.AddPartitionsToTxnRequestTransaction{TransactionalID: a.id, ProducerID: who.producerID, ProducerEpoch: who.epoch, VerifyOnly: verify}
	for _, p := range a.parts {
		one.Topics = append(one.Topics, kmsg.AddPartitionsToTxnRequestTransactionTopic{Topic: p.Topic, Partitions: []int32{p.Partition}})
	}
	rq.Transactions = append(rq.Transactions, one)
	return rq
}

// show tells what came of a command.
func (s *story) show(effects []machine.Effect) []string {
	var lines []string
	for _, e := range s.driver.Entries[s.shown:] {
		lines = append(lines, "+ "+showRecord(e.Record.(*TransactionRecord)))
	}
	s.shown = len(s.driver.Entries)
	for _, e := range effects {
		switch e := e.(type) {
		case machine.Reply:
			lines = append(lines, fmt.Sprintf("#%d %s", e.To, showReply(e.Response)))
		case WriteMarkers:
			s.before[e.TransactionalID] = s.markers[e.TransactionalID]
			s.markers[e.TransactionalID] = e
			lines = append(lines, fmt.Sprintf("! %s: %s markers of %d/%d, transaction version %d, coordinator epoch %d:%s", e.TransactionalID,
				map[bool]string{true: "commit", false: "abort"}[e.Commit], e.ProducerID, e.ProducerEpoch, e.TransactionVersion, e.CoordinatorEpoch,
				showPartitions(e.Partitions)))
		case NeedProducerID:
			lines = append(lines, "! a producer id")
		case Notice:
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("* %s: %s %d/%d %d", e.Message, e.TransactionalID, e.ProducerID, e.ProducerEpoch, e.Count)))
		}
	}
	return lines
}
