// Command logins logs in with segmentio/kafka-go as it is told, line by line, and says what the client tells its user.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// login is how to come. It is the same for every client of the suite.
type login struct {
	Bootstrap, Protocol       string
	Mechanism, User, Password string
	CA, Certificate, Topic    string
	Timeout, Hold             int
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var l login
		err := json.Unmarshal(lines.Bytes(), &l)
		if err == nil {
			err = l.attempt()
		}
		said := map[string]any{"OK": true}
		if err != nil {
			said = map[string]any{"Error": err.Error()}
		}
		say(said)
	}
}

func say(what map[string]any) {
	text, _ := json.Marshal(what)
	fmt.Println(string(text))
}

func (l *login) attempt() error {
	transport, err := l.transport()
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(l.Bootstrap), Timeout: time.Duration(l.Timeout) * time.Millisecond, Transport: transport}
	until := time.Now().Add(time.Duration(l.Hold) * time.Millisecond)
	for began := false; ; began = true {
		response, err := client.Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{l.Topic}})
		switch {
		case err != nil:
			return err
		case len(response.Topics) != 1:
			return fmt.Errorf("nothing is said of %s", l.Topic)
		case response.Topics[0].Error != nil:
			return response.Topics[0].Error
		}
		if l.Hold > 0 && !began {
			say(map[string]any{"Began": true})
		}
		if !time.Now().Before(until) {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (l *login) transport() (*kafka.Transport, error) {
	t := &kafka.Transport{DialTimeout: time.Duration(l.Timeout) * time.Millisecond}
	var err error
	if strings.HasSuffix(l.Protocol, "SSL") {
		t.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if l.CA != "" {
			text, err := os.ReadFile(l.CA)
			if err != nil {
				return nil, err
			}
			t.TLS.RootCAs = x509.NewCertPool()
			t.TLS.RootCAs.AppendCertsFromPEM(text)
		}
		if l.Certificate != "" {
			pair, err := tls.LoadX509KeyPair(l.Certificate, l.Certificate)
			if err != nil {
				return nil, err
			}
			t.TLS.Certificates = []tls.Certificate{pair}
		}
	}
	var m sasl.Mechanism
	switch l.Mechanism {
	case "PLAIN":
		m = plain.Mechanism{Username: l.User, Password: l.Password}
	case "SCRAM-SHA-256":
		m, err = scram.Mechanism(scram.SHA256, l.User, l.Password)
	case "SCRAM-SHA-512":
		m, err = scram.Mechanism(scram.SHA512, l.User, l.Password)
	}
	t.SASL = m
	return t, err
}
