package broker

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A consumer that has read for a while comes to a batch whose length is damaged: it is told that, and not that it may try again.
func TestAConsumerIsToldOfDamagedRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 1)
		n.produceTo("orders", 0, "a", "b")
		n.produceTo("orders", 0, "c")
		f, err := n.fs.OpenFile("/data/orders-0/00000000000000000000.log", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{0x7f}, int64(len(plainBatch("a", "b"))+8)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		consumer := n.kafka(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": {0: kgo.NewOffset().At(0)}}),
			kgo.FetchMaxPartitionBytes(1), kgo.WithDecompressor(plain{}), kgo.KeepRetryableFetchErrors())
		defer consumer.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil || fetches.NumRecords() != 2 {
			t.Fatalf("%d records, %v", fetches.NumRecords(), err)
		}
		fetches = consumer.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) != 1 || !errors.Is(errs[0].Err, kerr.CorruptMessage) {
			t.Fatalf("%d records, errors %v", fetches.NumRecords(), errs)
		}
	})
}
