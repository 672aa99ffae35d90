package quorum_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/quorum"
	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

func TestThreeControllersElectOneAndAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, quorum.LogSettings{})
		for _, id := range []int32{1, 2} {
			c.start(id, static(1, 2, 3))
		}
		c.know(1, 0) // two are a majority
		c.start(3, static(1, 2, 3))
		c.know(2, 0)
		image := c.agree()
		if !knows(image, 1) || !knows(image, 2) || image.Feature(metadata.FeatureMetadataVersion) == 0 {
			t.Errorf("agreed on\n%s", describe(image))
		}
		leader, q := c.leader()
		for _, id := range c.ids() {
			is, epoch, known := c.get(id).Active()
			if _, want, _ := q.Active(); is != leader || epoch != want || !known {
				t.Errorf("controller %d thinks that %d leads at epoch %d, %v", id, is, epoch, known)
			}
			if d := c.get(id).Describe(time.Now()); d.LeaderID != leader || len(d.Voters) != 3 {
				t.Errorf("controller %d describes %+v", id, d)
			}
			if err := decide(t.Context(), c.get(id), fact(3, 0)); id != leader && !errors.Is(err, kerr.NotController) {
				t.Errorf("controller %d, which does not lead, answers %v", id, err)
			}
			if m := c.get(id).Members(); len(m) != 3 || m[2].Endpoints[0].Host != "host3" {
				t.Errorf("controller %d knows the members %+v", id, m)
			}
		}
		for _, r := range q.Describe(time.Now()).Voters {
			if r.LogEndOffset != q.Log().Offsets().LogEnd || time.Since(r.LastCaughtUp) > time.Second {
				t.Errorf("described as %+v", r)
			}
		}
		c.stopAll()
	})
}

// TestThreeControllersThroughFaults hurts one controller after the other, or all, while facts are decided. Nothing that was answered is lost, and all
// come to the same image. The seed of a failure is printed; QUORUM_SEED repeats it, as far as goroutines do.
func TestThreeControllersThroughFaults(t *testing.T) {
	from, seeds := int64(1), int64(12)
	if s, err := strconv.ParseInt(os.Getenv("QUORUM_SEED"), 10, 64); err == nil {
		from, seeds = s, 1
	}
	for seed := from; seed < from+seeds; seed++ {
		if !t.Run(strconv.FormatInt(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { throughFaults(t, seed) })
		}) {
			t.Fatalf("failed with seed %d", seed)
		}
	}
}

func throughFaults(t *testing.T, seed int64) {
	rng := rand.New(rand.NewPCG(uint64(seed), 1))
	settings := quorum.LogSettings{SegmentBytes: 4096}
	if seed%2 == 0 {
		settings.SnapshotBytes, settings.RetentionBytes = 500, 1
	}
	c := newCluster(t, settings)
	all := static(1, 2, 3)
	if seed%3 == 0 {
		all = voters(1, 2, 3)
	}
	for id := int32(1); id <= 3; id++ {
		c.start(id, all)
	}
	var mu sync.Mutex
	answered := map[int]bool{}
	quit := make(chan struct{})
	var working sync.WaitGroup
	for w := range 3 {
		working.Go(func() {
			for n := w; ; n += 3 {
				for _, id := range c.ids() {
					if q := c.get(id); q != nil && decide(context.Background(), q, fact(n, 0)) == nil {
						mu.Lock()
						answered[n] = true
						mu.Unlock()
					}
				}
				select {
				case <-quit:
					return
				case <-time.After(300 * time.Millisecond):
				}
			}
		})
	}
	for range 15 {
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
		hurt(c, rng, all)
	}
	close(quit)
	working.Wait()
	for id := int32(1); id <= 3; id++ {
		c.isolate(id, false)
	}
	image := c.agree()
	if len(answered) == 0 {
		t.Error("nothing was decided")
	}
	for n := range answered {
		if !knows(image, n) {
			t.Errorf("fact %d was answered and is gone", n)
		}
	}
	c.stopAll()
	for id := int32(1); id <= 3; id++ {
		c.start(id, nil)
	}
	if again := c.agree(); describe(again) != describe(image) {
		t.Errorf("after a restart the image is\n%s\nit was\n%s", describe(again), describe(image))
	}
	c.stopAll()
}

// hurt does one thing.
func hurt(c *cluster, rng *rand.Rand, all []quorum.Member) {
	id := int32(1 + rng.IntN(3))
	power := func() *rand.Rand {
		if rng.IntN(2) == 0 {
			return nil
		}
		return rng
	}
	switch rng.IntN(6) {
	case 0: // the leader dies in the middle of decisions
		id, _ = c.leader()
		c.stop(id, false, power())
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
		c.start(id, all)
	case 1:
		c.stop(id, false, power())
		c.start(id, all)
	case 2: // all at once
		for id := int32(1); id <= 3; id++ {
			c.stop(id, false, power())
		}
		for id := int32(1); id <= 3; id++ {
			c.start(id, all)
		}
	case 3:
		c.isolate(id, true)
		time.Sleep(time.Duration(rng.IntN(5000)) * time.Millisecond)
		c.isolate(id, false)
	case 4:
		_, q := c.leader()
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
		q.Resign(ctx)
		cancel()
	case 5:
		c.stop(id, true, nil)
		c.start(id, all)
	}
}

func TestALeaderWithoutMajorityRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, quorum.LogSettings{})
		for id := int32(1); id <= 3; id++ {
			c.start(id, static(1, 2, 3))
		}
		c.know(1, 0)
		old, q := c.leader()
		_, epoch, _ := q.Active()
		waiting := make(chan *kmsg.FetchResponse, 1)
		go func() {
			waiting <- q.Fetch(t.Context(), fetchRequest(q.Log().Offsets().LogEnd, epoch, epoch, time.Hour))
		}()
		synctest.Wait()
		c.isolate(old, true)
		if err := decide(t.Context(), q, fact(2, 0)); !errors.Is(err, kerr.RequestTimedOut) {
			t.Errorf("a decision that reached nobody: %v", err)
		}
		time.Sleep(time.Second)
		if err := decide(t.Context(), q, fact(3, 0)); !errors.Is(err, kerr.NotController) {
			t.Errorf("decision of a leader that is none any more: %v", err)
		}
		if p := (<-waiting).Topics[0].Partitions[0]; p.ErrorCode != kerr.NotLeaderForPartition.Code {
			t.Errorf("a fetch that waited for the leader that was: error %d", p.ErrorCode)
		}
		c.know(4, 0)
		if next, _ := c.leader(); next == old {
			t.Errorf("controller %d leads without the others", old)
		}
		if knows(q.Image(), 4) {
			t.Error("a cut controller knows what the others decided")
		}
		c.isolate(old, false)
		image := c.agree()
		if knows(image, 3) {
			t.Error("what was refused is there")
		}
		next, _ := c.leader()
		for _, id := range c.ids() {
			if id != next {
				p := c.get(id).Fetch(t.Context(), fetchRequest(0, image.Epoch, 0, 0)).Topics[0].Partitions[0]
				if p.ErrorCode != kerr.NotLeaderForPartition.Code || p.CurrentLeader.LeaderID != next || p.CurrentLeader.LeaderEpoch != image.Epoch {
					t.Errorf("controller %d, which does not lead, answers a fetch with error %d and leader %+v", id, p.ErrorCode, p.CurrentLeader)
				}
			}
		}
		c.stopAll()
	})
}

func fetchRequest(offset int64, epoch, lastEpoch int32, wait time.Duration) *kmsg.FetchRequest {
	rq := kmsg.NewPtrFetchRequest()
	rq.Version = 17
	rq.ReplicaState.ID, rq.MaxBytes, rq.MaxWaitMillis = 50, 1<<20, int32(wait.Milliseconds())
	topic := kmsg.NewFetchRequestTopic()
	topic.TopicID = quorum.TopicID
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.CurrentLeaderEpoch, p.LastFetchedEpoch, p.PartitionMaxBytes, p.HighWatermark = offset, epoch, lastEpoch, 1<<20, 1<<60
	topic.Partitions = append(topic.Partitions, p)
	rq.Topics = append(rq.Topics, topic)
	return rq
}

func TestAControllerFarBehindGetsACheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, quorum.LogSettings{})
		for id := int32(1); id <= 3; id++ {
			c.start(id, static(1, 2, 3))
		}
		c.know(0, 0)
		c.agree()
		leader, _ := c.leader()
		slow := leader%3 + 1
		whole := make(chan int64, 100)
		c.get(slow).Subscribe(func(im *metadata.Image, d *metadata.Delta) {
			if d == nil {
				whole <- im.Offset
			}
		})
		<-whole // the first
		c.isolate(slow, true)
		time.Sleep(5 * time.Second) // for one that answers more is kept
		for n := range 20 {
			c.know(n, 100_000) // more than is kept in memory
		}
		c.isolate(slow, false)
		image := c.agree()
		select {
		case offset := <-whole:
			if offset < 10 {
				t.Errorf("subscribers got the whole image at offset %d", offset)
			}
		default:
			t.Error("no checkpoint was installed")
		}
		if start := c.get(slow).Log().Offsets().LogStart; start == 0 {
			t.Error("the log still begins at offset 0")
		}
		c.stop(slow, false, nil)
		if q := c.start(slow, nil); q.Image().Offset < image.Offset-10 {
			t.Errorf("started again with an image at offset %d, before it was at %d", q.Image().Offset, image.Offset)
		}
		c.agree()
		c.stopAll()
	})
}

func TestVotersAreAddedAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, quorum.LogSettings{})
		c.start(1, voters(1))
		c.start(2, nil) // waits to be added
		c.start(3, nil)
		change := func(action quorum.Action, id int32) error {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			_, q := c.leader()
			return q.Change(ctx, quorum.Change{Action: action, Voter: voters(id)[0]})
		}
		c.know(1, 0)
		for _, id := range []int32{2, 3} {
			if err := change(quorum.AddVoter, id); err != nil {
				t.Fatalf("add voter %d: %v", id, err)
			}
		}
		if err := change(quorum.AddVoter, 3); !errors.Is(err, kerr.DuplicateVoter) {
			t.Errorf("added twice: %v", err)
		}
		if err := change(quorum.RemoveVoter, 7); !errors.Is(err, kerr.VoterNotFound) {
			t.Errorf("somebody unknown removed: %v", err)
		}
		c.know(2, 0)
		if image := c.agree(); !knows(image, 1) || !knows(image, 2) {
			t.Errorf("agreed on\n%s", describe(image))
		}
		c.stop(1, false, nil) // those who were added are a majority
		c.know(3, 0)
		c.start(1, nil)
		c.agree()
		for leader, q := c.leader(); leader == 1; leader, q = c.leader() {
			q.Resign(t.Context())
		}
		if err := change(quorum.RemoveVoter, 1); err != nil {
			t.Fatalf("remove voter 1: %v", err)
		}
		_, q := c.leader()
		if m := q.Members(); len(m) != 2 || m[0].ID != 2 || m[1].Endpoints[0].Host != "host3" {
			t.Errorf("members %+v", m)
		}
		c.stop(1, true, nil)
		c.know(4, 0)
		c.agree()
		c.stopAll()
	})
}

func TestChangesOfStaticVotersAreRefused(t *testing.T) {
	q := open(t, fs.NewMem(), "/data", quorum.LogSettings{})
	defer q.Close()
	if err := q.Change(t.Context(), quorum.Change{Action: quorum.AddVoter, Voter: voters(2)[0]}); !errors.Is(err, kerr.UnsupportedVersion) {
		t.Errorf("added: %v", err)
	}
}

// A directory that was formatted for several voters is not that of a quorum of one.
func TestAControllerFormattedForThreeDoesNotLeadAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, quorum.LogSettings{})
		var three []consensus.Member
		for _, v := range voters(1, 2, 3) {
			three = append(three, consensus.Member{Replica: consensus.Replica{ID: v.ID, DirID: v.DirID}, Endpoints: v.Endpoints, MaxKRaft: 1})
		}
		formatted := []metadata.Record{&metadata.FeatureLevelRecord{Name: "metadata.version", FeatureLevel: 31}}
		for id := int32(1); id <= 3; id++ {
			c.disks[id] = fs.NewMem()
			if err := metalog.WriteBootstrap(c.disks[id], "/data", consensus.VotersRecords(consensus.Dynamic(three...)), formatted, fixed); err != nil {
				t.Fatal(err)
			}
		}
		q := c.start(1, nil)
		time.Sleep(time.Minute)
		if err := decide(t.Context(), q, fact(1, 0)); !errors.Is(err, kerr.NotController) {
			t.Errorf("decided alone: %v", err)
		}
		if m := q.Members(); len(m) != 3 || m[0].DirID != dirOf(1) {
			t.Errorf("members %+v", m)
		}
		c.start(2, nil)
		c.know(1, 0)
		if got := c.agree().Feature("metadata.version"); got != 31 {
			t.Errorf("metadata.version %d, formatted was 31", got)
		}
		c.stopAll()
	})
}

// Kafka's brokers learn from the log, or from a checkpoint, who votes.
func TestTheLogAndCheckpointsSayWhoVotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, settings := range []quorum.LogSettings{{}, tight} {
			c := newCluster(t, settings)
			c.start(1, voters(1, 2))
			c.start(2, voters(1, 2))
			for n := range 20 {
				c.know(n, 0)
			}
			c.agree()
			c.stopAll()
			log, found, err := metalog.Open(t.Context(), metalog.Config{FS: c.disks[1], Dir: "/data"})
			if err != nil {
				t.Fatal(err)
			}
			if err := log.Replay(t.Context(), found, log.Offsets().LogEnd); err != nil {
				t.Fatal(err)
			}
			if trimmed := log.Offsets().LogStart > 20; trimmed != (settings == tight) {
				t.Errorf("the log begins at offset %d", log.Offsets().LogStart)
			}
			m, err := consensus.ReadVoters(found.Voting.Voters)
			if err != nil || found.Voting.KRaftVersion != 1 || len(m.List) != 2 || m.List[1].DirID != dirOf(2) || m.List[1].Endpoints[0].Host != "host2" {
				t.Errorf("read kraft.version %d, members %+v, %v", found.Voting.KRaftVersion, m, err)
			}
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestControllersNamedHalfWithDirectoriesAreRefused(t *testing.T) {
	half := append(voters(1), static(2)...)
	for _, bad := range [][]quorum.Member{half, append(static(1), static(1)...)} {
		cfg := configWith(t, fs.NewMem(), "/data", quorum.LogSettings{}, nil)
		cfg.Voters, cfg.DirID = bad, record.UUID{1}
		if q, err := quorum.Open(t.Context(), cfg); err == nil {
			q.Close()
			t.Errorf("opened with %+v", bad)
		}
	}
}
