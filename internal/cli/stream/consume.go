package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/reach"
	"leat/internal/cli/run"
	"leat/internal/cli/stream/form"
)

// consumeFlags are what leat consume is asked for.
type consumeFlags struct {
	reach.Flags
	filterFlags
	regex                 bool
	group, partitions     string
	share                 bool
	ack                   string
	from, until           string
	num                   int64
	tail                  int
	follow, noCommit      bool
	idle                  time.Duration
	format, output, null  string
	isolation             string
	fromGiven, ackGiven   bool
	untilGiven, tailGiven bool
}

const consumeLong = `Print the records of topics.

Without a group, everything that is there is printed, from --from to --until, and the command ends; with --follow it goes on. As a member of a group (--group) it
gets a share of the partitions, goes on until it is stopped, and commits what it has printed. With --share the group is a share group, whose members get records
of all partitions, each acknowledged after it was printed.

A place in a partition (--from, --until) is ` + wheres + `.

The output is the value on a line unless --format or --output say otherwise. A format is text with fields:
` + form.Fields + `

-o json prints a JSON object a line, with key_base64 and value_base64 for bytes that are no text; leat produce --format json reads the same.
-o template= takes a template in the syntax of Go with .Topic, .Partition, .Offset, .Time, .Timestamp, .Key, .Value, .Headers (.Key, .Value), .Header.name and the functions
json, hex, base64, upper and lower.`

const consumeExample = `leat consume orders
leat consume orders --from -10m --follow -f '%t/%p/%o %k=%v\n'
leat consume orders --tail 10 -o json
leat consume orders --field status=paid --field 'amount>=100' --num 5
leat consume 'log-.*' --regex --group printers
leat consume jobs --share --group workers --ack release --num 1`

func consumeCommand(s run.Streams) *cobra.Command {
	var f consumeFlags
	cmd := &cobra.Command{Use: "consume TOPIC...", Short: "Print the records of topics", Long: consumeLong, Example: consumeExample, Args: cobra.MinimumNArgs(1)}
	f.Add(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&f.regex, "regex", false, "the topics are regular expressions for their whole names")
	fs.StringVarP(&f.group, "group", "g", "", "`NAME` of a group to read as a member of")
	fs.BoolVar(&f.share, "share", false, "the group is a share group")
	fs.StringVar(&f.ack, "ack", "accept", "what a share group is told of each record: accept, release (it comes again) or reject (it does not)")
	fs.StringVarP(&f.partitions, "partitions", "p", "", "only these partitions, as `0,2,5-7`")
	fs.StringVar(&f.from, "from", "start", "the `PLACE` to begin at; in a group: where it has not committed anything")
	fs.StringVar(&f.until, "until", "end", "the `PLACE` to stop before; end is the end at the time of the call")
	fs.Int64VarP(&f.num, "num", "n", 0, "stop after so many records")
	fs.IntVar(&f.tail, "tail", 0, "the last `N` records of all partitions together, by their time")
	fs.BoolVar(&f.follow, "follow", false, "go on with what is written after the call; --from end does so without being told")
	fs.DurationVar(&f.idle, "idle", 0, "stop when nothing came for so long")
	fs.BoolVar(&f.noCommit, "no-commit", false, "do not commit what was printed")
	fs.StringVar(&f.key, "key-matches", "", "only records whose key matches the regular `EXPRESSION`")
	fs.StringVar(&f.value, "value-matches", "", "only records whose value matches the regular `EXPRESSION`")
	fs.StringArrayVarP(&f.headers, "header", "H", nil, "only records with the header `NAME=VALUE`, or NAME with any value; may be repeated")
	fs.StringArrayVar(&f.fields, "field", nil, "only records whose value is JSON with such a field: `a.b=text`, also != < <= > >= and ~ for a regular expression, or a.b alone; may be repeated")
	fs.StringVarP(&f.format, "format", "f", "", "print each record by a `FORMAT`, see above")
	fs.StringVarP(&f.output, "output", "o", "text", "form of the output: text (value and end of line), raw (values and nothing else), hex, base64, json or template=`TEXT`")
	fs.StringVar(&f.null, "null", "", "`TEXT` to print for a key or a value that is null")
	fs.StringVar(&f.isolation, "isolation-level", "read_committed", "read_committed, or read_uncommitted to see records of open and aborted transactions, too")
	choices(cmd, "ack", "accept", "release", "reject")
	choices(cmd, "isolation-level", "read_committed", "read_uncommitted")
	choices(cmd, "output", "text", "raw", "hex", "base64", "json", "template=")
	cmd.RunE = func(cmd *cobra.Command, topics []string) error {
		f.fromGiven, f.untilGiven, f.ackGiven = fs.Changed("from"), fs.Changed("until"), fs.Changed("ack")
		f.tailGiven = fs.Changed("tail")
		c, err := f.consumer(s, topics)
		if err != nil {
			return err
		}
		ctx, stop := untilStopped(cmd.Context())
		defer stop()
		return c.run(ctx)
	}
	return cmd
}

// consumer is one run of leat consume.
type consumer struct {
	*consumeFlags
	topics     []string
	patterns   []*regexp.Regexp
	partitions []int32
	from, till where
	isolation  kgo.IsolationLevel
	status     kgo.AckStatus
	matches    filter

	out     *bufio.Writer
	err     io.Writer
	print   func([]byte, *kgo.Record) ([]byte, error)
	line    []byte
	printed int64
}

// consumer reads the flags. Its errors are about how the command was called.
func (f *consumeFlags) consumer(s run.Streams, topics []string) (*consumer, error) {
	if err := f.Resolve(); err != nil {
		return nil, err
	}
	c := &consumer{consumeFlags: f, topics: topics, out: bufio.NewWriterSize(s.Out, 64<<10), err: s.Err}
	for _, step := range []func() error{f.check, c.readTopics, c.readPlaces, c.readForm, c.readChoices} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// check finds flags that contradict each other.
func (f *consumeFlags) check() error {
	member := f.group != ""
	switch {
	case f.share && !member:
		return errors.New("--share: which group: --group NAME")
	case f.ackGiven && !f.share:
		return errors.New("--ack: only records of a share group are acknowledged one by one: --share")
	case f.share && !f.empty():
		return errors.New("--share: without filters: a record that is not printed would be acknowledged unseen")
	case f.share && f.fromGiven:
		return errors.New("--from: a share group decides itself where it begins (its config share.auto.offset.reset)")
	case member && f.partitions != "":
		return errors.New("--partitions: the group decides which partitions it gives to whom: leave out --group or --partitions")
	case member && (f.untilGiven || f.tailGiven):
		return errors.New("--group: a member gets its partitions from the group: stop it with --num or --idle instead of --until or --tail")
	case f.tailGiven && (f.fromGiven || f.untilGiven):
		return errors.New("--tail: it says itself where to begin and to end: leave out --from and --until")
	case f.follow && f.untilGiven:
		return errors.New("--follow and --until: give one of them")
	case f.noCommit && (!member || f.share):
		return errors.New("--no-commit: only a member of a group commits: --group")
	case f.num < 0 || f.tail < 0 || f.idle < 0:
		return errors.New("--num, --tail, --idle: they are not negative")
	case f.tailGiven && f.tail == 0:
		return errors.New("--tail=0: how many records")
	}
	return nil
}

func (c *consumer) readTopics() error {
	if !c.regex {
		return nil
	}
	for _, text := range c.topics {
		re, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil {
			return fmt.Errorf("topic %s: %w", text, err)
		}
		c.patterns = append(c.patterns, re)
	}
	return nil
}

func (c *consumer) readPlaces() (err error) {
	now := time.Now()
	if c.from, err = parseWhere(c.consumeFlags.from, now); err != nil {
		return fmt.Errorf("--from=%w", err)
	}
	if c.till, err = parseWhere(c.until, now); err != nil {
		return fmt.Errorf("--until=%w", err)
	}
	if c.tail > 0 {
		c.from = where{kind: beforeEnd, n: 2*int64(c.tail) + 10} // markers of transactions take offsets, too
	}
	if c.from.kind == atEnd && !c.untilGiven {
		c.follow = true // there is nothing else to wait for
	}
	c.partitions, err = parsePartitions(c.consumeFlags.partitions)
	return err
}

func (c *consumer) readForm() error {
	format := c.format
	if format == "" {
		format = map[string]string{"text": `%v\n`, "raw": `%v`, "hex": `%v{hex}\n`, "base64": `%v{base64}\n`}[c.output]
	}
	if text, ok := strings.CutPrefix(c.output, "template="); ok && c.format == "" {
		t, err := form.ParseTemplate(text)
		if err != nil {
			return fmt.Errorf("--output: %w", err)
		}
		c.print = t.Append
		return nil
	}
	if c.output == "json" && c.format == "" || c.format == "json" {
		c.print = func(dst []byte, r *kgo.Record) ([]byte, error) { return form.AppendJSON(dst, r), nil }
		return nil
	}
	if format == "" {
		return fmt.Errorf("--output=%s: none of text, raw, hex, base64, json and template=TEXT", c.output)
	}
	p, err := form.Parse(format, c.null)
	if err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	c.print = p.Append
	return nil
}

func (c *consumer) readChoices() (err error) {
	switch c.consumeFlags.isolation {
	case "read_committed":
		c.isolation = kgo.ReadCommitted()
	case "read_uncommitted":
		c.isolation = kgo.ReadUncommitted()
	default:
		return fmt.Errorf("--isolation-level=%s: neither read_committed nor read_uncommitted", c.consumeFlags.isolation)
	}
	statuses := map[string]kgo.AckStatus{"accept": kgo.AckAccept, "release": kgo.AckRelease, "reject": kgo.AckReject}
	if c.status = statuses[c.ack]; c.status == 0 {
		return fmt.Errorf("--ack=%s: none of accept, release and reject", c.ack)
	}
	c.matches, err = c.filter()
	return err
}

// run reads in the way that the flags say.
func (c *consumer) run(ctx context.Context) error {
	var err error
	switch {
	case c.share:
		err = c.readShared(ctx)
	case c.group != "":
		err = c.readAsMember(ctx)
	default:
		err = c.readAlone(ctx)
	}
	return quietly(errors.Join(err, c.out.Flush()))
}

// take prints a record if it is wanted, and reports whether it was the last one.
func (c *consumer) take(r *kgo.Record) (enough bool, err error) {
	if !c.matches(r) {
		return false, nil
	}
	if c.line, err = c.print(c.line[:0], r); err != nil {
		return false, err
	}
	if _, err = c.out.Write(c.line); err != nil {
		return false, err
	}
	c.printed++
	return c.num > 0 && c.printed >= c.num, nil
}

// left is how many records the next poll may bring.
func (c *consumer) left(most int) int {
	if c.num > 0 && c.matchesAll() {
		return int(min(int64(most), c.num-c.printed))
	}
	return most
}

func (c *consumer) matchesAll() bool { return c.empty() }

// failure is the first error of a poll that is one: not the end of waiting, and not that the command was stopped.
func failure(ctx context.Context, fetches kgo.Fetches) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // who was told to stop has not failed
	}
	for _, e := range fetches.Errors() {
		switch {
		case errors.Is(e.Err, context.DeadlineExceeded), errors.Is(e.Err, context.Canceled):
		case e.Topic == "":
			return e.Err
		default:
			return fmt.Errorf("%s partition %d: %w", e.Topic, e.Partition, e.Err)
		}
	}
	return nil
}

// unknown is the error of a topic that cannot be read.
func unknown(topic string, err error) error {
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("topic %s: there is none: leat topic list shows which there are", topic)
	}
	return fmt.Errorf("topic %s: %w", topic, err)
}
