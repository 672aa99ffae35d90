package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

func testSource(b *Broker) *Source {
	return &Source{
		Broker:    b,
		APIName:   func(key int16) string { return map[int16]string{0: "Produce", 1: "Fetch"}[key] },
		ErrorName: func(code int16) string { return map[int16]string{0: "NONE", -1: "UNKNOWN_SERVER_ERROR"}[code] },
	}
}

func scrape(t *testing.T, s *Source) string {
	t.Helper()
	var out bytes.Buffer
	if err := s.WriteTo(&out, time.Unix(1, 0), true); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func want(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
}

func TestCountersShowUnderKafkasNames(t *testing.T) {
	b := NewBroker(10)
	b.Topic("orders").Produced(3, 300)
	b.Topic("orders").ProduceFailed()
	b.Topic(`we"ird\`).Fetched(50)
	b.Topic("orders").FetchFailed()
	b.Request(0, 12, Times{Begun: time.Millisecond, Handled: 3 * time.Millisecond, Answered: 6 * time.Millisecond, Turn: 7 * time.Millisecond, Throttled: 9 * time.Millisecond, Sent: 8 * time.Millisecond})
	b.Error(0, 0)
	b.Error(0, -1)
	l := b.Listener("PLAINTEXT")
	l.Opened()
	l.Opened()
	l.Closed()
	l.Authenticated(false)
	l.Authenticated(false)
	for range 3 {
		l.Authenticated(true)
		l.AuthenticationFailed(false)
	}
	l.AuthenticationFailed(true)
	l.Expired()
	b.Refused()
	s := testSource(b)
	s.Node = func() NodeStats { return NodeStats{BrokerState: 3, UnderReplicated: 2} }
	s.Partitions = func(yield func(*Partition) bool) {
		yield(&Partition{Topic: "orders", Partition: 7, Size: 1024, LogStart: 5, LogEnd: 25, Leads: true, Replicas: 3, InSync: 2, MinISR: 2})
	}
	want(t, scrape(t, s),
		"# TYPE kafka_server_brokertopicmetrics_messagesin_total counter",
		"kafka_server_brokertopicmetrics_messagesin_total 3",
		`kafka_server_brokertopicmetrics_messagesin_total{topic="orders"} 3`,
		`kafka_server_brokertopicmetrics_bytesin_total{topic="orders"} 300`,
		"kafka_server_brokertopicmetrics_bytesout_total 50",
		`kafka_server_brokertopicmetrics_bytesout_total{topic="we\"ird\\"} 50`,
		"kafka_server_brokertopicmetrics_totalproducerequests_total 2",
		"kafka_server_brokertopicmetrics_failedproducerequests_total 1",
		"kafka_server_brokertopicmetrics_totalfetchrequests_total 2",
		"kafka_server_brokertopicmetrics_failedfetchrequests_total 1",
		`kafka_network_requestmetrics_requests_total{request="Produce",version="12"} 1`,
		`kafka_server_socket_server_metrics_connection_creation_total{listener="PLAINTEXT"} 2`,
		`kafka_server_socket_server_metrics_connection_close_total{listener="PLAINTEXT"} 1`,
		`kafka_server_socket_server_metrics_successful_authentication_total{listener="PLAINTEXT"} 2`,
		`kafka_server_socket_server_metrics_failed_authentication_total{listener="PLAINTEXT"} 3`,
		`kafka_server_socket_server_metrics_successful_reauthentication_total{listener="PLAINTEXT"} 3`,
		`kafka_server_socket_server_metrics_failed_reauthentication_total{listener="PLAINTEXT"} 1`,
		`kafka_server_socket_server_metrics_expired_connections_killed_count{listener="PLAINTEXT"} 1`,
		`kafka_network_requestmetrics_errors_total{request="Produce",error="NONE"} 1`,
		`kafka_network_requestmetrics_errors_total{request="Produce",error="UNKNOWN_SERVER_ERROR"} 1`,
		`kafka_network_requestmetrics_totaltimems_count{request="Produce"} 1`,
		`kafka_network_requestmetrics_totaltimems_sum{request="Produce"} 8`,
		`kafka_network_requestmetrics_localtimems_sum{request="Produce"} 2`,
		`kafka_network_requestmetrics_remotetimems_sum{request="Produce"} 3`,
		`kafka_network_requestmetrics_responsesendtimems_sum{request="Produce"} 1`,
		`kafka_network_requestmetrics_responsequeuetimems_sum{request="Produce"} 1`,
		`kafka_network_requestmetrics_requestqueuetimems_sum{request="Produce"} 1`,
		`kafka_network_requestmetrics_throttletimems_sum{request="Produce"} 9`,
		`kafka_network_requestmetrics_throttletimems_count_total{request="Produce"} 1`,
		`kafka_server_socket_server_metrics_connection_count{listener="PLAINTEXT"} 1`,
		"leat_listener_connections_refused_total 1",
		"kafka_server_kafkaserver_brokerstate 3",
		"kafka_server_replicamanager_underreplicatedpartitions 2",
		`kafka_log_log_size{topic="orders",partition="7"} 1024`,
		`kafka_log_log_logstartoffset{topic="orders",partition="7"} 5`,
		`kafka_log_log_logendoffset{topic="orders",partition="7"} 25`,
		`kafka_cluster_partition_underreplicated{topic="orders",partition="7"} 1`,
		`kafka_cluster_partition_underminisr{topic="orders",partition="7"} 0`,
		`kafka_cluster_partition_atminisr{topic="orders",partition="7"} 1`,
	)
}

var linePattern = regexp.MustCompile(`^[a-z_:][a-z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="(\\.|[^"\\])*"(,[a-zA-Z_][a-zA-Z0-9_]*="(\\.|[^"\\])*")*\})? -?[0-9.e+-]+$`)

func TestEveryLineIsPrometheusTextOfADeclaredFamily(t *testing.T) {
	b := NewBroker(2)
	for i := range 5 {
		b.Topic(fmt.Sprint("t", i)).Produced(1, 1)
	}
	b.Request(0, 3, Times{})
	b.Request(1, 17, Times{Sent: time.Hour})
	s := testSource(b)
	s.Node = func() NodeStats { return NodeStats{} }
	s.Storage = func() *StorageStats { return &StorageStats{Flushes: &Timer{}, Dirs: make([]DirStats, 2)} }
	s.Recovering = func(each func(string, int64)) { each("d", 1) }
	declared := map[string]bool{}
	for _, m := range Metrics() {
		declared[m.Name] = true
	}
	family, seen := "", map[string]bool{}
	for _, line := range strings.Split(strings.TrimSuffix(scrape(t, s), "\n"), "\n") {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			family, _, _ = strings.Cut(rest, " ")
			if seen[family] || !declared[family] {
				t.Errorf("family %s stands there twice, or has no row", family)
			}
			seen[family] = true
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		if !linePattern.MatchString(line) || !strings.HasPrefix(line, family) {
			t.Errorf("line %q, in family %s", line, family)
		}
	}
}

func TestTopicsPastTheLimitCountInTheSumsOnly(t *testing.T) {
	b := NewBroker(1)
	b.Topic("erster").Produced(1, 10)
	second := b.Topic("zweiter")
	second.Produced(2, 20)
	text := scrape(t, testSource(b))
	want(t, text, "kafka_server_brokertopicmetrics_messagesin_total 3", "leat_telemetry_topics_without_series 1")
	if strings.Contains(text, "zweiter") {
		t.Error("a topic past the limit has series")
	}
	b.Forget("erster")
	b.Topic("zweiter").Produced(4, 40)
	text = scrape(t, testSource(b))
	want(t, text, `kafka_server_brokertopicmetrics_messagesin_total{topic="zweiter"} 4`, "kafka_server_brokertopicmetrics_messagesin_total 7",
		"leat_telemetry_topics_without_series 0")
	if strings.Contains(text, "erster") {
		t.Error("a forgotten topic has series")
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	b := NewBroker(1)
	topic, l := b.Topic("orders"), b.Listener("PLAINTEXT")
	b.Request(1, 17, Times{})
	if n := testing.AllocsPerRun(100, func() {
		topic.Produced(1, 100)
		topic.Fetched(100)
		l.Opened()
		l.Closed()
		b.Request(1, 17, Times{Handled: 1, Answered: 2, Sent: 3})
		b.Error(1, 6)
		b.Topic("orders")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOddNumbersFromTheNetworkAreNotIndexes(t *testing.T) {
	b := NewBroker(1)
	for _, n := range []int16{-32768, -2, -1, 31, 32, 127, 128, 159, 160, 32767} {
		b.Request(n, n, Times{Handled: -1, Answered: -5, Sent: 1 << 62})
		b.Error(n, n)
	}
}

func TestQuantilesAreWithinAQuarter(t *testing.T) {
	var q quantiles
	for i := 1; i <= 1000; i++ {
		q.add(time.Duration(i) * time.Millisecond)
	}
	var got [8]float64
	q.read(time.Unix(1000, 0), got[:])
	for i, exact := range []float64{500, 750, 950, 980, 990, 999} {
		if got[i] < exact || got[i] > exact*1.25 {
			t.Errorf("quantile %s is %v, exactly %v", shownQuantiles[i].label, got[i], exact)
		}
	}
}

func TestStepsCoverEveryDurationInOrder(t *testing.T) {
	last := -1
	for micros := int64(0); micros < 1<<20; micros++ {
		s := step(micros)
		if s < last || s > last+1 {
			t.Fatalf("%d microseconds are step %d after %d", micros, s, last)
		}
		last = s
		if end := upTo(s) * 1000; float64(micros) > end+0.5 {
			t.Fatalf("step %d ends at %v, before %d", s, end, micros)
		}
	}
	if step(1<<62) != steps-1 {
		t.Error("a very long time is not in the last step")
	}
}

func TestQuantilesForgetAfterTwoWindows(t *testing.T) {
	var q quantiles
	var got [8]float64
	q.add(time.Second)
	now := time.Unix(1_000_000, 0)
	for range 3 {
		q.read(now, got[:])
		now = now.Add(window)
	}
	q.add(time.Millisecond)
	q.read(now, got[:])
	if got[5] > 2 {
		t.Errorf("the slowest of the last minutes is %v ms", got[5])
	}
	if q.count.Load() != 2 {
		t.Error("the count is forgotten, too")
	}
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	return rec.Code, rec.Body.String()
}

func TestHealthSaysWhatIsWrong(t *testing.T) {
	var problem, behind error
	h := Handler(HTTPConfig{
		Live:   []Check{{"process", func() error { return nil }}},
		Ready:  []Check{{"directories", func() error { return nil }}, {"controller", func() error { return problem }}},
		InSync: []Check{{"replicas", func() error { return behind }}},
	})
	if code, text := get(t, h, "/livez"); code != 200 || text != "process: ok\nok\n" {
		t.Errorf("/livez: %d %q", code, text)
	}
	problem = errors.New("no leader is known")
	if code, text := get(t, h, "/readyz"); code != 503 || text != "directories: ok\ncontroller: no leader is known\n" {
		t.Errorf("/readyz: %d %q", code, text)
	}
	problem, behind = nil, errors.New("orders-0 is behind")
	if code, _ := get(t, h, "/readyz"); code != 200 {
		t.Errorf("/readyz: %d", code)
	}
	if code, text := get(t, h, "/readyz?in-sync"); code != 503 || text != "directories: ok\ncontroller: ok\nreplicas: orders-0 is behind\n" {
		t.Errorf("/readyz?in-sync: %d %q", code, text)
	}
	if code, _ := get(t, h, "/nothing"); code != 404 {
		t.Errorf("/nothing: %d", code)
	}
}

func TestMetricsHaveProcessGoAndBrokerSeriesWhateverIsAccepted(t *testing.T) {
	b := NewBroker(1)
	h := Handler(HTTPConfig{Metrics: testSource(b)})
	for _, accept := range []string{"", "application/openmetrics-text;version=1.0.0", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept", accept)
		h.ServeHTTP(rec, r)
		text := rec.Body.String()
		for _, name := range []string{"\ngo_goroutines ", "\nprocess_cpu_seconds_total ", "\nkafka_server_brokertopicmetrics_bytesin_total 0\n"} {
			if !strings.Contains(text, name) {
				t.Errorf("Accept %q: no %q", accept, name)
			}
		}
		if strings.Contains(text, "# EOF") || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Errorf("Accept %q: answered as %s", accept, rec.Header().Get("Content-Type"))
		}
	}
}

func TestServerServesUntilClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, HTTPConfig{Logger: slog.New(slog.DiscardHandler)})
	url := "http://" + l.Addr().String()
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/debug/pprof/", "/debug/pprof/goroutine?debug=1"} {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) { // asking at its address could meet another program, which has been given the port
		t.Errorf("a closed server still listens: %v", err)
	}
}

func TestNodeStatsCountLedPartitions(t *testing.T) {
	var s NodeStats
	s.Count(func(yield func(*Partition) bool) {
		for _, p := range []Partition{{Leads: true, Replicas: 3, InSync: 1, MinISR: 2}, {Leads: true, Replicas: 2, InSync: 2, MinISR: 2}, {Replicas: 3, InSync: 1}} {
			if !yield(&p) {
				return
			}
		}
	})
	if want := (NodeStats{Partitions: 3, Leaders: 2, UnderReplicated: 1, UnderMinISR: 1, AtMinISR: 1}); s != want {
		t.Errorf("%+v, not %+v", s, want)
	}
}

func TestLogLevelChangesWhileLoggersAreInUse(t *testing.T) {
	var out bytes.Buffer
	var levels Levels
	logger, err := NewLogger(&out, "json", &levels)
	if err != nil {
		t.Fatal(err)
	}
	room := logger.With("node", 1)
	room.Debug("hidden")
	for _, name := range []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"} {
		level, err := ParseLevel(strings.ToLower(name))
		if err != nil {
			t.Fatal(err)
		}
		LevelsOf(room).SetLevel(level)
		if levels.Level() != name {
			t.Errorf("level is %s, not %s", levels.Level(), name)
		}
	}
	room.Error("hidden")
	levels.SetLevel(slog.LevelDebug - 4)
	room.Log(t.Context(), slog.LevelDebug-4, "shown")
	if text := out.String(); strings.Contains(text, "hidden") || !strings.Contains(text, `"level":"TRACE","msg":"shown","node":1`) {
		t.Errorf("log is %s", text)
	}
	if LevelsOf(slog.New(slog.DiscardHandler)) != nil {
		t.Error("a foreign logger has levels")
	}
	if _, err := ParseLevel("loud"); err == nil || err.Error() != `log level "loud": not one of trace, debug, info, warn, error, fatal` {
		t.Errorf("error is %v", err)
	}
	if _, err := NewLogger(&out, "xml", &levels); err == nil {
		t.Error("xml is accepted")
	}
}
