package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/bench/load"
	"leat/interop/target"
)

// The limits that the broker runs with, and what follows from them.
const (
	queuedMax       = 64 << 20 // queued.max.request.bytes
	requestMax      = 32 << 20 // socket.request.max.bytes
	decompressedMax = 8 << 20  // max.decompressed.message.bytes
	pendingMax      = 8000     // leat.authentication.pending.max
	perAddress      = 600      // max.connections.per.ip of the one address that has a limit

	// A broker with nothing to do, and what is not counted by any limit: connections that have not said anything, answers that nobody reads.
	aloneBytes      = 96 << 20
	perConnection   = 24 << 10
	collectorFactor = 2                              // garbage waits until as much has come as lives
	expandedMax     = max(4*decompressedMax, 32<<20) // a batch, decompressed
	largestWindow   = 128 << 20                      // of zstd, one at a time of what expands very much
	ordinaryWindow  = 8<<20 + 16<<20                 // and what else is decompressed at once, on each processor but one
)

// guarded is the topic for which the broker must look into compressed batches, compacted one that it must look at later.
const (
	guarded   = "guarded"
	recoded   = "recoded"
	compacted = "compacted"
	readable  = "readable"
	delayed   = "delayed"
	crowd     = "crowd-" // and a number: topics that make answers large
)

const login = `org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";`

// broker is the one that is attacked.
type broker struct {
	options options
	node    *target.Node
	dir     string
	keep    bool
	topics  int
	files   int // that it has open when nobody is there
	began   time.Time
}

func start(ctx context.Context, o options) (*broker, error) {
	dir, err := os.MkdirTemp("", "leat-hostile-")
	if err != nil {
		return nil, err
	}
	b := &broker{options: o, dir: dir, keep: o.keep}
	store := filepath.Join(dir, "node.pem")
	if err := writeCertificate(store); err != nil {
		return nil, err
	}
	operations := ""
	if o.profiles != "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		operations = l.Addr().String()
		l.Close()
	}
	b.node, err = target.New(target.Config{Kind: target.Leat, Binary: o.binary, Dir: dir, Operations: operations,
		Listeners: map[string]string{"SSL": "SSL", "SASLCLEAR": "SASL_PLAINTEXT", "SASLSSL": "SASL_SSL"},
		Settings: map[string]string{
			"ssl.keystore.type": "PEM", "ssl.keystore.location": store, "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
			"listener.name.saslclear.plain.sasl.jaas.config": login, "listener.name.saslssl.plain.sasl.jaas.config": login,
			"queued.max.request.bytes":                  strconv.Itoa(queuedMax),
			"socket.request.max.bytes":                  strconv.Itoa(requestMax),
			"max.decompressed.message.bytes":            strconv.Itoa(decompressedMax),
			"leat.authentication.timeout.ms":            "10000",
			"leat.authentication.pending.max":           strconv.Itoa(pendingMax),
			"max.connections.per.ip.overrides":          "127.0.0.66:" + strconv.Itoa(perAddress),
			"max.connections.per.ip":                    "100000",
			"log.cleaner.backoff.ms":                    "500",
			"group.initial.rebalance.delay.ms":          "0",
			"auto.create.topics.enable":                 "false",
			"connection.failed.authentication.delay.ms": "100",
			"leat.delay.topic.replication.factor":       "1",
			"leat.delay.topic.min.isr":                  "1",
		}})
	if err != nil {
		return nil, err
	}
	if _, err := b.node.Start(ctx); err != nil {
		return nil, err
	}
	if err := b.createTopics(); err != nil {
		b.end()
		return nil, err
	}
	b.began = time.Now()
	b.files, err = openFiles(b.node.PID())
	return b, err
}

func (b *broker) createTopics() error {
	address := b.node.Bootstrap()
	for topic, configs := range map[string]map[string]string{
		guarded:   {"message.timestamp.before.max.ms": "3600000"},
		recoded:   {"compression.type": "lz4"},
		compacted: {"cleanup.policy": "compact", "segment.ms": "500", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "500"},
		readable:  {},
		delayed:   {"leat.delay.enable": "true"},
	} {
		if err := load.Create(address, topic, 1, configs); err != nil {
			return err
		}
	}
	if err := b.createCrowd(); err != nil {
		return err
	}
	if err := b.limitAlice(); err != nil {
		return err
	}
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: 1000, BatchSize: 900 << 10})
	if err != nil {
		return err
	}
	_, err = load.Produce(context.Background(), load.ProduceSpec{Address: address, Topic: readable, Partitions: 1, Connections: 1, Depth: 2, Acks: 1, Batch: batch,
		RecordSize: 1000, Duration: time.Minute, MaxBytes: 64 << 20})
	return err
}

// crowdTopics is how many topics there are for large answers.
func crowdTopics(short bool) int {
	if short {
		return 200
	}
	return 2000
}

func (b *broker) createCrowd() error {
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.Version, rq.TimeoutMillis = 7, 60_000
	for i := range crowdTopics(b.options.short) {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = crowd+strconv.Itoa(i), 1, 1
		rq.Topics = append(rq.Topics, t)
	}
	return b.ask(rq, func(rp kmsg.Response) int16 { return rp.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode })
}

// limitAlice gives the user that guesses do not hit a quota.
func (b *broker) limitAlice() error {
	rq := kmsg.NewPtrAlterClientQuotasRequest()
	rq.Version = 1
	e, part, op := kmsg.NewAlterClientQuotasRequestEntry(), kmsg.NewAlterClientQuotasRequestEntryEntity(), kmsg.NewAlterClientQuotasRequestEntryOp()
	part.Type, part.Name = "user", kmsg.StringPtr("alice")
	op.Key, op.Value = "producer_byte_rate", aliceRate
	e.Entity, e.Ops = append(e.Entity, part), append(e.Ops, op)
	rq.Entries = append(rq.Entries, e)
	return b.ask(rq, func(rp kmsg.Response) int16 { return rp.(*kmsg.AlterClientQuotasResponse).Entries[0].ErrorCode })
}

// ask sends a request of an administrator; code finds its error.
func (b *broker) ask(rq kmsg.Request, code func(kmsg.Response) int16) error {
	c, err := load.Dial(b.node.Bootstrap())
	if err != nil {
		return err
	}
	defer c.Close()
	rp, err := c.Do(rq)
	if err == nil {
		err = kerr.ErrorForCode(code(rp))
	}
	if err != nil {
		return fmt.Errorf("%T: %w", rq, err)
	}
	return nil
}

// memoryBound is what the broker may hold with so many files open, each of which may be a connection.
func memoryBound(files int) float64 {
	return float64(aloneBytes+collectorFactor*(queuedMax+2*expandedMax)+files*perConnection+largestWindow+(runtime.NumCPU()-1)*ordinaryWindow) / 1e6
}

// end stops the broker.
func (b *broker) end() {
	b.node.Kill()
	if !b.keep {
		os.RemoveAll(b.dir)
	}
}

// linesPerSecond is what the broker may write to its log, on average, whatever happens to its connections.
const linesPerSecond = 120

// unhurt looks whether anything is left of the attacks.
func (b *broker) unhurt() error {
	data, err := os.ReadFile(b.node.LogFile())
	if err != nil {
		return err
	}
	for _, word := range []string{"panic", "goroutine ", "level=ERROR"} {
		if at := bytes.Index(data, []byte(word)); at >= 0 {
			return fmt.Errorf("the broker's log says %s", data[max(0, at-200):min(len(data), at+600)])
		}
	}
	lines := bytes.Count(data, []byte("\n"))
	if most := 500 + linesPerSecond*int(time.Since(b.began).Seconds()); lines > most {
		return fmt.Errorf("the broker's log has %d lines, %d a second are expected at most", lines, linesPerSecond)
	}
	for until := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		files, err := openFiles(b.node.PID())
		if err != nil {
			return err
		}
		if files <= b.files+100 {
			break
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d files are open long after the last attack, %d were before the first", files, b.files)
		}
	}
	return b.node.Stop()
}

// writeCertificate makes a key and a certificate that signs itself.
func writeCertificate(file string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err1 := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	private, err2 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	var text bytes.Buffer
	_ = pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: private})
	_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	return os.WriteFile(file, text.Bytes(), 0o600)
}
