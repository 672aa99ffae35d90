package server

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"leat/internal/fs"
	"leat/internal/sim"
)

// logBytes is the length of all segments of a partition.
func logBytes(t *testing.T, files *fs.Mem, partition string) (n int64) {
	t.Helper()
	entries, err := files.ReadDir("data/" + partition)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".log") {
			n += info.Size()
		}
	}
	return n
}

func TestClusterCommittedOffsetsAreTheSameAfterTheirTopicWasCompacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := map[string]string{
			"offsets.topic.num.partitions": "1", "offsets.topic.segment.bytes": "1048576", "log.cleaner.backoff.ms": "1000",
			"log.cleaner.min.cleanable.ratio": "0.1", "log.segment.delete.delay.ms": "1000",
		}
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		files := fs.NewMem()
		n := bubbleStart(t, network.Host("node"), files, set)
		cl := bubbleClient(t, network.Host("client"), n)
		if _, err := produceMany(t.Context(), cl, "orders", 0, 1); err != nil {
			t.Fatal(err)
		}
		fetch := func(admin *kadm.Client) map[string]int64 {
			out := make(map[string]int64)
			for g := range 5 {
				got, err := admin.FetchOffsets(t.Context(), fmt.Sprint("group-", g))
				for range 20 {
					if err == nil {
						err = got.Error()
					}
					if err == nil {
						break
					}
					time.Sleep(time.Second) // the group's partition is being loaded
					got, err = admin.FetchOffsets(t.Context(), fmt.Sprint("group-", g))
				}
				if err != nil {
					t.Error(err)
				}
				got.Each(func(o kadm.OffsetResponse) { out[fmt.Sprint(g, o.Topic, o.Partition)] = o.At })
			}
			return out
		}
		admin := kadm.NewClient(cl)
		var most int64
		for round := range 1500 {
			var offsets kadm.Offsets
			offsets.Add(kadm.Offset{Topic: "orders", At: int64(round), LeaderEpoch: -1, Metadata: strings.Repeat("m", 4000)})
			_, err := admin.CommitOffsets(t.Context(), fmt.Sprint("group-", round%5), offsets)
			for try := 0; err != nil && try < 20; try++ {
				time.Sleep(time.Second) // the topic of the offsets is being made
				_, err = admin.CommitOffsets(t.Context(), fmt.Sprint("group-", round%5), offsets)
			}
			if err != nil {
				t.Error(err)
				break
			}
			most = max(most, logBytes(t, files, "__consumer_offsets-0"))
			time.Sleep(20 * time.Millisecond)
		}
		before := fetch(admin)
		if len(before) != 5 {
			t.Fatalf("%v", before)
		}
		time.Sleep(time.Minute)
		if left := logBytes(t, files, "__consumer_offsets-0"); left > 1_300_000 || most < 1_048_576 || most > 4_000_000 {
			t.Errorf("%d bytes are left of 6 MB of commits of 5 groups, at most there were %d", left, most)
		}
		cl.Close()
		for _, stop := range []string{"kill", "restart"} {
			if stop == "kill" {
				files = n.kill(files)
			} else {
				n.shutDown(t)
			}
			n = bubbleStart(t, network.Host("node-after-"+stop), files, set)
			cl = bubbleClient(t, network.Host("client-after-"+stop), n)
			if after := fetch(kadm.NewClient(cl)); !maps.Equal(after, before) {
				t.Errorf("after a %s: %v\nbefore it: %v", stop, after, before)
			}
			cl.Close()
		}
		n.shutDown(t)
	})
}
