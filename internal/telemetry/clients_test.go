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

// Temporalities of OpenTelemetry's protocol.
const (
	inAll = 2
	added = 1
)

// report forms MetricsData with one sum.
func report(name string, value int64, labels ...string) []byte {
	return reportOf(name, inAll, value, 0, labels...)
}

// reportOf forms MetricsData with one sum that only rises: tags and sizes are those of OpenTelemetry's protocol.
func reportOf(name string, temporality byte, value int64, at uint64, labels ...string) []byte {
	part := func(tag byte, data []byte) []byte {
		return append(binary.AppendUvarint([]byte{tag<<3 | 2}, uint64(len(data))), data...)
	}
	point := binary.LittleEndian.AppendUint64([]byte{6<<3 | 1}, uint64(value))
	if at != 0 {
		point = binary.LittleEndian.AppendUint64(append(point, 3<<3|1), at)
	}
	for i := 0; i < len(labels); i += 2 {
		text := part(2, part(1, []byte(labels[i+1])))
		point = append(point, part(7, append(part(1, []byte(labels[i])), text...))...)
	}
	sum := append(part(1, point), 2<<3, temporality, 3<<3, 1)
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
	push("three", report("org.apache.kafka.x", 9), true) // its last words
	text := scrape(t, s)
	want(t, text, "# TYPE kafka_client_consumer_fetch_manager_records_consumed_total counter",
		`kafka_client_consumer_fetch_manager_records_consumed_total{client_id="a \"b",client_instance_id="one",topic="orders"} 7`,
		`kafka_client_consumer_fetch_manager_records_consumed_total{client_id="a \"b",client_instance_id="two"} 9`, "leat_broker_client_pushes_total 3")
	for _, later := range []struct {
		by   time.Duration
		want string
	}{{0, "one three two"}, {lastShown + time.Second, "one two"}, {4 * time.Minute, ""}} {
		var out bytes.Buffer
		if err := s.WriteTo(&out, at.Add(later.by), false); err != nil {
			t.Fatal(err)
		}
		var shown []string
		for _, name := range []string{"one", "three", "two"} {
			if strings.Contains(out.String(), `client_instance_id="`+name+`"`) {
				shown = append(shown, name)
			}
		}
		if got := strings.Join(shown, " "); got != later.want {
			t.Errorf("after %v shown are %q, not %q", later.by, got, later.want)
		}
	}
}

// Clients are asked for what was added, as Kafka asks them. Prometheus wants counters that rise, and some clients leave out what has not changed.
func TestAdditionsOfClientsBecomeCounters(t *testing.T) {
	const sent = "org.apache.kafka.producer.record.send.total"
	s := testSource(NewBroker(1))
	s.Clients = &Clients{}
	for _, step := range []struct {
		data []byte
		want []string
	}{
		{reportOf(sent, added, 7, 100), []string{`send_total{client_id="c",client_instance_id="i"} 7`}},
		{reportOf(sent, added, 5, 200), []string{`send_total{client_id="c",client_instance_id="i"} 12`}},
		{reportOf(sent, added, 5, 200), []string{`send_total{client_id="c",client_instance_id="i"} 12`}}, // the same again: its answer was lost
		{reportOf(sent, added, 1, 0), []string{`send_total{client_id="c",client_instance_id="i"} 13`}},   // without a time
		{reportOf(sent, added, 3, 250, "topic", "orders"), []string{`send_total{client_id="c",client_instance_id="i"} 13`,
			`send_total{client_id="c",client_instance_id="i",topic="orders"} 3`}},
		{reportOf(sent, inAll, 40, 300), []string{`send_total{client_id="c",client_instance_id="i"} 40`}}, // a client that tells all of it, as some do whatever is asked
	} {
		if err := s.Clients.Push(Client{Instance: "i", ID: "c"}, step.data, time.Unix(1, 0), time.Minute, false); err != nil {
			t.Fatal(err)
		}
		text := scrape(t, s)
		want(t, text, "# TYPE kafka_client_producer_record_send_total counter")
		for _, line := range step.want {
			want(t, text, "kafka_client_producer_record_"+line)
		}
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
