package telemetry

import (
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// withoutMeaning are rows of the table that are not served, and why.
var withoutMeaning = map[string]string{
	"jvm_memory_used_bytes":           "there is no JVM: go_memstats_* tells of the heap; deploy/prometheus/strimzi-names.yml shows it under this name to who wants that",
	"jvm_gc_collection_seconds_count": "there is no JVM: go_gc_duration_seconds_count; likewise",
	"jvm_gc_collection_seconds_sum":   "there is no JVM: go_gc_duration_seconds_sum; likewise",
	"jvm_threads_current":             "there is no JVM: go_threads; likewise",
}

// TestEveryRowThatDashboardsUseIsServed goes over the table of Kafka's metrics: what is essential or common is shown under the name that Strimzi's rules give it, or
// where they have none the one of Confluent's.
func TestEveryRowThatDashboardsUseIsServed(t *testing.T) {
	text, err := os.ReadFile("testdata/kafka-4.4-metrics.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	head := strings.Split(lines[0], "\t")
	strimzi, confluent := slices.Index(head, "prometheus_strimzi_rules"), slices.Index(head, "prometheus_confluent_rules")
	served := servedNames(t)
	shown, reasoned := 0, 0
	for _, line := range lines[1:] {
		row := strings.Split(line, "\t")
		name := row[strimzi]
		if name == "" {
			name = row[confluent]
		}
		switch _, excused := withoutMeaning[name]; {
		case name == "":
			t.Errorf("row without a name: %s", line)
		case served[name] && excused:
			t.Errorf("%s is served, and stands among what is not", name)
		case served[name]:
			shown++
		case excused:
			reasoned++
		default:
			t.Errorf("%s (%s) is not served", name, row[1])
		}
	}
	t.Logf("%d rows: %d served, %d with a reason", len(lines)-1, shown, reasoned)
	if shown < 129 {
		t.Errorf("only %d rows were found", shown)
	}
}

// servedNames are the names of a whole scrape, the library's included.
func servedNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, m := range Metrics() {
		names[m.Name] = true
	}
	answer := httptest.NewRecorder()
	Handler(HTTPConfig{Metrics: fullSource()}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics?partitions=true", nil))
	scraped := map[string]bool{}
	for line := range strings.Lines(answer.Body.String()) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ := strings.Cut(rest, " ")
			scraped[name] = true
		}
	}
	for name := range names {
		if !scraped[name] && !strings.HasPrefix(name, "leat_") {
			t.Errorf("%s has a row and is not in a scrape of everything", name)
		}
	}
	return scraped
}

// fullSource has something of everything.
func fullSource() *Source {
	b := NewBroker(10)
	b.Topic("orders").Produced(1, 10)
	b.Request(0, 12, Times{Sent: time.Millisecond})
	b.Error(0, 0)
	b.Listener("PLAINTEXT").Opened()
	s := testSource(b)
	s.Node = func() NodeStats { return NodeStats{BrokerState: 3} }
	s.Partitions = func(yield func(*Partition) bool) {
		yield(&Partition{Topic: "orders", Leads: true, Replicas: 3, InSync: 3, MinISR: 2})
	}
	s.Storage = func() *StorageStats { return &StorageStats{Flushes: &Timer{}, Dirs: make([]DirStats, 1)} }
	s.Recovering = func(each func(string, int64)) { each("d", 1) }
	s.Coordinators = func() []CoordinatorStats {
		return []CoordinatorStats{{Name: "group", Counts: &Coordinator{}}, {Name: "transaction", Counts: &Coordinator{}}, {Name: "share", Counts: &Coordinator{}}}
	}
	s.Groups = func() *GroupStats {
		return &GroupStats{Most: 10, OffsetChanges: &Offsets{}, Lags: []GroupLag{{Group: "g", Topic: "orders"}}, Members: []GroupMembers{{"g", 2}}}
	}
	s.Sharing = func() *SharingStats { return &SharingStats{Counts: &Sharing{}} }
	s.Transactions = func() *TransactionStats { return &TransactionStats{Verifications: &Verifications{}, Delays: &Delays{}} }
	s.Audit = func() *AuditStats { return &AuditStats{} }
	s.Quotas = func(each func(QuotaUse)) {
		for kind := range quotaKinds {
			each(QuotaUse{Kind: kind, User: "u"})
		}
	}
	s.Raft = func() *RaftStats { return &RaftStats{State: "leader", Counts: &Raft{}, Channel: &Channel{}} }
	s.Events, s.Clients = &Coordinator{}, &Clients{}
	s.Unsent = func() int64 { return 0 }
	s.Certificates = func(each func(string, time.Time)) { each("SSL", time.Unix(1e9, 0)) }
	s.Cluster = func() *ClusterStats {
		return &ClusterStats{Brokers: []ClusterBroker{{1, "a:9092"}}, Partitions: func(yield func(*ClusterPartition) bool) {
			yield(&ClusterPartition{Topic: "orders", Leader: 1, Preferred: 1, Replicas: 3, InSync: 3})
		}}
	}
	return s
}
