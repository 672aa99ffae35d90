package telemetry_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/telemetry"
)

func TestShareGroupsAreCountedByKafkasNames(t *testing.T) {
	broker := telemetry.NewBroker(10)
	var counts telemetry.Sharing
	counts.Acknowledged(1, 7)
	counts.Acknowledged(3, 2)
	counts.Acknowledged(9, 1) // no such type
	counts.SessionEvicted()
	counts.Loaded(3 * time.Millisecond)
	counts.Fetched("packers", 4, 2, 7*time.Millisecond, false)
	counts.Fetched("packers", 4, 0, time.Second, true)
	broker.Topic("orders").ShareFetched(100, false)
	broker.Topic("orders").ShareFetched(0, true)
	broker.Topic("orders").ShareAcknowledged(true)
	source := telemetry.Source{Broker: broker, Sharing: func() *telemetry.SharingStats {
		return &telemetry.SharingStats{Counts: &counts, Sessions: 2, Partitions: 5, Loaded: 4}
	}}
	var out strings.Builder
	if err := source.WriteTo(&out, time.Now(), false); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`kafka_server_sharegroupmetrics_recordacknowledgements_total{ackType="Accept"} 7`,
		`kafka_server_sharegroupmetrics_recordacknowledgements_total{ackType="Reject"} 2`,
		`kafka_server_sharegroupmetrics_recordacknowledgements_total{ackType="Renew"} 0`,
		`kafka_server_sharegroupmetrics_partitionloadtimems_count_total 1`,
		`kafka_server_sharegroupmetrics_topicpartitionsacquiretimems_count_total{group="packers"} 1`,
		`kafka_server_sharegroupmetrics_requesttopicpartitionsfetchratio_count_total{group="packers"} 1`,
		`kafka_server_delayedsharefetchmetrics_expires_total 1`,
		`kafka_server_sharesessioncache_sharesessionevictions_total 1`,
		`kafka_server_sharesessioncache_sharesessionscount 2`,
		`kafka_server_sharesessioncache_sharepartitionscount 5`,
		`leat_sharing_loaded_partitions 4`,
		`kafka_server_brokertopicmetrics_totalsharefetchrequests_total{topic="orders"} 2`,
		`kafka_server_brokertopicmetrics_failedsharefetchrequests_total{topic="orders"} 1`,
		`kafka_server_brokertopicmetrics_failedshareacknowledgementrequests_total{topic="orders"} 1`,
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

// Groups come and go: as many as have series at once, and one that fetches takes the place of one that has been silent for long.
func TestShareGroupsWithSeriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counts telemetry.Sharing
		source := telemetry.Source{Broker: telemetry.NewBroker(10), Sharing: func() *telemetry.SharingStats { return &telemetry.SharingStats{Counts: &counts} }}
		shown := func(group string) bool {
			var out strings.Builder
			if err := source.WriteTo(&out, time.Now(), false); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(out.String(), "topicpartitionsacquiretimems_count_total{"); n > 100 {
				t.Errorf("%d groups have series, want at most 100", n)
			}
			return strings.Contains(out.String(), `acquiretimems_count_total{group="`+group+`"}`)
		}
		for i := range 101 {
			counts.Fetched(fmt.Sprint("group-", i), 1, 1, time.Millisecond, false)
		}
		if !shown("group-99") || shown("group-100") {
			t.Error("not the first hundred groups have series")
		}
		time.Sleep(time.Hour)
		counts.Fetched("group-100", 1, 1, time.Millisecond, false)
		if !shown("group-100") {
			t.Error("a group that fetches has no series, and all that have are silent")
		}
	})
}
