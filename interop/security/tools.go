package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"leat/interop/kafkatools"
	"leat/interop/target"
)

// toolbox runs Kafka's tools one after the other.
type toolbox struct{ *kafkatools.Toolbox }

func (r *run) newToolbox() (*toolbox, error) {
	dir := r.files.path("tools")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	box, err := kafkatools.New(r.ctx, dir)
	return &toolbox{box}, err
}

// run runs a tool and returns what it said.
func (b *toolbox) run(name string, args ...string) (string, error) {
	said, err := b.Run(name, args...)
	return said.Text(), err
}

// properties writes the file of a client that comes to BOTH.
func (r *run) properties(user, password string) (string, error) {
	file := r.files.path(user + ".properties")
	m, module := "SCRAM-SHA-512", "scram.ScramLoginModule"
	if user == "admin" {
		m, module = "PLAIN", "plain.PlainLoginModule"
	}
	return file, os.WriteFile(file, fmt.Appendf(nil, "security.protocol=SASL_SSL\nsasl.mechanism=%s\nssl.truststore.type=PKCS12\nssl.truststore.location=%s\nssl.truststore.password=%s\n"+
		"sasl.jaas.config=%s%s required username=\"%s\" password=\"%s\";\ndefault.api.timeout.ms=20000\nrequest.timeout.ms=10000\nmax.block.ms=10000\n",
		m, r.files.truststore, storePassword, modules, module, user, password), 0o600)
}

// step is one call of a tool.
type step struct {
	who, tool, args, says string
	in                    string // for the console producer: it and the consumer run as processes of their own
}

// toolSteps are what an administrator does for a user called clerk, and what the user may do then.
var toolSteps = []step{
	{"admin", "kafka-topics", "--create --topic office-mail --partitions 1", "Created topic office-mail", ""},
	{"admin", "kafka-configs", "--alter --entity-type users --entity-name clerk --add-config SCRAM-SHA-512=[password=clerk-secret]", "Completed updating config for user clerk", ""},
	{"admin", "kafka-configs", "--describe --entity-type users --entity-name clerk", "SCRAM-SHA-512=iterations=4096", ""},
	{"clerk", "kafka-topics", "--describe --topic office-mail", "does not exist as expected|not authorized|Topic authorization failed", ""},
	{"clerk", "kafka-topics", "--list", `^\s*$`, ""},
	{"clerk", "kafka-console-producer", "--topic office-mail", "Topic authorization failed|TopicAuthorizationException|Not authorized", "one\ntwo\n"},
	{"clerk", "kafka-acls", "--list", "ClusterAuthorizationException|Cluster authorization failed", ""},
	{"admin", "kafka-acls", "--add --allow-principal User:clerk --producer --topic office- --resource-pattern-type prefixed", "Adding ACLs for resource .*PREFIXED", ""},
	{"clerk", "kafka-console-producer", "--topic office-mail", `^[\s>]*$`, "one\ntwo\n"},
	{"clerk", "kafka-topics", "--list", "^office-mail\\s*$", ""},
	{"clerk", "kafka-console-consumer", "--topic office-mail --group clerks --from-beginning --max-messages 2 --timeout-ms 15000", "Processed a total of 0 messages", ""},
	{"admin", "kafka-acls", "--add --allow-principal User:clerk --allow-host 127.0.0.1 --consumer --topic office-mail --group clerks", "Adding ACLs for resource .*GROUP", ""},
	{"clerk", "kafka-console-consumer", "--topic office-mail --group clerks --from-beginning --max-messages 2 --timeout-ms 15000", "(?s)one.*two.*Processed a total of 2 messages", ""},
	{"clerk", "kafka-consumer-groups", "--describe --group clerks", `clerks\s+office-mail\s+0\s+2\s+2\s+0`, ""},
	{"alice", "kafka-consumer-groups", "--describe --group clerks", "GroupAuthorizationException|Not authorized to access group", ""},
	{"admin", "kafka-acls", "--list --topic office-mail --resource-pattern-type match", "(?s)LITERAL.*PREFIXED|PREFIXED.*LITERAL", ""},
	{"admin", "kafka-acls", "--add --deny-principal User:clerk --deny-host 127.0.0.1 --operation Read --topic office-mail", "permissionType=DENY", ""},
	{"clerk", "kafka-console-consumer", "--topic office-mail --group clerks --from-beginning --max-messages 2 --timeout-ms 15000", "Processed a total of 0 messages", ""},
	{"admin", "kafka-acls", "--remove --force --deny-principal User:clerk --deny-host 127.0.0.1 --operation Read --topic office-mail", "Current ACLs|^\\s*$", ""},
	{"clerk", "kafka-consumer-groups", "--all-topics --reset-offsets --to-earliest --execute --group clerks", `clerks\s+office-mail\s+0\s+0`, ""},
	{"admin", "kafka-acls", "--remove --force --producer --allow-principal User:clerk --topic office- --resource-pattern-type prefixed", "", ""},
	{"clerk", "kafka-console-producer", "--topic office-mail", "authorization failed", "one\n"},
	{"admin", "kafka-configs", "--alter --entity-type users --entity-name clerk --delete-config SCRAM-SHA-512", "Completed updating config for user clerk", ""},
	{"clerk", "kafka-topics", "--list", "SaslAuthenticationException|Authentication failed", ""},
}

// tools lets Kafka's tools do what they do, all through the listener with TLS and SASL.
func (r *run) tools() error {
	box, err := r.newToolbox()
	if err != nil {
		return err
	}
	defer box.Close()
	files := map[string]string{}
	for user, password := range map[string]string{"admin": "admin-secret", "clerk": "clerk-secret", "alice": alicePass} {
		if files[user], err = r.properties(user, password); err != nil {
			return err
		}
	}
	for i := range toolSteps {
		s := &toolSteps[i]
		said, err := r.tool(box, s, files[s.who])
		if err == nil && !regexp.MustCompile(s.says).MatchString(said) {
			err = fmt.Errorf("it says %q, want %q", short(said), s.says)
		}
		r.check(fmt.Sprintf("  %s: %s %s", s.who, s.tool, s.args), err)
		if r.verbose {
			fmt.Printf("          %s: %s %s: %s\n", s.who, s.tool, s.args, short(said))
		}
	}
	return nil
}

func (r *run) tool(box *toolbox, s *step, file string) (string, error) {
	args := append([]string{"--bootstrap-server", r.node.Address("BOTH")}, strings.Fields(s.args)...)
	switch s.tool {
	case "kafka-console-producer":
		cmd, err := target.Tool(s.tool, append(args, "--producer.config", file, "--sync")...)
		if err != nil {
			return "", err
		}
		cmd.Stdin = strings.NewReader(s.in)
		out, _ := cmd.CombinedOutput() // what it says is looked at
		return withoutLog(string(out)), nil
	case "kafka-console-consumer":
		return box.run(s.tool, append(args, "--consumer.config", file)...)
	}
	return box.run(s.tool, append(args, "--command-config", file)...)
}

// ownCommands asks with leat's own commands, which take the files of Kafka's clients.
func (r *run) ownCommands() error {
	files := map[string]string{}
	for user, password := range map[string]string{"admin": "admin-secret", "alice": alicePass, "bob": "guess"} {
		var err error
		if files[user], err = r.properties(user, password); err != nil {
			return err
		}
	}
	certificate := r.files.path("certificate.properties")
	if err := os.WriteFile(certificate, fmt.Appendf(nil, "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=%s\nssl.keystore.type=PEM\nssl.keystore.location=%s\n",
		r.files.authority.file, r.files.path("alice.pem")), 0o600); err != nil {
		return err
	}
	both, mutual := r.node.Address("BOTH"), r.node.Address("MUTUAL")
	for _, c := range []struct{ at, file, args, says string }{
		{both, files["admin"], "cluster id", `^\S{22}\s$`},
		{both, files["admin"], "cluster nodes", `127\.0\.0\.1`},
		{both, files["admin"], "quorum describe", `(?i)leader`},
		{both, files["admin"], "group list", "GROUP"},
		{both, files["admin"], "kafka-cluster cluster-id", "Cluster ID: "},
		{both, files["admin"], "kafka-metadata-quorum describe --status", "LeaderId:"},
		{both, files["alice"], "quorum describe", "CLUSTER_AUTHORIZATION_FAILED"},
		{both, files["bob"], "cluster id", "(?i)authentication failed"},
		{mutual, certificate, "cluster id", `^\S{22}\s$`},
		{r.node.Address("EXPIRED"), certificate, "cluster id", "TLS handshake.*expired"},
	} {
		args := strings.Fields(c.args)
		if strings.HasPrefix(c.args, "kafka-metadata-quorum") { // its flags stand before the action
			args = append([]string{args[0], "--bootstrap-server", c.at, "--command-config", c.file}, args[1:]...)
		} else {
			args = append(args, "--bootstrap-server", c.at, "--command-config", c.file)
		}
		if !strings.HasPrefix(c.args, "kafka-") {
			args = append(args, "--timeout", ownTimeout.String())
		}
		out, _ := exec.Command(r.binary, args...).CombinedOutput() // what it says is looked at
		var err error
		if !regexp.MustCompile(c.says).Match(out) {
			err = fmt.Errorf("it says %q, want %q", short(string(out)), c.says)
		}
		r.check("  leat "+c.args, err)
		if r.verbose {
			fmt.Printf("          leat %s: %s\n", c.args, short(string(out)))
		}
	}
	return r.ownTokens()
}

// withoutLog leaves out warnings that an option is old.
func withoutLog(said string) string {
	var kept []string
	for line := range strings.Lines(said) {
		if !strings.Contains(line, "deprecated") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}
