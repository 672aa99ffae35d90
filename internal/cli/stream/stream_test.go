package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"leat/internal/cli/reach"
	"leat/internal/cli/run"
	"leat/leatest"
)

// call runs a command as a shell would, and returns what it printed.
func call(t *testing.T, c *leatest.Cluster, input string, args ...string) (out, errs string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	err = callTo(t, c, run.Streams{In: strings.NewReader(input), Out: &o, Err: &e}, args...)
	return o.String(), e.String(), err
}

func callTo(t *testing.T, c *leatest.Cluster, s run.Streams, args ...string) error {
	t.Helper()
	root := &cobra.Command{Use: "leat", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(Commands(s)...)
	t.Setenv(reach.EnvServers, c.BootstrapServers())
	root.SetArgs(args)
	return root.ExecuteContext(context.Background())
}

// want fails unless a command printed what it should.
func want(t *testing.T, c *leatest.Cluster, wanted, input string, args ...string) {
	t.Helper()
	out, errs, err := call(t, c, input, args...)
	if err != nil || out != wanted || errs != "" {
		t.Errorf("leat %s: %q, %q, %v, want %q", strings.Join(args, " "), out, errs, err, wanted)
	}
}

// refused fails unless a command ended with an error that says something, and how it was called or what it did was the reason.
func refused(t *testing.T, c *leatest.Cluster, says string, failed bool, input string, args ...string) {
	t.Helper()
	out, _, err := call(t, c, input, args...)
	if err == nil || !strings.Contains(err.Error(), says) || run.IsFailed(err) != failed {
		t.Errorf("leat %s: %q, %v (failed %v), want %q", strings.Join(args, " "), out, err, run.IsFailed(err), says)
	}
}

func TestRecordsGoInAndOut(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 1), leatest.Topic("copy", 1))
	want(t, c, "orders partition 0 offset 0\norders partition 0 offset 1\n", "", "produce", "orders", "hello", "a\nb")
	want(t, c, "", "k\tv\n~\tx\nl\t~\n", "produce", "orders", "-f", `%k\t%v\n`, "--null", "~", "-H", "h=1")
	want(t, c, "", "", "produce", "orders", "-k", "gone", "--tombstone")
	const all = "~=hello[]\n~=a\nb[]\nk=v[h=1]\n~=x[h=1]\nl=~[h=1]\ngone=~[]\n"
	want(t, c, all, "", "consume", "orders", "-f", `%k=%v[%h]\n`, "--null", "~")
	want(t, c, "hello\na\nb\n", "", "consume", "orders", "--num", "2")
	want(t, c, "2 3 ", "", "consume", "orders", "--from", "2", "--until", "4", "-f", "%o ")
	want(t, c, "4 5 ", "", "consume", "orders", "--from", "-2", "-f", "%o ")
	want(t, c, "5 ", "", "consume", "orders", "--tail", "1", "-f", "%o ")
	want(t, c, "2 ", "", "consume", "orders", "--key-matches", "^k$", "-f", "%o ")
	want(t, c, "3 ", "", "consume", "orders", "--header", "h=1", "--value-matches", "x", "-f", "%o ")
	want(t, c, "68656c6c6f\n610a62\n", "", "consume", "orders", "-o", "hex", "--until", "2")
	want(t, c, "0:hello\n", "", "consume", "orders", "-o", "template={{.Offset}}:{{.Value}}", "--num", "1")

	lines, _, err := call(t, c, "", "consume", "orders", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	want(t, c, "", lines, "produce", "copy", "-f", "json", "--transaction")
	want(t, c, all, "", "consume", "copy", "-f", `%k=%v[%h]\n`, "--null", "~")
}

func TestInputThatCannotBeRead(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 1))
	refused(t, c, `line 3: no "\t" after the key: 2 records written`, true, "a\t1\nb\t2\nlost\nc\t3\n", "produce", "orders", "-f", `%k\t%v`)
	want(t, c, "1\n2\n", "", "consume", "orders")
	file := filepath.Join(t.TempDir(), "cut")
	if err := os.WriteFile(file, []byte("2 hi5 cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, c, file+" line 1: the input ends in the middle of a record: 3 of 5 bytes", true, "", "produce", "orders", "-f", "%V %v", "--file", file)
	want(t, c, "hi\n", "", "consume", "orders", "--from", "2")

	refused(t, c, "line 2: json: unknown field", true, `{"value":"no"}`+"\n"+`{"vale":"x"}`, "produce", "orders", "-f", "json", "--transaction")
	want(t, c, "hi\n", "", "consume", "orders", "--from", "2")
	out, _, err := call(t, c, "x\ny\n", "produce", "orders", "-o", "json")
	var first struct{ Record, Partition, Offset int64 }
	if err != nil || json.NewDecoder(strings.NewReader(out)).Decode(&first) != nil || first.Record != 1 || strings.Count(out, "\n") != 2 {
		t.Errorf("%q, %v", out, err)
	}
	refused(t, c, "MESSAGE_TOO_LARGE: The request included a message larger than the max message size the server will accept (uncompressed_bytes=20000): "+
		"--batch-bytes=2000 is as much as is sent, and the topic must take as much (max.message.bytes): 0 records written", true, strings.Repeat("x", 20_000), "produce", "orders", "--batch-bytes", "2000")
	refused(t, c, "no broker answers", true, "", "consume", "orders", "-b", "127.0.0.1:1", "--timeout", "1s")
}

func TestWrongUseIsNoFailure(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 1))
	for says, args := range map[string][]string{
		"--share: which group":             {"consume", "orders", "--share"},
		"--ack: only records":              {"consume", "orders", "--ack", "reject"},
		"--share: without filters":         {"consume", "orders", "--share", "--group", "g", "--header", "a"},
		"--partitions: the group":          {"consume", "orders", "--group", "g", "--partitions", "0"},
		"--tail: it says":                  {"consume", "orders", "--tail", "3", "--from", "end"},
		"--from=noon":                      {"consume", "orders", "--from", "noon"},
		"--output=xml":                     {"consume", "orders", "-o", "xml"},
		"%q is no field":                   {"consume", "orders", "-f", "%q"},
		"--isolation-level=none":           {"consume", "orders", "--isolation-level", "none"},
		"--field =x":                       {"consume", "orders", "--field", "=x"},
		"--acks=2":                         {"produce", "orders", "x", "--acks", "2"},
		"--compression=rar":                {"produce", "orders", "x", "--compression", "rar"},
		"--transaction: it needs":          {"produce", "orders", "x", "--acks", "1", "--transaction"},
		"where does the first end":         {"produce", "orders", "-f", "%k%v"},
		"--header=":                        {"produce", "orders", "x", "-H", ""},
		"--output=csv":                     {"perf", "produce", "-o", "csv"},
		"--rate=-1":                        {"perf", "produce", "--rate", "-1"},
		"--size=3":                         {"perf", "produce", "--size", "3"},
		"requires at least 1 arg(s)":       {"consume"},
		".Nonsense: there is no such name": {"consume", "orders", "-o", "template={{.Nonsense}}"},
		"--file: with RECORDs":             {"produce", "orders", "x", "--file", "y"},
		"--follow and --until: give one":   {"consume", "orders", "--follow", "--until", "5"},
	} {
		refused(t, c, says, false, "", args...)
	}
	refused(t, c, "topic nothere: there is none", true, "", "consume", "nothere")
	refused(t, c, "topic orders: there is no partition 7: it has 1", true, "", "consume", "orders", "--partitions", "7")
}

func TestGroupsGoOnWhereTheyWere(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 1), leatest.Config("group.initial.rebalance.delay.ms", "0"))
	want(t, c, "", "1\n2\n3\n4\n5\n", "produce", "orders")
	want(t, c, "1\n2\n", "", "consume", "orders", "--group", "g", "--num", "2")
	want(t, c, "3\n", "", "consume", "orders", "--group", "g", "--num", "1", "--no-commit")
	want(t, c, "3\n4\n5\n", "", "consume", "orders", "--group", "g", "--num", "3")
}

// TestMembersThatAreInterruptedWhileTheyJoinLeave: the group waits for others, and the member does not wait with it, nor stay until its session ends.
func TestMembersThatAreInterruptedWhileTheyJoinLeave(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 1), leatest.Config("group.initial.rebalance.delay.ms", "300000"))
	admin := kadm.NewClient(c.Client())
	members := func() int {
		groups, err := admin.DescribeGroups(t.Context(), "g")
		if err != nil {
			t.Fatal(err)
		}
		return len(groups["g"].Members)
	}
	root := &cobra.Command{Use: "leat", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(Commands(run.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})...)
	t.Setenv(reach.EnvServers, c.BootstrapServers())
	root.SetArgs([]string{"consume", "orders", "--group", "g"})
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- root.ExecuteContext(ctx) }()
	for members() == 0 {
		select {
		case err := <-ended:
			t.Fatalf("it ended before it was interrupted: %v", err)
		default:
		}
	}
	interrupt()
	<-ended
	if n := members(); n != 0 {
		t.Errorf("the group has %d members after its only one was interrupted", n)
	}
}

// closedPipe is a reader of the output that has gone.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
}

func TestAReaderThatGoesIsNoFailure(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 1))
	want(t, c, "", "1\n2\n", "produce", "orders")
	if err := callTo(t, c, run.Streams{Out: closedPipe{}, Err: &bytes.Buffer{}}, "consume", "orders", "--follow"); err != nil {
		t.Error(err)
	}
}

func TestMeasurementsCountEveryRecord(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 2))
	var got result
	for _, args := range [][]string{
		{"perf", "produce", "orders", "--records", "200", "--rate", "2000", "--warm-up", "0", "--clients", "2"},
		{"perf", "consume", "orders", "--clients", "2"},
		{"perf", "end-to-end", "--records", "100", "--rate", "1000", "--warm-up", "0", "--replication", "1"},
	} {
		out, errs, err := call(t, c, "", append(args, "-o", "json")...)
		if err == nil {
			got = result{}
			err = json.Unmarshal([]byte(out), &got)
		}
		if records := map[bool]int64{true: 100, false: 200}[args[1] == "end-to-end"]; err != nil || got.Records != records || got.Failed != 0 || got.Kind != args[1] || errs != "" {
			t.Errorf("%v: %s, %s, %v", args, out, errs, err)
		}
		if timed := args[1] != "consume"; timed && (got.Latency == nil || got.Latency.P50 <= 0 || got.From != "intended send time") {
			t.Errorf("%v: %s", args, out)
		}
	}
	if out, _, err := call(t, c, "", "perf", "produce", "orders", "--records", "50", "--warm-up", "0"); err != nil || !strings.HasPrefix(out, "50 records of 1.0 KiB in ") ||
		!strings.Contains(out, "█") || !strings.Contains(out, "from the send call") {
		t.Errorf("%s, %v", out, err)
	}
	for form, want := range map[string]string{"yaml": "\nrecords: 50\n", "table": "50 records of 1.0 KiB in ", "template={{.kind}} {{.records}}": "produce 50\n"} {
		if out, errs, err := call(t, c, "", "perf", "produce", "orders", "--records", "50", "--warm-up", "0", "-o", form); err != nil || !strings.Contains(out, want) || errs != "" {
			t.Errorf("-o %s: %s, %s, %v", form, out, errs, err)
		}
	}
	if err := quietly(errors.New("x")); !run.IsFailed(err) {
		t.Error("an error is none")
	}
}

func TestMeasurementsWriteToAllPartitions(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 2))
	if out, errs, err := call(t, c, "", "perf", "produce", "orders", "--records", "400", "--warm-up", "0", "--size", "100", "--batch-bytes", "1024"); err != nil {
		t.Fatal(out, errs, err)
	}
	ends, err := kadm.NewClient(c.Client()).ListEndOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	for p, end := range ends["orders"] {
		if end.Offset == 0 {
			t.Errorf("none of 400 records in 50 batches is in partition %d", p)
		}
	}
}
