package sealed

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// command asks a program for key-encryption keys.
type command struct {
	path    string
	timeout time.Duration
}

// CommandKeys asks a program: "<path> current" writes the id of the current key, "<path> wrap <id>" and "<path> unwrap <id>" read
// base64 from standard input and write base64. Each call may take timeout.
func CommandKeys(path string, timeout time.Duration) KeyService { return &command{path, timeout} }

func (c *command) Current(ctx context.Context) (string, error) {
	out, err := c.run(ctx, nil, "current")
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	if id == "" || len(id) > maxKeyID || strings.ContainsAny(id, "\n\r") {
		return "", fmt.Errorf("%s current: expected the id of a key, one line of 1 to %d characters, got %d bytes", c.path, maxKeyID, len(out))
	}
	return id, nil
}

func (c *command) Wrap(ctx context.Context, id string, dataKey []byte) ([]byte, error) {
	return c.transform(ctx, "wrap", id, dataKey)
}

func (c *command) Unwrap(ctx context.Context, id string, wrapped []byte) ([]byte, error) {
	return c.transform(ctx, "unwrap", id, wrapped)
}

func (c *command) transform(ctx context.Context, verb, id string, in []byte) ([]byte, error) {
	out, err := c.run(ctx, []byte(base64.StdEncoding.EncodeToString(in)+"\n"), verb, id)
	if err != nil {
		return nil, err
	}
	defer clear(out)
	decoded, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(out)))
	if err != nil || len(decoded) == 0 {
		return nil, fmt.Errorf("%s %s %s: its output is not base64", c.path, verb, id)
	}
	return decoded, nil
}

// run runs the program once.
func (c *command) run(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Stdin = bytes.NewReader(in)
	cmd.WaitDelay = time.Second // for a child of it that keeps the pipes open
	var out, complaint limited
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer within %v", c.timeout)
		}
		return nil, fmt.Errorf("%s %s: %w%s", c.path, strings.Join(args, " "), err, complaint.quoted())
	}
	if out.full {
		return nil, fmt.Errorf("%s %s: more than %d bytes of output", c.path, strings.Join(args, " "), maxOutput)
	}
	return out.b, nil
}

// maxOutput is how much of a program's output is kept.
const maxOutput = 64 << 10

// limited keeps the beginning of what is written to it.
type limited struct {
	b    []byte
	full bool
}

func (l *limited) Write(p []byte) (int, error) {
	keep := min(len(p), maxOutput-len(l.b))
	l.b = append(l.b, p[:keep]...)
	l.full = l.full || keep < len(p)
	return len(p), nil
}

// quoted is a complaint for an error text.
func (l *limited) quoted() string {
	text := strings.TrimSpace(string(l.b[:min(len(l.b), 1<<10)]))
	if text == "" {
		return ""
	}
	return ": " + text
}
