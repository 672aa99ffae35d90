package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"leat/interop/target"
)

// login is how a client is to come: what it would find in its configuration. It then asks what the topic "secrets" is like.
type login struct {
	Bootstrap, Protocol       string
	Mechanism, User, Password string
	IsToken                   bool   // User is the id of a delegation token, Password its HMAC
	CA                        string // a file; "": what the system trusts
	Certificate               string // a file with key and certificate
	Token                     string // for clients that are handed one
	TokenURL, App, Secret     string // for clients that fetch one
	Timeout                   int    // milliseconds for what is expected to come to nothing
	Hold                      int    // milliseconds for which the client goes on asking on its connection
	Topic                     string
}

// outcome is what a client says at the end. With Hold it says Began when it got in.
type outcome struct {
	OK, Began bool
	Error     string
}

// client is a kind of clients.
type client interface {
	name() string
	// try returns nil if the topic was described. began is called when a client that holds got in.
	try(l login, began func()) error
	close()
}

var clientNames = []string{"java", "kcat", "confluent", "franz-go", "kafka-go", "kafkajs", "leat"}

// stays reports whether a client goes on asking on one connection, and would hear of what changes meanwhile.
func stays(name string) bool { return name != "kcat" && name != "kafka-go" && name != "leat" }

func startClients(ctx context.Context, dir, binary string, names []string) (all []client, err error) {
	root, err := target.Root()
	if err != nil {
		return nil, err
	}
	cache, err := target.Cache()
	if err != nil {
		return nil, err
	}
	here := filepath.Join(root, "interop", "security")
	jars := filepath.Join(dir, "classes") + string(os.PathListSeparator) + filepath.Join(cache, "kafka", "*")
	for _, name := range names {
		var c client
		switch name {
		case "java":
			if out, err := exec.CommandContext(ctx, "javac", "-cp", jars, "-d", filepath.Join(dir, "classes"), filepath.Join(here, "Logins.java")).CombinedOutput(); err != nil {
				return nil, fmt.Errorf("javac: %w: %s", err, out)
			}
			c, err = start(dir, name, "java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars,
				"-Dorg.apache.kafka.automatic.config.providers=none", "-Dlog4j2.configurationFile="+filepath.Join(root, "interop", "kafka", "log4j2.properties"), "Logins")
		case "confluent":
			c, err = start(dir, name, filepath.Join(cache, "python", "bin", "python"), filepath.Join(here, "logins.py"))
		case "kafkajs":
			c, err = start(dir, name, "env", "NODE_PATH="+filepath.Join(root, "interop", "node", "node_modules"), "node", filepath.Join(here, "logins.js"))
		case "kafka-go":
			c, err = start(dir, name, filepath.Join(cache, "bin", "logins"))
		case "kcat":
			c = kcat{}
		case "franz-go":
			c = franz{}
		case "leat":
			c, err = newOwn(binary, dir)
		default:
			err = fmt.Errorf("-clients=%s: the clients are %v", name, clientNames)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// process is a client that takes logins line by line.
type process struct {
	called string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
}

func start(dir, name string, argv ...string) (client, error) {
	p := &process{called: name, cmd: exec.Command(argv[0], argv[1:]...)}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	errs, err := os.Create(filepath.Join(dir, name+".err"))
	if err != nil {
		return nil, err
	}
	defer errs.Close()
	p.cmd.Stderr = errs
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	p.out.Buffer(nil, 1<<20)
	return p, p.cmd.Start()
}

func (p *process) name() string { return p.called }

// stuck is how long a client may take beyond what it was told.
const stuck = 3 * time.Minute

func (p *process) try(l login, began func()) error {
	timer := time.AfterFunc(stuck+time.Duration(l.Timeout+l.Hold)*time.Millisecond, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return err
	}
	for p.out.Scan() {
		var o outcome
		if err := json.Unmarshal(p.out.Bytes(), &o); err != nil {
			return fmt.Errorf("%s says %q: %w", p.called, p.out.Bytes(), err)
		}
		switch {
		case o.Began:
			began()
		case o.OK:
			return nil
		default:
			return errors.New(o.Error)
		}
	}
	return fmt.Errorf("%s ended", p.called)
}

func (p *process) close() {
	_ = p.in.Close()
	timer := time.AfterFunc(5*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait() // it may have been killed
}

// The classes of what clients tell their users.
const (
	in             = "in"             // the topic was described
	denied         = "denied"         // they got in, as somebody who may not see the topic
	authentication = "authentication" // their credentials are no good
	mechanism      = "mechanism"      // the listener does not have theirs
	tlsFailed      = "tls"            // no trust, on either side
	noConnection   = "disconnected"   // the connection ended, or nothing came of it
	ownCheck       = "own check"      // the client has looked at its credentials itself
	// outOf is any of the last four: of a listener with another protocol some clients say that they were cut off, some that it is no TLS.
	outOf = "out"
)

// words tell the class of an error by what clients write.
var words = []struct {
	class string
	words *regexp.Regexp
}{
	{denied, regexp.MustCompile(`TopicAuthorization|TOPIC_AUTHORIZATION_FAILED|[Tt]opic [Aa]uthorization [Ff]ailed|not authorized to access (this )?topic|` +
		`\[3\] Unknown Topic Or Partition`)}, // kafka-go asks for all topics and misses this one
	{ownCheck, regexp.MustCompile(`Must supply an unexpired token|Malformed JWT provided`)},
	{mechanism, regexp.MustCompile(`UnsupportedSaslMechanism|UNSUPPORTED_SASL_MECHANISM|[Mm]echanism \S+ (is )?not supported|mechanism is not supported|(?i)unsupported sasl mechanism|` +
		`SASL mechanism handshake failed|does not support the requested SASL`)},
	{authentication, regexp.MustCompile(`SaslAuthentication|SASL_AUTHENTICATION_FAILED|SASL Authentication [Ff]ailed|(?i)authentication fail|invalid credentials|invalid_token|SASL authentication error`)},
	{tlsFailed, regexp.MustCompile(`SslAuthentication|SSLHandshake|_SSL|SSL handshake|x509:|certificate|tls:|SSL routines|alert`)},
}

func classify(err error) string {
	if err == nil {
		return in
	}
	text := err.Error()
	for _, w := range words {
		if w.words.MatchString(text) {
			return w.class
		}
	}
	return noConnection
}

func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), 400)]
}
