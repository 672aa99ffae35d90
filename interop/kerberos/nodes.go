package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/target"
)

// nodes starts three that log in at each other by tickets, as brokers and as controllers, and has them keep records. Then one of them comes back with a key that is
// not its own any more.
func (s *suite) nodes(ctx context.Context) {
	dir := filepath.Join(filepath.Dir(s.kdc.dir), "nodes")
	login := `com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab="` + s.kdc.path("nodes.keytab") + `" principal="kafka/127.0.0.1@` + realm + `";`
	_ = os.Setenv("KRB5_CONFIG", s.kdc.path("krb5.conf"))
	defer func() { _ = os.Unsetenv("KRB5_CONFIG") }()
	all, err := target.NewCluster(target.ClusterConfig{Kind: target.Leat, Binary: s.binary, Dir: dir, Nodes: 3, Listeners: map[string]string{"NODES": "SASL_PLAINTEXT"}, Settings: map[string]string{
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,NODES:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT", "inter.broker.listener.name": "NODES",
		"sasl.enabled.mechanisms": "GSSAPI", "sasl.mechanism.inter.broker.protocol": "GSSAPI", "sasl.mechanism.controller.protocol": "GSSAPI", "sasl.kerberos.service.name": "kafka",
		"listener.name.nodes.gssapi.sasl.jaas.config": login, "listener.name.controller.gssapi.sasl.jaas.config": login,
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS;User:kafka",
	}})
	if err != nil {
		s.told("three nodes", err)
		return
	}
	defer func() {
		for _, n := range all {
			n.Kill()
		}
	}()
	s.told("three nodes that log in at each other by tickets", errors.Join(startAll(ctx, all), write(ctx, all[0], 100)))
	if err := all[2].Stop(); err != nil {
		s.told("a node stops", err)
		return
	}
	// The other two go on with the key that the KDC has; the third is left with an old one.
	old := s.kdc.path("old.keytab")
	data, err := os.ReadFile(s.kdc.path("nodes.keytab"))
	if err == nil {
		err = os.WriteFile(old, data, 0o600)
	}
	if err == nil {
		err = s.kdc.run(ctx, "kadmin.local", "-r", realm, "-q", "cpw -randkey kafka/127.0.0.1")
	}
	if err == nil {
		err = s.kdc.export(ctx, "kafka/127.0.0.1", "nodes.keytab")
	}
	if err == nil {
		err = replaceIn(all[2].PropertiesFile(), s.kdc.path("nodes.keytab"), old)
	}
	if err != nil {
		s.told("another key", err)
		return
	}
	s.told("a node with a key that is not its own any more", s.isKeptOut(ctx, all[2], old+" has no key of its version and type: the key was renewed at the KDC: export the keytab again"))
	if err := replaceIn(all[2].PropertiesFile(), old, s.kdc.path("nodes.keytab")); err != nil {
		s.told("the right key", err)
		return
	}
	_, err = all[2].Start(ctx)
	s.told("the node with the key that the KDC has now", errors.Join(err, write(ctx, all[2], 100)))
}

// isKeptOut starts a node that must not come among the others, and must say why. It does so when somebody comes to it: which of the other nodes do depends on who
// leads the controllers, so the suite goes there, too.
func (s *suite) isKeptOut(ctx context.Context, n *target.Node, words string) error {
	ticket, key, err := s.fetch("kafka/127.0.0.1")
	if err != nil {
		return err
	}
	before := len(logOf(n))
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	started := make(chan error, 1)
	go func() {
		_, err := n.Start(ctx)
		started <- err
	}()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case err := <-started:
			if err == nil {
				return errors.New("it is taken")
			}
			return fmt.Errorf("its log does not say %q: %w: %s", words, err, n.LogTail(5))
		case <-every.C:
		}
		message, err := request(ticket, key, 0)
		if err != nil {
			return err
		}
		if send(n.Controller(), message) == nil {
			return errors.New("it takes a ticket for a key that it has not")
		}
		if strings.Contains(logOf(n)[before:], words) {
			cancel()
			if <-started == nil {
				return errors.New("it is taken")
			}
			return nil
		}
	}
}

func logOf(n *target.Node) string {
	data, _ := os.ReadFile(n.LogFile())
	return string(data)
}

func replaceIn(file, what, with string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(strings.ReplaceAll(string(text), what, with)), 0o600)
}

func startAll(ctx context.Context, all []*target.Node) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, n := range all {
		wg.Go(func() { _, errs[i] = n.Start(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// write makes a topic on three nodes, if it is not there, and writes records that all of them have to have.
func write(ctx context.Context, n *target.Node, records int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.Bootstrap()), kgo.DefaultProduceTopic("tickets"))
	if err != nil {
		return err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	all := "3"
	if topics, err := admin.ListTopics(ctx, "tickets"); err != nil || !topics.Has("tickets") {
		if _, err := admin.CreateTopic(ctx, 3, 3, map[string]*string{"min.insync.replicas": &all}, "tickets"); err != nil {
			return err
		}
	}
	for range records {
		cl.Produce(ctx, kgo.StringRecord("kept by three"), func(_ *kgo.Record, e error) {
			if e != nil && err == nil {
				err = e
			}
		})
	}
	return errors.Join(cl.Flush(ctx), err)
}
