package server

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/fs"
	"leat/internal/sim"
)

// ledger makes two topics of one partition and writes count records to each.
func (r *rig) ledger(t *testing.T, count int) {
	t.Helper()
	client := r.impatient(t, kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer client.Close()
	for _, topic := range []string{"damaged", "whole"} {
		if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
		if _, err := produceMany(t.Context(), client, topic, 0, count); err != nil {
			t.Fatal(err)
		}
	}
}

const damagedSegment = "data/damaged-0/00000000000000000000.log"

// flip changes the byte of a file at which text begins.
func flip(t *testing.T, files *fs.Mem, name, text string) {
	t.Helper()
	f, err := files.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(content, []byte(text))
	if at < 0 {
		t.Fatalf("%s does not contain %q", name, text)
	}
	if _, err := f.WriteAt([]byte{content[at] ^ 0x20}, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// consume reads a topic from its beginning until an error, or until nothing came for a while.
func (r *rig) consume(t *testing.T, topic string) (values []string, failed error) {
	t.Helper()
	client := r.impatient(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepRetryableFetchErrors())
	defer client.Close()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		ctx, cancel := contextFor(t, 5*time.Second)
		fetches := client.PollFetches(ctx)
		cancel()
		fetches.EachRecord(func(rec *kgo.Record) { values = append(values, string(rec.Value)) })
		if ctx.Err() != nil {
			return values, nil
		}
		for _, e := range fetches.Errors() {
			return values, e.Err
		}
	}
	return values, nil
}

func wantValues(t *testing.T, got []string, count int) {
	t.Helper()
	if len(got) != count {
		t.Errorf("%d records, want %d", len(got), count)
	}
	for i, v := range got {
		if want := fmt.Sprintf("record %d", i); v != want {
			t.Fatalf("offset %d holds %q, want %q", i, v, want)
		}
	}
}

// Records go to consumers as they lie on disk, as Kafka's do: it is the client that finds the wrong CRC, and it gets no wrong record.
func TestClusterAFlippedBitIsFoundByTheConsumerOfThatPartitionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.ledger(t, 40)
		flip(t, r.files, damagedSegment, "record 25")
		got, _ := r.consume(t, "damaged") // some clients tell, this one tries again
		wantValues(t, got, 25)
		got, err := r.consume(t, "whole")
		if err != nil {
			t.Errorf("the other partition: %v", err)
		}
		wantValues(t, got, 40)
		r.node.shutDown(t)
	})
}

func TestClusterAFlippedBitInAnUnflushedTailIsCutAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.ledger(t, 40)
		r.files = r.node.kill(r.files)
		flip(t, r.files, damagedSegment, "record 25")
		r.start(t, nil)
		r.logs.want(t, "torn log cut", "damaged", damagedSegment, "offset=25")
		got, err := r.consume(t, "damaged")
		if err != nil {
			t.Error(err)
		}
		wantValues(t, got, 25)
		got, err = r.consume(t, "whole")
		if err != nil {
			t.Error(err)
		}
		wantValues(t, got, 40)
		r.node.shutDown(t)
	})
}

func TestClusterASegmentTruncatedWhileRunningCostsItsPartitionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.ledger(t, 40)
		truncateTo(t, r.files, damagedSegment, 500)
		got, _ := r.consume(t, "damaged") // some clients tell, this one tries again
		if len(got) >= 40 {
			t.Errorf("%d records of a log that was cut", len(got))
		}
		wantValues(t, got, len(got))
		got, err := r.consume(t, "whole")
		if err != nil {
			t.Errorf("the other partition: %v", err)
		}
		wantValues(t, got, 40)
		r.node.shutDown(t)
	})
}

// After a clean stop the end of a log is only looked at before something is appended.
func TestClusterASegmentTruncatedWhileStoppedTakesNoRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.ledger(t, 40)
		r.node.shutDown(t)
		truncateTo(t, r.files, damagedSegment, 500)
		r.start(t, nil)
		producer := r.impatient(t)
		if _, err := produceMany(t.Context(), producer, "damaged", 40, 1); !errors.Is(err, kerr.KafkaStorageError) {
			t.Errorf("produce behind a hole: %v, want KAFKA_STORAGE_ERROR", err)
		}
		r.logs.want(t, "level=ERROR", "log damaged", "topic=damaged", damagedSegment)
		if _, err := produceMany(t.Context(), producer, "whole", 40, 10); err != nil {
			t.Errorf("the other partition: %v", err)
		}
		producer.Close()
		got, _ := r.consume(t, "damaged")
		wantValues(t, got, len(got))
		got, err := r.consume(t, "whole")
		if err != nil {
			t.Errorf("the other partition: %v", err)
		}
		wantValues(t, got, 50)
		r.node.shutDown(t)
	})
}

func truncateTo(t *testing.T, files *fs.Mem, name string, size int64) {
	t.Helper()
	f, err := files.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}

// twoDirs starts a node with two directories and a topic of two partitions, one in each, and tells which partition is in directory b.
func twoDirs(t *testing.T) (r *rig, inB int32) {
	t.Helper()
	r = newRig(t, map[string]string{"log.dirs": "a,b", "num.partitions": "2"})
	client := r.impatient(t)
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 2, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	for p := range int32(2) {
		if err := produceTo(t, client, p); err != nil {
			t.Fatal(err)
		}
		if _, err := r.files.Stat(fmt.Sprintf("b/orders-%d", p)); err == nil {
			inB = p
		}
	}
	if _, err := r.files.Stat(fmt.Sprintf("a/orders-%d", 1-inB)); err != nil {
		t.Fatalf("the partitions do not lie in two directories: %v", err)
	}
	return r, inB
}

func produceTo(t *testing.T, client *kgo.Client, partition int32) error {
	t.Helper()
	var failed error
	done := make(chan struct{})
	client.Produce(t.Context(), &kgo.Record{Topic: "orders", Partition: partition, Value: []byte("v")}, func(_ *kgo.Record, err error) {
		failed = err
		close(done)
	})
	<-done
	return failed
}

func TestClusterADirectoryThatFailsCostsItsPartitionsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, inB := twoDirs(t)
		r.files.Inject(failBelow("b", syscall.EIO))
		client := r.impatient(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer client.Close()
		if err := produceTo(t, client, inB); !errors.Is(err, kerr.KafkaStorageError) {
			t.Errorf("produce to the failed directory: %v, want KAFKA_STORAGE_ERROR", err)
		}
		if err := produceTo(t, client, 1-inB); err != nil {
			t.Errorf("produce to the other: %v", err)
		}
		r.logs.want(t, "level=ERROR", "log directory offline", "dir=b")
		r.node.shutDown(t)
	})
}

func TestClusterADirectoryThatIsGoneAtTheStartCostsItsPartitionsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, inB := twoDirs(t)
		r.node.shutDown(t)
		r.files.Inject(failBelow("b", syscall.EIO))
		r.start(t, map[string]string{"log.dirs": "a,b"})
		r.logs.want(t, "level=ERROR", "dir=b")
		client := r.impatient(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer client.Close()
		if err := produceTo(t, client, 1-inB); err != nil {
			t.Errorf("produce to the partition that is left: %v", err)
		}
		if err := produceTo(t, client, inB); err == nil {
			t.Error("produce to a partition whose directory is gone was acknowledged")
		}
		r.node.shutDown(t)
	})
}

// failBelow makes every operation in a directory fail.
func failBelow(dir string, cause error) fs.Injector {
	return func(op fs.Op, name string) error {
		name = strings.TrimPrefix(name, "/")
		if (name == dir || strings.HasPrefix(name, dir+"/")) && op != fs.OpClose {
			return cause
		}
		return nil
	}
}

func TestClusterADirectoryThatCannotBeWrittenIsNamedAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, cause := range []error{syscall.EACCES, syscall.EROFS, syscall.ENOSPC} {
			files := fs.NewMem()
			files.Inject(failBelow("data", cause))
			host := sim.NewNetwork(sim.Config{}).Host("broker")
			node, err := bubbleTry(t, host, files, nil, slog.DiscardHandler)
			if err == nil {
				node.shutDown(t)
				t.Fatalf("%v: the node started", cause)
			}
			if !errors.Is(err, cause) || !strings.Contains(err.Error(), "data") {
				t.Errorf("%v: %v", cause, err)
			}
		}
	})
}
