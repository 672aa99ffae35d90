package metalog_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/record"
)

func topic(n byte) metadata.Record {
	return &metadata.TopicRecord{Name: "topic-" + string('a'+rune(n)), TopicID: record.UUID{n + 1}}
}

// write appends one batch of records to the log.
func write(t *testing.T, l *metalog.Log, epoch int32, records ...metadata.Record) {
	t.Helper()
	var enc metalog.Encoder
	enc.Level = 33
	data, err := enc.Batches(nil, metalog.Stamp{Offset: l.Offsets().LogEnd, Epoch: epoch, Timestamp: 1}, records)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.AppendFetched(data); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, fsys fs.FS) (*metalog.Log, *metalog.Found) {
	t.Helper()
	l, found, err := metalog.Open(context.Background(), metalog.Config{FS: fsys, Dir: "/data"})
	if err != nil {
		t.Fatal(err)
	}
	return l, found
}

func TestReplayStopsWhereItIsTold(t *testing.T) {
	l, found := open(t, fs.NewMem())
	defer l.Close()
	for n := range byte(5) {
		write(t, l, 1, topic(n))
	}
	for _, end := range []int64{2, 2, 5} {
		if err := l.Replay(t.Context(), found, end); err != nil {
			t.Fatal(err)
		}
		if found.Image.Offset != end-1 || found.Image.TopicCount() != int(end) {
			t.Errorf("replayed to %d: image at offset %d with %d topics", end, found.Image.Offset, found.Image.TopicCount())
		}
	}
}

// checkpointOf is what another node has as checkpoint of some topics.
func checkpointOf(t *testing.T, end int64, epoch int32, topics int) []byte {
	t.Helper()
	d := metadata.NewDelta(metadata.Empty)
	for n := range topics {
		if err := d.Replay(topic(byte(n))); err != nil {
			t.Fatal(err)
		}
	}
	data, err := metalog.FormatCheckpoint(d.Image(end-1, epoch, 1), time.UnixMilli(1))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// install takes a checkpoint in, in small pieces.
func install(l *metalog.Log, id metalog.Checkpoint, data []byte) (*metadata.Image, error) {
	in, err := l.Receive(id)
	if err != nil {
		return nil, err
	}
	for len(data) > 0 {
		n := min(len(data), 100)
		if err := in.Write(data[:n]); err != nil {
			return nil, errors.Join(err, in.Drop())
		}
		data = data[n:]
	}
	return in.Install()
}

func TestInstalledCheckpointTakesTheLogsPlace(t *testing.T) {
	fsys := fs.NewMem()
	l, found := open(t, fsys)
	write(t, l, 1, topic(9))
	image, err := install(l, metalog.Checkpoint{End: 40, Epoch: 7}, checkpointOf(t, 40, 7, 3))
	if err != nil {
		t.Fatal(err)
	}
	if o := l.Offsets(); image.TopicCount() != 3 || o.LogStart != 40 || o.LogEnd != 40 || l.EndEpoch() != 7 {
		t.Errorf("%d topics, offsets %+v, epoch %d", image.TopicCount(), o, l.EndEpoch())
	}
	write(t, l, 8, topic(4))
	found.Restart(image)
	if err := l.Replay(t.Context(), found, 41); err != nil || found.Image.TopicCount() != 4 {
		t.Errorf("%d topics: %v", found.Image.TopicCount(), err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, found = open(t, fsys)
	defer l.Close()
	if found.Image.Offset != 39 || found.Image.TopicCount() != 3 || found.Epoch != 8 {
		t.Errorf("opened again: offset %d, %d topics, epoch %d", found.Image.Offset, found.Image.TopicCount(), found.Epoch)
	}
}

func TestTornCheckpointIsNotInstalled(t *testing.T) {
	fsys := fs.NewMem()
	l, _ := open(t, fsys)
	defer l.Close()
	write(t, l, 1, topic(9))
	whole := checkpointOf(t, 40, 7, 3)
	for n := 0; n < len(whole); n += 7 {
		if _, err := install(l, metalog.Checkpoint{End: 40, Epoch: 7}, whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken for a checkpoint", n, len(whole))
		}
	}
	entries, err := fsys.ReadDir("/data/__cluster_metadata-0")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext == ".part" || ext == ".checkpoint" {
			t.Errorf("left over: %s", e.Name())
		}
	}
	if l.Offsets().LogEnd != 1 {
		t.Errorf("the log was emptied for nothing: %+v", l.Offsets())
	}
}

// A crash at any operation leaves the log as it was, or the checkpoint in its place.
func TestCrashWhileACheckpointIsInstalled(t *testing.T) {
	whole := checkpointOf(t, 40, 7, 3)
	for crashAt := 1; ; crashAt++ {
		fsys := fs.NewMem()
		l, _ := open(t, fsys)
		write(t, l, 1, topic(9))
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		ops := 0
		var left *fs.Mem
		fsys.Inject(func(fs.Op, string) error {
			if ops++; ops == crashAt {
				left = fsys.Crash(nil)
			}
			return nil
		})
		_, err := install(l, metalog.Checkpoint{End: 40, Epoch: 7}, whole)
		fsys.Inject(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if left == nil {
			if crashAt < 5 {
				t.Fatalf("only %d operations on files", ops)
			}
			return
		}
		l, found := open(t, left)
		o := l.Offsets()
		old := o.LogStart == 0 && o.LogEnd == 1 && found.Image.Offset == -1
		installed := o.LogStart == 40 && o.LogEnd == 40 && found.Image.TopicCount() == 3
		if !old && !installed {
			t.Errorf("crash at operation %d: offsets %+v, image at offset %d", crashAt, o, found.Image.Offset)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFeedReplacesTheImage(t *testing.T) {
	l, found := open(t, fs.NewMem())
	defer l.Close()
	feed := metalog.NewFeed(found, metalog.Settings{}, func(*metadata.Image) {})
	type seen struct {
		topics int
		delta  bool
	}
	got := make(chan seen, 10)
	feed.Subscribe(func(im *metadata.Image, d *metadata.Delta) { got <- seen{im.TopicCount(), d != nil} })
	feed.Start(func(err error) { t.Error(err) })
	if s := <-got; s != (seen{0, false}) {
		t.Errorf("first %+v", s)
	}
	whole, err := install(l, metalog.Checkpoint{End: 40, Epoch: 7}, checkpointOf(t, 40, 7, 3))
	if err != nil {
		t.Fatal(err)
	}
	feed.Replace(whole)
	feed.Add([]metalog.Batch{{Records: []metadata.Record{topic(7)}, LastOffset: 40, Epoch: 8}})
	for _, want := range []seen{{3, false}, {4, true}} {
		if s := <-got; s != want {
			t.Errorf("got %+v, want %+v", s, want)
		}
	}
	feed.Close()
	if im := feed.Newest(); im.Offset != 40 || im.Epoch != 8 {
		t.Errorf("newest image at offset %d of epoch %d", im.Offset, im.Epoch)
	}
}
