package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
)

func TestRulesChooseAccess(t *testing.T) {
	rules, err := ParseRules(" read,write topic:payments-*; read topic:customers by User:eve|User:CN=a, OU=b ;all group:* except User:monitor")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		write          bool
		kind, name, by string
		want           bool
	}{
		{true, "topic", "payments-eu", "User:x", true},
		{false, "topic", "payments-", "User:x", true},
		{true, "topic", "payment", "User:x", false},
		{false, "topic", "customers", "User:eve", true},
		{true, "topic", "customers", "User:eve", false},
		{false, "topic", "customers", "User:CN=a, OU=b", true},
		{false, "topic", "customers", "User:bob", false},
		{false, "topic", "customers-2", "User:eve", false},
		{false, "group", "any", "User:x", true},
		{false, "group", "any", "User:monitor", false},
		{true, "transactional-id", "any", "User:x", false},
	} {
		if got := rules.Want(tt.write, tt.kind, tt.name, func() string { return tt.by }); got != tt.want {
			t.Errorf("%+v: %t", tt, got)
		}
	}
	for _, wrong := range []string{"read", "read topics:x", "look topic:x", "read topic:", "read topic:x by eve", "read topic:x y"} {
		if _, err := ParseRules(wrong); err == nil || !strings.Contains(err.Error(), "write for instance") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func same(name string) Same {
	return Same{Kind: Access, Outcome: Success, PrincipalType: "User", Name: "alice", Client: netip.MustParseAddr("10.0.0.1"), API: "Fetch", Operation: "READ",
		ResourceType: "topic", Resource: name}
}

func TestTheFirstIsToldAtOnceAndOthersInSummaries(t *testing.T) {
	s, now := newSummaries(2), time.Unix(1000, 0)
	at := func(n int) time.Time { return now.Add(time.Duration(n) * time.Second) }
	if !s.seen(same("a"), at(0)) || s.seen(same("a"), at(1)) || s.seen(same("a"), at(2)) || !s.seen(same("b"), at(3)) || s.seen(same("c"), at(4)) {
		t.Error("not just the first of each is told at once")
	}
	all, refused := s.close()
	if len(all) != 1 || all[0].Resource != "a" || all[0].count != 2 || !all[0].first.Equal(at(1)) || !all[0].last.Equal(at(2)) || refused != 1 {
		t.Errorf("%+v, %d refused", all, refused)
	}
	if s.seen(same("a"), at(5)) || !s.seen(same("b"), at(6)) {
		t.Error("what went on is told anew, or what had ended is not")
	}
	if all, _ = s.close(); len(all) != 1 || all[0].count != 1 {
		t.Errorf("%+v", all)
	}
	if all, _ = s.close(); len(all) != 0 || len(s.open) != 0 {
		t.Errorf("%+v, %d open", all, len(s.open))
	}
}

// TestSummariesOfLongNamesTakeLittleMemory: who is refused may name what is not there, as long as it likes.
func TestSummariesOfLongNamesTakeLittleMemory(t *testing.T) {
	s, now := newSummaries(1000), time.Unix(1000, 0)
	for i := range 20 {
		for range 2 { // the second is counted
			name := same(strings.Repeat("x", 32_000) + fmt.Sprint(i))
			name.ClientID = strings.Repeat("y", 32_000)
			s.seen(name, now)
		}
	}
	kept := 0
	for of, t := range s.open {
		kept += len(of.Resource) + len(of.ClientID) + len(of.Name)
		if t.count != 1 {
			kept += 1 << 20
		}
	}
	if len(s.open) != 20 || kept > 20*1000 {
		t.Errorf("%d summaries take %d bytes", len(s.open), kept)
	}
}

// TestAnEventTellsLongNamesInShort, each still as another one.
func TestAnEventTellsLongNamesInShort(t *testing.T) {
	long := strings.Repeat("é", 16_000)
	e := Event{Principal: "User:" + long, ClientID: long + "1", Reason: long, Resources: []Resource{{"topic", long}, {"topic", "orders"}}, Errors: []Problem{{long, "INVALID_TOPIC_EXCEPTION"}}}
	e.bound()
	if line := e.line(); len(line) > 5*longestName+longestText+1000 || strings.Contains(string(line), "\\ufffd") {
		t.Errorf("%d bytes: %s", len(line), line)
	}
	if e.Resources[1].Name != "orders" || cut(long+"1") == cut(long+"2") || cut("orders") != "orders" {
		t.Errorf("%+v", e.Resources)
	}
}

// place is where lines go; it can be slow or fail.
type place struct {
	mu    sync.Mutex
	lines []Event
	fail  error
	hold  chan struct{}
}

func (p *place) write(ctx context.Context, lines []Line) error {
	p.mu.Lock()
	hold, fail := p.hold, p.fail
	p.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if fail != nil {
		return fail
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range lines {
		var e Event
		if err := json.Unmarshal(l.JSON, &e); err != nil {
			return err
		}
		p.lines = append(p.lines, e)
	}
	return nil
}

func (p *place) set(fail error, hold chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail, p.hold = fail, hold
}

func (p *place) all() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines
}

func bubble(t *testing.T, test func(l *Log, p *place)) {
	synctest.Test(t, func(*testing.T) {
		p := &place{}
		l := New(Config{Node: 7, FS: fs.NewMem(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Publish: p.write})
		l.Configure(Settings{Enabled: true, Topic: true, Interval: time.Minute, QueueMax: 10})
		test(l, p)
		l.Close()
	})
}

func TestWhoRecordsNeverWaitsAndWhatIsDroppedIsTold(t *testing.T) {
	bubble(t, func(l *Log, p *place) {
		hold := make(chan struct{})
		p.set(nil, hold)
		l.Record(Event{Kind: Request, ClientID: "first"})
		synctest.Wait() // it is being written
		for i := range 15 {
			l.Record(Event{Kind: Request, ClientID: fmt.Sprint(i)})
		}
		if s := l.Stats(); s.Dropped != 5 || s.Waiting != 10 || s.Written != 0 {
			t.Errorf("while nothing can be written: %+v", s)
		}
		p.set(nil, nil)
		close(hold)
		synctest.Wait()
		lines := p.all()
		if len(lines) != 12 {
			t.Fatalf("%d lines", len(lines))
		}
		if last := lines[11]; last.Kind != Lost || last.Count != 5 || last.Node != 7 || last.First == nil || lines[10].ClientID != "9" {
			t.Errorf("the last line is %+v", last)
		}
		if s := l.Stats(); s.Written != 12 || s.Waiting != 0 {
			t.Errorf("afterwards: %+v", s)
		}
	})
}

func TestWhatCannotBeWrittenIsTriedAgainInOrder(t *testing.T) {
	bubble(t, func(l *Log, p *place) {
		p.set(errors.New("no leader"), nil)
		l.Record(Event{Kind: Request, ClientID: "a"})
		time.Sleep(10 * time.Second) // of virtual time
		l.Record(Event{Kind: Request, ClientID: "b"})
		p.set(nil, nil)
		time.Sleep(10 * time.Second)
		if lines := p.all(); len(lines) != 2 || lines[0].ClientID != "a" || lines[1].ClientID != "b" {
			t.Errorf("%+v", lines)
		}
	})
}

func TestAccessIsSummedUpOnceAnInterval(t *testing.T) {
	bubble(t, func(l *Log, p *place) {
		one := same("orders")
		for range 1000 {
			l.Seen(&one, func(e *Event) { e.Connection = "c" })
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		lines := p.all()
		if len(lines) != 2 || lines[0].Count != 0 || lines[0].Connection != "c" || lines[1].Count != 999 || lines[1].Resources[0].Name != "orders" ||
			lines[1].Last.Sub(*lines[1].First) != 9980*time.Millisecond {
			t.Errorf("%+v", lines)
		}
	})
}

func TestFlushTellsWhatIsOpen(t *testing.T) {
	bubble(t, func(l *Log, p *place) {
		one := same("orders")
		for range 3 {
			l.Seen(&one, func(*Event) {})
		}
		l.Flush(context.Background()) // that of the test is not of the bubble
		if lines := p.all(); len(lines) != 2 || lines[1].Count != 2 {
			t.Errorf("%+v", lines)
		}
		l.Configure(Settings{})
		l.Record(Event{Kind: Request})
		if l.On() || l.Stats().Waiting != 0 {
			t.Error("it is off and takes events")
		}
	})
}

func TestALogThatIsOffCostsNothing(t *testing.T) {
	var none *Log
	off := New(Config{})
	one := same("orders")
	for _, l := range []*Log{none, off} {
		if n := testing.AllocsPerRun(100, func() {
			if l.On() || l.WantsData() || l.Wants(true, "topic", "orders", func() string { return "" }) {
				t.Error("it wants something")
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
	off.Seen(&one, nil)
	off.Close()
}

func TestRepeatedAccessAllocatesNothing(t *testing.T) {
	l := New(Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Publish: (&place{}).write})
	rules, _ := ParseRules("all topic:*")
	l.Configure(Settings{Enabled: true, Topic: true, Interval: time.Hour, QueueMax: 10, Rules: rules})
	defer l.Close()
	one, more := same("orders"), func(*Event) {}
	if n := testing.AllocsPerRun(1000, func() {
		if l.Wants(false, one.ResourceType, one.Resource, func() string { return "" }) {
			l.Seen(&one, more)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTheFileIsSetAsideWhenFull(t *testing.T) {
	mem := fs.NewMem()
	f := &file{fs: mem, path: "/audit/log", max: 100, keep: 2}
	line := func(c byte) []Line { return []Line{{JSON: []byte(strings.Repeat(string(c), 49))}} }
	for c := byte('a'); c <= 'h'; c++ {
		if err := f.write(t.Context(), line(c)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"/audit/log": "gh", "/audit/log.1": "ef", "/audit/log.2": "cd"} {
		got, err := read(mem, name)
		if err != nil || got[:1]+got[50:51] != want || len(got) != 100 {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := mem.Stat("/audit/log.3"); !os.IsNotExist(err) {
		t.Errorf("a third old file: %v", err)
	}
	info, err := mem.Stat("/audit/log")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestTheFileThatSomebodyElseRotatesIsOpenedAnew: in all three ways of logrotate.
func TestTheFileThatSomebodyElseRotatesIsOpenedAnew(t *testing.T) {
	for name, rotate := range map[string]func(fs.FS) error{
		"moved": func(mem fs.FS) error { return mem.Rename("/log", "/log-old") },
		"moved and created": func(mem fs.FS) error {
			if err := mem.Rename("/log", "/log-old"); err != nil {
				return err
			}
			f, err := mem.OpenFile("/log", os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				return err
			}
			return f.Close()
		},
		"emptied": func(mem fs.FS) error {
			f, err := mem.OpenFile("/log", os.O_RDWR, 0o600)
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Truncate(0)
		},
	} {
		mem := fs.NewMem()
		f := &file{fs: mem, path: "/log", max: 100, keep: 2}
		if err := f.write(t.Context(), []Line{{JSON: []byte("{1}")}, {JSON: []byte("{2}")}}); err != nil {
			t.Fatal(err)
		}
		if err := rotate(mem); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"{3}", "{4}"} {
			if err := f.write(t.Context(), []Line{{JSON: []byte(line)}}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := read(mem, "/log"); got != "{3}\n{4}\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestALineThatACrashCutStandsAlone(t *testing.T) {
	mem := fs.NewMem()
	whole, err := mem.OpenFile("/log", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := whole.WriteAt([]byte("{\"a\":1}\n{\"b"), 0); err != nil {
		t.Fatal(err)
	}
	f := &file{fs: mem, path: "/log"}
	if err := f.write(t.Context(), []Line{{JSON: []byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	if got, _ := read(mem, "/log"); got != "{\"a\":1}\n{\"b\n{}\n" {
		t.Errorf("%q", got)
	}
}

func read(from fs.FS, name string) (string, error) {
	f, err := from.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}
