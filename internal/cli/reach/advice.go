package reach

import (
	"errors"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/cli/run"
)

// Advised puts behind an error of a cluster what a person can do where nothing answers at an address, and where the right to ask is missing. Nil stays nil, and what is
// advised already as it is.
func Advised(err error) error {
	denied, op := (*kerr.Error)(nil), (*net.OpError)(nil)
	switch {
	case errors.As(err, &denied) && strings.HasSuffix(denied.Message, "_AUTHORIZATION_FAILED"):
		return advised(err, "leat acl check PRINCIPAL OPERATION TYPE:NAME tells what rules say, leat acl add gives a right")
	case errors.As(err, &op) && op.Op == "dial": // else it did answer, but with nothing that lets this client in
		return advised(err, "is it running? --bootstrap-server or --profile name another")
	}
	return err
}

func advised(err error, advice string) error {
	if strings.Contains(err.Error(), advice) {
		return err
	}
	return run.Hint(err, "%s", advice)
}
