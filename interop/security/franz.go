package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// franz is the Go client, in this process.
type franz struct{}

func (franz) name() string { return "franz-go" }
func (franz) close()       {}

// options are those of a login.
func (l *login) options() ([]kgo.Opt, error) {
	opts := []kgo.Opt{kgo.SeedBrokers(l.Bootstrap), kgo.RequestRetries(0), kgo.RetryTimeout(time.Duration(l.Timeout) * time.Millisecond), kgo.MetadataMinAge(10 * time.Millisecond)}
	if l.Protocol == "SSL" || l.Protocol == "SASL_SSL" {
		config, err := l.tls()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	if l.Protocol != "SASL_SSL" && l.Protocol != "SASL_PLAINTEXT" {
		return opts, nil
	}
	mechanisms := map[string]sasl.Mechanism{
		"PLAIN":         plain.Auth{User: l.User, Pass: l.Password}.AsMechanism(),
		"SCRAM-SHA-256": scram.Auth{User: l.User, Pass: l.Password, IsToken: l.IsToken}.AsSha256Mechanism(),
		"SCRAM-SHA-512": scram.Auth{User: l.User, Pass: l.Password, IsToken: l.IsToken}.AsSha512Mechanism(),
		"OAUTHBEARER":   oauth.Auth{Token: l.Token}.AsMechanism(),
	}
	return append(opts, kgo.SASL(mechanisms[l.Mechanism])), nil
}

func (l *login) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if l.CA != "" {
		text, err := os.ReadFile(l.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(text)
	}
	if l.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(l.Certificate, l.Certificate)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (franz) try(l login, began func()) error {
	opts, err := l.options()
	if err != nil {
		return err
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	for until := time.Now().Add(time.Duration(l.Hold) * time.Millisecond); ; time.Sleep(asking) {
		if err := describe(admin, &l); err != nil {
			return err
		}
		if l.Hold > 0 && began != nil {
			began()
			began = nil
		}
		if time.Now().After(until) {
			return nil
		}
	}
}

// asking is how often a client that holds its connection asks something.
const asking = 200 * time.Millisecond

func describe(admin *kadm.Client, l *login) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(l.Timeout)*time.Millisecond)
	defer cancel()
	details, err := admin.ListTopics(ctx, l.Topic)
	if err != nil {
		return err
	}
	d, ok := details[l.Topic]
	if !ok {
		return fmt.Errorf("nothing is said of %s", l.Topic)
	}
	return d.Err
}
