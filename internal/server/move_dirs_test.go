package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/sim"
)

// whereIs is the directories in which a partition lies, with "+" for a future replica.
func whereIs(ctx context.Context, t *testing.T, cl *kgo.Client, topic string) (dirs []string) {
	t.Helper()
	resp, err := kmsg.NewPtrDescribeLogDirsRequest().RequestWith(ctx, cl)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range resp.Dirs {
		for _, rt := range d.Topics {
			for _, p := range rt.Partitions {
				switch {
				case rt.Topic != topic:
				case p.IsFuture:
					dirs = append(dirs, d.Dir+"+")
				default:
					dirs = append(dirs, d.Dir)
				}
			}
		}
	}
	return dirs
}

// A replica is moved into another log directory while it is written, with nothing lost, and the controller learns where it lies.
func TestClusterReplicaMovesBetweenLogDirectories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := sim.NewNetwork(sim.Config{Delay: time.Millisecond}).Host("one")
		files := fs.NewMem()
		n := bubbleStart(t, host, files, map[string]string{"log.dirs": "/a,/b", "num.partitions": "1"})
		cl := bubbleClient(t, host, n)
		defer cl.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		create := kmsg.NewPtrCreateTopicsRequest()
		orders := kmsg.NewCreateTopicsRequestTopic()
		orders.Topic, orders.NumPartitions, orders.ReplicationFactor = "orders", 1, 1
		create.Topics, create.TimeoutMillis = append(create.Topics, orders), 10_000
		if _, err := create.RequestWith(ctx, cl); err != nil {
			t.Fatal(err)
		}
		if _, err := produceMany(ctx, cl, "orders", 0, 100); err != nil {
			t.Fatal(err)
		}
		before := whereIs(ctx, t, cl, "orders")
		if len(before) != 1 {
			t.Fatalf("it lies in %v", before)
		}
		target := map[string]string{"/a": "/b", "/b": "/a"}[before[0]]
		move := func(topic, dir string) error {
			rq := kmsg.NewPtrAlterReplicaLogDirsRequest()
			d := kmsg.NewAlterReplicaLogDirsRequestDir()
			d.Dir = dir
			rt := kmsg.NewAlterReplicaLogDirsRequestDirTopic()
			rt.Topic, rt.Partitions = topic, []int32{0}
			d.Topics = append(d.Topics, rt)
			rq.Dirs = append(rq.Dirs, d)
			resp, err := cl.SeedBrokers()[0].Request(ctx, rq)
			if err != nil {
				t.Fatal(err)
			}
			return kerr.ErrorForCode(resp.(*kmsg.AlterReplicaLogDirsResponse).Topics[0].Partitions[0].ErrorCode)
		}
		for _, c := range []struct {
			topic, dir string
			want       error
		}{
			{"orders", "elsewhere", kerr.LogDirNotFound}, {"nothing", target, kerr.UnknownTopicOrPartition},
			{"__cluster_metadata", target, kerr.InvalidTopicException}, {"orders", before[0], nil},
			{strings.Repeat("x", 213), target, kerr.UnknownTopicOrPartition}, {strings.Repeat("x", 214), target, kerr.InvalidTopicException},
		} {
			if err := move(c.topic, c.dir); !errors.Is(err, c.want) {
				t.Errorf("%s to %s: %v, want %v", c.topic, c.dir, err, c.want)
			}
		}
		if err := move("orders", target); err != nil {
			t.Fatal(err)
		}
		if _, err := produceMany(ctx, cl, "orders", 100, 100); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if after := whereIs(ctx, t, cl, "orders"); len(after) != 1 || after[0] != target {
			t.Fatalf("it lies in %v, want %s", after, target)
		}
		for i, v := range readAll(t, host, n, "orders", 200) {
			if want := fmt.Sprintf("record %d", i); v != want {
				t.Fatalf("offset %d holds %q, want %q", i, v, want)
			}
		}
		n.shutDown(t)
		n = bubbleStart(t, host, files, map[string]string{"log.dirs": "/a,/b", "num.partitions": "1"})
		again := bubbleClient(t, host, n)
		defer again.Close()
		if after := whereIs(ctx, t, again, "orders"); len(after) != 1 || after[0] != target {
			t.Errorf("after a restart it lies in %v, want %s", after, target)
		}
		n.shutDown(t)
	})
}
