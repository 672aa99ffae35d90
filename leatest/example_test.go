package leatest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/leatest"
)

// A test that needs Kafka: a cluster is there in milliseconds, for any client.
func ExampleStart() {
	_ = func(t *testing.T) {
		c := leatest.Start(t, leatest.Topic("orders", 6))
		fmt.Println("bootstrap.servers =", c.BootstrapServers())

		// franz-go has it shorter
		cl := c.Client(kgo.ConsumeTopics("orders"))
		cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("a table")})
	}
}

// An hour of waiting takes as long as there is work to do in it.
func ExampleStart_virtualTime() {
	_ = func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := leatest.Start(t, leatest.TopicWith("sessions", 1, map[string]string{"retention.ms": "600000"}))
			cl := c.Client()
			cl.ProduceSync(t.Context(), &kgo.Record{Topic: "sessions", Value: []byte("alice")})
			time.Sleep(time.Hour) // retention passes
		})
	}
}

// A broker fails while the code under test goes on.
func ExampleNode_Kill() {
	_ = func(t *testing.T) {
		c := leatest.Start(t, leatest.Nodes(3), leatest.TopicWith("orders", 1, map[string]string{"min.insync.replicas": "2"}))
		c.Node(2).Kill()
		// what does the code do now?
		c.Node(2).Restart()
	}
}

// Faults by chance, which the seed repeats.
func ExampleCluster_Misfortune() {
	_ = func(t *testing.T) {
		c := leatest.Start(t, leatest.Nodes(3))
		end := c.Misfortune(leatest.Misfortune{Kill: true, Isolate: true, Delay: 200 * time.Millisecond})
		// run the code under test
		end()
		// everything is there again: check what has come of it
	}
}
