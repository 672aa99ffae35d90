package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"leat/internal/cli/run"
	"leat/internal/config"
)

// kafkaServerStop is the name of Kafka's script, which the program is when it is called by it.
const kafkaServerStop = "kafka-server-stop"

// process is one of this machine.
type process struct {
	id      int
	argv    []string
	dir     string   // its working directory, in which the names of files begin
	environ []string // its variables
}

// machine is what stopping nodes needs of the machine.
type machine struct {
	processes func() ([]process, error) // those that this user may signal
	signal    func(id int, name string) error
}

// serverStop sends a signal to the nodes that run here: to all, to those with a role, or to the one with an id. It answers as Kafka's script does.
func serverStop(args []string, s run.Streams, m machine) int {
	role, id := wanted(args, "--process-role="), wanted(args, "--node-id=")
	if role != "" && id != "" {
		fmt.Fprintln(s.Out, "When both node-id and process-role are provided, the value for node-id will take precedence")
	}
	all, err := m.processes()
	if err != nil {
		fmt.Fprintf(s.Err, "%s: %v\n", kafkaServerStop, err)
		return failed
	}
	all = slices.DeleteFunc(all, func(p process) bool { return p.server() == nil })
	if len(all) == 0 {
		fmt.Fprintln(s.Out, "No kafka server to stop")
		return failed
	}
	signal, status, stopped := os.Getenv("SIGNAL"), done, 0
	for _, p := range all {
		if role != "" || id != "" {
			is, err := p.settings()
			if err != nil {
				fmt.Fprintf(s.Err, "%s: process %d: %v: it is left alone\n", kafkaServerStop, p.id, err)
				continue
			}
			if id != "" && is["node.id"] != id || id == "" && is["process.roles"] != role {
				continue
			}
		}
		stopped++
		if err := m.signal(p.id, signal); err != nil {
			fmt.Fprintf(s.Err, "%s: process %d: %v\n", kafkaServerStop, p.id, err)
			status = failed
		}
	}
	if stopped == 0 { // Kafka's script says nothing then, and ends as well
		fmt.Fprintf(s.Err, "%s: none of the %d nodes here has %s\n", kafkaServerStop, len(all), strings.Join(args, " "))
	}
	return status
}

// wanted is the value of an option of the script.
func wanted(args []string, option string) string {
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, option); ok {
			return value
		}
	}
	return ""
}

// server are the arguments that a node was started with, nil for what is no node: leat server FILE..., or the program by the name of Kafka's script.
func (p process) server() []string {
	if len(p.argv) == 0 {
		return nil
	}
	argv := p.argv
	name := strings.TrimSuffix(filepath.Base(argv[0]), ".sh")
	if name == "leat" && len(argv) > 1 {
		argv = argv[1:]
		name = argv[0]
		if name == "server" {
			return argv
		}
	}
	if name == kafkaServerStart && len(argv) > 1 {
		return argv
	}
	return nil
}

// defaults are what a node has that was not told otherwise.
var defaults = map[string]string{"node.id": strconv.Itoa(1), "process.roles": "broker,controller"}

// settings are the keys that a node was started with, as far as files, variables and options say them.
func (p process) settings() (map[string]string, error) {
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	file := flags.String("config", "", "")
	prefix := flags.String("env", "", "")
	set := flags.StringArray("set", nil, "")
	override := flags.StringArray("override", nil, "")
	if err := flags.Parse(p.server()[1:]); err != nil {
		return nil, err
	}
	if *file == "" && flags.NArg() > 0 {
		*file = flags.Arg(0)
	}
	all := make(map[string]string)
	for key, value := range defaults {
		all[key] = value
	}
	layers := []map[string]string{nil, nil, nil}
	if *file != "" {
		if !filepath.IsAbs(*file) {
			*file = filepath.Join(p.dir, *file)
		}
		text, err := os.ReadFile(*file)
		if err != nil {
			return nil, err
		}
		if layers[0], err = config.ReadProperties(text); err != nil {
			return nil, fmt.Errorf("%s: %w", *file, err)
		}
	}
	if *prefix != "" {
		layers[1] = fromEnvironment(*prefix, p.environ)
	}
	var err error
	if layers[2], err = parseSet(append(*set, *override...)); err != nil {
		return nil, err
	}
	for _, layer := range layers {
		for key, value := range layer {
			all[key] = strings.ReplaceAll(value, " ", "")
		}
	}
	return all, nil
}

// errNoProcesses says that this system does not show its processes.
var errNoProcesses = errors.New("processes are found on Linux only: send SIGTERM to that of 'leat server'")
