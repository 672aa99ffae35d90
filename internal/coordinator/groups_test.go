package coordinator_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/coordinator/group"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// fakeLog is a led partition in memory. Appends are committed at once unless held.
type fakeLog struct {
	mu      sync.Mutex
	batches [][]byte
	end     int64
	held    bool
	err     error
	ready   error
	waits   []func(error)
	version int16 // of the transaction that the last marker ended
	// of the last batch of a transaction
	verification *storage.Verification
	gate         chan struct{} // reads wait until it is closed, if not nil
}

func (l *fakeLog) Append(batch []byte) (baseOffset, nextOffset int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, 0, l.err
	}
	b := record.Batch(append([]byte(nil), batch...))
	b.SetBaseOffset(l.end)
	base := l.end
	l.end = b.NextOffset()
	l.batches = append(l.batches, b)
	return base, l.end, nil
}

func (l *fakeLog) AppendVerified(batch []byte, v *storage.Verification) (baseOffset, nextOffset int64, err error) {
	l.verification = v
	return l.Append(batch)
}

func (l *fakeLog) AppendMarker(batch []byte, transactionVersion int16) (baseOffset, nextOffset int64, err error) {
	l.version = transactionVersion
	return l.Append(batch)
}

func (l *fakeLog) Ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready
}

func (l *fakeLog) WhenCommitted(_ int64, fn func(error)) {
	l.mu.Lock()
	if l.held {
		l.waits = append(l.waits, fn)
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	fn(nil)
}

func (l *fakeLog) Bounds() (start, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 0, l.end
}

func (l *fakeLog) Read(buf []byte, offset int64) ([]byte, error) {
	if l.gate != nil {
		<-l.gate
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := buf[:0]
	for _, b := range l.batches {
		if record.Batch(b).NextOffset() <= offset {
			continue
		}
		if len(out) > 0 && len(out)+len(b) > len(buf) {
			return append(out, b[:len(b)/2]...), nil // a read may end inside a batch
		}
		out = append(out, b...)
	}
	return out, nil
}

// add puts records of others into the log.
func (l *fakeLog) add(t *testing.T, spec record.BatchSpec, records ...group.Record) {
	t.Helper()
	var rs []record.Record
	for _, r := range records {
		key, value := r.Encode()
		rs = append(rs, record.Record{Timestamp: 1, Key: key, Value: value})
	}
	b, err := record.AppendBatch(nil, spec, rs)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Append(b); err != nil {
		t.Fatal(err)
	}
}

func offset(name string, n int64) *group.OffsetRecord {
	return &group.OffsetRecord{Group: name, Topic: "t", Partition: 0, Offset: &group.Offset{Offset: n, LeaderEpoch: -1, ExpireTimestamp: -1}}
}

// rig is a coordinator of one partition over a fake log.
type rig struct {
	t   *testing.T
	g   *coordinator.Groups
	log *fakeLog
	out *strings.Builder
	set coordinator.Settings
}

var partition0 = record.TopicPartition{Topic: coordinator.OffsetsTopic}

func newRig(t *testing.T, log *fakeLog) *rig {
	r := &rig{t: t, log: log, out: &strings.Builder{}, set: coordinator.DefaultSettings}
	r.set.LoadBuffer = 256
	r.g = coordinator.NewGroups(coordinator.GroupsConfig{
		Config: coordinator.Config{
			Open:   func(record.TopicPartition, int32) (coordinator.Leader, error) { return log, nil },
			Logger: slog.New(slog.NewTextHandler(r.out, nil)),
		},
		Settings: func() coordinator.Settings { return r.set },
		Group:    func() group.Settings { return group.DefaultSettings },
	})
	r.g.Publish(imageWith(t, 1), nil)
	return r
}

// imageWith is an image with the offsets topic.
func imageWith(t testing.TB, partitions int32) *metadata.Image {
	d := metadata.NewDelta(metadata.Empty)
	replay := func(r metadata.Record) {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	replay(&metadata.TopicRecord{Name: coordinator.OffsetsTopic, TopicID: record.UUID{1}})
	for p := range partitions {
		replay(&metadata.PartitionRecord{PartitionID: p, TopicID: record.UUID{1}, Replicas: []int32{1}, ISR: []int32{1}, Leader: 1})
	}
	return d.Image(0, 0, 0)
}

// lead makes this node the leader, and waits until everything that can happen has.
func (r *rig) lead(leaderEpoch int32) {
	r.g.Leading(partition0, leaderEpoch, true)
	synctest.Wait()
}

// ask submits a request and returns what came of it; nil if nothing has come yet.
func (r *rig) ask(name string, rq kmsg.Request) func() kmsg.Response {
	var mu sync.Mutex
	var got kmsg.Response
	r.g.Submit(coordinator.Call{Group: name, Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"}, func(resp kmsg.Response) {
		mu.Lock()
		defer mu.Unlock()
		if got != nil {
			r.t.Error("answered twice")
		}
		got = resp
	})
	return func() kmsg.Response {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

func (r *rig) commit(name string, n int64) func() string {
	rq := kmsg.NewPtrOffsetCommitRequest()
	rq.Group, rq.Generation = name, -1
	rq.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: n, LeaderEpoch: -1}}}}
	get := r.ask(name, rq)
	return func() string {
		resp, ok := get().(*kmsg.OffsetCommitResponse)
		if !ok {
			return "nothing yet"
		}
		return code(resp.Topics[0].Partitions[0].ErrorCode)
	}
}

func (r *rig) fetch(name string) string {
	rq := kmsg.NewPtrOffsetFetchRequest()
	rq.Groups = []kmsg.OffsetFetchRequestGroup{{Group: name}}
	resp, ok := r.ask(name, rq)().(*kmsg.OffsetFetchResponse)
	if !ok {
		return "nothing yet"
	}
	out := code(resp.Groups[0].ErrorCode)
	for _, t := range resp.Groups[0].Topics {
		for _, p := range t.Partitions {
			out += fmt.Sprintf(" %s/%d=%d", t.Topic, p.Partition, p.Offset)
		}
	}
	return out
}

func code(c int16) string {
	if c == 0 {
		return "ok"
	}
	return kerr.TypedErrorForCode(c).Message
}

func (r *rig) expect(what, got, want string) {
	r.t.Helper()
	if got != want {
		r.t.Fatalf("%s: %s, want %s\nlog:\n%s", what, got, want, r.out)
	}
}

func TestOffsetsSurviveALoad(t *testing.T) {
	for _, codec := range []record.Codec{record.Uncompressed, record.Snappy} {
		t.Run(fmt.Sprint(codec), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &fakeLog{}
				r := newRig(t, log)
				r.set.Codec = codec
				r.lead(3)
				synctest.Wait()
				for i := range int64(20) {
					r.expect("commit", r.commit(fmt.Sprint("g", i%3), i)(), "ok")
				}
				r.g.Leading(partition0, 3, false)
				r.expect("after resigning", r.fetch("g1"), "NOT_COORDINATOR")
				r.lead(5)
				r.expect("g0", r.fetch("g0"), "ok t/0=18")
				r.expect("g1", r.fetch("g1"), "ok t/0=19")
				r.expect("none", r.fetch("none"), "ok")
				r.g.Close()
				r.expect("after closing", r.fetch("g1"), "COORDINATOR_NOT_AVAILABLE")
			})
		})
	}
}

func TestTransactionsCountFromTheirMarker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{}
		txn := record.NewSpec()
		txn.Transactional, txn.ProducerID, txn.ProducerEpoch = true, 7, 1
		end := func(commit bool) {
			spec := txn
			spec.Control = true
			if _, _, err := log.Append(record.AppendEndTxnMarker(nil, spec, 1, commit, 0)); err != nil {
				t.Fatal(err)
			}
		}
		log.add(t, record.NewSpec(), offset("g", 1))
		log.add(t, txn, offset("g", 2), offset("h", 3))
		end(true)
		log.add(t, txn, offset("g", 4))
		end(false)
		log.add(t, txn, offset("g", 5))
		r := newRig(t, log)
		r.lead(0)
		r.expect("g", r.fetch("g"), "ok t/0=2")
		r.expect("h", r.fetch("h"), "ok t/0=3")
		r.g.Close()
	})
}

func TestKafkasOtherGroupRecordsAreReadOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{}
		b, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{
			{Key: []byte{0, 98, 0, 1, 'c'}, Value: []byte{0, 0, 0, 0, 0, 1, 0}},
			{Key: []byte{0, 98, 0, 1, 'd'}},
			{Key: []byte{0, 99, 1}},
		})
		if err != nil {
			t.Fatal(err)
		}
		log.Append(b)
		log.add(t, record.NewSpec(), offset("g", 1))
		r := newRig(t, log)
		r.lead(0)
		r.expect("g", r.fetch("g"), "ok t/0=1")
		for _, want := range []string{`kind="key type 98" count=2`, `kind="key type 99" count=1`} {
			if !strings.Contains(r.out.String(), want) {
				t.Errorf("log does not say %s:\n%s", want, r.out)
			}
		}
		r.g.Close()
	})
}

func TestLoadingIsToldAndEndsWithLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{gate: make(chan struct{})}
		log.add(t, record.NewSpec(), offset("g", 1))
		r := newRig(t, log)
		r.expect("before", r.fetch("g"), "NOT_COORDINATOR")
		r.lead(0)
		r.expect("loading", r.fetch("g"), "COORDINATOR_LOAD_IN_PROGRESS")
		beat := kmsg.NewPtrHeartbeatRequest()
		beat.Group = "g"
		r.expect("heartbeat", code(r.ask("g", beat)().(*kmsg.HeartbeatResponse).ErrorCode), "ok")
		r.g.Leading(partition0, 0, false)
		r.expect("resigned", r.fetch("g"), "NOT_COORDINATOR")
		close(log.gate)
		r.expect("still resigned", r.fetch("g"), "NOT_COORDINATOR")
		r.g.Close()
	})
}

func TestNothingIsToldThatMayBeLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{held: true}
		log.add(t, record.NewSpec(), offset("g", 1))
		r := newRig(t, log)
		r.lead(0)
		r.expect("loaded but not committed", r.fetch("g"), "nothing yet")
		commit := r.commit("g", 2)
		r.expect("commit", commit(), "nothing yet")
		time.Sleep(5 * time.Second)
		r.expect("after offsets.commit.timeout.ms", commit(), "COORDINATOR_NOT_AVAILABLE")
		for _, fn := range log.waits {
			fn(nil)
		}
		log.held = false
		r.expect("committed after all", r.fetch("g"), "ok t/0=2")
		r.g.Close()
	})
}

func TestALostMachineIsLoadedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{}
		r := newRig(t, log)
		r.lead(0)
		r.expect("commit", r.commit("g", 1)(), "ok")
		log.err = errors.New("disk is gone")
		r.expect("failed commit", r.commit("g", 2)(), "NOT_COORDINATOR")
		log.err = nil
		r.expect("loading", r.fetch("g"), "COORDINATOR_LOAD_IN_PROGRESS")
		time.Sleep(time.Second)
		synctest.Wait()
		r.expect("again", r.fetch("g"), "ok t/0=1")
		log.ready = fmt.Errorf("too few replicas: %w", machine.ErrRefused)
		r.expect("refused commit", r.commit("g", 3)(), "COORDINATOR_NOT_AVAILABLE")
		r.expect("unchanged", r.fetch("g"), "ok t/0=1")
		r.g.Close()
	})
}

func TestAFaultOfTheMachineCostsOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &fakeLog{})
		r.lead(0)
		r.expect("commit", r.commit("g", 1)(), "ok")
		for range 2 {
			resp := r.ask("g", (*kmsg.HeartbeatRequest)(nil))() // no heartbeat comes without its message: the machine panics
			r.expect("the request that it cannot handle", code(resp.(*kmsg.HeartbeatResponse).ErrorCode), "UNKNOWN_SERVER_ERROR")
			r.expect("loading", r.fetch("g"), "COORDINATOR_LOAD_IN_PROGRESS")
			time.Sleep(time.Second)
			synctest.Wait()
			r.expect("again", r.fetch("g"), "ok t/0=1")
		}
		if log := r.out.String(); !strings.Contains(log, "coordinator failed, loading it again") || !strings.Contains(log, "coordinator/group.(*Machine)") {
			t.Errorf("the log does not say what failed where:\n%s", log)
		}
		r.g.Close()
	})
}

func TestATooLargeCommitIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &fakeLog{})
		r.set.MaxBatchBytes = 300
		r.lead(0)
		rq := kmsg.NewPtrOffsetCommitRequest()
		rq.Group, rq.Generation = "g", -1
		for p := range int32(10) {
			rq.Topics = append(rq.Topics, kmsg.OffsetCommitRequestTopic{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: p}}})
		}
		resp := r.ask("g", rq)().(*kmsg.OffsetCommitResponse)
		r.expect("commit", code(resp.Topics[9].Partitions[0].ErrorCode), "INVALID_COMMIT_OFFSET_SIZE")
		r.expect("small commit", r.commit("g", 1)(), "ok")
		r.g.Close()
	})
}

func TestACorruptLogStaysUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{}
		b, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Key: []byte{0, 1, 0, 1, 'g', 0, 1, 't', 0, 0, 0, 0}, Value: []byte{0, 9}}})
		if err != nil {
			t.Fatal(err)
		}
		log.Append(b)
		r := newRig(t, log)
		r.lead(0)
		r.expect("fetch", r.fetch("g"), "COORDINATOR_NOT_AVAILABLE")
		if !strings.Contains(r.out.String(), "record at offset 0: OffsetCommit value has version 9") {
			t.Error(r.out)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := strings.Count(r.out.String(), "\n"); n != 1 {
			t.Errorf("%d lines in the log, want 1:\n%s", n, r.out)
		}
		r.g.Close()
	})
}

func TestListAsksAllPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &fakeLog{})
		r.g.Publish(imageWith(t, 4), nil)
		logs := make(map[int32]*fakeLog)
		for p := range int32(4) {
			logs[p] = &fakeLog{}
		}
		g := coordinator.NewGroups(coordinator.GroupsConfig{
			Config: coordinator.Config{
				Open:   func(tp record.TopicPartition, _ int32) (coordinator.Leader, error) { return logs[tp.Partition], nil },
				Logger: slog.New(slog.DiscardHandler),
			},
			Settings: func() coordinator.Settings { return r.set },
			Group:    func() group.Settings { return group.DefaultSettings },
		})
		r.g.Close()
		r.g = g
		g.Publish(imageWith(t, 4), nil)
		for p := range int32(4) {
			g.Leading(record.TopicPartition{Topic: coordinator.OffsetsTopic, Partition: p}, 0, true)
		}
		synctest.Wait()
		for i := range int64(6) {
			r.expect("commit", r.commit(fmt.Sprint("g", i), i)(), "ok")
		}
		var list string
		g.List(kmsg.NewPtrListGroupsRequest(), func(resp *kmsg.ListGroupsResponse) {
			list = code(resp.ErrorCode)
			for _, one := range resp.Groups {
				list += " " + one.Group
			}
		})
		synctest.Wait()
		r.expect("list", list, "ok g0 g1 g2 g3 g4 g5")
		used := 0
		for _, l := range logs {
			if l.end > 0 {
				used++
			}
		}
		if used < 3 {
			t.Errorf("%d logs used", used)
		}
		g.Close()
	})
}
