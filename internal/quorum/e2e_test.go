package quorum_test

import (
	"context"
	"fmt"
	"math/rand"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/controller"
	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/security"
)

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
	v := values(t)
	q, err := quorum.Open(context.Background(), quorum.Config{
		FS: fsys, Dir: dir, NodeID: 1, Log: log,
		Bootstrap: func(found []metadata.Record) []metadata.Record {
			return controller.Bootstrap(found, v.String0("min.insync.replicas"))
		},
		Lead: func(l quorum.Leadership) quorum.Leader {
			m := controller.New(controller.Config{NodeID: 1, ClusterID: clusterID, Broker: v, Image: l.Image,
				NextOffset: l.NextOffset, Now: l.Now, Rand: rand.New(rand.NewSource(1))})
			return controller.Run(m, l.Log, l.Failed)
		},
		Failed: func(err error) { t.Errorf("metadata log failed: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return q
}
