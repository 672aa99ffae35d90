package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// story is something that goes on for a while, with what the node or the issuer does meanwhile.
type story struct {
	name     string
	do       func() error
	short    bool
	leatOnly bool
}

func (r *run) stories() []story {
	return []story{
		{name: "certificate replaced while running", do: r.rotateCertificate, short: true, leatOnly: true},
		{name: "sessions that end, clients that go on", do: r.reauthenticate},
		{name: "password revoked while connected", do: r.revokePassword, short: true},
		{name: "rule revoked while connected", do: r.revokeRule},
		{name: "issuer with a new key", do: r.rotateKeys, short: true, leatOnly: true},
		{name: "HTTP and TLS by hand", do: r.byHand, short: true, leatOnly: true},
		{name: "Kafka's tools over SASL_SSL", do: r.tools, short: false},
		{name: "kafka-acls beside Kafka", do: func() error { return r.playTools("acls") }},
		{name: "kafka-configs beside Kafka", do: func() error { return r.playTools("configs") }},
		{name: "kafka-delegation-tokens beside Kafka", do: func() error { return r.playTools("tokens") }, short: true},
		{name: "audit log of three nodes", do: r.audit, leatOnly: true},
		{name: "leat's commands over TLS and SASL", do: r.ownCommands, short: true, leatOnly: true},
		{name: "SCRAM at formatting", do: r.formatted, leatOnly: true, short: true},
	}
}

func (r *run) story(s *story) {
	began := time.Now()
	err := s.do()
	r.check(s.name, err)
	if err == nil {
		fmt.Printf("%s  %-44s %4.1fs  ok\n", r.node.Kind(), s.name, time.Since(began).Seconds())
	}
}

// rotateCertificate: new connections are shown the new certificate, the old one goes on.
func (r *run) rotateCertificate() error {
	address := r.node.Address("ROTATING")
	config, err := (&login{CA: r.files.authority.file}).tls()
	if err != nil {
		return err
	}
	old, err := tls.Dial("tcp", address, config)
	if err != nil {
		return err
	}
	defer old.Close()
	if err := versions(old); err != nil {
		return err
	}
	if err := os.Rename(r.files.path("renewed.pem"), r.files.rotating); err != nil {
		return err
	}
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return err
		}
		shown := c.ConnectionState().PeerCertificates[0].Subject.CommonName
		c.Close()
		if shown == "second" {
			break
		}
		if time.Now().After(until) {
			return fmt.Errorf("still the certificate of %s is shown", shown)
		}
	}
	if err := versions(old); err != nil {
		return fmt.Errorf("the connection that was open: %w", err)
	}
	r.one(&kase{name: "  who trusts the new authority", listener: "ROTATING", as: login{CA: r.files.stranger.file}, want: in})
	r.one(&kase{name: "  who trusts the old one only", listener: "ROTATING", want: tlsFailed, log: "listener=ROTATING.*(" + refusesUs + ")"})
	return nil
}

// versions asks on a connection what the node speaks, and reads the answer.
func versions(nc net.Conn) error {
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	ask := []byte{0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff} // ApiVersions, version 0, correlation id 7, no client id
	if _, err := nc.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(ask))), ask...)); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(nc, size[:]); err != nil {
		return err
	}
	answer := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(nc, answer); err != nil {
		return err
	}
	if !bytes.HasPrefix(answer, []byte{0, 0, 0, 7, 0, 0}) {
		return fmt.Errorf("answered with %x", answer[:min(len(answer), 10)])
	}
	return nil
}

// reauthenticate: sessions of two seconds are no concern of clients that authenticate again. kafka-go does not, and comes again.
func (r *run) reauthenticate() error {
	const several = 3 * sessionTime
	for _, m := range []string{"PLAIN", "SCRAM-SHA-512", "OAUTHBEARER"} {
		as := login{Mechanism: m, User: "alice", Password: alicePass, Hold: int(several.Milliseconds())}
		of := map[string]string{"kcat": "-", "kafka-go": "-", "leat": "-"}
		if m == "OAUTHBEARER" {
			as.App = "alice-app"
		}
		r.one(&kase{name: "  again by " + m, listener: "SHORT", as: as, want: in, of: of})
	}
	return nil
}

// meanwhile lets clients hold their connections as somebody, does something once all of them got in, and wants them to end in a class.
func (r *run) meanwhile(l login, want, log string, do func() error) error {
	l.Hold = int((patience + 10*time.Second).Milliseconds())
	l = r.complete(&kase{listener: "SHORT", as: l, want: in})
	behind := r.logSize()
	var wg, began sync.WaitGroup
	var mu sync.Mutex
	var problems []error
	ends := 0
	for _, who := range r.clients {
		if !stays(who.name()) {
			continue
		}
		began.Add(1)
		once := sync.OnceFunc(began.Done)
		wg.Go(func() {
			err := who.try(l, once)
			once() // or it never began
			mu.Lock()
			defer mu.Unlock()
			ends++
			if got := classify(err); got != want && (who.name() != "kafkajs" || err == nil) { // kafkajs is cut off before it learns why
				problems = append(problems, fmt.Errorf("%s: %s, want %s: %v", who.name(), got, want, err))
			}
		})
	}
	began.Wait()
	err := do()
	wg.Wait()
	if err == nil && log != "" && r.node.Kind() == "leat" {
		err = r.logged(behind, log, ends)
	}
	return errors.Join(append(problems, err)...)
}

// known waits until somebody gets in: the node knows of passwords and rules a moment after the controller has taken them.
func (r *run) known(l login) error {
	l = r.complete(&kase{listener: "BOTH", as: l, want: in})
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := franz{}.try(l, nil)
		if err == nil || time.Now().After(until) {
			return err
		}
	}
}

func (r *run) revokePassword() error {
	ctx, cancel := context.WithTimeout(r.ctx, 2*patience)
	defer cancel()
	admin, err := r.admin()
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := upsert(ctx, admin, kadm.ScramSha256, map[string]string{"carol": "carol-secret"}); err != nil {
		return err
	}
	if err := allow(ctx, admin, "carol"); err != nil {
		return err
	}
	carol := login{Mechanism: "SCRAM-SHA-256", User: "carol", Password: "carol-secret"}
	if err := r.known(carol); err != nil {
		return err
	}
	return r.meanwhile(carol, authentication, `authentication by SASL SCRAM-SHA-256 failed: user "carol" has no credential`,
		func() error {
			altered, err := admin.AlterUserSCRAMs(ctx, []kadm.DeleteSCRAM{{User: "carol", Mechanism: kadm.ScramSha256}}, nil)
			if err != nil {
				return err
			}
			return altered.Error()
		})
}

func (r *run) revokeRule() error {
	ctx, cancel := context.WithTimeout(r.ctx, 2*patience)
	defer cancel()
	admin, err := r.admin()
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := upsert(ctx, admin, kadm.ScramSha256, map[string]string{"dave": "dave-secret"}); err != nil {
		return err
	}
	if err := allow(ctx, admin, "dave"); err != nil {
		return err
	}
	dave := login{Mechanism: "SCRAM-SHA-256", User: "dave", Password: "dave-secret"}
	if err := r.known(dave); err != nil {
		return err
	}
	return r.meanwhile(dave, denied, "", func() error {
		_, err := admin.DeleteACLs(ctx, kadm.NewACLs().Allow("User:dave").AllowHosts().Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpDescribe))
		return err
	})
}

// allow lets somebody describe the topic.
func allow(ctx context.Context, admin *kadm.Client, user string) error {
	b := kadm.NewACLs().Allow("User:" + user).AllowHosts("*").Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpDescribe)
	results, err := admin.CreateACLs(ctx, b)
	if err != nil {
		return err
	}
	for _, result := range results {
		if result.Err != nil {
			return result.Err
		}
	}
	return nil
}

// rotateKeys: tokens by a new key are good at once, those by the withdrawn one not any more where
// the keys were fetched again for one that was not known, and elsewhere when their time is over.
func (r *run) rotateKeys() error {
	if err := r.issuer.rotate(); err != nil {
		return err
	}
	if err := r.fetched(); err != nil {
		return err
	}
	able := map[string]string{"kcat": "-", "kafka-go": "-"}
	r.one(&kase{name: "  a token by the new key", listener: "BOTH", as: login{Mechanism: "OAUTHBEARER", App: "alice-app"}, want: in, of: able})
	r.one(&kase{name: "  a token by the withdrawn key", listener: "BOTH", as: login{Mechanism: "OAUTHBEARER", App: "withdrawn"}, want: authentication,
		of:  map[string]string{"kcat": "-", "kafka-go": "-", "franz-go": noConnection, "kafkajs": noConnection},
		log: `listener=BOTH.*signed by the key "key-[0-9.]*", which is not one of the 1 of the issuer`})
	return nil
}

// fetched waits until the node knows the newest key: keys are fetched once a second at most, and an unknown one may just have been asked for.
func (r *run) fetched() error {
	return r.known(login{Mechanism: "OAUTHBEARER", App: "alice-app"})
}
