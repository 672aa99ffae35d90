package server

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// scrape reads the metrics of all nodes: the lines that begin with a prefix.
func (c *three) scrape(prefix string) string {
	c.t.Helper()
	web := &http.Client{Transport: &http.Transport{DialContext: c.client.DialContext, DisableKeepAlives: true}}
	var found []string
	for _, h := range c.hosts {
		resp, err := web.Get(fmt.Sprintf("http://%s:9644/metrics", h.IP()))
		if err != nil {
			c.t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			c.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, prefix) {
				found = append(found, strings.TrimSpace(line))
			}
		}
	}
	return strings.Join(found, "\n")
}

// The group's coordinator leads only one of the partitions, and has no replica of two of the second topic's.
func TestClusterLagOfAGroupWithoutMembersIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.how = func(i int) map[string]string {
			set := c.settings(i)
			set["leat.http.listener"] = fmt.Sprintf("%s:9644", c.hosts[i].IP())
			return set
		}
		c.start(0, 1, 2)
		defer c.stop()
		cl := c.cl(kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer cl.Close()
		admin := kadm.NewClient(cl)
		for topic, replicas := range map[string]int16{"copied": 3, "single": 1} {
			if _, err := admin.CreateTopic(t.Context(), 3, replicas, nil, topic); err != nil {
				t.Fatal(err)
			}
		}
		write := func(value string) {
			for _, topic := range []string{"copied", "single"} {
				for p := range int32(3) {
					if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: p, Value: []byte(value)}).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		write("read")
		var offsets kadm.Offsets
		for _, topic := range []string{"copied", "single"} {
			for p := range int32(3) {
				offsets.AddOffset(topic, p, 1, -1)
			}
		}
		if err := admin.CommitAllOffsets(t.Context(), "g", offsets); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		write("not read")
		time.Sleep(10 * time.Minute)

		records, seconds := c.scrape("leat_coordinator_group_lag_records{"), c.scrape("leat_coordinator_group_lag_seconds{")
		for _, topic := range []string{"copied", "single"} {
			for p := range 3 {
				for _, isolation := range []string{"read_uncommitted", "read_committed"} {
					labels := fmt.Sprintf(`{group="g",topic=%q,partition="%d",isolation=%q} `, topic, p, isolation)
					if !strings.Contains(records, labels+"1\n") && !strings.HasSuffix(records, labels+"1") {
						t.Errorf("no lag of 1 for %s in\n%s", labels, records)
					}
					_, after, _ := strings.Cut(seconds, labels)
					var age float64
					if _, err := fmt.Sscan(after, &age); err != nil || age < 580 || age > 605 {
						t.Errorf("%s: age %v, want ten minutes at the last look: %v", labels, age, err)
					}
				}
			}
		}
		if got := c.scrape(`kafka_server_group_coordinator_metrics_classic_group_count{state="Empty"} 1`); strings.Count(got, " 1") != 1 {
			t.Errorf("nodes with the group: %s", got)
		}
		if got := c.scrape(`kafka_server_group_coordinator_metrics_num_partitions{state="active"} `); strings.Count(got, "\n") != 2 || strings.Contains(got, "} 0") {
			t.Errorf("partitions of coordinators: %s", got)
		}
	})
}
