// Package stream stands in for those of Kafka's tools that move records: the console producer and consumers, the performance tests, the measurement of latency
// end to end, and the verifiable clients that other people's system tests start.
//
// A tool takes the options of Kafka's, understands the properties of Kafka's clients as far as they mean something to the client underneath, prints what Kafka's
// prints, and ends with the same status. What differs is said where it is: metrics of the client (--print-metrics) are those of a Java client and not printed, and
// without a group the console consumer reads without making one up.
package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// failed ends a tool that has said what is wrong.
const failed = run.Exit(1)

// maybe is an option of a tool in the manner of joptsimple that takes an argument.
func maybe(name, kind, argument, text string) tool.Option {
	return tool.Option{Name: name, Type: kind, Argument: argument, Text: text}
}

// optionally is such an option with a default.
func optionally(name, kind, argument, standard, text string) tool.Option {
	return tool.Option{Name: name, Type: kind, Argument: argument, Default: []string{standard}, Text: text}
}

// stopped is a context that ends with SIGTERM or an interrupt. What is written to a pipe that nobody reads becomes an error.
func stopped(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
}

// logError writes what Kafka's tools log as an error: the message, and the exception on the next line.
func logError(w io.Writer, class, message string, err error) {
	fmt.Fprintf(w, "[%s] ERROR %s (%s)\n", time.Now().Format("2006-01-02 15:04:05,000"), message, class)
	if err != nil {
		fmt.Fprintln(w, tool.Describe(tool.AsRefused(err)))
	}
}

// thrown prints an exception as Java prints one that nobody caught, but for the places that it came through.
func thrown(c *tool.Call, err error) {
	fmt.Fprintln(c.Err, tool.Describe(tool.AsRefused(err)))
}

// timeout is what Kafka's consumers say when nothing came in time.
var timeout = &tool.Exception{Class: "org.apache.kafka.common.errors.TimeoutException"}

// kafkaException is the one that has no better name.
func kafkaException(format string, args ...any) error {
	return &tool.Exception{Class: "org.apache.kafka.common.KafkaException", Message: fmt.Sprintf(format, args...)}
}

// pollFailure is the first error of a poll that is one: not the end of waiting.
func pollFailure(ctx context.Context, fetches kgo.Fetches) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // who was told to stop has not failed
	}
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
			return e.Err
		}
	}
	return nil
}

// decimal writes a number with some places behind the point, as Java's formatter does.
func decimal(v float64, places int) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(v, 'f', places, 64)
}

// date writes a time by a pattern of Java's SimpleDateFormat.
func date(pattern string, t time.Time) string {
	var out strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		n := 1
		for i+n < len(pattern) && pattern[i+n] == c {
			n++
		}
		switch {
		case c == '\'':
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				end = len(pattern) - i - 1
			}
			if end == 0 {
				out.WriteByte('\'')
			}
			out.WriteString(pattern[i+1 : i+1+end])
			i += end + 2
			continue
		case letters[c] != nil:
			out.WriteString(letters[c](t, n))
		default:
			out.WriteString(pattern[i : i+n])
		}
		i += n
	}
	return out.String()
}

// letters are those of a pattern, with how often each stands there.
var letters = map[byte]func(time.Time, int) string{
	'y': func(t time.Time, n int) string {
		if n == 2 {
			return fmt.Sprintf("%02d", t.Year()%100)
		}
		return fmt.Sprintf("%0*d", n, t.Year())
	},
	'M': func(t time.Time, n int) string {
		if n > 3 {
			return t.Month().String()
		} else if n == 3 {
			return t.Month().String()[:3]
		}
		return fmt.Sprintf("%0*d", n, t.Month())
	},
	'd': func(t time.Time, n int) string { return fmt.Sprintf("%0*d", n, t.Day()) },
	'H': func(t time.Time, n int) string { return fmt.Sprintf("%0*d", n, t.Hour()) },
	'h': func(t time.Time, n int) string { return fmt.Sprintf("%0*d", n, (t.Hour()+11)%12+1) },
	'm': func(t time.Time, n int) string { return fmt.Sprintf("%0*d", n, t.Minute()) },
	's': func(t time.Time, n int) string { return fmt.Sprintf("%0*d", n, t.Second()) },
	'S': func(t time.Time, n int) string { return fmt.Sprintf("%0*d", n, t.Nanosecond()/1e6) },
	'a': func(t time.Time, _ int) string { return t.Format("PM") },
	'E': func(t time.Time, n int) string {
		if n > 3 {
			return t.Weekday().String()
		}
		return t.Weekday().String()[:3]
	},
	'Z': func(t time.Time, _ int) string { return t.Format("-0700") },
	'X': func(t time.Time, _ int) string { return t.Format("Z07:00") },
}
