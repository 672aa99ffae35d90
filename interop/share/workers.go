package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// delivery is what a worker says of one record.
type delivery struct {
	worker     string
	partition  int32
	offset     int64
	key, value string
	count      int
	begin, end time.Duration // since some moment of the machine
	outcome    string        // accept, release or stuck
	polled     time.Duration // when the client handed it out: it was acquired before
	held       time.Duration // until then at least the client had not acknowledged it
}

// workers is one process of share consumers.
type workers struct {
	client string
	cmd    *exec.Cmd
	in     io.Closer // nil unless they wait to be told
	out    chan []delivery
	hung   chan struct{} // closed when a worker hangs
	errs   string
}

// task is what workers do.
type task struct {
	client       string // java unless told: franz-go, librdkafka
	topic, group string
	workers      int
	handler      time.Duration
	perPoll      int
	idle         int    // seconds without a record until they end
	release      string // key:times,...
	stuck        string // key,...
	leave        int    // seconds until they leave in order; 0: not before they are idle; or untilTold
}

// untilTold is to leave when the input ends.
const untilTold = -1

// start runs workers.
func (b *bench) start(t task) (*workers, error) {
	orDash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	program := []string{"java", "-Xmx1g", "-XX:TieredStopAtLevel=1", "-cp", b.classes, "Workers"}
	switch t.client {
	case "franz-go":
		program = []string{b.self, "-workers"}
	case "librdkafka":
		program = []string{b.python, b.script}
	}
	cmd := exec.Command(program[0], append(program[1:], b.bootstrap, t.topic, t.group, strconv.Itoa(t.workers),
		strconv.FormatInt(t.handler.Milliseconds(), 10), strconv.Itoa(t.perPoll), strconv.Itoa(t.idle), orDash(t.release), orDash(t.stuck), strconv.Itoa(t.leave))...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	w := &workers{client: t.client, cmd: cmd, out: make(chan []delivery, 1), hung: make(chan struct{}), errs: filepath.Join(b.dir, fmt.Sprintf("workers-%s-%d.err", t.topic, time.Now().UnixNano()))}
	errs, err := os.Create(w.errs)
	if err != nil {
		return nil, err
	}
	defer errs.Close()
	cmd.Stderr = errs
	if t.leave == untilTold {
		if w.in, err = cmd.StdinPipe(); err != nil {
			return nil, err
		}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { w.out <- w.read(out) }()
	return w, nil
}

// dismiss tells workers that wait for it to leave, and returns what they did.
func (w *workers) dismiss() ([]delivery, error) {
	_ = w.in.Close() // they may have ended
	stuck := time.AfterFunc(patience, func() { _ = w.cmd.Process.Kill() })
	defer stuck.Stop()
	return w.wait()
}

// wait returns what the workers did once they have ended.
func (w *workers) wait() ([]delivery, error) {
	all := <-w.out
	if err := w.cmd.Wait(); err != nil {
		errs, _ := os.ReadFile(w.errs)
		return all, fmt.Errorf("workers: %w: %s", err, errs)
	}
	return all, nil
}

// kill ends the workers at once, whatever they hold, and returns what they had done.
func (w *workers) kill() []delivery {
	_ = w.cmd.Process.Kill()
	all := <-w.out
	_ = w.cmd.Wait() // it was killed
	return all
}

// read reads what workers print.
func (w *workers) read(r io.Reader) (all []delivery) {
	hung := false
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		if len(f) != 10 {
			continue // the last line of one that was killed
		}
		number := func(i int) int64 {
			n, _ := strconv.ParseInt(f[i], 10, 64)
			return n
		}
		if f[8] == "stuck" && !hung {
			hung = true
			close(w.hung)
		}
		all = append(all, delivery{worker: strings.TrimSpace(fmt.Sprintf("%s %d of %d", w.client, number(0), w.cmd.Process.Pid)), partition: int32(number(1)), offset: number(2), key: f[3], value: f[4], count: int(number(5)),
			begin: time.Duration(number(6)), end: time.Duration(number(7)), outcome: f[8],
			polled: time.Duration(number(9))})
	}
	w.hold(all)
	return all
}

// hold says until when each record was held at least. franz-go may acknowledge a record at once; the others tell of all that a poll brought when they poll again.
func (w *workers) hold(all []delivery) {
	type poll struct {
		worker string
		polled time.Duration
	}
	last := make(map[poll]time.Duration)
	for _, d := range all {
		last[poll{d.worker, d.polled}] = max(last[poll{d.worker, d.polled}], d.end)
	}
	for i := range all {
		d := &all[i]
		if d.held = d.end; w.client != "franz-go" {
			d.held = last[poll{d.worker, d.polled}]
		}
	}
}

// prepare makes a topic of one partition with records whose keys take turns, and configures the group.
func (b *bench) prepare(topic, group string, keys, perKey int, configs map[string]string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(b.bootstrap, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, topic); err != nil {
		return err
	}
	if err := configure(ctx, cl, group, configs); err != nil {
		return err
	}
	var records []*kgo.Record
	for i := range perKey {
		for k := range keys {
			records = append(records, &kgo.Record{Topic: topic, Key: []byte(fmt.Sprintf("k%d", k)), Value: []byte(strconv.Itoa(i))})
		}
	}
	return cl.ProduceSync(ctx, records...).FirstErr()
}

// configure sets configs of a share group.
func configure(ctx context.Context, cl *kgo.Client, group string, configs map[string]string) error {
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	for name, value := range configs {
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Value = name, &value
		resource.Configs = append(resource.Configs, c)
	}
	rq.Resources = append(rq.Resources, resource)
	resp, err := rq.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, r := range resp.Resources {
		if r.ErrorCode != 0 {
			return fmt.Errorf("configs of group %s: code %d: %v", group, r.ErrorCode, *r.ErrorMessage)
		}
	}
	return nil
}
