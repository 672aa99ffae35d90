package tool

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// crane is a tool in the manner of argparse4j.
func crane() *Tool {
	return &Tool{Name: "kafka-crane", Parser: &Parser{
		Program: "kafka-crane", Text: "This tool lifts.",
		Args: []Arg{
			HelpArg(),
			{Flags: []string{"--bootstrap-server"}, Group: 1, Text: "A broker."},
			{Flags: []string{"--bootstrap-controller"}, Group: 1, Text: "A controller."},
			{Flags: []string{"--command-config"}, Text: "Properties."},
		},
		Groups: []Group{{Required: true}},
		Commands: []Command{
			{Name: "lift", Text: "Lift something.", Parser: Parser{Args: []Arg{HelpArg(),
				{Flags: []string{"--weight"}, Type: "Integer", Required: true},
				{Flags: []string{"--load", "-l"}, Many: AtLeastOne},
				{Flags: []string{"--speed"}, Choices: []string{"slow", "fast"}, Default: "slow"}}}},
			{Name: "lower", Text: "Lower it.", Parser: Parser{Args: []Arg{HelpArg(), {Flags: []string{"--dry-run"}, Switch: true}, {Name: "what"}}}},
		},
	}, Run: func(_ context.Context, c *Call) error {
		fmt.Fprintln(c.Out, c.Value(CommandName), c.Value("bootstrap-server"), c.Int32("weight"), c.Values("load"), c.Value("speed"), c.Has("dry-run"), c.Value("what"))
		return nil
	}}
}

func TestArgumentsAreReadAsArgparse4jReadsThem(t *testing.T) {
	const usage = "usage: kafka-crane [-h] [--command-config COMMAND_CONFIG]\n                   (--bootstrap-server BOOTSTRAP_SERVER |\n" +
		"                   --bootstrap-controller BOOTSTRAP_CONTROLLER)\n                   {lift,lower} ...\nkafka-crane: error: "
	const lift = "usage: kafka-crane (--bootstrap-server BOOTSTRAP_SERVER |\n                   --bootstrap-controller BOOTSTRAP_CONTROLLER) lift [-h]\n" +
		"                   --weight WEIGHT [--load LOAD [LOAD ...]]\n                   [--speed {slow,fast}]\nkafka-crane: error: "
	for _, c := range []struct{ args, want string }{
		{"--bootstrap-server a lift --weight 3", "lift a 3 [] slow false \n"},
		{"--bootstrap-s a lif --wei 3 -l x y --speed=fast", "lift a 3 [x y] fast false \n"},
		{"--bootstrap-server a lower --dry-run it", "lower a 0 []  true it\n"},
		{"--bootstrap-server a lower -- -it", "lower a 0 []  false -it\n"},
		{"", usage + "too few arguments\n"},
		{"lift --weight 3", usage + "one  of  the  arguments --bootstrap-server --bootstrap-\ncontroller is required\n"},
		{"--bootstrap-server a --bootstrap-controller b lift", strings.Replace(usage, "e: error: ", "e:  error:  ", 1) + "argument  --bootstrap-controller:  not  allowed  with\nargument --bootstrap-server\n"},
		{"--bootstrap-server a hoist", usage + "invalid choice: 'hoist' (choose from 'lift', 'lower')\n\nDid you mean:\n\tlift\n"},
		{"--bootstrap a lift", usage + "ambiguous option:  --bootstrap could match --bootstrap-\ncontroller, --bootstrap-server\n"},
		{"--bootstrap-server a lift --weight much", lift + "argument --weight: could  not convert 'much' to Integer\n(For input string: \"much\")\n"},
		{"--bootstrap-server a lift --weight", lift + "argument --weight: expected one argument\n"},
		{"--bootstrap-server a lift --weight 3 --load", lift + "argument --load/-l: expected 1 argument(s)\n"},
		{"--bootstrap-server a lift --weight 3 --speed warp", lift + "argument --speed:  invalid  choice: 'warp' (choose from\n{slow,fast})\n"},
		{"--bootstrap-server a lift", lift + "argument --weight is required\n"},
		{"--bootstrap-server a lift --wait 3", lift + "unrecognized arguments: '--wait'\n\nDid you mean:\n\t--weight\n"},
	} {
		status, out, problems := call(crane(), strings.Fields(c.args)...)
		if out+problems != c.want || (status == 0) != (problems == "") {
			t.Errorf("%s: %d\n%s%s\nwant\n%s", c.args, status, out, problems, c.want)
		}
	}
}

func TestHelpIsLaidOutAsArgparse4jDoes(t *testing.T) {
	const want = `usage: kafka-crane [-h] [--command-config COMMAND_CONFIG]
                   (--bootstrap-server BOOTSTRAP_SERVER |
                   --bootstrap-controller BOOTSTRAP_CONTROLLER)
                   {lift,lower} ...

This tool lifts.

positional arguments:
  {lift,lower}
    lift                 Lift something.
    lower                Lower it.

optional arguments:
  -h, --help             show this help message and exit
  --bootstrap-server BOOTSTRAP_SERVER
                         A broker.
  --bootstrap-controller BOOTSTRAP_CONTROLLER
                         A controller.
  --command-config COMMAND_CONFIG
                         Properties.
`
	if status, out, problems := call(crane(), "--help"); status != 0 || out != want || problems != "" {
		t.Errorf("%d\n%s%s", status, out, problems)
	}
}
