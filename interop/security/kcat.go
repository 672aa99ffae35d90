package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// kcat is the program, and so the librdkafka of the system. It is stopped when it has said what is wrong, which it would try again until its time is over.
type kcat struct{}

func (kcat) name() string { return "kcat" }
func (kcat) close()       {}

func (kcat) try(l login, _ func()) error {
	set := map[string]string{"security.protocol": l.Protocol, "ssl.ca.location": l.CA, "ssl.certificate.location": l.Certificate, "ssl.key.location": l.Certificate,
		"sasl.mechanism": l.Mechanism, "sasl.username": l.User, "sasl.password": l.Password}
	if l.Mechanism == "OAUTHBEARER" { // it has no OpenID Connect of its own here
		set["sasl.username"], set["sasl.password"] = "", ""
		set["enable.sasl.oauthbearer.unsecure.jwt"], set["sasl.oauthbearer.config"] = "true", "principal="+l.User
	}
	args := []string{"-L", "-t", l.Topic, "-b", l.Bootstrap, "-m", fmt.Sprint(max(1, (l.Timeout+999)/1000))}
	for key, value := range set {
		if value != "" {
			args = append(args, "-X", key+"="+value)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.CommandContext(ctx, "kcat", args...)
	said := &telling{stop: cancel}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	text := said.String()
	if err == nil && !strings.Contains(text, "uthorization failed") {
		return nil
	}
	return errors.New(text)
}

// telling keeps what a program says and stops it when that is the last word.
type telling struct {
	stop func()
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (t *telling) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.text.Write(p)
	if at := strings.Index(t.text.String(), "|FAIL|"); at >= 0 && strings.Contains(t.text.String()[at:], "\n") {
		t.stop()
	}
	return n, err
}

func (t *telling) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
