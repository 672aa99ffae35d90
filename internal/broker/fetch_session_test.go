package broker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// sessionFetch is a request within a session that changes nothing of it.
func sessionFetch(id, epoch int32) *kmsg.FetchRequest {
	rq := kmsg.NewPtrFetchRequest()
	rq.MinBytes, rq.MaxBytes, rq.SessionID, rq.SessionEpoch = 1, 1<<20, id, epoch
	return rq
}

func TestIncrementalFetchTellsOnlyWhatChanged(t *testing.T) {
	for _, version := range []int16{7, 12, 13, 18} {
		n := newNode(t)
		n.makeTopic("orders", 3)
		n.produceTo("orders", 0, "a")
		c := n.dial()
		step := func(name string, rq *kmsg.FetchRequest, want ...string) *kmsg.FetchResponse {
			t.Helper()
			resp := c.fetch(version, rq)
			if diff := cmp.Diff(want, answered(t, resp)); diff != "" || resp.ErrorCode != 0 {
				t.Fatalf("v%d, %s: %v %s", version, name, kerr.ErrorForCode(resp.ErrorCode), diff)
			}
			return resp
		}
		full := sessionFetch(0, 0)
		for i := range int32(3) {
			addFetch(full, "orders", i, 0)
		}
		id := step("full", full, "0 0:a", "1", "2").SessionID
		if id == 0 {
			t.Fatal("no session")
		}
		next := sessionFetch(id, 1)
		addFetch(next, "orders", 0, 1)
		step("nothing new", next)
		n.produceTo("orders", 2, "b")
		step("one grew", sessionFetch(id, 2), "2 0:b")
		forget := sessionFetch(id, 3)
		forget.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "orders", TopicID: topicID("orders"), Partitions: []int32{2}}}
		n.produceTo("orders", 1, "c")
		step("forgotten", forget, "1 0:c")
		wrong := sessionFetch(id, 4)
		addFetch(wrong, "orders", 1, 99)
		step("error", wrong, "1 OFFSET_OUT_OF_RANGE")
		step("error again", sessionFetch(id, 5), "1 OFFSET_OUT_OF_RANGE")
		right := sessionFetch(id, 6)
		addFetch(right, "orders", 1, 1)
		step("the end of an error is news", right, "1")
		c.close()
		n.stop()
	}
}

func TestSessionErrors(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	c := n.dial()
	defer c.close()
	open := func() int32 {
		rq := sessionFetch(0, 0)
		addFetch(rq, "orders", 0, 0)
		return c.fetch(12, rq).SessionID
	}
	id := open()
	for _, tc := range []struct {
		name    string
		version int16
		id      int32
		epoch   int32
		want    *kerr.Error
	}{
		{"unknown session", 12, id + 1, 1, kerr.FetchSessionIDNotFound},
		{"wrong epoch", 12, id, 2, kerr.InvalidFetchSessionEpoch},
		{"ids in a session of names", 13, id, 1, kerr.FetchSessionTopicIDError},
	} {
		resp := c.fetch(tc.version, sessionFetch(tc.id, tc.epoch))
		if resp.ErrorCode != tc.want.Code || resp.SessionID != 0 || len(resp.Topics) != 0 {
			t.Errorf("%s: %+v, want %v", tc.name, resp, tc.want)
		}
	}
	if resp := c.fetch(12, sessionFetch(id, 1)); resp.ErrorCode != 0 || resp.SessionID != id {
		t.Errorf("the session did not survive its errors: %+v", resp)
	}
	final := sessionFetch(id, noSessionEpoch)
	addFetch(final, "orders", 0, 0)
	if resp := c.fetch(12, final); resp.SessionID != 0 || n.h.sessions.Len() != 0 {
		t.Errorf("after the final epoch: session %d, %d cached", resp.SessionID, n.h.sessions.Len())
	}
	id = open()
	forget := sessionFetch(id, 1)
	forget.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "orders", Partitions: []int32{0}}}
	if resp := c.fetch(12, forget); resp.ErrorCode != 0 || n.h.sessions.Len() != 0 {
		t.Errorf("a session without partitions: %+v, %d cached", resp, n.h.sessions.Len())
	}
}

func TestBusyPartitionGoesToTheEndOfItsSession(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 3)
	for i := range int32(3) {
		n.produceTo("orders", i, "a")
		n.produceTo("orders", i, "b")
	}
	c := n.dial()
	defer c.close()
	full := sessionFetch(0, 0)
	for i := range int32(3) {
		addFetch(full, "orders", i, 0)
	}
	full.MaxBytes = 1 // one batch per response
	resp := c.fetch(12, full)
	if diff := cmp.Diff([]string{"0 0:a", "1", "2"}, answered(t, resp)); diff != "" {
		t.Fatal(diff)
	}
	var got []string
	for epoch := int32(1); epoch <= 4; epoch++ {
		rq := sessionFetch(resp.SessionID, epoch)
		rq.MaxBytes = 1
		got = append(got, answered(t, c.fetch(12, rq))...)
	}
	if diff := cmp.Diff([]string{"0 0:a", "1 0:a", "2 0:a", "0 0:a"}, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestSessionOutlivesADeletedTopic(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	c := n.dial()
	defer c.close()
	full := sessionFetch(0, 0)
	addFetch(full, "orders", 0, 0)
	addFetch(full, "later", 0, 0)
	resp := c.fetch(13, full)
	if diff := cmp.Diff([]string{"0", "0 UNKNOWN_TOPIC_ID"}, answered(t, resp)); diff != "" {
		t.Fatal(diff)
	}
	n.makeTopic("later", 1)
	n.produceTo("later", 0, "x")
	if diff := cmp.Diff([]string{"0 0:x"}, answered(t, c.fetch(13, sessionFetch(resp.SessionID, 1)))); diff != "" {
		t.Fatal(diff)
	}
}

// A session by id remembers what its topics were called: the client is told that the topic has gone, or that another one has its name.
func TestSessionRemembersTheNameOfATopicID(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	c := n.dial()
	defer c.close()
	ask := func(session, epoch int32, partitions ...int32) *kmsg.FetchResponse {
		rq := sessionFetch(session, epoch)
		for _, p := range partitions {
			addFetch(rq, "orders", p, 0)
		}
		return c.fetch(13, rq)
	}
	expect := func(want string, resp *kmsg.FetchResponse) {
		t.Helper()
		if diff := cmp.Diff([]string{want}, answered(t, resp)); diff != "" {
			t.Error(diff)
		}
	}
	id := ask(0, 0, 0).SessionID
	n.publish(&metadata.RemoveTopicRecord{TopicID: topicID("orders")})
	expect("0 UNKNOWN_TOPIC_OR_PARTITION", ask(id, 1))
	expect("0 UNKNOWN_TOPIC_OR_PARTITION", ask(id, 2, 0)) // asked for by its id again: the session knows it
	expect("0 UNKNOWN_TOPIC_ID", ask(0, 0, 0))            // outside of the session there is only the id
	n.makeTopicAs(record.UUID{0xaa}, "orders", 1, []int32{self})
	expect("0 INCONSISTENT_TOPIC_ID", ask(id, 3))
	expect("0 INCONSISTENT_TOPIC_ID", ask(id, 4, 0))
	expect("0 UNKNOWN_TOPIC_ID", ask(0, 0, 0))
}

// fresh is a session of so many partitions.
func fresh(size int, privileged bool) *fetchSession {
	s := &fetchSession{privileged: privileged, parts: make(map[sessionKey]*sessionPart)}
	for i := range size {
		s.put(sessionKey{record.UUID{}, "t", int32(i)}, fetchAsk{})
	}
	return s
}

func TestSessionCacheEvictsTheLeastValuable(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	small, large := fresh(1, false), fresh(10, false)
	newCache := func() *fetchSessions {
		s := newFetchSessions(func() int { return 2 })
		small.id, large.id = 0, 0
		if !s.add(small, start) || !s.add(large, start) {
			t.Fatal("no place in an empty cache")
		}
		return s
	}
	settled := start.Add(sessionRest + time.Second)
	for _, tc := range []struct {
		name     string
		newcomer *fetchSession
		now      time.Time
		use      []*fetchSession // at now
		gone     *fetchSession   // nil: the newcomer finds no place
	}{
		{"nobody goes while all are young", fresh(100, false), start.Add(time.Second), []*fetchSession{small, large}, nil},
		{"a follower displaces the smaller consumer", fresh(1, true), start.Add(time.Second), []*fetchSession{small, large}, small},
		{"a larger displaces the smaller settled one", fresh(5, false), settled, []*fetchSession{small, large}, small},
		{"an equal one does not", fresh(1, false), settled, []*fetchSession{small, large}, nil},
		{"who was not used goes first", fresh(1, false), settled, []*fetchSession{small}, large},
	} {
		s := newCache()
		for _, u := range tc.use {
			s.used(u, len(u.parts), tc.now)
		}
		added := s.add(tc.newcomer, tc.now)
		if added != (tc.gone != nil) || tc.gone != nil && s.find(tc.gone.id) != nil || s.Len() != 2 {
			t.Errorf("%s: added %v, %d cached", tc.name, added, s.Len())
		}
	}
}

func TestNoSessionsWithoutSlots(t *testing.T) {
	n := newNode(t, "max.incremental.fetch.session.cache.slots", "0")
	defer n.stop()
	n.makeTopic("orders", 1)
	c := n.dial()
	defer c.close()
	rq := sessionFetch(0, 0)
	addFetch(rq, "orders", 0, 0)
	if resp := c.fetch(12, rq); resp.SessionID != 0 || resp.ErrorCode != 0 {
		t.Fatalf("%+v", resp)
	}
}

func TestMadeUpPartitionsGetNoSession(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	c := n.dial()
	defer c.close()
	ask := func(id, epoch int32, partitions int) *kmsg.FetchResponse {
		rq := sessionFetch(id, epoch)
		addFetch(rq, "orders", 0, 0)
		for i := 1; i < partitions; i++ {
			p := rq.Topics[0].Partitions[0]
			p.Partition = int32(i)
			rq.Topics[0].Partitions = append(rq.Topics[0].Partitions, p)
		}
		return c.fetch(12, rq)
	}
	if resp := ask(0, 0, 1002); resp.SessionID != 0 || len(resp.Topics[0].Partitions) != 1002 {
		t.Errorf("1002 partitions: session %d, %d answers", resp.SessionID, len(resp.Topics[0].Partitions))
	}
	resp := ask(0, 0, 1001)
	if resp.SessionID == 0 {
		t.Fatal("1001 partitions: no session")
	}
	if resp := ask(resp.SessionID, 1, 1002); resp.ErrorCode != kerr.FetchSessionIDNotFound.Code || n.h.sessions.Len() != 0 {
		t.Errorf("one more: %v, %d cached", kerr.ErrorForCode(resp.ErrorCode), n.h.sessions.Len())
	}
}

func TestSessionEpochWraps(t *testing.T) {
	if got := nextSessionEpoch(1<<31 - 1); got != 1 {
		t.Fatalf("after the greatest epoch comes %d, want 1", got)
	}
}
