package floor

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"leat/bench/load"
	"leat/internal/record"
)

// serve runs a floor and returns its address; errors of connections go to the channel.
func serve(t *testing.T, dir string) (address string, errs chan error) {
	t.Helper()
	fd, port, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	errs = make(chan error, 16)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = New(dir).Serve(fd, func(err error) { errs <- err }) // it ends when the socket is shut down
	}()
	t.Cleanup(func() {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
		<-ended
		_ = unix.Close(fd)
	})
	return fmt.Sprintf("127.0.0.1:%d", port), errs
}

func TestWhatIsProducedStandsInTheFilesAndIsFetched(t *testing.T) {
	dir := t.TempDir()
	address, errs := serve(t, dir)
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: 100, BatchSize: 2000})
	if err != nil {
		t.Fatal(err)
	}
	total, err := load.Produce(context.Background(), load.ProduceSpec{Address: address, Topic: "t", Partitions: 2, Connections: 2, Depth: 3, Acks: -1,
		Batch: batch, RecordSize: 100, Duration: time.Minute, MaxBytes: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	if total.Records < 100 || total.Bytes != total.Records*100 || total.Ends[0]+total.Ends[1] != total.Records {
		t.Errorf("%d records of %d bytes, ends %v", total.Records, total.Bytes, total.Ends)
	}
	for i, end := range total.Ends {
		checkFile(t, filepath.Join(dir, fmt.Sprintf("t-%d", i)), end)
	}
	spec := load.ConsumeSpec{Address: address, Topic: "t", Ends: total.Ends, Connections: 2,
		BatchBytes: len(batch.Bytes), Batch: batch, RecordSize: 100, Limits: load.FetchLimits{Bytes: 50_000, PartitionBytes: 10_000}, Duration: 20 * time.Millisecond}
	read, err := load.Consume(context.Background(), spec)
	for ; err == nil && read.Records == 0 && spec.Duration < time.Minute; spec.Duration *= 2 { // a slow machine answers nothing in so short a time
		read, err = load.Consume(context.Background(), spec)
	}
	if err != nil {
		t.Fatal(err)
	}
	if read.Records == 0 || read.Bytes != read.Records*100 {
		t.Errorf("%d records of %d bytes were read", read.Records, read.Bytes)
	}
	select {
	case err := <-errs:
		t.Error(err)
	default:
	}
}

// checkFile reads a file as a log: sound batches whose offsets are dense up to the end.
func checkFile(t *testing.T, path string, end int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	next := int64(0)
	for len(data) > 0 {
		b, rest, err := record.Split(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Check(); err != nil || b.BaseOffset() != next {
			t.Fatalf("batch at %d, want %d: %v", b.BaseOffset(), next, err)
		}
		next, data = b.LastOffset()+1, rest
	}
	if next != end {
		t.Errorf("%s ends at %d, want %d", path, next, end)
	}
}

func TestABatchWithAWrongCRCIsRefused(t *testing.T) {
	address, errs := serve(t, t.TempDir())
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: 100, BatchSize: 2000})
	if err != nil {
		t.Fatal(err)
	}
	batch.Bytes = bytes.Clone(batch.Bytes)
	batch.Bytes[len(batch.Bytes)-5] ^= 1
	_, err = load.Produce(context.Background(), load.ProduceSpec{Address: address, Topic: "t", Partitions: 1, Connections: 1, Depth: 1, Acks: -1,
		Batch: batch, RecordSize: 100, Duration: time.Minute, MaxBytes: 1})
	if err == nil {
		t.Error("it was acknowledged")
	}
	if err := <-errs; !strings.Contains(err.Error(), "CRC") {
		t.Errorf("the floor says %v", err)
	}
}

func TestFetchesEndWithAWholeBatch(t *testing.T) {
	f := &file{size: 1000, batch: 100, records: 5}
	for _, c := range []struct{ offset, most, position, size int64 }{
		{0, 250, 0, 200}, {5, 10, 100, 100}, {45, 1 << 20, 900, 100}, {50, 100, 1000, 0},
	} {
		position, size, err := f.slice(c.offset, c.most)
		if err != nil || position != c.position || size != c.size {
			t.Errorf("from %d, at most %d: %d bytes at %d, %v; want %d at %d", c.offset, c.most, size, position, err, c.size, c.position)
		}
	}
	named, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer named.Close()
	f.f = named
	if _, _, err := f.slice(3, 100); err == nil {
		t.Error("an offset inside a batch passed")
	}
}
