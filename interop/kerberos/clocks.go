package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// off is how far clocks are apart here: twice of what Kerberos takes.
const off = 10 * time.Minute

// fakeTime is the library that gives a program another clock, Debian's libfaketime; "" if it is not there.
func fakeTime() string {
	found, _ := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// clocked are the variables that put the clock of a program ahead, or behind. Programs without the C library, as leat, keep theirs.
func clocked(by time.Duration) []string {
	if by == 0 {
		return nil
	}
	return []string{"LD_PRELOAD=" + fakeTime(), fmt.Sprintf("FAKETIME=%+ds", int(by.Seconds())), "DONT_FAKE_MONOTONIC=1"}
}

// clocks has the KDC live at another time than leat and clients: tickets really are over.
func (s *suite) clocks(ctx context.Context) {
	if fakeTime() == "" {
		fmt.Println("SKIPPED clocks that differ: there is no libfaketime")
		return
	}
	defer func() { s.told("the KDC has the right clock again", errors.Join(s.kdc.restart(0), s.kcatThen(ctx))) }()
	for _, c := range []struct {
		by    time.Duration
		what  string
		brief bool // a ticket of a minute is over
	}{{-off, "behind", true}, {off, "ahead", false}} {
		if err := s.kdc.restart(c.by); err != nil {
			s.told("a KDC of another clock", err)
			return
		}
		kdc := "a KDC ten minutes " + c.what + ", "
		if c.brief {
			s.told(kdc+"a ticket of a minute, by hand", s.over(ctx, c.by))
		}
		var work sync.WaitGroup
		var own error
		work.Go(func() { own = s.refusedByKDC(ctx) })
		without := s.refused("the clocks of this node and the client differ", s.kcatThen)
		work.Wait()
		s.told(kdc+"kcat with the right clock", without)
		s.told(kdc+"leat with the right clock", own)
	}
}

// restart gives the KDC another clock.
func (k *kdc) restart(by time.Duration) error {
	k.stop()
	return k.serve(by)
}

// kcatThen logs in with kcat while the KDC has another clock. kcat has the right one: with libfaketime it stands still for good now and then.
func (s *suite) kcatThen(ctx context.Context) error {
	return s.kcatWith(ctx, "clock", "alice", "alice.keytab", "kafka")
}

// refused lets a client try until leat has said why it does not let it in.
func (s *suite) refused(cause string, try func(context.Context) error) error {
	before := s.logged()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- try(ctx) }()
	said := s.await(before, cause, 1)
	cancel() // clients try again and again
	if err := <-ended; err == nil {
		return errors.New("it got in")
	}
	return said
}

// refusedByKDC has one of leat's commands find out that its clock and that of the KDC differ.
func (s *suite) refusedByKDC(ctx context.Context) error {
	err := s.own(ctx, "alice", "alice.keytab", "kafka")
	switch {
	case err == nil:
		return errors.New("it got in")
	case !strings.Contains(err.Error(), "the clocks of this node and the KDC differ"):
		return fmt.Errorf("it does not say why: %w", err)
	}
	return nil
}

// over sends a ticket of the KDC whose time is over, with the right time of the login.
func (s *suite) over(ctx context.Context, by time.Duration) error {
	ticket, key, err := s.fetchBriefly(ctx, by)
	if err != nil {
		return err
	}
	message, err := request(ticket, key, 0)
	if err != nil {
		return err
	}
	return s.refused("it has expired", func(context.Context) error { return send(s.address, message) })
}

// fetchBriefly has kinit get a ticket of a minute for the service, by the KDC's clock.
func (s *suite) fetchBriefly(ctx context.Context, by time.Duration) (t messages.Ticket, key types.EncryptionKey, err error) {
	const service = "kafka/localhost"
	file := s.kdc.path("cache-briefly")
	cmd := exec.CommandContext(ctx, "kinit", "-c", "FILE:"+file, "-S", service, "-l", "1m", "-k", "-t", s.kdc.path("alice.keytab"), "alice@"+realm)
	cmd.Env = append(s.kdc.environment(), clocked(by)...)
	if err := s.finish(ctx, cmd); err != nil {
		return t, key, err
	}
	cache, err := credentials.LoadCCache(file)
	if err != nil {
		return t, key, err
	}
	for _, c := range cache.GetEntries() {
		if c.Server.PrincipalName.PrincipalNameString() == service {
			err := t.Unmarshal(c.Ticket)
			return t, c.Key, err
		}
	}
	return t, key, fmt.Errorf("%s has no ticket for %s", file, service)
}
