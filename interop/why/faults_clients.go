package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func init() {
	register(
		fault{"tls-to-plaintext", "node 1", "protocol-mismatch", true, again(tlsToPlain)},
		fault{"plaintext-to-tls", "", "protocol-mismatch", false, again(plainToTLS)},
		fault{"sasl-to-plaintext", "client lost", "protocol-mismatch", false, again(saslToPlain)},
		fault{"wrong-sasl-mechanism", "node 1", "protocol-mismatch", false, again(wrongMechanism)},
		fault{"wrong-password", "node 1", "authentication-failed", true, again(wrongPassword)},
		fault{"certificate-not-trusted", "node 1", "certificate-refused", false, again(untrusted)},
		fault{"not-allowed", "client intruder", "not-authorized", true, deny},
		fault{"producer-over-quota", "client greedy", "throttled", false, throttleProducer},
		fault{"consumer-over-quota", "group sipping", "throttled", false, throttleConsumer},
		fault{"too-many-connections", "node 1", "connection-limit", false, again(tooMany)},
		fault{"topic-limit", "client planner", "limit-reached", false, again(policy)},
	)
}

// again does something over and over, since what clients run into they run into again.
func again(try func(ctx context.Context, s *suite)) func(context.Context, *suite) (func(context.Context) error, error) {
	return func(_ context.Context, s *suite) (func(context.Context) error, error) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				one, end := context.WithTimeout(ctx, 2*time.Second)
				try(one, s)
				end()
				_ = pause(ctx, 300*time.Millisecond) // over at the end
			}
		}()
		return ended(cancel, func() { <-done }), nil
	}
}

func tlsToPlain(ctx context.Context, s *suite) {
	d := tls.Dialer{Config: &tls.Config{ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}}
	if c, err := d.DialContext(ctx, "tcp", s.fleet.Node(1).Address()); err == nil {
		_ = c.Close()
	}
}

func plainToTLS(ctx context.Context, s *suite) { s.pinged(ctx, s.secure, "plain") }

func saslToPlain(ctx context.Context, s *suite) {
	s.pinged(ctx, s.fleet.Node(1).Address(), "lost", kgo.SASL(plain.Auth{User: "u", Pass: "p"}.AsMechanism()))
}

func wrongMechanism(ctx context.Context, s *suite) {
	s.pinged(ctx, s.login, "wrong-mechanism", kgo.SASL(plain.Auth{User: "u", Pass: "p"}.AsMechanism()))
}

func wrongPassword(ctx context.Context, s *suite) {
	s.pinged(ctx, s.login, "forgetful", kgo.SASL(scramOf("carol", "guess")))
}

func scramOf(user, password string) sasl.Mechanism {
	return scram.Auth{User: user, Pass: password}.AsSha256Mechanism()
}

func untrusted(ctx context.Context, s *suite) {
	s.pinged(ctx, s.secure, "careful", kgo.DialTLSConfig(&tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}))
}

// pinged tries to reach one address.
func (s *suite) pinged(ctx context.Context, address, id string, opts ...kgo.Opt) {
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address), kgo.ClientID(id)}, opts...)...)
	if err != nil {
		return
	}
	defer cl.Close()
	_ = cl.Ping(ctx) // it is to fail
}

// user makes a user with a password.
func (s *suite) user(ctx context.Context, name, password string) error {
	resp, err := s.admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: name, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: password}})
	if err != nil {
		return err
	}
	return resp.Error()
}

// intrude asks to write, again and again, with the topic's id as newer versions name it.
func (s *suite) intrude(ctx context.Context, cl *kgo.Client) {
	t, err := s.admin.Topic(ctx, "ledger-private")
	if err != nil {
		return
	}
	rq := kmsg.NewPtrProduceRequest()
	rq.Acks, rq.TimeoutMillis = -1, 1000
	rt, rp := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	rt.Topic, rt.TopicID = t.Topic, t.ID
	rt.Partitions = append(rt.Partitions, rp)
	rq.Topics = append(rq.Topics, rt)
	// Other nodes have no listener with a login: node 1 is asked, who refuses before it looks who leads.
	_, _ = cl.SeedBrokers()[0].Request(ctx, rq)
}

func deny(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := errors.Join(s.user(ctx, "mallory", "secret"), s.topic(ctx, "ledger-private", 1, 3)); err != nil {
		return nil, err
	}
	rule := kadm.NewACLs().Topics("ledger-private").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite).Deny("User:mallory").DenyHosts("*")
	resp, err := s.admin.CreateACLs(ctx, rule)
	if err != nil {
		return nil, err
	}
	for _, r := range resp {
		if r.Err != nil {
			return nil, r.Err
		}
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.login), kgo.ClientID("intruder"), kgo.SASL(scramOf("mallory", "secret")), kgo.DisableIdempotentWrite(), kgo.AllowAutoTopicCreation())
	if err != nil {
		return nil, err
	}
	stop, err := again(func(ctx context.Context, s *suite) { s.intrude(ctx, cl) })(ctx, s)
	return func(ctx context.Context) error {
		err := stop(ctx)
		cl.Close()
		_, gone := s.admin.DeleteACLs(ctx, rule)
		return errors.Join(err, gone)
	}, err
}

// quota sets a quota of a client id, or takes it away.
func (s *suite) quota(ctx context.Context, client, key string, rate float64) error {
	entry := kadm.AlterClientQuotaEntry{Entity: kadm.ClientQuotaEntity{{Type: "client-id", Name: &client}}, Ops: []kadm.AlterClientQuotaOp{{Key: key, Value: rate, Remove: rate == 0}}}
	resp, err := s.admin.AlterClientQuotas(ctx, []kadm.AlterClientQuotaEntry{entry})
	if err != nil {
		return err
	}
	return resp[0].Err
}

func throttleProducer(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := errors.Join(s.topic(ctx, "bulk", 1, 3), s.quota(ctx, "greedy", "producer_byte_rate", 2000)); err != nil {
		return nil, err
	}
	stop, err := s.writing("greedy", "bulk", 5*time.Millisecond, 0)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		err := s.quota(ctx, "greedy", "producer_byte_rate", 0)
		stop()
		return err
	}, nil
}

func throttleConsumer(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := errors.Join(s.topic(ctx, "drinks", 1, 3), s.quota(ctx, "sipper", "consumer_byte_rate", 5000)); err != nil {
		return nil, err
	}
	if err := s.fill(ctx, "drinks", 50, 5000); err != nil {
		return nil, err
	}
	stopWriting, err := s.writing("pourer", "drinks", 10*time.Millisecond, 0)
	if err != nil {
		return nil, err
	}
	stop, err := s.reading("sipper", "sipping", "drinks", every, kgo.FetchMaxBytes(20_000))
	return func(ctx context.Context) error {
		err := s.quota(ctx, "sipper", "consumer_byte_rate", 0)
		stopWriting()
		stop()
		return errors.Join(err, s.forget(ctx, "sipping"))
	}, err
}

// tooMany opens more connections than an address may have.
func tooMany(ctx context.Context, s *suite) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	var open []io.Closer
	for range 3 {
		if c, err := d.DialContext(ctx, "tcp", s.fleet.Node(1).Address()); err == nil {
			open = append(open, c)
		}
	}
	_ = pause(ctx, 100*time.Millisecond)
	for _, c := range open {
		_ = c.Close()
	}
}

func policy(ctx context.Context, s *suite) {
	cl, err := s.client("planner")
	if err != nil {
		return
	}
	defer cl.Close()
	_, _ = kadm.NewClient(cl).CreateTopics(ctx, 100, 3, nil, "huge-"+strings.ToLower(fmt.Sprint(time.Now().UnixNano())))
}
