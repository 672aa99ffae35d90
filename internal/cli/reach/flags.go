package reach

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/config"
)

// Variables of the environment that stand for flags which are not given.
const (
	EnvServers = "LEAT_BOOTSTRAP_SERVER"
	EnvProfile = "LEAT_PROFILE"
	EnvCommand = "LEAT_COMMAND_CONFIG"
	EnvTimeout = "LEAT_TIMEOUT"
)

// DefaultServer is asked where nothing says another.
const DefaultServer = "localhost:9092"

// defaultTimeout is for a whole command that does not wait for anything but answers.
const defaultTimeout = 30 * time.Second

// Flags say which cluster a command comes to, and how. [Flags.Resolve] makes them whole from the environment and the profiles; what is nearer to the person
// wins: a flag over the environment, -X over a file, a file over a profile. The profile in use counts only where nothing else names a cluster, and that of
// [EnvProfile] only for its own addresses, so that credentials of one cluster never go to another; who gives --profile with -b says that they shall.
type Flags struct {
	Timeout time.Duration // for all that is asked of the cluster; a command that runs until it is stopped takes no notice

	servers, file, profile string
	settings               []string

	set       map[string]string
	addresses []string
	line      *Line
}

// Add gives a command the flags.
func (f *Flags) Add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVarP(&f.servers, "bootstrap-server", "b", "", "`HOST:PORT,...` of brokers to ask, one after the other until one answers; else "+EnvServers+", else the profile in use, else "+DefaultServer)
	fs.StringVar(&f.file, "command-config", "", "properties `FILE` of the client, as Kafka's tools have it: security.protocol, ssl.* and sasl.*; else "+EnvCommand)
	fs.StringVar(&f.profile, "profile", "", "`NAME` of a profile (leat profile); else "+EnvProfile)
	fs.StringArrayVarP(&f.settings, "property", "X", nil, "a property of the client as `KEY=VALUE`, before those of files and profiles; may be repeated")
	fs.DurationVar(&f.Timeout, "timeout", 0, "how long to wait for the cluster; else "+EnvTimeout+", else "+defaultTimeout.String())
	_ = cmd.RegisterFlagCompletionFunc("profile", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		p, err := LoadProfiles()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return p.Names(), cobra.ShellCompDirectiveNoFileComp
	})
}

// FlagsOf are the flags that a command was called with, for whoever has only the command: what completes its words.
func FlagsOf(cmd *cobra.Command) (*Flags, bool) {
	f, fs := &Flags{}, cmd.Flags()
	var err [5]error
	f.servers, err[0] = fs.GetString("bootstrap-server")
	f.file, err[1] = fs.GetString("command-config")
	f.profile, err[2] = fs.GetString("profile")
	f.settings, err[3] = fs.GetStringArray("property")
	f.Timeout, err[4] = fs.GetDuration("timeout")
	return f, err == [5]error{}
}

// Resolve reads what the flags, the environment and the profiles say. Its errors are about how the command was called.
func (f *Flags) Resolve() error {
	if err := f.resolveTimeout(); err != nil {
		return err
	}
	own := map[string]string{}
	for _, text := range f.settings {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return fmt.Errorf("-X %s: it is not KEY=VALUE", text)
		}
		own[key] = value
	}
	servers, file := os.Getenv(EnvServers), os.Getenv(EnvCommand)
	if f.profile != "" { // named now: what was set before is about another cluster
		servers, file = "", ""
	}
	if s := cmp.Or(f.servers, own[serversKey], servers); s != "" {
		own[serversKey] = s
	}
	file = cmp.Or(f.file, file)
	profile, err := f.readProfile(own[serversKey] == "" && file == "")
	if err != nil {
		return err
	}
	set := map[string]string{}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("--command-config: %w", err)
		}
		more, err := config.ReadProperties(text)
		if err != nil {
			return fmt.Errorf("--command-config: %s: %w", file, err)
		}
		maps.Copy(set, more)
	}
	maps.Copy(set, own)
	if f.profile != "" || within(set[serversKey], profile[serversKey]) {
		maps.Copy(profile, set)
		set = profile
	}
	set, err = config.Resolve(set, config.Sources{ReadFile: os.ReadFile, Env: os.LookupEnv})
	if err != nil {
		return err
	}
	if f.line, err = FromProperties(set); err != nil {
		return err
	}
	f.set, f.addresses = set, words(cmp.Or(set[serversKey], DefaultServer))
	return nil
}

func (f *Flags) resolveTimeout() error {
	text := os.Getenv(EnvTimeout)
	switch {
	case f.Timeout < 0:
		return fmt.Errorf("--timeout=%v: it is less than nothing", f.Timeout)
	case f.Timeout > 0:
		return nil
	case text == "":
		f.Timeout = defaultTimeout
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("%s=%s: it is not a duration such as 30s", EnvTimeout, text)
	}
	f.Timeout = d
	return nil
}

// readProfile reads the properties of the profile that is named or, if nothing else names a cluster, of the one in use.
func (f *Flags) readProfile(unnamed bool) (map[string]string, error) {
	properties := map[string]string{}
	name := cmp.Or(f.profile, os.Getenv(EnvProfile))
	if name == "" && !unnamed {
		return properties, nil
	}
	all, err := LoadProfiles()
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = all.Current
	}
	if name == "" {
		return properties, nil
	}
	p, ok := all.Profiles[name]
	if !ok {
		return nil, all.unknown(name)
	}
	maps.Copy(properties, p)
	return properties, nil
}

// within reports whether all addresses are among those of a profile.
func within(servers, ofProfile string) bool {
	known := words(ofProfile)
	return !slices.ContainsFunc(words(servers), func(address string) bool { return !slices.Contains(known, address) })
}

// Addresses are those of the brokers to begin with.
func (f *Flags) Addresses() []string { return f.addresses }

// Line is how nodes are reached.
func (f *Flags) Line() *Line { return f.line }

// Property is a property of the client, as files, profiles and -X give it; "": none.
func (f *Flags) Property(key string) string { return f.set[key] }

// Properties are all properties of the client.
func (f *Flags) Properties() map[string]string { return maps.Clone(f.set) }

// Timed bounds what a command does with the cluster.
func (f *Flags) Timed(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithTimeout(With(ctx, f.line), f.Timeout)
}

// Client is a client of the cluster. It connects when it is used.
func (f *Flags) Client(opts ...kgo.Opt) (*kgo.Client, error) {
	if id := f.set["client.id"]; id != "" {
		opts = append([]kgo.Opt{kgo.ClientID(id)}, opts...)
	}
	return Client(f.addresses, f.line, opts...)
}

// Connect is a client of the cluster that has heard from one of its brokers: where none answers it says so soon, and why.
func (f *Flags) Connect(ctx context.Context, opts ...kgo.Opt) (*kgo.Client, error) {
	cl, err := f.Client(opts...)
	if err != nil {
		return nil, err
	}
	if err := cl.Ping(ctx); err != nil {
		cl.Close()
		return nil, Advised(fmt.Errorf("%s: no broker answers: %w", strings.Join(f.addresses, ","), err))
	}
	return cl, nil
}
