package server

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/fs"
	"leat/internal/sim"
)

// Suites of others want segments of a few kilobytes, to see a log compacted or cut soon; segment.bytes begins at a megabyte.
func TestClusterTopicHasTheSmallSegmentsThatATestWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		files := fs.NewMem()
		n := bubbleStart(t, network.Host("node"), files, nil)
		cl := bubbleClient(t, network.Host("client"), n, kgo.ProducerBatchCompression(kgo.NoCompression()))
		small := "10000"
		if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, map[string]*string{"internal.segment.bytes": &small}, "small"); err != nil {
			t.Fatal(err)
		}
		for range 8 {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "small", Value: bytes.Repeat([]byte("v"), 4000)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		entries, err := files.ReadDir("data/small-0")
		if err != nil {
			t.Fatal(err)
		}
		segments := 0
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".log") {
				segments++
			}
		}
		if segments != 4 {
			t.Errorf("8 records of 4000 bytes lie in %d segments of at most 10000 bytes, want 4", segments)
		}
		cl.Close()
		n.shutDown(t)
	})
}
