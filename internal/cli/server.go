package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"leat/internal/cli/run"
	"leat/internal/config"
	"leat/internal/server"
	"leat/internal/telemetry"
)

// serverFlags are the flags of leat server.
type serverFlags struct {
	file      string
	set       []string
	prefix    string // of variables of the environment
	logFormat string
	logLevel  string
}

func (p *program) serverCommand() *cobra.Command {
	var flags serverFlags
	cmd := &cobra.Command{
		Use:   "server [FILE]",
		Short: "Run a node",
		Long: `Run a node: broker and controller at once, unless process.roles says otherwise.

Without a file and flags it serves Kafka clients on 127.0.0.1:9092 and keeps its data in ./leat-data.
FILE is a server.properties as Apache Kafka reads it. --set sets single keys and wins over the file.

When the node can serve it prints one line that begins with "leat ready". SIGTERM and SIGINT stop it in order, a second one at once;
SIGHUP reads certificates and dynamic files again.`,
		Example: `  leat server
  leat server server.properties
  leat server --config server.properties --set log.dirs=/var/lib/leat --set num.partitions=6`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				if flags.file != "" {
					return fmt.Errorf("the file is given twice: %s and --config=%s", args[0], flags.file)
				}
				flags.file = args[0]
			}
			return p.runServer(&flags)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.file, "config", "", "properties `FILE` with the node's configuration")
	f.StringArrayVar(&flags.set, "set", nil, "set one key, as `KEY=VALUE`; may be repeated")
	f.StringArrayVar(&flags.set, "override", nil, "the same as --set, as kafka-server-start calls it")
	f.StringVar(&flags.prefix, "env", "", "take configs from variables of the environment that begin with `PREFIX`, named as for Kafka's container images: with KAFKA_, KAFKA_LOG_DIRS is log.dirs; the file is overridden, and --set overrides")
	f.StringVar(&flags.logFormat, "log-format", "text", "`FORMAT` of the log on standard error: text or json")
	f.StringVar(&flags.logLevel, "log-level", "info", "least `LEVEL` to log: trace, debug, info, warn, error or fatal; of some loggers another: info,leat.storage=debug")
	complete(cmd, "log-format", "text", "json")
	complete(cmd, "log-level", "trace", "debug", "info", "warn", "error", "fatal")
	var keys []string
	for _, k := range config.Keys(config.Broker) {
		if !k.Internal {
			keys = append(keys, k.Name+"=\t"+k.Doc)
		}
	}
	complete(cmd, "set", keys...)
	return cmd
}

// complete offers words for a flag's value to the shell.
func complete(cmd *cobra.Command, flag string, words ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
	if err != nil {
		panic(fmt.Sprintf("bug: flag %s: %v", flag, err))
	}
}

// runServer reads the configuration and, only if all of it is right, runs the node until a signal ends it.
func (p *program) runServer(flags *serverFlags) error {
	var levels telemetry.Levels
	if err := levels.Parse(flags.logLevel); err != nil {
		return err
	}
	logger, err := telemetry.NewLogger(p.Err, flags.logFormat, &levels)
	if err != nil {
		return err
	}
	set, err := parseSet(flags.set)
	if err != nil {
		return err
	}
	var surrounding map[string]string
	if flags.prefix != "" {
		surrounding = fromEnvironment(flags.prefix, os.Environ())
	}
	values, warnings, reread, err := readConfig(flags.file, surrounding, set)
	for _, w := range warnings {
		logger.Warn("configuration", "warning", w)
	}
	if err != nil {
		return run.Failed(err)
	}
	if keys := values.NotBuilt(); len(keys) > 0 {
		logger.Warn("configuration is accepted but has no effect yet: its features are not built", "keys", strings.Join(keys, ","))
	}
	if limit, err := p.limitMemory(); err != nil {
		logger.Warn("memory limit of the control group could not be read", "err", err)
	} else if limit > 0 {
		logger.Info("memory limit taken from the control group", "bytes", limit)
	}
	ctx, reload, stop := p.onSignals(logger)
	defer stop()
	err = p.serve(ctx, server.Config{Values: values, Logger: logger, Ready: p.printReady, Reload: reload, Reread: reread.values, Holding: reread.holding})
	if err != nil && !(errors.Is(err, context.Canceled) && ctx.Err() != nil) {
		return run.Failed(err)
	}
	return nil
}

// printReady prints the line that scripts wait for. What is turned off is left out.
func (p *program) printReady(a server.Addresses) {
	var line strings.Builder
	line.WriteString("leat ready")
	for _, part := range [][2]string{{"bootstrap", a.Bootstrap}, {"controller", a.Controller}, {"http", a.HTTP},
		{"node", fmt.Sprint(a.NodeID)}, {"cluster", a.ClusterID}} {
		if part[1] != "" {
			fmt.Fprintf(&line, " %s=%s", part[0], part[1])
		}
	}
	fmt.Fprintln(p.Out, line.String())
	time.AfterFunc(afterStart, forgetProgramPages)
	tellSupervisor("READY=1", "STATUS="+strings.TrimPrefix(line.String(), "leat "))
}

// afterStart is when what only a start needs has been done.
const afterStart = 3 * time.Second

// parseSet reads the values of --set.
func parseSet(items []string) (map[string]string, error) {
	set := map[string]string{}
	for _, item := range items {
		key, value, ok := strings.Cut(item, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf("--set %s: not KEY=VALUE", item)
		}
		set[key] = value
	}
	return set, nil
}

// again is how to come by a configuration once more.
type again struct {
	values  func() (*config.Values, error) // what files that it refers to hold now
	holding []string                       // files with secrets in them
}

// readConfig puts file, environment and --set together, the later ones over those before. The error names everything that is wrong.
func readConfig(file string, layers ...map[string]string) (*config.Values, []string, again, error) {
	var fromFile map[string]string
	var a again
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, a, fmt.Errorf("configuration: %w", err)
		}
		if fromFile, err = config.ReadProperties(data); err != nil {
			return nil, nil, a, fmt.Errorf("configuration %s: %w", file, err)
		}
		if config.HoldsSecrets(fromFile) {
			a.holding = []string{file}
		}
	}
	parse := func() (*config.Values, []string, error) {
		return config.ParseBrokerFrom(config.Sources{ReadFile: os.ReadFile, Env: os.LookupEnv}, append([]map[string]string{fromFile}, layers...)...)
	}
	a.values = func() (*config.Values, error) { v, _, err := parse(); return v, err }
	values, warnings, err := parse()
	if err != nil {
		err = fmt.Errorf("wrong configuration:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	return values, warnings, a, err
}
