package quorum_test

import (
	"context"
	"errors"
	"fmt"
	oldrand "math/rand"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/controller"
	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/security"
)

// cluster is several controllers in one process, in a bubble. What one sends arrives after a millisecond, or not at all.
type cluster struct {
	t   *testing.T
	log quorum.LogSettings

	mu    sync.Mutex // guards what follows
	up    map[int32]*quorum.Quorum
	cut   map[int32]bool // from the others
	disks map[int32]*fs.Mem
}

func newCluster(t *testing.T, log quorum.LogSettings) *cluster {
	return &cluster{t: t, log: log, up: map[int32]*quorum.Quorum{}, cut: map[int32]bool{}, disks: map[int32]*fs.Mem{}}
}

func dirOf(id int32) record.UUID { return record.UUID{0: 1, 15: byte(id)} }

// voters are controllers with their directories, so that they can be changed.
func voters(ids ...int32) []quorum.Member {
	var out []quorum.Member
	for _, id := range ids {
		out = append(out, quorum.Member{ID: id, DirID: dirOf(id), MaxKRaft: 1,
			Endpoints: []quorum.Endpoint{{Name: "CONTROLLER", Host: fmt.Sprint("host", id), Port: 9093}}})
	}
	return out
}

// static are controllers that the config names.
func static(ids ...int32) []quorum.Member {
	out := voters(ids...)
	for i := range out {
		out[i].DirID = record.UUID{}
	}
	return out
}

// line is the network of one controller.
type line struct {
	c    *cluster
	from int32
}

func (l line) to(id int32) (*quorum.Quorum, error) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	q := l.c.up[id]
	if q == nil || l.c.cut[id] || l.c.cut[l.from] {
		return nil, fmt.Errorf("controller %d is not reached", id)
	}
	return q, nil
}

func (l line) Send(_ context.Context, id int32, frames [][]byte) error {
	time.Sleep(time.Millisecond)
	q, err := l.to(id)
	if err != nil {
		return err
	}
	for _, f := range frames {
		if err := q.Receive(f); err != nil {
			return err
		}
	}
	return nil
}

func (l line) ReadSnapshot(_ context.Context, id int32, end int64, epoch int32, position int64, maxBytes int) ([]byte, int64, error) {
	time.Sleep(time.Millisecond)
	q, err := l.to(id)
	if err != nil {
		return nil, 0, err
	}
	part := &q.FetchSnapshot(snapshotRequest(l.from, end, epoch, position, maxBytes)).Topics[0].Partitions[0]
	return part.Bytes, part.Size, kerr.ErrorForCode(part.ErrorCode)
}

func snapshotRequest(replica int32, end int64, epoch int32, position int64, maxBytes int) *kmsg.FetchSnapshotRequest {
	rq := kmsg.NewPtrFetchSnapshotRequest()
	rq.ReplicaID, rq.MaxBytes = replica, int32(maxBytes)
	topic := kmsg.NewFetchSnapshotRequestTopic()
	topic.Topic = quorum.Partition.Topic
	p := kmsg.NewFetchSnapshotRequestTopicPartition()
	p.SnapshotID.EndOffset, p.SnapshotID.Epoch, p.Position = end, epoch, position
	topic.Partitions = append(topic.Partitions, p)
	rq.Topics = append(rq.Topics, topic)
	return rq
}

// start starts a controller on what its disk holds. voters count if that is nothing.
func (c *cluster) start(id int32, voters []quorum.Member) *quorum.Quorum {
	c.t.Helper()
	c.mu.Lock()
	if c.disks[id] == nil {
		c.disks[id] = fs.NewMem()
	}
	disk := c.disks[id]
	c.mu.Unlock()
	broker := values(c.t)
	q, err := quorum.Open(c.t.Context(), quorum.Config{
		FS: disk, Dir: "/data", DirID: dirOf(id), NodeID: id, Log: c.log, ClusterID: record.UUID{9}, Voters: voters, Transport: line{c, id},
		Bootstrap: func(found []metadata.Record) []metadata.Record { return controller.Bootstrap(found, "1") },
		Lead: func(l quorum.Leadership) quorum.Leader {
			m := controller.New(controller.Config{NodeID: id, ClusterID: clusterID, Broker: broker, Image: l.Image,
				NextOffset: l.NextOffset, Now: l.Now, Rand: oldrand.New(oldrand.NewSource(int64(id)))})
			return controller.Run(m, l.Log, l.Failed, nil)
		},
		Failed: func(err error) { c.t.Errorf("controller %d failed: %v", id, err) },
	})
	if err != nil {
		c.t.Fatalf("controller %d: %v", id, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up[id] = q
	return q
}

// stop ends a controller as kill -9 or, with a rng, the loss of power does; cleanly only if asked.
func (c *cluster) stop(id int32, clean bool, power *rand.Rand) {
	c.t.Helper()
	c.mu.Lock()
	q := c.up[id]
	delete(c.up, id) // nothing arrives any more, nor leaves
	var left *fs.Mem
	switch {
	case power != nil:
		left = c.disks[id].Crash(power)
	case !clean:
		left = c.disks[id].Kill()
	}
	c.cut[id] = c.cut[id] && clean
	c.mu.Unlock()
	if err := q.Close(); err != nil {
		c.t.Errorf("controller %d: %v", id, err)
	}
	if left != nil {
		c.mu.Lock()
		c.disks[id] = left
		c.mu.Unlock()
	}
}

func (c *cluster) stopAll() {
	for _, id := range c.ids() {
		c.stop(id, true, nil)
	}
}

func (c *cluster) ids() (ids []int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := int32(1); id < 10; id++ {
		if c.up[id] != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *cluster) get(id int32) *quorum.Quorum {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up[id]
}

func (c *cluster) isolate(id int32, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut[id] = cut
}

// leader waits until somebody leads that decides.
func (c *cluster) leader() (int32, *quorum.Quorum) {
	c.t.Helper()
	for range 2000 {
		for _, id := range c.ids() {
			if q := c.get(id); decide(c.t.Context(), q, kmsg.NewPtrUpdateFeaturesRequest()) == nil {
				return id, q
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatal("nobody leads")
	return 0, nil
}

// decide hands one request to one controller.
func decide(ctx context.Context, q *quorum.Quorum, rq kmsg.Request) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	rq.SetVersion(rq.MaxVersion())
	_, err := q.Do(ctx, security.Anonymous, rq)
	return err
}

// fact is a decision of which the image keeps something: a controller that nobody has, with a name of some bytes.
func fact(n int, bytes int) *kmsg.ControllerRegistrationRequest {
	rq := kmsg.NewPtrControllerRegistrationRequest()
	rq.ControllerID, rq.IncarnationID = int32(1000+n), [16]byte{1}
	for range bytes / 1000 {
		l := kmsg.NewControllerRegistrationRequestListener()
		l.Name, l.Host, l.Port = "CONTROLLER", fmt.Sprintf("%01000d", n), 1
		rq.Listeners = append(rq.Listeners, l)
	}
	return rq
}

// know has a fact decided by whoever leads.
func (c *cluster) know(n, bytes int) {
	c.t.Helper()
	for range 100 {
		_, q := c.leader()
		err := decide(c.t.Context(), q, fact(n, bytes))
		if err == nil {
			return
		}
		if !errors.Is(err, kerr.NotController) && !errors.Is(err, kerr.RequestTimedOut) && !errors.Is(err, context.DeadlineExceeded) {
			c.t.Fatal(err)
		}
	}
	c.t.Fatalf("fact %d was not decided", n)
}

func knows(im *metadata.Image, n int) bool {
	for _, x := range im.Controllers() {
		if x.ControllerID == int32(1000+n) {
			return true
		}
	}
	return false
}

// agree waits until all that run show the same image, and returns it.
func (c *cluster) agree() *metadata.Image {
	c.t.Helper()
	_, leader := c.leader()
	for range 3000 {
		want, same := leader.Image(), true
		for _, id := range c.ids() {
			same = same && c.get(id).Image().Offset == want.Offset
		}
		if same && leader.Log().Offsets().HighWatermark == want.Offset+1 {
			for _, id := range c.ids() {
				if got := c.get(id).Image(); got.Epoch != want.Epoch || describe(got) != describe(want) {
					c.t.Fatalf("controller %d has at offset %d\n%s\nthe leader has\n%s", id, want.Offset, describe(got), describe(want))
				}
			}
			return want
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, id := range c.ids() {
		c.t.Logf("controller %d: image at %d, log %+v, %+v", id, c.get(id).Image().Offset, c.get(id).Log().Offsets(), c.get(id).Describe(time.Now()))
	}
	c.t.Fatal("the images do not become the same")
	return nil
}
