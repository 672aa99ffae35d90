package stream

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// meter is what all clients of a measurement count into. Time is that of the measurement, from its start.
type meter struct {
	start  time.Time
	warmUp time.Duration

	mu        sync.Mutex
	latencies histogram
	records   int64
	bytes     int64
	failed    int64
	first     error         // of what failed
	seconds   []float64     // records in each second
	last      time.Duration // when the last record was counted
}

func newMeter(warmUp time.Duration) *meter { return &meter{start: time.Now(), warmUp: warmUp} }

func (m *meter) now() time.Duration { return time.Since(m.start) }

// count counts a record that was due at a time and is done now.
func (m *meter) count(due time.Duration, bytes int, timed bool) {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if due < m.warmUp {
		return
	}
	m.records++
	m.bytes += int64(bytes)
	m.last = now
	second := int((now - m.warmUp) / time.Second)
	if second < 1<<17 {
		for len(m.seconds) <= second {
			m.seconds = append(m.seconds, 0)
		}
		m.seconds[second]++
	}
	if timed {
		m.latencies.add(now - due)
	}
}

// fail counts what was not done, but for what was under way when a person stopped the measurement.
func (m *meter) fail(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed++; m.first == nil {
		m.first = err
	}
}

// watch shows how far it is until done.
func (m *meter) watch(f *perfFlags, done <-chan struct{}) {
	p := newProgress(f.Streams)
	defer p.line.End()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			m.mu.Lock()
			records, bytes := m.records, m.bytes
			m.mu.Unlock()
			p.show(records, bytes)
		}
	}
}

// produce measures writing.
func (f *perfFlags) produce(ctx context.Context) error {
	gone, err := f.prepare(ctx)
	if err != nil {
		return err
	}
	defer gone()
	m, err := f.send(ctx, rand.Uint64(), nil)
	if err != nil {
		return err
	}
	return f.report("produce", m, nil)
}

// send runs the clients that write; heard is told the meter before the first record is sent.
func (f *perfFlags) send(ctx context.Context, id uint64, heard func(*meter)) (*meter, error) {
	opts, err := f.producerOptions()
	if err != nil {
		return nil, err
	}
	opts = append(opts, kgo.DefaultProduceTopic(f.topic), kgo.MaxBufferedRecords(20_000))
	clients := make([]*kgo.Client, f.clients)
	for i := range clients {
		if clients[i], err = f.Connect(ctx, opts...); err != nil {
			return nil, err
		}
		defer clients[i].Close()
	}
	m := newMeter(f.warmUp)
	if heard != nil {
		heard(m)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done, watched := make(chan struct{}), make(chan struct{})
	go func() { defer close(watched); m.watch(f, done) }()
	var all sync.WaitGroup
	for i, cl := range clients {
		all.Go(func() {
			f.sendOne(ctx, cl, m, id, i)
			if err := cl.Flush(ctx); err != nil && ctx.Err() == nil {
				m.fail(err)
			}
		})
	}
	all.Wait()
	close(done)
	<-watched
	if m.records == 0 && m.first != nil {
		return nil, m.first
	}
	return m, nil
}

// sendOne sends what becomes due for one of the clients.
func (f *perfFlags) sendOne(ctx context.Context, cl *kgo.Client, m *meter, id uint64, client int) {
	body := payload(f.size)
	quota := int64(-1)
	if f.records > 0 {
		quota = f.records / int64(f.clients)
		if int64(client) < f.records%int64(f.clients) {
			quota++
		}
	}
	step := 0.0
	if f.rate > 0 {
		step = float64(f.clients) / f.rate * float64(time.Second)
	}
	offset := step * float64(client) / float64(f.clients)
	counted := int64(0)
	for k := int64(0); ctx.Err() == nil && (quota < 0 || counted < quota); k++ {
		due := m.now()
		if step > 0 {
			due = time.Duration(offset + step*float64(k))
			pause(ctx, due-m.now())
		}
		if quota < 0 && due >= f.warmUp+f.duration {
			return
		}
		if due >= f.warmUp {
			counted++
		}
		cl.Produce(ctx, &kgo.Record{Partition: anyPartition, Value: stamped(body, id, due)}, func(r *kgo.Record, err error) {
			if err != nil {
				m.fail(err)
				return
			}
			m.count(due, len(r.Value), true)
		})
	}
}

// pause waits until a record is due; what is due already goes at once.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// endToEnd measures from the moment a record was due until a consumer has it.
func (f *perfFlags) endToEnd(ctx context.Context) error {
	gone, err := f.prepare(ctx)
	if err != nil {
		return err
	}
	defer gone()
	reader, err := f.reader(ctx, where{kind: atEnd})
	if err != nil {
		return err
	}
	defer reader.cl.Close()
	id, arrived := rand.Uint64(), newMeter(f.warmUp)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var heard sync.WaitGroup
	sent, err := f.send(ctx, id, func(m *meter) {
		arrived.start = m.start
		heard.Go(func() {
			for reading.Err() == nil {
				fetches := reader.cl.PollRecords(reading, atOnce)
				if err := failure(reading, fetches); err != nil {
					arrived.fail(err)
					return
				}
				fetches.EachRecord(func(r *kgo.Record) {
					if due, ok := readStamp(r.Value, id); ok {
						arrived.count(due, len(r.Value), true)
					}
				})
			}
		})
	})
	for deadline := time.Now().Add(f.Timeout); err == nil && ctx.Err() == nil && time.Now().Before(deadline); {
		arrived.mu.Lock()
		complete := arrived.records >= sent.records || arrived.first != nil
		arrived.mu.Unlock()
		if complete {
			break
		}
		pause(ctx, 10*time.Millisecond)
	}
	stop()
	heard.Wait()
	if err := errors.Join(err, arrived.first); err != nil {
		return err
	}
	return f.report("end-to-end", arrived, sent)
}

// reader is a consumer of all partitions from a place, with where they end.
type reader struct {
	cl    *kgo.Client
	ends  map[place]int64
	parts []place
	at    map[place]int64
}

func (f *perfFlags) reader(ctx context.Context, from where) (*reader, error) {
	cl, err := f.Connect(ctx, kgo.KeepControlRecords(), kgo.FetchMaxPartitionBytes(10<<20), kgo.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		return nil, err
	}
	r := &reader{cl: cl, ends: map[place]int64{}, at: map[place]int64{}}
	timed, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	err = r.find(timed, f.topic, from)
	if err != nil {
		cl.Close()
		return nil, err
	}
	add := map[string]map[int32]kgo.Offset{f.topic: {}}
	for _, p := range r.parts {
		add[f.topic][p.partition] = kgo.NewOffset().At(r.at[p])
	}
	cl.AddConsumePartitions(add)
	return r, nil
}

func (r *reader) find(ctx context.Context, topic string, from where) error {
	adm := kadm.NewClient(r.cl)
	b, err := listBounds(ctx, adm, false, topic)
	if err != nil {
		return err
	}
	times, err := timesOf(ctx, adm, from, topic)
	if err != nil {
		return err
	}
	for p := range b.end[topic] {
		_, end, err := b.of(topic, p)
		if err != nil {
			return unknown(topic, err)
		}
		at, err := b.place(from, times, topic, p)
		if err != nil {
			return err
		}
		here := place{topic, p}
		r.parts, r.ends[here], r.at[here] = append(r.parts, here), end, at
	}
	if len(r.parts) == 0 {
		return unknown(topic, errors.New("it has no partitions"))
	}
	return nil
}
