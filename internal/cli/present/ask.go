package present

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"leat/internal/cli/run"
)

// ErrNobody says that something must be confirmed, and nobody is there to do it.
var ErrNobody = errors.New("nobody is there to ask: --yes does it, --plan shows what would be done")

// Confirm asks before something is destroyed. Where nobody can answer, and --yes is not given, it refuses.
func (o *Output) Confirm(what string) error {
	if o.yes {
		return nil
	}
	_, in := terminal(o.In)
	if _, out := terminal(o.Err); !in || !out {
		return fmt.Errorf("%s: %w", what, ErrNobody)
	}
	fmt.Fprintf(o.Err, "%s? [y/N] ", clean(what))
	answer, err := bufio.NewReader(o.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return run.Failed(err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return run.Failed(fmt.Errorf("%s: not done, as you wished", what))
}

const maxSecret = 64 << 10

// Secret reads a secret: from a terminal, unseen and twice, else the first line of the input.
func (o *Output) Secret(what string) (string, error) {
	fd, ok := terminal(o.In)
	if !ok {
		line, err := bufio.NewReader(io.LimitReader(o.In, maxSecret)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", run.Failed(err)
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", fmt.Errorf("%s: the first line of the input is empty: write it there", what)
		}
		return line, nil
	}
	var texts [2]string
	for i, ask := range []string{what, what + ", once more"} {
		fmt.Fprintf(o.Err, "%s: ", ask)
		b, err := term.ReadPassword(fd)
		fmt.Fprintln(o.Err)
		if err != nil {
			return "", run.Failed(err)
		}
		texts[i] = string(b)
	}
	switch {
	case texts[0] == "":
		return "", run.Failed(fmt.Errorf("%s: it is empty", what))
	case texts[0] != texts[1]:
		return "", run.Failed(fmt.Errorf("%s: the two differ: try again", what))
	}
	return texts[0], nil
}
