package acquire

import (
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

var long = flag.Bool("long", false, "run the model check with 10,000 seeds")

// model is a share partition as a person would keep it on paper: a state for each offset, looked through from the beginning each time.
type model struct {
	rng      *rand.Rand
	settings Settings
	now      time.Time
	p        *Partition
	log      []Span // what the log has
	end      int64
	keyOf    map[int64]uint64 // only non-null
	skipped  map[int64]bool   // nobody may get them
	exists   map[int64]bool

	holder    map[int64]string
	until     map[int64]time.Time
	soonest   map[int64]time.Time
	delivered map[int64]int
	done      map[int64]bool
	durable   Durable
	writing   *Write
	acks      map[int64][]modelAck // by ticket
}

type modelAck struct {
	offset int64
	t      int8
}

func newModel(seed int64) *model {
	rng := rand.New(rand.NewSource(seed))
	s := Settings{MaxDeliveries: 2 + rng.Intn(4), MaxLocks: 5 + rng.Intn(40), Lock: 30 * time.Second, DeadLetters: rng.Intn(3) == 0, ByKey: rng.Intn(2) == 0}
	if rng.Intn(2) == 0 {
		s.Backoff = Backoff{First: time.Second, Factor: 2, Max: 5 * time.Second}
	}
	m := &model{rng: rng, settings: s, now: time.Unix(1e9, 0), keyOf: map[int64]uint64{}, skipped: map[int64]bool{}, exists: map[int64]bool{},
		holder: map[int64]string{}, until: map[int64]time.Time{}, soonest: map[int64]time.Time{}, delivered: map[int64]int{}, done: map[int64]bool{},
		acks: map[int64][]modelAck{}}
	m.p = New(m.durable, s, 0, 0)
	return m
}

// produce appends a batch, with holes that compaction might have left.
func (m *model) produce() {
	first := m.end
	if m.rng.Intn(8) == 0 {
		first += int64(m.rng.Intn(4)) // a batch that is gone
	}
	s := Span{First: first, Last: first + int64(m.rng.Intn(6)), Skip: m.rng.Intn(10) == 0}
	for o := s.First; o <= s.Last; o++ {
		if s.Skip {
			m.skipped[o] = true
			continue
		}
		if m.settings.ByKey && m.rng.Intn(12) == 0 {
			continue // a hole in the batch
		}
		rec := Record{Offset: o, Null: m.rng.Intn(6) == 0}
		if !rec.Null {
			rec.Hash = uint64(m.rng.Intn(4))
			m.keyOf[o] = rec.Hash
		}
		m.exists[o] = true
		s.Records = append(s.Records, rec)
	}
	m.log = append(m.log, s)
	m.end = s.Last + 1
}

// read is what the log has from an offset on, at most a few batches.
func (m *model) read(from int64) []Span {
	var spans []Span
	most := 1 + m.rng.Intn(4)
	for _, s := range m.log {
		if s.Last >= from && len(spans) < most {
			spans = append(spans, s)
		}
	}
	return spans
}

func (m *model) fetch() error {
	f := Fetch{Member: fmt.Sprint("m", m.rng.Intn(3)), Max: 1 + m.rng.Intn(8), BatchSize: 1 + m.rng.Intn(5), Strict: m.rng.Intn(2) == 0, Now: m.now}
	var got []Given
	from, want := m.p.Want(m.now)
	if want && from < m.end {
		got = m.p.Acquire(f, from, m.read(from))
	} else if m.p.ByKey() {
		got = m.p.Acquire(f, from, nil)
	}
	n := 0
	for _, g := range got {
		for o := g.First; o <= g.Last; o++ {
			n++
			if err := m.given(f, o, g.DeliveryCount); err != nil {
				return err
			}
		}
	}
	if (f.Strict || m.settings.ByKey) && n > f.Max {
		return fmt.Errorf("%d records, asked for at most %d", n, f.Max)
	}
	return nil
}

// given checks one record that was handed out.
func (m *model) given(f Fetch, o int64, count int16) error {
	switch {
	case m.holder[o] != "":
		return fmt.Errorf("offset %d given to %s, %s holds it", o, f.Member, m.holder[o])
	case m.done[o]:
		return fmt.Errorf("offset %d given again after it was done", o)
	case m.skipped[o]:
		return fmt.Errorf("offset %d given, which nobody may get", o)
	case m.settings.ByKey && !m.exists[o]:
		return fmt.Errorf("offset %d given, which does not exist", o)
	case m.soonest[o].After(m.now):
		return fmt.Errorf("offset %d given %v before its time", o, m.soonest[o].Sub(m.now))
	}
	if m.delivered[o]++; m.delivered[o] != int(count) || m.delivered[o] > m.settings.MaxDeliveries {
		return fmt.Errorf("offset %d given with count %d, that is %d of %d", o, count, m.delivered[o], m.settings.MaxDeliveries)
	}
	if key, ok := m.keyOf[o]; ok && m.settings.ByKey {
		for before := int64(0); before < o; before++ {
			if k, ok := m.keyOf[before]; ok && k == key && !m.done[before] {
				return fmt.Errorf("offset %d given before %d of the same key", o, before)
			}
		}
	}
	m.holder[o], m.until[o] = f.Member, m.now.Add(m.settings.Lock)
	return nil
}

// back notes that an offset was given back.
func (m *model) back(o int64) {
	delete(m.holder, o)
	if m.delivered[o] >= m.settings.MaxDeliveries {
		m.done[o] = true
		return
	}
	if wait := m.settings.Backoff.after(int16(m.delivered[o])); wait > 0 {
		m.soonest[o] = m.now.Add(wait)
	}
}

func (m *model) acknowledge() error {
	var held []int64
	for o := range m.holder {
		held = append(held, o)
	}
	if len(held) == 0 {
		return nil
	}
	slices.Sort(held)
	first := held[m.rng.Intn(len(held))]
	member := m.holder[first]
	if m.rng.Intn(10) == 0 {
		member = "stranger"
	}
	a := Acknowledgement{First: first, Last: first + int64(m.rng.Intn(4)), Types: []int8{int8(m.rng.Intn(5))}}
	if m.rng.Intn(2) == 0 {
		a.Types = a.Types[:0]
		for o := a.First; o <= a.Last; o++ {
			a.Types = append(a.Types, int8(m.rng.Intn(5)))
		}
	}
	allowed := a.Last < m.p.End()
	for o := a.First; o <= a.Last; o++ {
		pending := false
		for _, acks := range m.acks {
			pending = pending || slices.ContainsFunc(acks, func(x modelAck) bool { return x.offset == o })
		}
		allowed = allowed && m.holder[o] == member && !pending
	}
	ticket, err := m.p.Acknowledge(member, []Acknowledgement{a}, m.now)
	if allowed != (err == nil) {
		return fmt.Errorf("acknowledge %+v by %s: %v, allowed %v", a, member, err, allowed)
	}
	if err != nil {
		if !errors.Is(err, kerr.InvalidRecordState) && !errors.Is(err, kerr.InvalidRequest) {
			return fmt.Errorf("acknowledge %+v: %w", a, err)
		}
		return nil
	}
	for o := a.First; o <= a.Last; o++ {
		if t := a.typeOf(o); t == Prolong {
			m.until[o] = m.now.Add(m.settings.Lock)
		} else {
			m.acks[ticket] = append(m.acks[ticket], modelAck{o, t})
		}
	}
	return nil
}

// write begins or ends a write of the durable state.
func (m *model) write() {
	if m.writing == nil {
		if w, ok := m.p.TakeWrite(); ok {
			m.writing = &w
		}
		return
	}
	ok := m.rng.Intn(4) > 0
	w := m.writing
	m.writing = nil
	acks := m.acks[w.Ticket]
	delete(m.acks, w.Ticket)
	if ok {
		m.durable.StartOffset = max(m.durable.StartOffset, w.StartOffset)
		m.durable.Batches = Merge(m.durable.Batches, w.Batches, m.durable.StartOffset)
		for _, a := range acks {
			if a.t == Giving {
				m.back(a.offset)
				continue
			}
			delete(m.holder, a.offset)
			m.done[a.offset] = true
		}
	}
	m.p.WriteEnded(ok, m.now)
	if ok {
		for _, d := range m.p.DeadLetters() {
			m.p.Buried(d)
		}
	}
}

func (m *model) pass(d time.Duration) {
	m.now = m.now.Add(d)
	if due := m.p.Deadline(); due.IsZero() || due.After(m.now) {
		for o, until := range m.until {
			if _, held := m.holder[o]; held && !until.After(m.now) && !m.isPending(o) {
				panic(fmt.Sprintf("lock of offset %d ended %v ago and no deadline says so", o, m.now.Sub(until)))
			}
		}
	}
	m.p.Expire(m.now)
	for o := range m.holder {
		if !m.until[o].After(m.now) && !m.isPending(o) {
			m.back(o)
		}
	}
}

func (m *model) isPending(o int64) bool {
	for _, acks := range m.acks {
		if slices.ContainsFunc(acks, func(a modelAck) bool { return a.offset == o }) {
			return true
		}
	}
	return false
}

func (m *model) leave() {
	member := fmt.Sprint("m", m.rng.Intn(3))
	m.p.Release(member, m.now)
	for o, holder := range m.holder {
		if holder != member || m.isPending(o) {
			continue
		}
		m.back(o)
	}
}

// crash loses everything that is soft: what was done and not written may come again, nothing else may be lost.
func (m *model) crash() error {
	m.p = New(m.durable, m.settings, 0, m.end)
	for _, d := range m.p.DeadLetters() { // they had not reached their topic for certain
		m.p.Buried(d)
	}
	m.writing = nil
	clear(m.holder)
	clear(m.until)
	clear(m.soonest)
	clear(m.acks)
	clear(m.delivered)
	was := m.done
	m.done = map[int64]bool{}
	known := map[int64]Batch{}
	for _, b := range m.durable.Batches {
		for o := b.First; o <= b.Last; o++ {
			known[o] = b
		}
	}
	for o := int64(0); o < m.end; o++ {
		b, ok := known[o]
		m.done[o] = o < m.durable.StartOffset || ok && b.State != Available
		m.delivered[o] = int(b.DeliveryCount)
		if m.done[o] && m.exists[o] && !was[o] {
			return fmt.Errorf("offset %d lost: the durable state calls it done", o)
		}
	}
	return nil
}

// check compares the core with the model.
func (m *model) check() error {
	var held int64
	at := m.p.Start()
	var err error
	m.p.runs.each(func(r *run) bool {
		if r.first != at || r.last < r.first {
			err = fmt.Errorf("run %d to %d begins at %d", r.first, r.last, at)
			return false
		}
		at = r.last + 1
		for o := r.first; o <= r.last; o++ {
			if (r.state == Acquired) != (m.holder[o] != "") {
				err = fmt.Errorf("offset %d: state %d, held by %q", o, r.state, m.holder[o])
			}
			if (r.done() || r.state == Archiving) && m.exists[o] && !m.done[o] {
				err = fmt.Errorf("offset %d: state %d and not done", o, r.state)
			}
		}
		if r.state == Acquired {
			held += r.len()
		}
		if err == nil {
			err = m.watched(r)
		}
		return err == nil
	})
	m.p.trimAt = len(m.p.deadlines) // the next one has those that ask for nothing dropped
	switch {
	case err != nil:
		return err
	case at != m.p.End():
		return fmt.Errorf("runs end at %d, the partition at %d", at, m.p.End())
	case held != m.p.Locks():
		return fmt.Errorf("%d offsets held, counted %d", held, m.p.Locks())
	}
	for o := int64(0); o < m.p.Start(); o++ {
		if m.exists[o] && !m.done[o] {
			return fmt.Errorf("offset %d: below the start offset %d and not done", o, m.p.Start())
		}
	}
	return nil
}

// watched checks that Expire will be called for a run in time, and that Want will find it.
func (m *model) watched(r *run) error {
	at := time.Time{}
	switch {
	case r.pending != 0:
	case r.state == Acquired:
		at = r.deadline
	case r.state == Available:
		if at = r.notBefore; r.first < m.p.look && m.p.keys == nil {
			return fmt.Errorf("run %d to %d is available, and nobody looks below %d", r.first, r.last, m.p.look)
		}
	}
	if !at.After(m.now) {
		return nil
	}
	for o := r.first; o <= r.last; o++ {
		if !slices.ContainsFunc(m.p.deadlines, func(d deadline) bool { return d.first <= o && o <= d.last && d.at.Equal(at) }) {
			return fmt.Errorf("offset %d in state %d has a time, and no deadline", o, r.state)
		}
	}
	return nil
}

// finish lets every record come to an end.
func (m *model) finish() error {
	for range 5000 {
		from, want := m.p.Want(m.now)
		f := Fetch{Member: "last", Max: 50, Now: m.now}
		var got []Given
		if want && from < m.end {
			got = m.p.Acquire(f, from, m.read(from))
		} else if m.p.ByKey() {
			got = m.p.Acquire(f, from, nil)
		}
		var acks []Acknowledgement
		for _, g := range got {
			for o := g.First; o <= g.Last; o++ {
				if err := m.given(f, o, g.DeliveryCount); err != nil {
					return err
				}
			}
			acks = append(acks, Acknowledgement{First: g.First, Last: g.Last, Types: []int8{Accept}})
		}
		ticket, err := m.p.Acknowledge("last", acks, m.now)
		if err != nil {
			return err
		}
		for _, a := range acks {
			for o := a.First; o <= a.Last; o++ {
				m.acks[ticket] = append(m.acks[ticket], modelAck{o, Accept})
			}
		}
		m.write()
		m.pass(time.Second)
		if m.p.Start() == m.end {
			return nil
		}
	}
	return fmt.Errorf("start offset %d after 5000 rounds, the log ends at %d: a record never ends", m.p.Start(), m.end)
}

func (m *model) step() error {
	switch n := m.rng.Intn(100); {
	case n < 20:
		m.produce()
	case n < 50:
		if err := m.fetch(); err != nil {
			return err
		}
	case n < 75:
		if err := m.acknowledge(); err != nil {
			return err
		}
	case n < 90:
		m.write()
	case n < 97:
		m.pass(time.Duration(m.rng.Intn(20)) * time.Second)
	case n < 99:
		m.leave()
	default:
		if err := m.crash(); err != nil {
			return err
		}
	}
	return m.check()
}

func TestModelCheck(t *testing.T) {
	seeds := int64(300)
	if *long {
		seeds = 10_000
	}
	for seed := range seeds {
		m := newModel(seed)
		for step := range 150 {
			if err := m.step(); err != nil {
				t.Fatalf("seed %d, step %d, %+v: %v", seed, step, m.settings, err)
			}
		}
		if err := m.finish(); err != nil {
			t.Fatalf("seed %d, %+v: %v", seed, m.settings, err)
		}
	}
}
