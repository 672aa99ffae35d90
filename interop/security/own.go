package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// own is leat's own command line as a client: each login is a command, with a client's properties behind -X.
type own struct{ binary, dir string }

func newOwn(binary, dir string) (client, error) {
	path, err := exec.LookPath(binary)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	return own{path, dir}, err
}

func (own) name() string { return "leat" }
func (own) close()       {}

func (o own) try(l login, _ func()) error {
	properties, err := o.properties(&l)
	if err != nil {
		return err
	}
	args := []string{"topic", "list", l.Topic, "-o", "template={{.name}}", "--bootstrap-server", l.Bootstrap, "--timeout", (time.Duration(l.Timeout) * time.Millisecond).String()}
	for _, p := range properties {
		args = append(args, "-X", p)
	}
	out, err := o.command(args...)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s", err, out)
	case strings.TrimSpace(out) != l.Topic:
		return fmt.Errorf("not authorized to access topic: of what may be seen it lists %q", out)
	}
	return nil
}

// command runs a command of leat's that has nothing in its environment which says how to come.
func (o own) command(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), stuck)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.binary, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LEAT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "LEAT_CONFIG="+filepath.Join(o.dir, "profiles.yaml"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// properties are those of a login, as KEY=VALUE.
func (o own) properties(l *login) ([]string, error) {
	all := []string{"security.protocol=" + l.Protocol, "ssl.truststore.location=" + l.CA, "ssl.keystore.location=" + l.Certificate, "sasl.mechanism=" + l.Mechanism}
	switch {
	case l.Mechanism == "OAUTHBEARER" && l.TokenURL != "":
		all = append(all, "sasl.oauthbearer.token.endpoint.url="+l.TokenURL, "sasl.oauthbearer.scope=kafka",
			"sasl.oauthbearer.client.credentials.client.id="+l.App, "sasl.oauthbearer.client.credentials.client.secret="+l.Secret)
	case l.Mechanism == "OAUTHBEARER":
		file, err := o.unsigned(l.User)
		if err != nil {
			return nil, err
		}
		all = append(all, "sasl.oauthbearer.token.endpoint.url=file://"+file)
	case l.IsToken:
		all = append(all, fmt.Sprintf("sasl.jaas.config=%sscram.ScramLoginModule required username=%q password=%q tokenauth=\"true\";", modules, l.User, l.Password))
	default:
		all = append(all, "sasl.username="+l.User, "sasl.password="+l.Password)
	}
	var set []string
	for _, p := range all {
		if _, value, _ := strings.Cut(p, "="); value != "" {
			set = append(set, p)
		}
	}
	return set, nil
}

// unsigned writes a token that nobody signed into a file.
func (o own) unsigned(user string) (string, error) {
	now := time.Now()
	claims := jwt.MapClaims{"sub": user, "iat": now.Unix() - 1, "exp": now.Add(time.Hour).Unix()}
	text, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	file := filepath.Join(o.dir, "unsigned.jwt")
	return file, errors.Join(err, os.WriteFile(file, []byte(text), 0o600))
}

// ownTimeout is how long leat's own commands may try.
const ownTimeout = time.Minute

// ownTokens lets leat's own commands fetch tokens of the issuer, by a profile and by -X, and looks at what they say if they get none or the node takes none.
func (r *run) ownTokens() error {
	c, err := newOwn(r.binary, r.dir)
	if err != nil {
		return err
	}
	o, ok := c.(own)
	if !ok {
		return fmt.Errorf("%T is not leat's own", c)
	}
	secret, guess := filepath.Join(r.dir, "app-secret"), "a-guess"
	if err := os.WriteFile(secret, []byte(appSecret+"\n"), 0o600); err != nil {
		return err
	}
	if said, err := o.command("profile", "set", "issuer", "bootstrap.servers="+r.node.Address("BOTH"), "security.protocol=SASL_SSL", "ssl.truststore.location="+r.files.authority.file,
		"sasl.mechanism=OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url="+r.issuer.url+"/token", "sasl.oauthbearer.client.credentials.client.id=alice-app",
		"sasl.oauthbearer.client.credentials.client.secret=${file:"+secret+"}"); err != nil {
		return fmt.Errorf("leat profile set: %w: %s", err, said)
	}
	const of = "sasl.oauthbearer.client.credentials.client."
	for _, k := range []struct{ name, args, says string }{
		{"by a profile", "", "^" + topic + `\s*$`},
		{"by a profile with a login line", "-X " + of + "secret= -X " + of + "id= -X sasl.jaas.config=" + modules +
			"oauthbearer.OAuthBearerLoginModule~required~clientId=\"bob-app\"~clientSecret=\"" + appSecret + "\";", `^\s*$`},
		{"somebody else", "-X " + of + "id=bob-app", `^\s*$`},
		{"a wrong secret", "-X " + of + "secret=" + guess, `no token from the issuer: https://[^ ]*/token answers 401`},
		{"no secret", "-X " + of + "secret=", `client\.id and .*client\.secret are needed`},
		{"an issuer that is not trusted", "-X ssl.truststore.location=" + r.files.stranger.file, `certificate signed by unknown authority|x509`},
		{"an expired token", "-X " + of + "id=expired", `the server refuses the token: .*invalid_token[^?]*$`},
		{"a token for others", "-X " + of + "id=wrong-audience", `the server refuses the token: .*invalid_token[^?]*$`},
		{"a forged token", "-X " + of + "id=forged", `the server refuses the token: .*invalid_token[^?]*$`},
	} {
		args := []string{"topic", "list", topic, "-o", "template={{.name}}\\n", "--profile", "issuer", "--timeout", ownTimeout.String()}
		for _, a := range strings.Fields(k.args) {
			args = append(args, strings.ReplaceAll(a, "~", " "))
		}
		began := time.Now()
		said, _ := o.command(args...) // what it says is looked at
		var err error
		switch took := time.Since(began); {
		case !regexp.MustCompile(k.says).MatchString(said):
			err = fmt.Errorf("it says %q, want %q", short(said), k.says)
		case strings.Contains(said, appSecret) || strings.Contains(said, guess):
			err = fmt.Errorf("it tells a secret: %q", short(said))
		case took > ownTimeout/2: // it did not go on trying what cannot succeed
			err = fmt.Errorf("it took %v to say so", took)
		}
		r.check("  leat with a token of the issuer, "+k.name, err)
		if r.verbose {
			fmt.Printf("          leat, %s: %s\n", k.name, short(said))
		}
	}
	return nil
}
