package cli

import (
	"bytes"
	"strings"
	"testing"

	"leat/internal/cli/run"
)

func TestArgumentsOfKafkasServerStart(t *testing.T) {
	for _, c := range []struct {
		args, ours, says string
		status           int
	}{
		{"server.properties", "server --config server.properties", "", 0},
		{"server.properties --override node.id=3 --override=log.dirs=/data", "server --config server.properties --set node.id=3 --set log.dirs=/data", "", 0},
		{"", "", "USAGE: kafka-server-start [-daemon] server.properties", 1},
		{"-daemon server.properties", "", "leat stays in the foreground", 1},
		{"server.properties more", "", "Found non argument parameters: more", 1},
		{"server.properties --override", "", "Found non argument parameters: --override", 1},
		{"--version", "", "4.4.0", 0},
	} {
		var out bytes.Buffer
		ours, status := serverStart(strings.Fields(c.args), run.Streams{Out: &out, Err: &out})
		if strings.Join(ours, " ") != c.ours || status != c.status || !strings.Contains(out.String(), c.says) {
			t.Errorf("%q: %v %d %s", c.args, ours, status, out.String())
		}
	}
}
