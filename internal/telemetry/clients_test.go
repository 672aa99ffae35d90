package telemetry

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"leat/internal/telemetry/otlp"
)

// report forms MetricsData with one sum: tags and sizes are those of OpenTelemetry's protocol.
func report(name string, value int64, labels ...string) []byte {
	part := func(tag byte, data []byte) []byte {
		return append(binary.AppendUvarint([]byte{tag<<3 | 2}, uint64(len(data))), data...)
	}
	point := binary.LittleEndian.AppendUint64([]byte{6<<3 | 1}, uint64(value))
	for i := 0; i < len(labels); i += 2 {
		text := part(2, part(1, []byte(labels[i+1])))
		point = append(point, part(7, append(part(1, []byte(labels[i])), text...))...)
	}
	sum := append(part(1, point), 2<<3, 2, 3<<3, 1)
	return part(1, part(2, part(2, append(part(1, []byte(name)), part(7, sum)...))))
}

func TestWhatClientsPushIsShown(t *testing.T) {
	s := testSource(NewBroker(1))
	s.Clients = &Clients{}
	at := time.Unix(1, 0)
	push := func(instance string, data []byte, last bool) {
		t.Helper()
		if err := s.Clients.Push(Client{Instance: instance, ID: `a "b`}, data, at, time.Minute, last); err != nil {
			t.Fatal(err)
		}
	}
	push("one", report("org.apache.kafka.consumer.fetch.manager.records.consumed.total", 7, "topic", "orders", "client_id", "forged"), false)
	push("two", report("org.apache.kafka.consumer.fetch.manager.records.consumed.total", 9), false)
	push("three", report("org.apache.kafka.x", 9), true)
	text := scrape(t, s)
	want(t, text, "# TYPE kafka_client_consumer_fetch_manager_records_consumed_total counter",
		`kafka_client_consumer_fetch_manager_records_consumed_total{client_id="a \"b",client_instance_id="one",topic="orders"} 7`,
		`kafka_client_consumer_fetch_manager_records_consumed_total{client_id="a \"b",client_instance_id="two"} 9`, "leat_broker_client_pushes_total 3")
	if strings.Contains(text, "three") {
		t.Error("a client that has gone is shown")
	}
	var out bytes.Buffer
	if err := s.WriteTo(&out, at.Add(4*time.Minute), false); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), `"one"`) {
		t.Error("a client that is silent for three intervals is shown")
	}
}

func TestClientsPastTheLimitHaveNoSeries(t *testing.T) {
	s := testSource(NewBroker(1))
	s.Clients = &Clients{}
	for i := range mostClients + 3 {
		if err := s.Clients.Push(Client{Instance: fmt.Sprint(i)}, report("x", 1), time.Unix(1, 0), time.Minute, false); err != nil {
			t.Fatal(err)
		}
	}
	text := scrape(t, s)
	want(t, text, "leat_broker_client_pushes_without_series_total 3")
	if n := strings.Count(text, "\nkafka_client_x{"); n != mostClients {
		t.Errorf("%d series", n)
	}
}

func TestReportsAndTracesGoToTheCollector(t *testing.T) {
	got := make(chan string, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	e := otlp.NewExporter(collector.URL, slog.New(slog.DiscardHandler), otlp.Attribute{Name: "service.name", Text: "leat"})
	defer e.Close()
	c := &Clients{}
	c.ExportTo(e)
	if err := c.Push(Client{Instance: "one", ID: "billing"}, report("records", 1), time.Unix(1, 0), time.Minute, false); err != nil {
		t.Fatal(err)
	}
	e.Spans(otlp.Span{Trace: [16]byte{1}, ID: [8]byte{2}, Name: "Produce", Begin: time.Unix(1, 0), End: time.Unix(2, 0), OfARequest: true})
	for _, want := range [][]string{{"/v1/metrics ", "records", "client_id", "billing"}, {"/v1/traces ", "service.name", "Produce"}} {
		text := <-got
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%q has no %q", text, w)
			}
		}
	}
}

func FuzzReportsOfClients(f *testing.F) {
	f.Add(report("records", 1, "topic", "orders"))
	f.Add([]byte{10, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &Clients{}
		if c.Push(Client{Instance: "i"}, data, time.Unix(1, 0), time.Minute, false) != nil {
			return
		}
		s := testSource(NewBroker(1))
		s.Clients = c
		for line := range strings.Lines(scrape(t, s)) {
			if !strings.HasPrefix(line, "#") && !linePattern.MatchString(strings.TrimSuffix(line, "\n")) && !strings.Contains(line, "NaN") && !strings.Contains(line, "Inf") {
				t.Errorf("line %q", line)
			}
		}
	})
}

func TestTheLogLevelIsChangedByHTTP(t *testing.T) {
	var levels Levels
	logger, err := NewLogger(io.Discard, "text", &levels)
	if err != nil {
		t.Fatal(err)
	}
	h := Handler(HTTPConfig{Levels: &levels, Logger: logger})
	for _, step := range []struct {
		method, path string
		code         int
		text         string
	}{
		{"GET", "/log-level", 200, "INFO\n"}, {"PUT", "/log-level?level=debug", 200, "DEBUG\n"}, {"PUT", "/log-level?level=loud", 400, ""},
		{"POST", "/log-level?level=info", 405, ""}, {"GET", "/log-level", 200, "DEBUG\n"},
	} {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(step.method, step.path, nil))
		if answer.Code != step.code || step.text != "" && answer.Body.String() != step.text {
			t.Errorf("%s %s: %d %q", step.method, step.path, answer.Code, answer.Body)
		}
	}
}
