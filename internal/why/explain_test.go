package why

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return now.Add(-d) }

// healthy is three nodes with nothing to say.
func healthy() *Cluster {
	c := &Cluster{At: now, Asked: 1, Window: time.Minute}
	brokers := []Broker{{ID: 1, Address: "a:1"}, {ID: 2, Address: "b:1"}, {ID: 3, Address: "c:1"}}
	for id := range int32(3) {
		c.Nodes = append(c.Nodes, Facts{Node: id + 1, At: now, State: "running", Controller: 1, Offset: 10, Brokers: slices.Clone(brokers),
			Dirs: []Dir{{Path: "/data", Grade: "enough", Total: 100, Available: 50}}, Certificates: []Certificate{{"SSL", "CN=leat", now.Add(90 * 24 * time.Hour)}}})
	}
	return c
}

// silence makes a node silent.
func (c *Cluster) silence(id int32) {
	c.Nodes = slices.DeleteFunc(c.Nodes, func(f Facts) bool { return f.Node == id })
	c.Silent = append(c.Silent, Silent{Node: id, Address: "x:1", Err: "connection refused", Refused: true})
}

// each does something to what every node knows.
func (c *Cluster) each(change func(*Facts)) {
	for i := range c.Nodes {
		change(&c.Nodes[i])
	}
}

func happened(e Event) func(*Cluster) {
	return func(c *Cluster) {
		if e.Count == 0 {
			e.Count = 5
		}
		e.First, e.Last = before(20*time.Second), before(time.Second)
		c.Nodes[0].Events = append(c.Nodes[0].Events, e)
	}
}

func refusedWith(code, resource string) func(*Cluster) {
	return happened(Event{Kind: Refused, Code: code, ClientID: "app", Principal: "User:app", API: "Produce", Resource: resource})
}

// stands adds a group.
func stands(state string, members int, places ...Standing) func(*Cluster) {
	return func(c *Cluster) {
		g := Group{Group: "shop", Type: "classic", State: state, Window: time.Minute, Partitions: places}
		for range members {
			g.Members = append(g.Members, Member{ID: "m", ClientID: "app"})
		}
		c.Nodes[1].Groups = append(c.Nodes[1].Groups, g)
	}
}

// place is where a group stood five minutes ago, a minute ago and now.
func place(partition int32, thenCommitted, committed, thenEnd, end int64) Standing {
	s := Standing{Topic: "orders", Partition: partition, Committed: committed, HighWatermark: end, LastStable: end, Seconds: 30,
		Then: before(2 * time.Minute), ThenCommitted: thenCommitted, ThenWatermark: thenEnd, Since: before(time.Second), WatermarkAtHold: end}
	if thenCommitted == committed {
		s.Since, s.WatermarkAtHold = before(5*time.Minute), thenEnd
	}
	return s
}

// waiting is where a group stands that was seen just now for the first time.
func waiting(partition int32, committed, end int64) Standing {
	return Standing{Topic: "orders", Partition: partition, Committed: committed, HighWatermark: end, LastStable: end, Seconds: 5,
		Then: now, ThenCommitted: committed, ThenWatermark: end, Since: now, WatermarkAtHold: end}
}

func under(topic string, leader int32, minISR int, inSync ...int32) func(*Cluster) {
	return func(c *Cluster) {
		c.each(func(f *Facts) {
			f.Partitions = append(f.Partitions, Partition{Topic: topic, Leader: leader, Replicas: []int32{1, 2, 3}, InSync: inSync, MinISR: minISR})
		})
	}
}

func fence(id int32) func(*Cluster) {
	return func(c *Cluster) { c.each(func(f *Facts) { f.Brokers[id-1].Fenced = true }) }
}

// away has a broker fenced for so long each time, the last time a minute ago; since is when it was fenced again.
func away(id int32, since time.Time, times ...time.Duration) func(*Cluster) {
	return func(c *Cluster) {
		a := Absent{Node: id, Since: since}
		end := before(time.Minute + time.Duration(len(times)-1)*20*time.Second)
		for _, d := range times {
			a.Past = append(a.Past, Absence{end.Add(-d), end})
			end = end.Add(20 * time.Second)
		}
		// Who was away has seen one absence less, or none.
		c.Nodes[0].Away = []Absent{a}
		c.Nodes[1].Away = []Absent{{Node: id, Past: a.Past[1:]}}
	}
}

func silent(id int32) func(*Cluster) { return func(c *Cluster) { c.silence(id) } }

// late has a node not answer in time.
func late(id int32) func(*Cluster) {
	return func(c *Cluster) {
		c.silence(id)
		c.Silent[0].Refused, c.Silent[0].Err = false, "context deadline exceeded"
	}
}

func node(id int32, change func(*Facts)) func(*Cluster) {
	return func(c *Cluster) { change(&c.Nodes[id-1]) }
}

// stories are what may be wrong, by the cause that must stand first.
var stories = []struct {
	cause, about string
	hurt         []func(*Cluster)
	mentions     string // in the chain
}{
	{"no-controller", "group:shop", []func(*Cluster){silent(2), silent(3), func(c *Cluster) { c.each(func(f *Facts) { f.Controller = -1 }) }, under("orders", -1, 2, 2)}, "partition orders-0 has no leader"},
	{"no-controller", "", []func(*Cluster){silent(1), func(c *Cluster) { c.each(func(f *Facts) { f.Trouble = "connection refused" }) }}, "no controller"},
	{"no-controller", "", []func(*Cluster){func(c *Cluster) { c.each(func(f *Facts) { f.Voters = []int32{1, 2, 3} }) }, silent(2), silent(3)}, "no controller"},
	{"node-down", "", []func(*Cluster){func(c *Cluster) { c.each(func(f *Facts) { f.Voters = []int32{1, 2, 3} }) }, silent(1)}, "node 1 is down"},
	{"node-slow", "node:3", []func(*Cluster){late(3), node(1, func(f *Facts) { f.Heard = map[int32]time.Duration{3: time.Second} })}, "node 3 does not answer in time"},
	{"node-down", "node:3", []func(*Cluster){late(3), node(1, func(f *Facts) { f.Heard = map[int32]time.Duration{3: 5 * time.Second} })}, "node 3 is down"},
	{"node-down", "node:3", []func(*Cluster){late(3), node(1, func(f *Facts) { f.Heard = map[int32]time.Duration{3: time.Second} }),
		func(c *Cluster) { c.each(func(f *Facts) { f.Brokers[2].Fenced = true }) }}, "node 3 is down"},
	{"address-unreachable", "node:3", []func(*Cluster){silent(3), func(c *Cluster) { c.Silent[0].Refused = true }, node(1, func(f *Facts) { f.Heard = map[int32]time.Duration{3: time.Second} })}, "though it is alive"},
	{"log-dir-failed", "topic:orders", []func(*Cluster){node(2, func(f *Facts) { f.Dirs[0].Err = "input/output error" }), under("orders", 1, 2, 1)}, "in sync"},
	{"disk-full", "client:app", []func(*Cluster){node(2, func(f *Facts) { f.Dirs[0].Grade = "gone" })}, "refused"},
	{"disk-short", "", []func(*Cluster){node(2, func(f *Facts) { f.Dirs[0].Grade = "short" })}, "slowed"},
	{"node-recovering", "", []func(*Cluster){func(c *Cluster) {
		c.Nodes = []Facts{{Node: 3, At: now, State: "recovering", Recovering: 40, Controller: -1, Offset: -1}}
	}}, "reading its logs"},
	{"node-recovering", "", []func(*Cluster){func(c *Cluster) {
		c.Nodes = []Facts{{Node: 3, At: now, State: "starting", Recovering: 1, Controller: -1, Trouble: "none has been elected", Offset: -1}}
	}}, "reading its logs"},
	{"no-controller", "", []func(*Cluster){func(c *Cluster) {
		c.Nodes = []Facts{{Node: 3, At: now, State: "starting", Controller: -1, Trouble: "none has been elected", Offset: -1}}
	}}, "no controller"},
	{"log-dir-failed", "topic:orders", []func(*Cluster){node(2, func(f *Facts) { f.Dirs[0].Err = "input/output error" }), under("orders", -1, 1, 2), refusedWith("KAFKA_STORAGE_ERROR", "partition:orders-0")}, "writes of client app"},
	{"node-recovering", "node:2", []func(*Cluster){node(2, func(f *Facts) { f.State, f.Recovering = "recovering", 40 }), fence(2), under("orders", 1, 2, 1, 3)}, "reading its logs"},
	{"broker-flapping", "node:3", []func(*Cluster){away(3, time.Time{}, 5*time.Second, 8*time.Second, 6*time.Second)}, "fenced 3 times in 45 s"},
	{"broker-flapping", "topic:orders", []func(*Cluster){silent(3), fence(3), under("orders", 1, 3, 1, 2), away(3, before(15*time.Second), 5*time.Second, 8*time.Second, 6*time.Second)}, "node 3 is down"},
	{"node-down", "", []func(*Cluster){silent(3), fence(3), away(3, before(5*time.Minute), 5*time.Second, 8*time.Second, 6*time.Second)}, "node 3 is down"},
	{"node-down", "partition:orders-0", []func(*Cluster){silent(3), fence(3), under("orders", 1, 3, 1, 2)}, "min.insync.replicas=3"},
	{"node-down", "", []func(*Cluster){silent(3)}, "node 3 is down"},
	{"address-unreachable", "node:3", []func(*Cluster){silent(3), node(1, func(f *Facts) { f.Unreached = []Unreached{{3, "c:1", "refused", before(time.Minute)}} })}, "advertises"},
	{"address-unreachable", "", []func(*Cluster){node(2, func(f *Facts) { f.Unreached = []Unreached{{3, "c:1", "no such host", before(time.Minute)}} })}, "advertises"},
	{"broker-fenced", "", []func(*Cluster){fence(2)}, "fenced"},
	{"clock-skew", "", []func(*Cluster){node(3, func(f *Facts) { f.At = now.Add(time.Minute) })}, "ahead"},
	{"certificate-expired", "node:1", []func(*Cluster){node(1, func(f *Facts) { f.Certificates[0].NotAfter = before(time.Hour) })}, "expired 60 min ago"},
	{"certificate-expiring", "", []func(*Cluster){node(1, func(f *Facts) { f.Certificates[0].NotAfter = now.Add(72 * time.Hour) })}, "expires in 3 days"},
	{"follower-behind", "topic:orders", []func(*Cluster){under("orders", 1, 3, 1, 2)}, "node 3 is alive"},
	{"partition-offline", "topic:orders", []func(*Cluster){under("orders", -1, 1, 1, 2, 3)}, "no leader"},
	{"writes-refused", "topic:orders", []func(*Cluster){refusedWith("NOT_ENOUGH_REPLICAS", "partition:orders-0")}, "refused"},
	{"protocol-mismatch", "node:1", []func(*Cluster){happened(Event{Kind: Foreign, Listener: "PLAINTEXT", Host: "::1", Detail: "the first bytes are a TLS handshake"})}, "TLS"},
	{"certificate-refused", "", []func(*Cluster){happened(Event{Kind: Unauthenticated, Listener: "SSL", Detail: "TLS handshake: the client refuses this listener"})}, "does not get in"},
	{"token-expired", "", []func(*Cluster){happened(Event{Kind: Unauthenticated, Listener: "SASL", Detail: "delegation token: it expired at noon"})}, "expired"},
	{"authentication-failed", "", []func(*Cluster){happened(Event{Kind: Unauthenticated, Listener: "SASL", Detail: "the password is wrong"})}, "password"},
	{"session-expired", "node:1", []func(*Cluster){happened(Event{Kind: Expired, Listener: "SASL", Principal: "User:app"})}, "session"},
	{"connection-limit", "", []func(*Cluster){happened(Event{Kind: TooMany, Host: "10.0.0.9", Detail: "more connections than max.connections.per.ip"})}, "10.0.0.9"},
	{"not-authorized", "client:app", []func(*Cluster){happened(Event{Kind: Denied, ClientID: "app", Principal: "User:app", Detail: "write", Resource: "topic:orders", API: "Produce"})}, "write topic orders"},
	{"throttled", "group:shop", []func(*Cluster){happened(Event{Kind: Throttled, ClientID: "app", Detail: "consumer_byte_rate", Amount: 900}), stands("Stable", 1, place(0, 100, 200, 400, 900))}, "consumer_byte_rate"},
	{"limit-reached", "", []func(*Cluster){refusedWith("POLICY_VIOLATION", "topic:huge")}, "POLICY_VIOLATION"},
	{"coordinator-loading", "group:shop", []func(*Cluster){refusedWith("COORDINATOR_LOAD_IN_PROGRESS", "group:shop")}, "loading"},
	{"transaction-open", "group:shop", []func(*Cluster){stands("Stable", 1, place(0, 100, 100, 400, 900)), node(2, func(f *Facts) {
		f.Open = []Transaction{{Topic: "orders", ProducerID: 7, Since: before(time.Hour), LastStable: 100, HighWatermark: 900}}
		f.Transactional = map[int64]string{7: "till"}
	})}, "transactional id till"},
	{"producer-fenced", "client:app", []func(*Cluster){refusedWith("PRODUCER_FENCED", "transactional-id:till")}, "fenced"},
	{"sequence-gap", "", []func(*Cluster){refusedWith("OUT_OF_ORDER_SEQUENCE_NUMBER", "partition:orders-0")}, "out of order"},
	{"record-too-large", "topic:orders", []func(*Cluster){refusedWith("MESSAGE_TOO_LARGE", "partition:orders-0")}, "larger"},
	{"storage-refused", "", []func(*Cluster){refusedWith("KAFKA_STORAGE_ERROR", "partition:orders-0")}, "cannot be written"},
	{"bad-timestamp", "", []func(*Cluster){refusedWith("INVALID_TIMESTAMP", "partition:orders-0")}, "timestamps"},
	{"corrupt-records", "", []func(*Cluster){refusedWith("CORRUPT_MESSAGE", "partition:orders-0")}, "cannot be taken"},
	{"unknown-topic", "", []func(*Cluster){refusedWith("UNKNOWN_TOPIC_OR_PARTITION", "topic:oders")}, "does not exist"},
	{"offset-gone", "", []func(*Cluster){refusedWith("OFFSET_OUT_OF_RANGE", "partition:orders-0")}, "not there"},
	{"compaction-failed", "topic:orders", []func(*Cluster){node(2, func(f *Facts) { f.Uncleanable = []Uncleanable{{"orders", 0, 1 << 20, before(time.Hour), "CRC"}} })}, "cannot compact"},
	{"retention-held", "topic:orders", []func(*Cluster){node(2, func(f *Facts) {
		f.Kept = []Kept{{Topic: "orders", Segments: 1, Size: 100, Oldest: before(time.Hour), RetentionMs: 60_000, SegmentMs: 1 << 30, ActiveOnly: true}}
	})}, "only whole segments go"},
	{"token-ending", "", []func(*Cluster){node(1, func(f *Facts) { f.Offset, f.Tokens = 11, []Token{{"abc", "User:app", now.Add(time.Minute)}} })}, "ends in"},
	{"poll-too-slow", "group:shop", []func(*Cluster){happened(Event{Kind: Left, Resource: "group:shop", Detail: "consumer poll timeout has expired."}), stands("Empty", 0, place(0, 100, 100, 400, 900))}, "stopped asking"},
	{"poll-too-slow", "group:shop", []func(*Cluster){happened(Event{Kind: Quiet, Resource: "group:shop", Detail: "it had committed nothing for 305 s"}), stands("Empty", 0, place(0, 100, 100, 400, 900))}, "likely stopped asking"},
	{"member-dead", "group:shop", []func(*Cluster){happened(Event{Kind: SessionEnded, Resource: "group:shop", Detail: "removed member whose session ended: m"}), stands("Empty", 0, place(0, 100, 100, 400, 900))}, "no members"},
	{"rebalance-loop", "group:shop", []func(*Cluster){happened(Event{Kind: Rebalanced, Resource: "group:shop", Detail: "2 members", Count: 12}), stands("Stable", 2, place(0, 100, 100, 400, 900))}, "does not settle"},
	{"group-empty", "group:shop", []func(*Cluster){stands("Empty", 0, place(0, 100, 100, 400, 900))}, "800 records behind"},
	{"group-empty", "group:shop", []func(*Cluster){stands("Empty", 0, waiting(0, 100, 600))}, "500 records behind"},
	{"group-stuck", "group:shop", []func(*Cluster){stands("Stable", 1, place(0, 100, 100, 400, 900), place(1, 0, 880, 400, 900))}, "stood at offset 100 of orders-0"},
	{"group-hot-partition", "group:shop", []func(*Cluster){stands("Stable", 2, place(0, 100, 300, 1000, 9000), place(1, 400, 900, 400, 900), place(2, 400, 900, 400, 900))}, "orders-0 gets 8000 of the 9000"},
	{"group-outpaced", "group:shop", []func(*Cluster){stands("Stable", 2, place(0, 100, 300, 1000, 9000), place(1, 100, 300, 1000, 9000))}, "faster than group shop reads"},
}

func TestTheRootCauseStandsFirst(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range stories {
		t.Run(s.cause+" "+s.about, func(t *testing.T) {
			c := healthy()
			for _, hurt := range s.hurt {
				hurt(c)
			}
			about, err := ParseAbout(s.about)
			if err != nil {
				t.Fatal(err)
			}
			r := Explain(c, about)
			if len(r.Findings) == 0 || r.Findings[0].Cause != s.cause {
				t.Fatalf("told: %+v", r.Findings)
			}
			f := r.Findings[0]
			if chain := strings.Join(f.Chain, "\n"); !strings.Contains(chain, s.mentions) {
				t.Errorf("chain without %q: %s", s.mentions, chain)
			}
			if len(f.Evidence) == 0 || len(f.Next) == 0 {
				t.Errorf("without evidence or next step: %+v", f)
			}
			if text := strings.Join(f.Next, "\n"); strings.ContainsAny(text, "{}") {
				t.Errorf("a word is not filled in: %s", text)
			}
		})
		seen[s.cause] = true
	}
	for i := range Causes {
		// isr-below-min only shows beside its cause: a replica that is not in sync has a broker that is down, fenced or behind.
		if !seen[Causes[i].Name] && Causes[i].Name != "isr-below-min" {
			t.Errorf("no story of %s", Causes[i].Name)
		}
	}
}

func TestAHealthyClusterIsSilent(t *testing.T) {
	c := healthy()
	// A group that reads as fast as records come, one that is done, one that is behind and catches up.
	stands("Stable", 1, place(0, 400, 895, 405, 900), place(1, 900, 900, 900, 900), place(2, 100, 5000, 9000, 9100))(c)
	// A few rebalances, members that leave in order, a client that asked for a topic before it was made.
	happened(Event{Kind: Rebalanced, Resource: "group:shop", Count: 2})(c)
	happened(Event{Kind: Left, Resource: "group:shop", Detail: "the consumer is being closed", Count: 1})(c)
	happened(Event{Kind: Refused, Code: "UNKNOWN_TOPIC_OR_PARTITION", Resource: "topic:new", Count: 1})(c)
	// A broker that was fenced twice, as when its machine was moved.
	away(2, time.Time{}, 10*time.Second, 12*time.Second)(c)
	// A transaction that has just begun.
	c.Nodes[1].Open = []Transaction{{Topic: "orders", Since: before(time.Second), LastStable: 100, HighWatermark: 900}}
	if r := Explain(c, About{}); len(r.Findings) > 0 {
		t.Errorf("told: %+v", r.Findings)
	}
}

// A group that has not moved since it was first seen may be stuck, which shows later; it does not read too slowly.
func TestAGroupThatStandsStillIsNotCalledSlow(t *testing.T) {
	c := healthy()
	s := Standing{Topic: "orders", Committed: 7, HighWatermark: 129, LastStable: 129, Seconds: 50, Then: before(40 * time.Second), ThenCommitted: 7, ThenWatermark: 38,
		Since: before(40 * time.Second), WatermarkAtHold: 38}
	stands("Stable", 1, s)(c)
	if r := Explain(c, About{}); len(r.Findings) > 0 {
		t.Errorf("told: %+v", r.Findings)
	}
}

// Groups that nobody runs any more lie about in every cluster.
func TestAGroupLeftBehindIsToldOnlyToWhoAsksAboutIt(t *testing.T) {
	for about, want := range map[About]int{{}: 0, {"topic", "orders"}: 0, {"partition", "orders-0"}: 0, {"group", "other"}: 0, {"group", "shop"}: 1} {
		c := healthy()
		stands("Empty", 0, waiting(0, 100, 600), waiting(1, 600, 600))(c)
		if r := Explain(c, about); len(r.Findings) != want {
			t.Errorf("%v: told %+v", about, r.Findings)
		}
	}
}

func TestAnElectionIsNotToldAtOnce(t *testing.T) {
	c := healthy()
	for without, want := range map[time.Duration]int{time.Second: 0, 10 * time.Second: 1} {
		c.each(func(f *Facts) { f.Voters, f.Controller, f.Without = []int32{1, 2, 3}, -1, without })
		if r := Explain(c, About{}); len(r.Findings) != want {
			t.Errorf("without a leader for %v: %+v", without, r.Findings)
		}
	}
}

func TestAnswersTellOnlyWhatBearsOnTheQuestion(t *testing.T) {
	c := healthy()
	refusedWith("MESSAGE_TOO_LARGE", "partition:bills-0")(c)
	stands("Stable", 1, place(0, 100, 100, 400, 900))(c)
	for about, want := range map[string][]string{
		"": {"record-too-large", "group-stuck"}, "topic:bills": {"record-too-large"}, "partition:bills-1": {}, "partition:orders-0": {"group-stuck"},
		"group:shop":  {"record-too-large", "group-stuck"}, // its member's client has the id of who is refused
		"group:other": {}, "node:2": {},
	} {
		a, err := ParseAbout(about)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, f := range Explain(c, a).Findings {
			got = append(got, f.Cause)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, not %v", about, got, want)
		}
	}
}

func TestTheTableIsSound(t *testing.T) {
	seen := map[string]int{}
	for i := range Causes {
		c := &Causes[i]
		if _, twice := seen[c.Name]; twice {
			t.Errorf("%s stands twice", c.Name)
		}
		seen[c.Name] = i
		if c.Seen == "" || len(c.Next) == 0 || !slices.Contains(severities, c.Severity) {
			t.Errorf("%s is not complete", c.Name)
		}
	}
	for i := range Causes {
		for _, name := range Causes[i].Explains {
			if at, ok := seen[name]; !ok {
				t.Errorf("%s explains %s, which is no cause", Causes[i].Name, name)
			} else if at <= i {
				// Two that exclude each other may name each other.
				if other := Causes[at].Explains; !slices.Contains(other, Causes[i].Name) && at != i {
					t.Errorf("%s explains %s, which stands before it", Causes[i].Name, name)
				}
			}
		}
	}
}

func TestParseAbout(t *testing.T) {
	for _, wrong := range []string{"shop", "group:", "pie:apple", "partition:orders", "partition:-3", "node:one"} {
		if _, err := ParseAbout(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
	if a, err := ParseAbout("group:a:b"); err != nil || a != (About{"group", "a:b"}) {
		t.Errorf("%v, %v", a, err)
	}
}

func TestReportIsReadable(t *testing.T) {
	c := healthy()
	silent(3)(c)
	fence(3)(c)
	under("orders", 1, 3, 1, 2)(c)
	var text strings.Builder
	r := Explain(c, About{"topic", "orders"})
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	const want = `1. node-down (critical)
   node 3 is down
   -> partition orders-0 has 2 replicas of 3 in sync, and min.insync.replicas=3
   seen: node 3 does not answer at c:1: connection refused
   seen: the controller has fenced broker 3: no heartbeats come from it
   seen: not in sync on node 3: 1 partition
   seen: orders-0: leader 1, replicas 1, 2, 3, in sync 1, 2, min.insync.replicas=3
   next: start node 3, or look why it stopped (its log; systemctl status leat)
   next: if it is gone for good: leat cluster drain 3 moves its replicas to others

did not answer: nodes 3
`
	if text.String() != want {
		t.Errorf("got\n%s", text.String())
	}
	text.Reset()
	r = Explain(healthy(), About{})
	if err := r.Write(&text); err != nil || text.String() != "nothing wrong with the cluster is known (3 nodes answered)\n" {
		t.Errorf("%q, %v", text.String(), err)
	}
}

// What is withheld is in no answer, and the cause is found all the same.
func TestWithheldFactsNameNoClientAndTellTheSameCauses(t *testing.T) {
	c := healthy()
	for _, e := range []Event{
		{Kind: Unauthenticated, Listener: "SASL", Host: "192.0.2.7", Detail: "user carol: the password is wrong"},
		{Kind: Unauthenticated, Listener: "SSL", Host: "192.0.2.7", Detail: "TLS handshake: certificate of CN=carol is not trusted"},
		{Kind: Unauthenticated, Listener: "SASL", Host: "192.0.2.7", Detail: "delegation token of User:carol: it expired at noon"},
		{Kind: Denied, ClientID: "app", Principal: "User:carol", Host: "192.0.2.7", Detail: "write", Resource: "topic:orders", API: "Produce"},
		{Kind: Throttled, ClientID: "app", Principal: "User:carol", Host: "192.0.2.7", Detail: "consumer_byte_rate", Amount: 900},
	} {
		happened(e)(c)
	}
	stands("Stable", 1, place(0, 100, 100, 400, 900))(c)
	c.Nodes[1].Groups[0].Members[0].Host = "192.0.2.7"
	c.Nodes[0].Offset, c.Nodes[0].Tokens = 11, []Token{{"abc", "User:carol", now.Add(time.Minute)}}
	causes := func(r Report) (names []string) {
		for _, f := range r.Findings {
			names = append(names, f.Cause)
		}
		return names
	}
	open := Explain(c, About{})
	c.Withhold()
	closed := Explain(c, About{})
	if !slices.Equal(causes(open), causes(closed)) || len(open.Findings) != 7 {
		t.Errorf("told with names: %v, without: %v", causes(open), causes(closed))
	}
	for r, want := range map[*Report]bool{&open: true, &closed: false} {
		var text strings.Builder
		if err := r.Write(&text); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(text.String(), "carol") || strings.Contains(text.String(), "192.0.2.7"); told != want || strings.Contains(text.String(), "leat.http.why.clients") == want {
			t.Errorf("names a client: %v, not %v:\n%s", told, want, text.String())
		}
	}
}
