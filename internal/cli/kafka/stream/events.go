package stream

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// event is what every line of a verifiable client begins with. The order of the fields is that of Kafka's, and so is the spelling of their names.
type event struct {
	Timestamp int64  `json:"timestamp"`
	Name      string `json:"name"`
}

func named(name string) event { return event{time.Now().UnixMilli(), name} }

// topicPartition is a partition in an event.
type topicPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// recordData is a record that was read, with --verbose.
type recordData struct {
	event
	Key       *string `json:"key"`
	Value     *string `json:"value"`
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Offset    int64   `json:"offset"`
}

// text is a key or a value as Java's string deserializer reads it; nil: null.
func text(b []byte) *string {
	if b == nil {
		return nil
	}
	s := string([]rune(string(b)))
	return &s
}

// printer writes events, one on each line.
type printer struct {
	mu  sync.Mutex
	out io.Writer
}

func (p *printer) print(v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		line.Reset()
		line.WriteString("Bad data can't be written as json: " + err.Error() + "\n")
	}
	_, _ = p.out.Write(line.Bytes()) // whoever started this client will miss it
}
