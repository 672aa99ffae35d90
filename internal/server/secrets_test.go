package server

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
)

// nodeLog is a log that many write to.
type nodeLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *nodeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *nodeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// runWith starts a node from texts in which references are looked up.
func runWith(t *testing.T, texts map[string]string, logs *nodeLog, change func(*Config)) Addresses {
	t.Helper()
	from := config.Sources{ReadFile: os.ReadFile, Env: os.LookupEnv}
	values, _, err := config.ParseBrokerFrom(from, texts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan Addresses, 1), make(chan error, 1)
	cfg := Config{
		Values: values, Logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})), Ready: func(a Addresses) { ready <- a },
		Reread: func() (*config.Values, error) { v, _, err := config.ParseBrokerFrom(from, texts); return v, err },
	}
	if change != nil {
		change(&cfg)
	}
	go func() { ended <- Run(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the node ended: %v", err)
		}
	})
	select {
	case a := <-ready:
		return a
	case err := <-ended:
		ended <- nil
		t.Fatalf("the node does not start: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("the node is not ready")
	}
	return Addresses{}
}

const canary = "canary-5f2e"

// secretTexts are a node's configuration with the canary in every place for a secret.
func secretTexts(t *testing.T, dir string) map[string]string {
	texts := auditedSettings(filepath.Join(dir, "audit"))
	texts["log.dirs"], texts["leat.http.listener"], texts["num.partitions"] = filepath.Join(dir, "data"), "127.0.0.1:0", "1"
	for _, k := range config.Keys(config.Broker) {
		if k.Sensitive() {
			texts[k.Name] = canary
			texts["listener.name.unused."+k.Name] = canary
		}
	}
	file := filepath.Join(dir, "passwords")
	if err := os.WriteFile(file, []byte("node="+canary+"1\nroot="+canary+"2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	delete(texts, "sasl.jaas.config")
	for _, name := range []string{"ssl.keystore.key", "ssl.keystore.certificate.chain", "ssl.truststore.certificates"} {
		delete(texts, name)
	}
	texts["listener.name.sasl_plaintext.plain.sasl.jaas.config"] = `org.apache.kafka.common.security.plain.PlainLoginModule required username="node" password="${file:` + file +
		`:node}" user_node="${file:` + file + `:node}" user_root="${file:` + file + `:root}";`
	return texts
}

func TestSecretsAreNowhere(t *testing.T) {
	dir := t.TempDir()
	var logs nodeLog
	n := runWith(t, secretTexts(t, dir), &logs, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cl := securedClient(t, n.Bootstrap, as("root", canary+"2"))
	root := kadm.NewClient(cl)
	_ = ask(t, n.Bootstrap, as("root", canary+"-wrong"))
	var told strings.Builder
	configs, err := root.DescribeBrokerConfigs(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	sensitive := 0
	for _, c := range configs[0].Configs {
		told.WriteString(c.Key + "=" + c.MaybeValue() + "\n")
		for _, s := range c.Synonyms {
			told.WriteString(s.Key + "=" + deref(s.Value) + "\n")
		}
		if c.Sensitive {
			sensitive++
		}
	}
	if sensitive < 5 {
		t.Errorf("%d sensitive configs are described", sensitive)
	}
	value := canary + "-dynamic"
	for _, name := range []string{"ssl.keystore.password", "ssl.keystore.passwort", "num.io.threads", "listener.name.sasl_plaintext.ssl.key.password"} {
		rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r, c := kmsg.NewIncrementalAlterConfigsRequestResource(), kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, "1"
		c.Name, c.Value = name, &value
		r.Configs = append(r.Configs, c)
		rq.Resources = append(rq.Resources, r)
		resp, err := rq.RequestWith(ctx, cl)
		if err != nil {
			t.Fatal(err)
		}
		if name != "num.io.threads" { // its value is no secret, and the answer says what is wrong with it
			told.WriteString(deref(resp.Resources[0].ErrorMessage) + "\n")
		}
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/balance"} {
		resp, err := http.Get("http://" + n.HTTP + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Write(&told)
		_ = resp.Body.Close()
	}
	told.WriteString(strings.ReplaceAll(logs.String(), value, ""))
	for _, line := range strings.Split(told.String(), "\n") {
		if strings.Contains(line, canary) {
			t.Errorf("a secret is told: %s", line)
		}
	}
	// What is altered at run time stands in the metadata log, as in Kafka; nothing else stands in any file that the node writes.
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // the node runs, and may have removed it
			return nil
		}
		if err != nil || d.IsDir() || filepath.Base(path) == "passwords" {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if found := bytes.Contains(bytes.ReplaceAll(data, []byte(value), nil), []byte(canary)); found {
			t.Errorf("%s holds a secret", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestAPasswordInAFileIsChangedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	texts := secretTexts(t, dir)
	texts["leat.ssl.reload.interval.ms"] = "20"
	var logs nodeLog
	n := runWith(t, texts, &logs, nil)
	if err := ask(t, n.Bootstrap, as("root", canary+"2")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "passwords"), []byte("node="+canary+"1\nroot=renewed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(30 * time.Second); ask(t, n.Bootstrap, as("root", "renewed")) != nil; {
		if time.Now().After(until) {
			t.Fatalf("the new password does not count: %s", logs.String())
		}
	}
	if err := ask(t, n.Bootstrap, as("root", canary+"2")); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("the old password: %v", err)
	}
}

func TestFilesThatOthersReadAreNamedOnce(t *testing.T) {
	dir := t.TempDir()
	texts := secretTexts(t, dir)
	file := filepath.Join(dir, "passwords")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	var logs nodeLog
	runWith(t, texts, &logs, func(cfg *Config) { cfg.Holding = []string{file} })
	if n := strings.Count(logs.String(), "files with secrets can be read by every user"); n != 1 || strings.Count(logs.String(), file) != 1 {
		t.Errorf("%d warnings: %s", n, logs.String())
	}
}

func TestRolesComeFromBindingsAndTheGroupsOfTokens(t *testing.T) {
	set, _ := secure(t)
	set["authorizer.class.name"], set["super.users"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "User:ANONYMOUS"
	set["leat.sasl.oauthbearer.groups.claim"] = "realm.groups"
	n := start(t, t.TempDir(), set)
	addresses := strings.Split(n.Bootstrap, ",")
	root := kadm.NewClient(securedClient(t, addresses[0]))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	acl := kadm.NewACLs().Allow("Role:ops").AllowHosts().Clusters().Operations(kadm.OpCreate).ResourcePatternType(kadm.ACLPatternLiteral)
	if r, err := root.CreateACLs(ctx, acl); err != nil || r[0].Err != nil {
		t.Fatal(err, r)
	}
	bind := func(bindings string) error {
		r, err := root.AlterBrokerConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "leat.role.bindings", Value: &bindings}})
		if err == nil && len(r) > 0 {
			err = r[0].Err
		}
		return err
	}
	if err := bind("Group:platform=ops;User:bob=ops"); err != nil {
		t.Fatal(err)
	}
	if err := bind("Role:ops=ops"); !errors.Is(err, kerr.InvalidRequest) {
		t.Errorf("a role is bound to a role: %v", err)
	}
	create := func(claims, topic string) error {
		cl := securedClient(t, addresses[2], kgo.SASL(oauthToken(claims)))
		_, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, topic)
		return err
	}
	for claims, may := range map[string]bool{
		`{"sub":"alice","exp":99999999999,"realm":{"groups":["dev","platform"]}}`: true,
		`{"sub":"alice","exp":99999999999,"realm":{"groups":["dev"]}}`:            false,
		`{"sub":"alice","exp":99999999999}`:                                       false,
		`{"sub":"bob","exp":99999999999}`:                                         true,
		`{"sub":"Role:ops","exp":99999999999}`:                                    false,
	} {
		// That ACL and bindings have come to this node is what the last of these waits for.
		topic := "t" + strings.NewReplacer("{", "", "}", "", `"`, "", ":", "-", ",", "-", "[", "", "]", "").Replace(claims)
		var err error
		for until := time.Now().Add(30 * time.Second); ; {
			if err = create(claims, topic); !may || err == nil || time.Now().After(until) {
				break
			}
		}
		if may && err != nil || !may && !errors.Is(err, kerr.TopicAuthorizationFailed) {
			t.Errorf("%s: %v", claims, err)
		}
	}
}
