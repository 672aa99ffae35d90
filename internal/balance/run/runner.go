package run

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	"leat/internal/metadata"
	"leat/internal/record"
)

const (
	idlePeriod = 5 * time.Second        // between two looks while nothing is to be done
	busyPeriod = 500 * time.Millisecond // while moves are under way
	settleTime = time.Hour              // in which a partition is not moved twice for evenness
	imageTime  = 10 * time.Second       // in which what the controller accepted is in the image
	askTimeout = 30 * time.Second       // for one broker or the controller
)

// Config is what New needs.
type Config struct {
	Active     func() bool // this node's controller is the active one
	Image      func() *metadata.Image
	Settings   func() Settings
	Controller func(context.Context, kmsg.Request) (kmsg.Response, error)
	LogDirs    func(ctx context.Context, broker int32) (*kmsg.DescribeLogDirsResponse, error)
	Logger     *slog.Logger
}

// Runner makes moves until Close.
type Runner struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}
	ended  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	running bool
	closed  bool
	status  Status

	work // of the goroutine alone
}

// work is what is under way.
type work struct {
	active  bool
	members []member
	drain   []int32
	limits  balance.Limits
	stable  time.Time // since when the members are as they are
	next    time.Time // when the next plan is due
	pending []balance.Move
	notes   []string
	begun   map[record.TopicPartition]begun // by this runner, and not done
	settled map[record.TopicPartition]time.Time
	marked  map[string]bool // topics that may have a note of moves
	done    int
	bytes   int64
}

// begun is a move that the controller has accepted.
type begun struct {
	balance.Move
	at time.Time
}

// New returns a runner that does nothing yet.
func New(cfg Config) *Runner {
	r := &Runner{cfg: cfg, wake: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.reset()
	return r
}

// Publish tells of a new image. The first with a second broker starts the work; changed says that the configuration of brokers is another.
func (r *Runner) Publish(im *metadata.Image, changed bool) {
	if len(im.Brokers()) < 2 {
		return
	}
	r.mu.Lock()
	start := !r.running && !r.closed
	if start {
		r.running = true
		r.ended.Go(r.run)
	}
	r.mu.Unlock()
	if changed {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// Close ends the work. What is under way goes on: the controller has it.
func (r *Runner) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.ended.Wait()
}

func (r *Runner) reset() {
	r.work = work{begun: map[record.TopicPartition]begun{}, settled: map[record.TopicPartition]time.Time{}, marked: map[string]bool{}}
}

func (r *Runner) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-r.wake:
		case <-r.ctx.Done():
			return
		}
		timer.Reset(r.look(time.Now()))
	}
}

// look does what is to be done now and returns when to look again.
func (r *Runner) look(now time.Time) time.Duration {
	if !r.cfg.Active() {
		if r.active {
			r.reset()
		}
		r.tell(now, []string{"this node's controller is not the active one: ask the node whose is"})
		return idlePeriod
	}
	im, s := r.cfg.Image(), r.cfg.Settings()
	if !r.active {
		r.recognise(im, &s, now)
	}
	if m := members(im); !r.active || !slices.Equal(m, r.members) {
		r.active, r.members, r.stable, r.next = true, m, now, time.Time{}
		r.pending = nil
	}
	if !slices.Equal(s.Drain, r.drain) || s.Limits != r.limits {
		r.drain, r.limits, r.next, r.pending = s.Drain, s.Limits, time.Time{}, nil
	}
	r.finish(im, now)
	others := r.others(im)
	r.callBack(im, &s, now)
	r.unmark(im)
	if s.Limits.Mode == balance.Off {
		r.pending, r.next = nil, time.Time{}
		r.tell(now, []string{"paused: leat.balance.mode=off"})
		return idlePeriod
	}
	if len(r.pending) == 0 && len(r.begun) == 0 && !r.next.After(now) {
		r.plan(im, s, others, now)
	}
	r.begin(im, &s, others, now)
	r.tell(now, r.notes)
	if len(r.pending)+len(r.begun) > 0 {
		return busyPeriod
	}
	return idlePeriod
}

// others counts the reassignments that somebody else began.
func (r *Runner) others(im *metadata.Image) int {
	n := 0
	for t := range im.Topics("") {
		for i, p := range t.Partitions {
			if moving(p) {
				if m, begun := r.begun[record.TopicPartition{Topic: t.Name, Partition: int32(i)}]; !begun || !m.still(p) {
					n++
				}
			}
		}
	}
	return n
}

// plan makes a new plan, if it is time for one.
func (r *Runner) plan(im *metadata.Image, s Settings, others int, now time.Time) {
	maps.DeleteFunc(r.settled, func(_ record.TopicPartition, at time.Time) bool { return now.Sub(at) > settleTime })
	var notes []string
	wait := r.stable.Add(s.Delay).Sub(now)
	switch {
	case s.Limits.Mode == balance.DrainOnly:
	case wait > 0:
		s.Limits.Mode = balance.DrainOnly
		notes = append(notes, fmt.Sprintf("brokers changed at %s: waiting until %s", r.stable.UTC().Format(time.TimeOnly), r.stable.Add(s.Delay).UTC().Format(time.TimeOnly)))
	case others > 0:
		s.Limits.Mode = balance.DrainOnly
		notes = append(notes, fmt.Sprintf("%d partitions are being reassigned by somebody else: waiting for them", others))
	}
	r.next = now.Add(s.Interval)
	if wait > 0 && wait < s.Interval {
		r.next = now.Add(wait)
	}
	if others > 0 {
		r.next = now.Add(min(s.Interval, 10*idlePeriod))
	}
	if s.Limits.Mode == balance.DrainOnly && len(s.Drain) == 0 {
		r.notes = notes
		if len(notes) == 0 {
			r.notes = []string{"no broker is drained, and nothing else is done: leat.balance.mode=drain-only"}
		}
		return
	}
	st := state(im, &s, func(tp record.TopicPartition) bool { _, ok := r.settled[tp]; return ok })
	sizes, err := r.ask(im)
	if err != nil {
		notes = append(notes, "sizes are not known: "+err.Error())
		if st.Limits.Mode = balance.DrainOnly; len(s.Drain) == 0 {
			r.notes = notes
			return
		}
	}
	sizes.Fill(&st)
	p := balance.Make(st)
	r.pending, r.notes = p.Moves, append(notes, p.Notes...)
	if len(p.Moves) > 0 {
		r.cfg.Logger.Info("replicas will be moved", "moves", len(p.Moves), "bytes", p.Bytes, "leaders", p.Leaders, "why", string(p.Moves[0].Why))
	}
}

// ask asks every active broker what lies in its directories.
func (r *Runner) ask(im *metadata.Image) (*Sizes, error) {
	sizes := NewSizes()
	var failed error
	for _, b := range im.Brokers() {
		if !b.Active() {
			continue
		}
		ctx, cancel := context.WithTimeout(r.ctx, askTimeout)
		resp, err := r.cfg.LogDirs(ctx, b.ID)
		cancel()
		if err != nil {
			failed = fmt.Errorf("broker %d: %w", b.ID, err)
			continue
		}
		sizes.Add(b.ID, resp)
	}
	return sizes, failed
}
