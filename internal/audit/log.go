package audit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/fs"
)

// Config is what New needs.
type Config struct {
	Node   int32
	FS     fs.FS // of the file
	Logger *slog.Logger
	// Publish writes lines to the topic. It may fail, and is called again with the same lines.
	Publish func(ctx context.Context, lines []Line) error
}

// Settings may change while the node runs, but for File.
type Settings struct {
	Enabled  bool
	Topic    bool // whether events go to the topic
	File     string
	FileMax  int64 // bytes at which the file is set aside
	FileKeep int   // files that were set aside and are kept
	Rules    Rules
	Interval time.Duration // of summaries
	QueueMax int           // events that wait for one place
}

// mostOpen bounds what summaries count apart.
const mostOpen = 20_000

// Log takes events and has them written. A nil Log wants nothing.
type Log struct {
	cfg      Config
	settings atomic.Pointer[Settings] // nil: off
	written  atomic.Int64
	dropped  atomic.Int64

	mu        sync.Mutex
	summaries *summaries    // guarded by mu
	queues    []*queue      // made once; guarded by mu
	stop      func()        // nil while nothing runs; guarded by mu
	done      chan struct{} // closed when all goroutines have ended; guarded by mu
	closed    bool          // guarded by mu
}

// New is a log that is off until Configure turns it on.
func New(cfg Config) *Log { return &Log{cfg: cfg, summaries: newSummaries(mostOpen)} }

// On reports whether events are wanted at all.
func (l *Log) On() bool { return l != nil && l.settings.Load() != nil }

// Wants reports whether somebody's access to data is to be told.
func (l *Log) Wants(write bool, kind, name string, principal func() string) bool {
	if l == nil {
		return false
	}
	s := l.settings.Load()
	return s != nil && len(s.Rules) > 0 && s.Rules.Want(write, kind, name, principal)
}

// WantsData reports whether any access to data is told.
func (l *Log) WantsData() bool {
	if l == nil {
		return false
	}
	s := l.settings.Load()
	return s != nil && len(s.Rules) > 0
}

// Configure takes settings in.
func (l *Log) Configure(s Settings) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !s.Enabled || l.closed || !s.Topic && s.File == "" {
		l.settings.Store(nil)
		return
	}
	if l.stop == nil {
		l.start(&s)
	}
	for _, q := range l.queues {
		q.setMost(s.QueueMax)
	}
	l.settings.Store(&s)
}

// start begins to write. l.mu is held.
func (l *Log) start(s *Settings) {
	ctx, cancel := context.WithCancel(context.Background())
	lost := func(n int64) { l.dropped.Add(n) }
	if s.Topic {
		l.queues = append(l.queues, newQueue("the topic", &l.cfg, l.counted(l.cfg.Publish), lost))
	}
	if s.File != "" {
		f := &file{fs: l.cfg.FS, path: s.File, max: s.FileMax, keep: s.FileKeep}
		l.queues = append(l.queues, newQueue("the file", &l.cfg, l.counted(f.write), lost))
	}
	l.stop, l.done = cancel, make(chan struct{})
	var wg sync.WaitGroup
	for _, q := range l.queues {
		wg.Go(func() { q.run(ctx) })
	}
	wg.Go(func() { l.summarise(ctx) })
	done := l.done
	go func() { wg.Wait(); close(done) }()
}

// counted counts what is written.
func (l *Log) counted(write func(context.Context, []Line) error) func(context.Context, []Line) error {
	return func(ctx context.Context, lines []Line) error {
		err := write(ctx, lines)
		if err == nil {
			l.written.Add(int64(len(lines)))
		}
		return err
	}
}

// Record takes an event. Time and node are filled in.
func (l *Log) Record(e Event) {
	if !l.On() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record(&e)
}

func (l *Log) record(e *Event) {
	e.Time, e.Node = time.Now(), l.cfg.Node
	e.bound()
	for _, q := range l.queues {
		q.add(e)
	}
}

// Seen takes what happens often: the first is told at once, and the others once an interval. more adds to the first what it knows beyond.
func (l *Log) Seen(same *Same, more func(*Event)) {
	if !l.On() {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.summaries.seen(*same, now) {
		e := same.event()
		more(&e)
		l.record(&e)
	}
}

// summarise tells at the end of each interval what happened in it.
func (l *Log) summarise(ctx context.Context) {
	for {
		interval := time.Minute
		if s := l.settings.Load(); s != nil {
			interval = s.Interval
		}
		timer := time.NewTimer(interval)
		select {
		case <-timer.C:
			l.tell()
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// tell writes the summaries of what is open.
func (l *Log) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, refused := l.summaries.close()
	for i := range all {
		t := &all[i]
		e := t.event()
		first, last := t.first.UTC(), t.last.UTC()
		e.Count, e.First, e.Last = t.count, &first, &last
		l.record(&e)
	}
	if refused > 0 {
		l.dropped.Add(refused)
		l.record(&Event{Kind: Lost, Outcome: Failure, Count: refused, Reason: "too many different accesses in one interval"})
	}
}

// Flush tells what is open and waits until all is written, or ctx ends. It is for the time before a node gives its leaderships away: after it the topic
// cannot be relied on.
func (l *Log) Flush(ctx context.Context) {
	if !l.On() {
		return
	}
	l.tell()
	l.mu.Lock()
	queues := l.queues
	l.mu.Unlock()
	for _, q := range queues {
		q.drain(ctx)
	}
}

// closeWait is how long the end of a node waits for what came after Flush.
const closeWait = 500 * time.Millisecond

// Close ends the log. What cannot be written soon is lost, and told so.
func (l *Log) Close() {
	if l.On() {
		ctx, cancel := context.WithTimeout(context.Background(), closeWait)
		l.Flush(ctx)
		cancel()
	}
	l.mu.Lock()
	l.settings.Store(nil)
	l.closed = true
	stop, done, queues := l.stop, l.done, l.queues
	l.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	<-done
	for _, q := range queues {
		if n := q.left(); n > 0 {
			l.cfg.Logger.Warn("audit events are lost", "to", q.name, "count", n, "err", "the node stops")
		}
	}
}

// Stats are the numbers of events.
type Stats struct {
	Written int64 // lines, in each place
	Dropped int64
	Waiting int64
}

// Stats counts.
func (l *Log) Stats() Stats {
	s := Stats{Written: l.written.Load(), Dropped: l.dropped.Load()}
	l.mu.Lock()
	queues := l.queues
	l.mu.Unlock()
	for _, q := range queues {
		s.Waiting += int64(q.left())
	}
	return s
}
