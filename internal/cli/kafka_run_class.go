package cli

import (
	"fmt"
	"strings"

	"leat/internal/cli/kafka"
	"leat/internal/cli/run"
)

// kafkaRunClass is the name of Kafka's script that runs a class, which the program is when it is called by it.
const kafkaRunClass = "kafka-run-class"

// runClass turns the arguments of the script into those of the tool that the class is; otherwise it says why not, and the status to end with.
func runClass(args []string, s run.Streams) (ours []string, status int) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") { // options for the virtual machine and its log
		n := 1
		switch args[0] {
		case "-name":
			n = 2
		case "-loggc":
		case "-daemon":
			fmt.Fprintln(s.Err, kafkaRunClass+": -daemon: leat stays in the foreground: let systemd run it, or put & behind the command")
			return nil, failed
		default:
			fmt.Fprintf(s.Err, "%s: %s: leat runs no Java, and so takes none of its options: leave it out\n", kafkaRunClass, args[0])
			return nil, failed
		}
		args = args[min(n, len(args)):]
	}
	if len(args) == 0 {
		fmt.Fprintln(s.Out, "USAGE: "+kafkaRunClass+" [-name servicename] [-loggc] classname [opts]")
		return nil, failed
	}
	name, ok := kafka.ToolOfClass(args[0])
	if !ok {
		fmt.Fprintf(s.Err, "%s: %s: %s\n", kafkaRunClass, args[0], "leat runs no Java classes. It knows those of Kafka's tools by their names, like kafka.tools.GetOffsetShell; "+
			"'leat install-tools DIR' makes links with the names of the tools")
		return nil, failed
	}
	return append([]string{name}, args[1:]...), done
}
