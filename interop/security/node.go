package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/target"
)

// listeners are those of the node, beside the ones of the suite itself.
var listeners = map[string]string{
	"TLS":       "SSL",
	"MUTUAL":    "SSL", // asks for certificates
	"EXPIRED":   "SSL", // shows one whose time is over
	"ELSEWHERE": "SSL", // shows one of another host
	"ROTATING":  "SSL", // shows one that is replaced
	"LOGIN":     "SASL_PLAINTEXT",
	"BOTH":      "SASL_SSL",
	"PLAINONLY": "SASL_PLAINTEXT", // has one mechanism
	"SHORT":     "SASL_SSL",       // ends sessions soon
	"TRIAL":     "SASL_PLAINTEXT", // takes tokens that nobody signed
}

const (
	modules     = "org.apache.kafka.common.security."
	alicePass   = "alice-secret"
	bobPass     = "bob-secret"
	sessionTime = 2 * time.Second // on SHORT
)

func (r *run) settings() map[string]string {
	set := map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS;User:admin",
		"ssl.truststore.type": "PKCS12", "ssl.truststore.location": r.files.truststore, "ssl.truststore.password": storePassword,
		"listener.name.mutual.ssl.client.auth": "required", "listener.name.mutual.ssl.principal.mapping.rules": "RULE:^CN=([^,]*),O=leat$/$1/L,DEFAULT",
		"sasl.enabled.mechanisms":                         "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"listener.name.plainonly.sasl.enabled.mechanisms": "PLAIN", "listener.name.trial.sasl.enabled.mechanisms": "OAUTHBEARER",
		"sasl.oauthbearer.jwks.endpoint.url": r.issuer.url + "/keys", "sasl.oauthbearer.expected.audience": audience, "sasl.oauthbearer.expected.issuer": r.issuer.url,
		"sasl.oauthbearer.clock.skew.seconds":       "1",
		"connection.failed.authentication.delay.ms": "10",
	}
	certificates := map[string]string{"EXPIRED": "expired.pem", "ELSEWHERE": "elsewhere.pem", "ROTATING": "rotating.pem"}
	for name, protocol := range listeners {
		of := "listener.name." + strings.ToLower(name) + ".ssl."
		if file, ok := certificates[name]; ok {
			set[of+"keystore.type"], set[of+"keystore.location"] = "PEM", r.files.path(file)
		} else if strings.HasSuffix(protocol, "SSL") {
			set[of+"keystore.type"], set[of+"keystore.location"] = "JKS", r.files.keystore
			set[of+"keystore.password"], set[of+"key.password"] = storePassword, storePassword
		}
	}
	for name, protocol := range listeners {
		if !strings.HasPrefix(protocol, "SASL") {
			continue
		}
		of := "listener.name." + strings.ToLower(name)
		set[of+".plain.sasl.jaas.config"] = modules + `plain.PlainLoginModule required user_alice="` + alicePass + `" user_bob="` + bobPass + `" user_admin="admin-secret";`
		set[of+".scram-sha-256.sasl.jaas.config"] = modules + "scram.ScramLoginModule required;"
		set[of+".scram-sha-512.sasl.jaas.config"] = modules + "scram.ScramLoginModule required;"
		set[of+".oauthbearer.sasl.jaas.config"] = modules + "oauthbearer.OAuthBearerLoginModule required;"
		handler := "oauthbearer.OAuthBearerValidatorCallbackHandler"
		if name == "TRIAL" {
			handler = "oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
		}
		set[of+".oauthbearer.sasl.server.callback.handler.class"] = modules + handler
	}
	for _, m := range []string{"plain", "scram-sha-256", "scram-sha-512", "oauthbearer"} {
		set["listener.name.short."+m+".connections.max.reauth.ms"] = fmt.Sprint(sessionTime.Milliseconds())
	}
	return set
}

func (r *run) startNode(kind target.Kind, binary string) error {
	set := r.settings()
	if kind == target.Kafka { // it fetches the keys of the issuer with what the virtual machine trusts, from addresses that it is allowed to ask
		_ = os.Setenv("JAVA_TOOL_OPTIONS", "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+r.issuer.url+"/keys -Djavax.net.ssl.trustStore="+r.files.truststore+
			" -Djavax.net.ssl.trustStorePassword="+storePassword+" -Djavax.net.ssl.trustStoreType=PKCS12")
		defer func() { _ = os.Unsetenv("JAVA_TOOL_OPTIONS") }()
	} else {
		set["leat.ssl.reload.interval.ms"] = "500"
	}
	var err error
	if r.node, err = target.New(target.Config{Kind: kind, Dir: r.files.path("node"), Binary: binary, Settings: set, Listeners: listeners}); err != nil {
		return err
	}
	_, err = r.node.Start(r.ctx)
	return err
}

// admin is somebody who may do everything, on the listener that asks nobody who he is.
func (r *run) admin() (*kadm.Client, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.node.Bootstrap()))
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(cl), nil
}

// prepare makes the topic, the users, and the one rule: alice may describe the topic.
func (r *run) prepare() error {
	ctx, cancel := context.WithTimeout(r.ctx, 2*patience)
	defer cancel()
	admin, err := r.admin()
	if err != nil {
		return err
	}
	defer admin.Close()
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, topic); err != nil {
		return err
	}
	for _, m := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		if err := upsert(ctx, admin, m, map[string]string{"alice": alicePass, "bob": bobPass}); err != nil {
			return err
		}
	}
	b := kadm.NewACLs().Allow("User:alice").AllowHosts("*").Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpDescribe)
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

// topic is what clients ask for.
const topic = "secrets"

// upsert sets passwords.
func upsert(ctx context.Context, admin *kadm.Client, m kadm.ScramMechanism, passwords map[string]string) error {
	var all []kadm.UpsertSCRAM
	for user, password := range passwords {
		all = append(all, kadm.UpsertSCRAM{User: user, Mechanism: m, Iterations: 4096, Password: password})
	}
	altered, err := admin.AlterUserSCRAMs(ctx, nil, all)
	if err != nil {
		return err
	}
	return altered.Error()
}
