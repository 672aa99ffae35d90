// Command first measures how soon a person who starts leat gets something from it: from the start of the process to the ready line, and
// to a first record that was produced and read back, on an empty directory each time.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	binary := flag.String("binary", "./leat", "leat's program")
	runs := flag.Int("runs", 10, "how often it is started")
	most := flag.Duration("most", 0, "fail if the median to the first record is above this; 0: only tell")
	flag.Parse()
	if err := run(*binary, *runs, *most); err != nil {
		fmt.Fprintln(os.Stderr, "first:", err)
		os.Exit(1)
	}
}

func run(binary string, runs int, most time.Duration) error {
	var ready, record []time.Duration
	for range runs {
		a, b, err := once(binary)
		if err != nil {
			return err
		}
		ready, record = append(ready, a), append(record, b)
	}
	slices.Sort(ready)
	slices.Sort(record)
	tell("ready line", ready)
	tell("first record read", record)
	if median := record[len(record)/2]; most > 0 && median > most {
		return fmt.Errorf("the median to the first record is %v, above %v", median, most)
	}
	return nil
}

func tell(what string, sorted []time.Duration) {
	fmt.Printf("%-18s min %4d ms, median %4d ms, max %4d ms (%d starts)\n", what,
		sorted[0].Milliseconds(), sorted[len(sorted)/2].Milliseconds(), sorted[len(sorted)-1].Milliseconds(), len(sorted))
}

// once starts the program on an empty directory and ends it again.
func once(binary string) (ready, record time.Duration, err error) {
	dir, err := os.MkdirTemp("", "leat-first-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(binary, "server", "--set", "log.dirs="+dir, "--set", "leat.http.listener=",
		"--set", "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // if it is gone already, Wait tells
		if ended := cmd.Wait(); err == nil {
			err = ended
		}
	}()
	bootstrap, err := readyLine(bufio.NewReader(out))
	if err != nil {
		return 0, 0, err
	}
	ready = time.Since(began)
	err = roundTrip(bootstrap)
	return ready, time.Since(began), err
}

// readyLine waits for the line that scripts rely on, and takes the address from it.
func readyLine(out *bufio.Reader) (string, error) {
	line, err := out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("no ready line: %w", err)
	}
	fields := strings.Fields(line)
	if !strings.HasPrefix(line, "leat ready") || len(fields) < 3 {
		return "", fmt.Errorf("not a ready line: %q", line)
	}
	return strings.TrimPrefix(fields[2], "bootstrap="), nil
}

// roundTrip writes one record to a topic that does not exist yet, and reads it.
func roundTrip(bootstrap string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics("first"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "first", Value: []byte("hello")}).FirstErr(); err != nil {
		return err
	}
	fetches := cl.PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		return err
	}
	if got := fetches.Records(); len(got) != 1 || string(got[0].Value) != "hello" {
		return fmt.Errorf("read %d records, want the one that was written", len(got))
	}
	return nil
}
