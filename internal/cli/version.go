package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// protocol is the release of Apache Kafka whose protocol is spoken.
const protocol = "4.4"

// version is what `leat version -o json` prints.
type version struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Protocol string `json:"kafka_protocol"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func currentVersion() version {
	v := version{Version: "devel", Protocol: protocol, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
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
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := currentVersion()
			switch output {
			case "text":
				fmt.Fprintf(p.stdout, "leat %s (Kafka protocol %s, %s, %s)\n", v.Version, v.Protocol, v.Go, v.Platform)
				return nil
			case "json":
				if err := json.NewEncoder(p.stdout).Encode(v); err != nil {
					return failure{err}
				}
				return nil
			}
			return fmt.Errorf("--output=%s: neither text nor json", output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "form of the output: text or json")
	complete(cmd, "output", "text", "json")
	return cmd
}
