package stream

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/term"

	"leat/internal/cli/run"
	"leat/internal/cli/stream/form"
)

// producer is one run of leat produce.
type producer struct {
	*produceFlags
	run.Streams
	topic   string
	records []string // of the command line
	form    *form.Format
	headers []kgo.RecordHeader
	opts    []kgo.Opt

	mu      sync.Mutex // guards what follows: answers come from the client's goroutines
	out     *bufio.Writer
	written int64
	failed  error // the first record that was not written, and why
}

// source is one record and where it stands.
type source struct {
	*kgo.Record
	number int64  // from 1
	from   string // for messages: line 17
}

// producer reads the flags. Its errors are about how the command was called.
func (f *produceFlags) producer(s run.Streams, args []string) (*producer, error) {
	p := &producer{produceFlags: f, Streams: s, out: bufio.NewWriter(s.Out)}
	p.topic, p.records = dashed(args)
	if err := f.Resolve(); err != nil {
		return nil, err
	}
	if f.transactionalID != "" {
		f.transaction = true
	}
	if f.transaction && f.transactionalID == "" {
		f.transactionalID = fmt.Sprintf("leat-produce-%d-%d", os.Getpid(), time.Now().UnixNano())
	}
	switch {
	case f.output != "text" && f.output != "json" && f.output != "none":
		return nil, fmt.Errorf("--output=%s: none of text, json and none", f.output)
	case len(p.records) > 0 && len(f.files) > 0:
		return nil, errors.New("--file: with RECORDs on the command line there is nothing to read")
	case f.partition < -1:
		return nil, fmt.Errorf("--partition=%d: there is none below 0", f.partition)
	}
	var err error
	if f.format != "json" {
		if p.form, err = form.Parse(f.format, f.null); err != nil {
			return nil, fmt.Errorf("--format: %w", err)
		}
		if _, err := form.NewReader(nil, p.form); err != nil {
			return nil, fmt.Errorf("--format: %w", err)
		}
	}
	for _, text := range f.headers {
		h, err := form.ParseHeaders(text)
		if err != nil || len(h) != 1 || h[0].Key == "" {
			return nil, fmt.Errorf("--header=%s: it is not NAME=VALUE: \\ stands before a comma or an equals sign that means itself", text)
		}
		p.headers = append(p.headers, h[0])
	}
	p.opts, err = f.options()
	return p, err
}

// run sends everything and waits for the answers.
func (p *producer) run(ctx context.Context) error {
	cl, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	if p.transaction {
		if err := cl.BeginTransaction(); err != nil {
			return err
		}
	}
	err = p.sendAll(ctx, cl)
	if err == nil {
		err = cl.Flush(ctx)
	}
	p.mu.Lock()
	err = cmp.Or(p.failed, err)
	p.mu.Unlock()
	if ctx.Err() != nil && err == nil || errors.Is(err, context.Canceled) {
		err = errors.New("stopped")
	}
	err = p.end(ctx, cl, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		_ = p.out.Flush() // the error says more
		return p.explain(err)
	}
	if _, typed := p.In.(*os.File); typed && width(p.Err) > 0 && len(p.records) == 0 && p.output == "text" {
		fmt.Fprintf(p.Err, "%s written to %s\n", counted(p.written), cmp.Or(p.topic, "their topics"))
	}
	return p.out.Flush()
}

// explain adds to an error what became of the other records.
func (p *producer) explain(err error) error {
	if errors.Is(err, kerr.MessageTooLarge) { // the client says so before it asks the cluster
		err = run.Hint(err, "--batch-bytes=%d is as much as is sent, and the topic must take as much (max.message.bytes)", p.batch)
	}
	if p.transaction {
		return run.Hint(err, "the transaction was aborted: nothing was written")
	}
	return run.Hint(err, "%s written", counted(p.written))
}

func counted(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return thousands(n) + " records"
}

// end commits the transaction, or aborts it; without one it only drops what was not sent.
func (p *producer) end(ctx context.Context, cl *kgo.Client, err error) error {
	timed, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.Timeout)
	defer cancel()
	if err != nil && ctx.Err() == nil && !p.transaction {
		_ = cl.Flush(timed) // what was read before the bad line counts; its own errors are those of records
		return err
	}
	if err != nil {
		_ = cl.AbortBufferedRecords(timed) // the error to tell is the one before
	}
	if !p.transaction {
		return err
	}
	commit := kgo.TryCommit
	if err != nil {
		commit = kgo.TryAbort
	}
	if ended := cl.EndTransaction(timed, commit); ended != nil {
		return errors.Join(err, fmt.Errorf("transaction %s: %w", p.transactionalID, ended))
	}
	return err
}

// sendAll hands everything that is read to the client, until something goes wrong.
func (p *producer) sendAll(ctx context.Context, cl *kgo.Client) error {
	shown := newProgress(p.Streams)
	defer shown.line.End()
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	records, wrong := p.read(reading)
	bytes, typed := int64(0), p.interactive()
	for {
		select {
		case <-reading.Done():
			return reading.Err()
		case s, ok := <-records:
			if !ok {
				return <-wrong
			}
			bytes += int64(len(s.Key) + len(s.Value))
			cl.Produce(ctx, s.Record, func(r *kgo.Record, err error) { p.answered(s, r, err, cancel) })
			if !typed { // a line that is being typed stays as it is
				shown.show(s.number, bytes)
			}
		}
	}
}

// answered is told what became of a record.
func (p *producer) answered(s source, r *kgo.Record, err error, stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if p.failed == nil {
			p.failed = fmt.Errorf("%s: %w", s.from, err)
			stop()
		}
		return
	}
	p.written++
	if p.output == "none" || p.output == "text" && len(p.records) == 0 {
		return
	}
	if p.output == "text" {
		_, err = fmt.Fprintf(p.out, "%s partition %d offset %d\n", r.Topic, r.Partition, r.Offset)
	} else {
		_, err = fmt.Fprintf(p.out, `{"record":%d,"topic":%q,"partition":%d,"offset":%d,"timestamp":%d}`+"\n", s.number, r.Topic, r.Partition, r.Offset, r.Timestamp.UnixMilli())
	}
	if err == nil && p.interactive() {
		err = p.out.Flush()
	}
	if err != nil && p.failed == nil {
		p.failed = err
		stop()
	}
}

// interactive reports whether a person types the records.
func (p *producer) interactive() bool {
	f, ok := p.In.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// read reads all records in a goroutine of its own, because nothing can be done about a read that waits for a person: when ctx ends, it ends with its next
// record, or with the process.
func (p *producer) read(ctx context.Context) (<-chan source, <-chan error) {
	records, wrong := make(chan source, 256), make(chan error, 1)
	go func() {
		defer close(records)
		number := int64(0)
		wrong <- p.readAll(func(r *kgo.Record, from string) error {
			number++
			select {
			case records <- source{r, number, from}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return records, wrong
}

// readAll reads the command line, or the files, or the standard input.
func (p *producer) readAll(yield func(*kgo.Record, string) error) error {
	for i, text := range p.records {
		r, err := p.one(text)
		from := fmt.Sprintf("record %d", i+1)
		if err == nil {
			err = p.complete(r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		if err := yield(r, from); err != nil {
			return err
		}
	}
	switch {
	case len(p.records) > 0:
		return nil
	case len(p.files) > 0:
		for _, name := range p.files {
			if err := p.readFile(name, yield); err != nil {
				return err
			}
		}
		return nil
	case p.tombstone && p.keyGiven:
		r := &kgo.Record{Partition: -1}
		if err := p.complete(r); err != nil {
			return err
		}
		return yield(r, "tombstone")
	}
	if p.interactive() && width(p.Err) > 0 {
		fmt.Fprintln(p.Err, "one record a line; Ctrl-D ends")
	}
	return p.readFrom(p.In, "", yield)
}

// one reads a record of the command line.
func (p *producer) one(text string) (*kgo.Record, error) {
	if p.form == nil {
		return form.ParseJSON([]byte(text))
	}
	return p.form.One(text)
}

func (p *producer) readFile(name string, yield func(*kgo.Record, string) error) error {
	if name == "-" {
		return p.readFrom(p.In, "", yield)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	err = p.readFrom(f, name+" ", yield)
	return cmp.Or(err, f.Close())
}

func (p *producer) readFrom(in io.Reader, prefix string, yield func(*kgo.Record, string) error) error {
	var r *form.Reader
	if p.form == nil {
		r = form.NewJSONReader(in)
	} else {
		var err error
		if r, err = form.NewReader(in, p.form); err != nil {
			return err
		}
	}
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s%w", prefix, err)
		}
		from := fmt.Sprintf("%sline %d", prefix, r.Line)
		if err := p.complete(rec); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		if err := yield(rec, from); err != nil {
			return err
		}
	}
}

// complete gives a record what the flags say of all.
func (p *producer) complete(r *kgo.Record) error {
	if p.topic != "" {
		r.Topic = p.topic
	}
	if r.Topic == "" {
		return errors.New("which topic: name it on the command line, or in the record")
	}
	if r.Key == nil && p.keyGiven {
		r.Key = []byte(p.key)
	}
	if p.tombstone && len(r.Value) == 0 {
		r.Value = nil
	}
	if r.Partition < 0 {
		r.Partition = p.partition
	}
	r.Headers = append(r.Headers, p.headers...)
	return nil
}
