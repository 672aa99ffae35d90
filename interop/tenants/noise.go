package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"leat/bench/load"
)

// did is what the noisy tenant got through.
type did struct{ Written, Read, Asked, Refused int64 }

func (d did) minus(o did) did {
	return did{d.Written - o.Written, d.Read - o.Read, d.Asked - o.Asked, d.Refused - o.Refused}
}

func (d did) plus(o did) did {
	return did{d.Written + o.Written, d.Read + o.Read, d.Asked + o.Asked, d.Refused + o.Refused}
}

func (d did) each(window time.Duration) string {
	s := window.Seconds()
	return fmt.Sprintf("writes %.1f MB/s, reads %.1f MB/s, asks %.0f times and is refused %.0f connections a second",
		float64(d.Written)/1e6/s, float64(d.Read)/1e6/s, float64(d.Asked)/s, float64(d.Refused)/s)
}

// racket is the noisy tenant, a process of its own that runs only while nobody else wants to: what is measured is what it costs the broker, not what its clients
// take of the processors that both share here.
type racket struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	last did
}

func begin(ctx context.Context, address string) (*racket, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	k := &racket{cmd: exec.CommandContext(ctx, self, "-noise", address)}
	k.cmd.Stderr = os.Stderr
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var d did
			if json.Unmarshal(lines.Bytes(), &d) == nil {
				k.mu.Lock()
				k.last = d
				k.mu.Unlock()
			}
		}
	}()
	return k, nil
}

func (k *racket) counts() did {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

func (k *racket) pause()  { _ = k.cmd.Process.Signal(syscall.SIGSTOP) }
func (k *racket) resume() { _ = k.cmd.Process.Signal(syscall.SIGCONT) }

func (k *racket) stop() {
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()
}

// counters are those of the noisy process.
type counters struct{ written, read, asked, refused atomic.Int64 }

// noisy is that process: it writes, reads, asks and connects without pause, and says every tenth of a second what it got through.
func noisy(ctx context.Context, address string) {
	yield()
	var n counters
	for i := range 6 {
		go writes(ctx, address, i, &n.written)
		go reads(ctx, address, i, &n.read)
	}
	one, _, _ := strings.Cut(address, ",")
	for range 4 {
		go inquires(ctx, one, &n.asked)
	}
	time.Sleep(time.Second) // the others have theirs
	for range redConnections {
		go connects(ctx, one, &n.refused)
	}
	for ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		line, err := json.Marshal(did{n.written.Load(), n.read.Load(), n.asked.Load(), n.refused.Load()})
		if err == nil {
			fmt.Printf("%s\n", line)
		}
	}
}

// yield makes this process one that runs when no other wants to.
func yield() {
	const schedIdle = 5
	schedule(unix.SchedAttr{Policy: schedIdle})
}

// schedule changes how the threads of this process are scheduled; those that begin later inherit it. A system that does not let it has them run like others.
func schedule(how unix.SchedAttr) {
	how.Size = unix.SizeofSchedAttr
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, task := range tasks {
		if id, err := strconv.Atoi(task.Name()); err == nil {
			_ = unix.SchedSetAttr(id, &how, 0)
		}
	}
}

// dial connects for a noisy client. A call into the kernel cannot be interrupted on many systems, whoever else wants to run, so each is kept short.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return sips{conn}, err
}

// sips reads and writes a little at a time.
type sips struct{ net.Conn }

const sip = 16 << 10

func (s sips) Read(b []byte) (int, error) { return s.Conn.Read(b[:min(len(b), sip)]) }

func (s sips) Write(b []byte) (n int, err error) {
	for err == nil && n < len(b) {
		var m int
		m, err = s.Conn.Write(b[n:min(len(b), n+sip)])
		n += m
	}
	return n, err
}

func writes(ctx context.Context, address string, i int, written *atomic.Int64) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(address, ",")...), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.Dialer(dial), kgo.ClientID(fmt.Sprint("writer-", i)), kgo.MaxBufferedRecords(100))
	if err != nil {
		return
	}
	defer cl.Close()
	value := make([]byte, 10_000)
	for ctx.Err() == nil {
		cl.Produce(ctx, &kgo.Record{Topic: "orders", Value: value}, func(_ *kgo.Record, err error) {
			if err == nil {
				written.Add(int64(len(value)))
			}
		})
	}
}

func reads(ctx context.Context, address string, i int, read *atomic.Int64) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(address, ",")...), kgo.ConsumeTopics("orders"), kgo.Dialer(dial), kgo.ClientID(fmt.Sprint("reader-", i)))
	if err != nil {
		return
	}
	defer cl.Close()
	for ctx.Err() == nil {
		for _, r := range cl.PollFetches(ctx).Records() {
			read.Add(int64(len(r.Value)))
		}
	}
}

// inquires asks for all metadata, one request after the other.
func inquires(ctx context.Context, address string, asked *atomic.Int64) {
	for ctx.Err() == nil {
		c, err := load.Dial(address)
		if err != nil {
			return
		}
		for ctx.Err() == nil && err == nil {
			req := kmsg.NewPtrMetadataRequest()
			req.Version = 12
			if _, err = c.Do(req); err == nil {
				asked.Add(1)
			}
		}
		_ = c.Close()
		time.Sleep(100 * time.Millisecond)
	}
}

// connects connects ten times a second, and stays when it is let in.
func connects(ctx context.Context, address string, refused *atomic.Int64) {
	for ctx.Err() == nil {
		c, err := load.Dial(address)
		if err != nil {
			return
		}
		req := kmsg.NewPtrMetadataRequest()
		req.Version, req.Topics = 12, []kmsg.MetadataRequestTopic{}
		if _, err = c.Do(req); err == nil {
			<-ctx.Done()
		}
		refused.Add(1)
		_ = c.Close()
		time.Sleep(100 * time.Millisecond)
	}
}
