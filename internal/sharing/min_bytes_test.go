package sharing_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
)

// unanswered fails the test if a fetch was answered.
func unanswered(t *testing.T, answer chan []got) {
	t.Helper()
	synctest.Wait()
	select {
	case g := <-answer:
		t.Fatalf("answered with %+v", g)
	default:
	}
}

func TestAFetchWaitsForItsMinBytesInAllPartitions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.produce(0, "one")
		answer := w.beginOf("ann", 100, 1500, 10*time.Second, 0, 1)
		unanswered(t, answer)
		w.produce(1, strings.Repeat("two", 200))
		unanswered(t, answer)
		time.Sleep(time.Second)
		w.produce(0, strings.Repeat("three", 200))
		began := time.Now()
		want(t, <-answer, "p0 0-1 x1;p1 0-0 x1;")
		if waited := time.Since(began); waited > time.Millisecond {
			t.Errorf("answered %v after there was enough", waited)
		}
	})
}

func TestAFetchThatWaitsForMinBytesIsAnsweredInTheEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.produce(0, "one")
		began := time.Now()
		want(t, <-w.beginOf("ann", 100, 1<<20, 10*time.Second, 0), "p0 0-0 x1;")
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("answered after %v", waited)
		}
		want(t, <-w.beginOf("ann", 100, 1<<20, 10*time.Second, 0), "")
	})
}

func TestAFetchThatWaitsForMinBytesLeavesRecordsToOthers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		patient := w.beginOf("ann", 100, 2000, 10*time.Second, 0)
		unanswered(t, patient)
		content := w.begin("bob", 100, 10*time.Second, 0)
		unanswered(t, content)
		w.produce(0, "one")
		want(t, <-content, "p0 0-0 x1;")
		unanswered(t, patient)
		// What comes back counts with everything behind it.
		w.produce(0, strings.Repeat("two", 500))
		w.produce(0, "three")
		unanswered(t, patient)
		content = w.beginOf("cid", 100, 5000, 10*time.Second, 0)
		unanswered(t, content)
		if err := w.acknowledge("bob", 0, 0, acquire.Giving); err != nil {
			t.Fatal(err)
		}
		unanswered(t, patient)
		w.produce(0, strings.Repeat("four", 100))
		want(t, <-patient, "p0 0-0 x2;p0 1-3 x1;")
	})
}

func TestAReleasedRecordIsEnoughForWhoeverWaitsBehindOneThatWantsMore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.produce(0, "one")
		want(t, w.fetch("ann", 100, 0, 0), "p0 0-0 x1;")
		greedy := w.beginOf("bob", 100, 5000, 10*time.Second, 0)
		unanswered(t, greedy)
		content := w.begin("cid", 100, 10*time.Second, 0)
		unanswered(t, content)
		if err := w.acknowledge("ann", 0, 0, acquire.Giving); err != nil {
			t.Fatal(err)
		}
		want(t, <-content, "p0 0-0 x2;")
		unanswered(t, greedy)
	})
}

func TestAGroupInTheOrderOfKeysDoesNotWaitForBytes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.set(func(g *sharing.Group) { g.ByKey = true })
		w.produce(0, "k=one")
		began := time.Now()
		want(t, <-w.beginOf("ann", 100, 1<<20, 10*time.Second, 0), "p0 0-0 x1;")
		if waited := time.Since(began); waited > 0 {
			t.Errorf("answered after %v", waited)
		}
	})
}
