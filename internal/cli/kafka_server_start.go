package cli

import (
	"fmt"
	"strings"

	"leat/internal/cli/kafka"
	"leat/internal/cli/run"
)

// kafkaServerStart is the name of Kafka's script, which the program is when it is called by it.
const kafkaServerStart = "kafka-server-start"

// serverStart turns the arguments of Kafka's script into those of leat server; otherwise it says why not, and the status to end with.
func serverStart(args []string, s run.Streams) (ours []string, status int) {
	ours = []string{"server"}
	switch {
	case len(args) == 0:
		fmt.Fprintln(s.Out, "USAGE: "+kafkaServerStart+" [-daemon] server.properties [--override property=value]*")
		return nil, failed
	case args[0] == "-daemon":
		fmt.Fprintln(s.Err, kafkaServerStart+": -daemon: leat stays in the foreground: let systemd run 'leat server', or put & behind the command")
		return nil, failed
	case args[0] == "--version":
		fmt.Fprintln(s.Out, kafka.Version)
		return nil, done
	}
	ours = append(ours, "--config", args[0])
	for rest := args[1:]; len(rest) > 0; rest = rest[1:] {
		value, joined := strings.CutPrefix(rest[0], "--override=")
		if !joined {
			if rest[0] != "--override" || len(rest) == 1 {
				fmt.Fprintln(s.Out, "Found non argument parameters: "+strings.Join(rest, ","))
				return nil, failed
			}
			value, rest = rest[1], rest[1:]
		}
		ours = append(ours, "--set", value)
	}
	return ours, done
}
