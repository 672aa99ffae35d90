package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/peer"
	"leat/internal/why"
	"leat/internal/wire"
)

// whyOf asks one node of a cluster why, through its broker listener.
func (c *three) whyOf(i int, about string) (report why.Report) {
	c.t.Helper()
	address := c.hosts[i].IP().String() + ":9092"
	p := peer.New(peer.Config{Dial: c.client.DialContext}, -1, func() (string, error) { return address, nil })
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	answer, err := p.Do(ctx, &wire.Why{About: about})
	if err != nil {
		c.t.Fatal(err)
	}
	resp := answer.(*wire.WhyResponse)
	if resp.ErrorCode != 0 {
		c.t.Fatalf("why %s: %d %s", about, resp.ErrorCode, resp.Message)
	}
	if err := json.Unmarshal(resp.JSON, &report); err != nil {
		c.t.Fatal(err)
	}
	return report
}

// A cluster tells nothing while it is well, names the node that is gone with what follows from it, and falls silent when the node is back.
func TestClusterSaysWhyItsPartitionsLackReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		c.create("orders", 3, 3)
		c.write("orders", 0, 10)
		c.inSync("orders", 3)
		if r := c.whyOf(0, ""); len(r.Findings) > 0 || len(r.Nodes) != 3 {
			t.Errorf("well, and told %+v", r)
		}
		lost := c.active()
		c.crash(lost)
		time.Sleep(30 * time.Second)
		asked := (lost + 1) % 3
		r := c.whyOf(asked, "topic:orders")
		if len(r.Findings) != 1 || r.Findings[0].Cause != "node-down" ||
			!slices.Contains(r.Findings[0].Evidence, fmt.Sprintf("not in sync on node %d: 3 partitions", lost+1)) {
			t.Errorf("node %d is gone, and told was %+v", lost+1, r)
		}
		for _, e := range r.Findings[0].Evidence {
			if at := c.hosts[lost].IP().String(); strings.Count(e, at) > 1 {
				t.Errorf("tells the address more than once: %s", e)
			}
		}
		if r := c.whyOf(asked, "group:nobody"); len(r.Findings) != 0 {
			t.Errorf("about a group that does not exist: %+v", r)
		}
		c.start(lost)
		c.inSync("orders", 3)
		time.Sleep(30 * time.Second)
		if r := c.whyOf(lost, ""); len(r.Findings) > 0 || len(r.Silent) > 0 {
			t.Errorf("well again, and told %+v", r)
		}
		c.stop()
	})
}

func TestStandingsAreTakenOnce(t *testing.T) {
	var s standings
	if s.take(nil, time.Unix(0, 0), time.Minute); len(s.groups) != 0 {
		t.Error("groups of no look")
	}
	if list, left := s.chosen(why.About{}); len(list) != 0 || left != 0 {
		t.Errorf("%v, %d", list, left)
	}
}

func TestNodeTellsWhyOverHTTP(t *testing.T) {
	n := start(t, t.TempDir(), nil)
	for query, want := range map[string]struct {
		status int
		text   string
	}{
		"":                            {http.StatusOK, "nothing wrong with the cluster is known (1 node answered)"},
		"?about=group:shop":           {http.StatusOK, "nothing wrong with group shop"},
		"?format=json&about=topic:no": {http.StatusOK, `"findings": []`},
		"?facts":                      {http.StatusOK, `"State": "running"`},
		"?about=pie:apple":            {http.StatusBadRequest, "none of group, topic"},
		"?about=node:9":               {http.StatusOK, "no node 9 is registered"},
	} {
		resp, err := http.Get("http://" + n.HTTP + "/why" + query)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != want.status || !strings.Contains(string(body), want.text) {
			t.Errorf("GET /why%s: %d %q (%v), want %d with %q", query, resp.StatusCode, body, err, want.status, want.text)
		}
	}
}

// The operations listener asks nobody who they are, so only who asks on the machine itself is told who clients are, unless it is set otherwise.
func TestWhomWhyOverHTTPTellsWhoClientsAre(t *testing.T) {
	for ask, want := range map[[2]string]bool{
		{"local", "127.0.0.1:5000"}: true, {"local", "[::1]:5000"}: true, {"local", "[::ffff:127.0.0.1]:5000"}: true, {"local", "192.0.2.1:5000"}: false,
		{"local", "[::ffff:192.0.2.1]:5000"}: false, {"local", ""}: false, {"all", "192.0.2.1:5000"}: true, {"none", "127.0.0.1:5000"}: false,
	} {
		if got := tellsClientsTo(ask[0], ask[1]); got != want {
			t.Errorf("leat.http.why.clients=%s, asked from %q: %v, not %v", ask[0], ask[1], got, want)
		}
	}
}

func TestWhyOverHTTPLeavesOutWhoClientsAreWhereItIsSetSo(t *testing.T) {
	n := start(t, t.TempDir(), map[string]string{"leat.http.why.clients": "none"})
	c, err := net.Dial("tcp", n.Bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(c) // until it is told to go
	_ = c.Close()
	ask := func(query string) string {
		resp, err := http.Get("http://" + n.HTTP + "/why" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("GET /why%s: %d %s, %v", query, resp.StatusCode, body, err)
		}
		return string(body)
	}
	const address = "127.0.0.1\"" // as a value of JSON
	for end := time.Now().Add(time.Minute); !strings.Contains(ask(""), "protocol-mismatch") && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // it is noted after the client is told to go
	}
	if text := ask(""); !strings.Contains(text, "protocol-mismatch") || strings.Contains(text, "a client at ") || !strings.Contains(text, "leat.http.why.clients") {
		t.Errorf("none: %s", text)
	}
	if facts := ask("?facts"); !strings.Contains(facts, `"Kind": "foreign"`) || strings.Contains(facts, address) {
		t.Errorf("none: %s", facts)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	value := "local"
	if _, err := kadm.NewClient(cl).AlterBrokerConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "leat.http.why.clients", Value: &value}}); err != nil {
		t.Fatal(err)
	}
	if text := ask(""); !strings.Contains(text, "a client at 127.0.0.1") || strings.Contains(text, "leat.http.why.clients") {
		t.Errorf("local: %s", text)
	}
	if facts := ask("?facts"); !strings.Contains(facts, address) {
		t.Errorf("local: %s", facts)
	}
}
