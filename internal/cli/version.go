package cli

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"leat/internal/cli/present"

	"github.com/spf13/cobra"
)

// protocol is the release of Apache Kafka whose protocol is spoken.
const protocol = "4.4"

// release is the version that the build of a package says; "" elsewhere.
var release string

// version is what `leat version -o json` prints.
type version struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Protocol string `json:"kafka_protocol"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func currentVersion() version {
	v := version{Version: cmp.Or(release, "devel"), Protocol: protocol, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if release == "" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}

func (p *program) versionCommand() *cobra.Command {
	out := present.To(p.Streams)
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  leat version\n  leat version -o template='{{.version}}'",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := out.Check(); err != nil {
				return err
			}
			v := currentVersion()
			if err := out.Line("leat %s (Kafka protocol %s, %s, %s)", v.Version, v.Protocol, v.Go, v.Platform); err != nil {
				return err
			}
			return out.Show(v)
		},
	}
	out.Add(cmd)
	return cmd
}
