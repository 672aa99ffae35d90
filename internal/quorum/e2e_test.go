package quorum_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/controller"
	"leat/internal/fs"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/security"
)

// fixed is the time written into files made by tests.
var fixed = time.UnixMilli(7)

const clusterID = "AAAAAAAAQACAAAAAAAAAAQ"

func values(t testing.TB) *config.Values {
	t.Helper()
	v, _, err := config.ParseBroker(map[string]string{
		"node.id": "1", "process.roles": "broker,controller", "controller.quorum.voters": "1@127.0.0.1:9093",
		"listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093", "controller.listener.names": "CONTROLLER",
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// open starts a quorum with the real controller in it.
func open(t testing.TB, fsys fs.FS, dir string, log quorum.LogSettings) *quorum.Quorum {
	t.Helper()
	return openWith(t, fsys, dir, log, func(err error) { t.Errorf("metadata log failed: %v", err) })
}

func openWith(t testing.TB, fsys fs.FS, dir string, log quorum.LogSettings, failed func(error)) *quorum.Quorum {
	t.Helper()
	q, err := quorum.Open(context.Background(), configWith(t, fsys, dir, log, failed))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func tryOpen(t testing.TB, fsys fs.FS, dir string) (*quorum.Quorum, error) {
	t.Helper()
	return quorum.Open(context.Background(), configWith(t, fsys, dir, quorum.LogSettings{}, nil))
}

func configWith(t testing.TB, fsys fs.FS, dir string, log quorum.LogSettings, failed func(error)) quorum.Config {
	t.Helper()
	v := values(t)
	return quorum.Config{
		FS: fsys, Dir: dir, NodeID: 1, Log: log,
		Bootstrap: func(found []metadata.Record) []metadata.Record {
			return controller.Bootstrap(found, fmt.Sprint(v.Int("min.insync.replicas")))
		},
		Lead: func(l quorum.Leadership) quorum.Leader {
			m := controller.New(controller.Config{NodeID: 1, ClusterID: clusterID, Broker: v, Image: l.Image,
				NextOffset: l.NextOffset, Now: l.Now, Rand: rand.New(rand.NewSource(1))})
			return controller.Run(m, l.Log, l.Failed, nil)
		},
		Failed: failed,
	}
}

func do[T kmsg.Response](t testing.TB, q *quorum.Quorum, request kmsg.Request) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request.SetVersion(request.MaxVersion())
	resp, err := q.Do(ctx, security.Anonymous, request)
	if err != nil {
		t.Fatal(err)
	}
	return resp.(T)
}

// join registers broker 1 and unfences it, and returns its epoch.
func join(t testing.TB, q *quorum.Quorum, incarnation byte, previous int64) int64 {
	t.Helper()
	reg := kmsg.NewPtrBrokerRegistrationRequest()
	reg.BrokerID, reg.ClusterID, reg.IncarnationID, reg.PreviousBrokerEpoch = 1, clusterID, [16]byte{incarnation}, previous
	reg.LogDirs = [][16]byte{{42}}
	for _, f := range metadata.SupportedFeatures() {
		reg.Features = append(reg.Features, kmsg.BrokerRegistrationRequestFeature{Name: f.Name, MinSupportedVersion: f.Range.Min, MaxSupportedVersion: f.Range.Max})
	}
	resp := do[*kmsg.BrokerRegistrationResponse](t, q, reg)
	if resp.ErrorCode != 0 {
		t.Fatalf("registration refused with error %d", resp.ErrorCode)
	}
	beat := kmsg.NewPtrBrokerHeartbeatRequest()
	beat.BrokerID, beat.BrokerEpoch, beat.CurrentMetadataOffset = 1, resp.BrokerEpoch, q.Image().Offset
	if hb := do[*kmsg.BrokerHeartbeatResponse](t, q, beat); hb.ErrorCode != 0 || hb.IsFenced {
		t.Fatalf("heartbeat: error %d, fenced %v", hb.ErrorCode, hb.IsFenced)
	}
	do[*kmsg.UpdateFeaturesResponse](t, q, kmsg.NewPtrUpdateFeaturesRequest()) // unlike a heartbeat, its answer waits for the image
	return resp.BrokerEpoch
}

func createTopic(t testing.TB, q *quorum.Quorum, name string, partitions int32) {
	t.Helper()
	r := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	value := "1000"
	topic.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: &value}}
	r.Topics = append(r.Topics, topic)
	if got := do[*kmsg.CreateTopicsResponse](t, q, r).Topics[0]; got.ErrorCode != 0 {
		t.Fatalf("create %s: error %d: %v", name, got.ErrorCode, got.ErrorMessage)
	}
	if _, ok := q.Image().Topic(name); !ok {
		t.Fatalf("%s is not in the image when its creation is answered", name)
	}
}

// describe writes an image as the records of its snapshot.
func describe(im *metadata.Image) string {
	var s strings.Builder
	for r := range im.Snapshot() {
		fmt.Fprintf(&s, "%T %x\n", r, metadata.AppendRecord(nil, r))
	}
	return s.String()
}

func onFiles(t *testing.T, test func(t *testing.T, fsys fs.FS, dir string)) {
	t.Run("in memory", func(t *testing.T) { test(t, fs.NewMem(), "/data") })
	t.Run("on disk", func(t *testing.T) { test(t, fs.OS, filepath.Join(t.TempDir(), "data")) })
}

func TestRestartGivesTheSameImage(t *testing.T) {
	onFiles(t, func(t *testing.T, fsys fs.FS, dir string) {
		q := open(t, fsys, dir, quorum.LogSettings{})
		if level := q.Image().Feature("metadata.version"); level != 33 {
			t.Fatalf("a new log has metadata.version %d, want 33", level)
		}
		epoch := join(t, q, 1, -1)
		createTopic(t, q, "orders", 3)
		want := describe(q.Image())
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		q = open(t, fsys, dir, quorum.LogSettings{})
		defer q.Close()
		if got := describe(q.Image()); got != want {
			t.Fatalf("after a restart the image is\n%s\nwant\n%s", got, want)
		}
		if b, _ := q.Image().Broker(1); b.Epoch != epoch {
			t.Errorf("broker epoch %d, want %d", b.Epoch, epoch)
		}
		if e := q.Describe(time.Now()).LeaderEpoch; e != 2 {
			t.Errorf("leader epoch %d after the second start, want 2", e)
		}
		join(t, q, 2, epoch)
		topic, _ := q.Image().Topic("orders")
		for i, p := range topic.Partitions {
			if p.Leader != 1 {
				t.Errorf("orders-%d is led by %d after the broker came back, want 1", i, p.Leader)
			}
		}
	})
}

func TestBrokerEpochIsTheOffsetOfItsRegistration(t *testing.T) {
	q := open(t, fs.NewMem(), "/data", quorum.LogSettings{})
	defer q.Close()
	// Offset 0 is the leader change, 1 to 9 the bootstrap transaction.
	if got := join(t, q, 1, -1); got != 10 {
		t.Errorf("epoch %d, want 10", got)
	}
	// A new incarnation of a broker that led nothing writes nothing before its registration: 11 was its unfencing.
	if b, _ := q.Image().Broker(1); b.Fenced {
		t.Error("broker is fenced")
	}
}

func TestRestartFromACheckpoint(t *testing.T) {
	onFiles(t, func(t *testing.T, fsys fs.FS, dir string) {
		small := quorum.LogSettings{SnapshotBytes: 1, RetentionBytes: 1, SegmentBytes: 4096}
		q := open(t, fsys, dir, small)
		epoch := join(t, q, 1, -1)
		for i := range 20 {
			createTopic(t, q, fmt.Sprintf("topic-%d", i), 4)
		}
		want := describe(q.Image())
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		names := checkpointNames(t, fsys, dir)
		if len(names) == 0 {
			t.Fatal("no checkpoint was written")
		}
		q = open(t, fsys, dir, small)
		if got := describe(q.Image()); got != want {
			t.Fatalf("from a checkpoint the image is\n%s\nwant\n%s", got, want)
		}
		if start := q.Log().Offsets().LogStart; start == 0 {
			t.Errorf("log starts at 0 although checkpoints cover it")
		}
		join(t, q, 2, epoch)
		createTopic(t, q, "more", 1)
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func checkpointNames(t *testing.T, fsys fs.FS, dir string) []string {
	t.Helper()
	entries, err := fsys.ReadDir(filepath.Join(dir, "__cluster_metadata-0"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".checkpoint" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestSubscribersSeeEveryChangeInOrder(t *testing.T) {
	q := open(t, fs.NewMem(), "/data", quorum.LogSettings{})
	defer q.Close()
	type seen struct {
		offset  int64
		changed []string
		first   bool
	}
	got := make(chan seen, 100)
	q.Subscribe(func(im *metadata.Image, d *metadata.Delta) {
		s := seen{offset: im.Offset, first: d == nil}
		if d != nil {
			for _, topic := range d.ChangedTopics() {
				s.changed = append(s.changed, topic.Name)
			}
		}
		got <- s
	})
	if s := <-got; !s.first {
		t.Error("the first call has a delta")
	}
	join(t, q, 1, -1)
	var topics []string
	for i := range 5 {
		createTopic(t, q, fmt.Sprintf("t%d", i), 1)
	}
	last := int64(-1)
	for len(topics) < 5 {
		s := <-got
		if s.offset <= last {
			t.Fatalf("image at offset %d after one at %d", s.offset, last)
		}
		last, topics = s.offset, append(topics, s.changed...)
	}
	if fmt.Sprint(topics) != "[t0 t1 t2 t3 t4]" {
		t.Errorf("topics seen: %v", topics)
	}
}

func TestBootstrapLeftByFormattingIsUsed(t *testing.T) {
	for _, name := range []string{"/data/bootstrap.checkpoint", "/data/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint"} {
		fsys := fs.NewMem()
		if err := fsys.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		formatted := replay(t, &metadata.FeatureLevelRecord{Name: "metadata.version", FeatureLevel: 31})
		data, err := quorum.FormatCheckpoint(formatted, fixed)
		if err != nil {
			t.Fatal(err)
		}
		if err := fs.WriteFile(fsys, name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		q := open(t, fsys, "/data", quorum.LogSettings{})
		if got := q.Image().Feature("metadata.version"); got != 31 {
			t.Errorf("%s: metadata.version %d, want 31", name, got)
		}
		if got := q.Image().Feature("group.version"); got != 0 {
			t.Errorf("%s: group.version %d, want none", name, got)
		}
		q.Close()
	}
}

func replay(t *testing.T, records ...metadata.Record) *metadata.Image {
	t.Helper()
	d := metadata.NewDelta(metadata.Empty)
	for _, r := range records {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	return d.Image(0, 0, 5)
}

func TestLogOfKafkaIsReplayed(t *testing.T) {
	// Recorded from Apache Kafka 4.4.0: a node that was formatted, started, asked for topics and configs, and stopped.
	fsys := fs.NewMem()
	copyDir(t, fsys, "testdata/kafka", "/data/__cluster_metadata-0")
	q := open(t, fsys, "/data", quorum.LogSettings{})
	defer q.Close()
	im := q.Image()
	if _, ok := im.Topic("orders"); ok {
		t.Error("orders was deleted")
	}
	topic, ok := im.Topic("or.ders")
	if !ok || len(topic.Partitions) != 1 {
		t.Fatalf("or.ders: %v", topic)
	}
	p := topic.Partitions[0]
	if p.Leader != -1 || len(p.ISR) != 0 || fmt.Sprint(p.ELR, p.LastKnownELR) != "[1] [1]" {
		t.Errorf("or.ders-0 after the controlled shutdown: %+v", p)
	}
	if got := im.Config(metadata.BrokerResource, "")["min.insync.replicas"]; got != "2" {
		t.Errorf("cluster's min.insync.replicas %q, want 2", got)
	}
	b, ok := im.Broker(1)
	if !ok || b.Epoch != 12 || !b.Fenced || !b.InControlledShutdown {
		t.Errorf("broker 1: %+v", b)
	}
	if e := q.Describe(time.Now()).LeaderEpoch; e != 2 {
		t.Errorf("leader epoch %d, want 2", e)
	}
	if (record.UUID{}) == b.Incarnation {
		t.Error("no incarnation id")
	}
}

func TestAFaultOfTheControllerCostsOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, fs.NewMem(), "/meta", quorum.LogSettings{})
		defer q.Close()
		join(t, q, 5, -1)
		createTopic(t, q, "before", 1)
		ask := func(request kmsg.Request) error {
			_, err := q.Do(t.Context(), security.Anonymous, request)
			return err
		}
		for range 2 {
			var fault *machine.Fault
			if err := ask((*kmsg.CreateTopicsRequest)(nil)); !errors.As(err, &fault) || !errors.Is(err, kerr.UnknownServerError) {
				t.Fatalf("the request that cannot be handled was answered with %v", err)
			}
			if err := ask(kmsg.NewPtrUpdateFeaturesRequest()); !errors.Is(err, machine.ErrUnloaded) {
				t.Fatalf("while there is no controller: %v", err)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if err := ask(kmsg.NewPtrUpdateFeaturesRequest()); err != nil {
				t.Fatalf("the controller did not come back: %v", err)
			}
		}
		if _, ok := q.Image().Topic("before"); !ok {
			t.Fatal("a topic was lost")
		}
		createTopic(t, q, "after", 1) // its broker is still there, and its records fit the log
		ask((*kmsg.CreateTopicsRequest)(nil))
	}) // closed while the controller is away
}
