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
	"strconv"
	"time"

	"leat/bench/load"
	"leat/interop/target"
)

// The limits that the broker runs with, and what follows from them.
const (
	queuedMax       = 64 << 20 // queued.max.request.bytes
	requestMax      = 32 << 20 // socket.request.max.bytes
	decompressedMax = 8 << 20  // max.decompressed.message.bytes
	pendingMax      = 2000     // leat.authentication.pending.max
	perAddress      = 600      // max.connections.per.ip of the one address that has a limit

	// A broker with nothing to do, and what is not counted by any limit: connections that have not said anything, answers that nobody reads.
	aloneBytes      = 96 << 20
	perConnection   = 24 << 10
	collectorFactor = 2                      // garbage waits until as much has come as lives
	codecBytes      = 2 * (128<<20 + 32<<20) // two frames of zstd with a window above 8 MiB, and two very large records, at once
)

// guarded is the topic for which the broker must look into compressed batches, compacted one that it must look at later.
const (
	guarded   = "guarded"
	recoded   = "recoded"
	compacted = "compacted"
	readable  = "readable"
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
	b.node, err = target.New(target.Config{Kind: target.Leat, Binary: o.binary, Dir: dir,
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
	} {
		if err := load.Create(address, topic, 1, configs); err != nil {
			return err
		}
	}
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: 1000, BatchSize: 900 << 10})
	if err != nil {
		return err
	}
	_, err = load.Produce(context.Background(), load.ProduceSpec{Address: address, Topic: readable, Partitions: 1, Connections: 1, Depth: 2, Acks: 1, Batch: batch,
		RecordSize: 1000, Duration: time.Minute, MaxBytes: 64 << 20})
	return err
}

// memoryBound is what the broker may hold with so many files open, each of which may be a connection.
func memoryBound(files int) float64 {
	return float64(aloneBytes+collectorFactor*(queuedMax+2*decompressedMax)+files*perConnection+codecBytes) / 1e6
}

// end stops the broker.
func (b *broker) end() {
	b.node.Kill()
	if !b.keep {
		os.RemoveAll(b.dir)
	}
}

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
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		files, err := openFiles(b.node.PID())
		if err != nil {
			return err
		}
		if files <= b.files+100 {
			break
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d files are open half a minute after the last attack, %d were before the first", files, b.files)
		}
	}
	return b.node.Stop()
}

func openFiles(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries), err
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
