package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"leat/internal/cli/reach"
	"leat/internal/config"
)

// kafkaTools are the names of Kafka's tools that the program is when it is called by one of them.
var kafkaTools = []string{kafkaDumpLog, kafkaStorage, kafkaMetadataQuorum, kafkaCluster, kafkaServerStart, kafkaServerStop, kafkaRunClass}

// inKafkasWords tells whether a command, or the one above it, is a tool of Kafka's whose errors scripts may look for.
func inKafkasWords(cmd *cobra.Command) bool {
	return cmd != nil && (kafkasName(cmd) || cmd.HasParent() && kafkasName(cmd.Parent()))
}

func kafkasName(cmd *cobra.Command) bool {
	return cmd.Name() != kafkaDumpLog && slices.Contains(kafkaTools, cmd.Name())
}

// adminFlags say which cluster a tool of Kafka's asks, as Kafka calls it.
type adminFlags struct {
	servers, controllers string
	file                 string // properties of the client
}

// connection are flags that say whom to ask, under a tool's own names.
func (a *adminFlags) check(tool string) (*clusterFlags, error) {
	if (a.servers == "") == (a.controllers == "") {
		if a.servers != "" {
			return nil, fmt.Errorf("%s: error: argument --bootstrap-controller: not allowed with argument --bootstrap-server", tool)
		}
		return nil, fmt.Errorf("%s: error: one of the arguments --bootstrap-server --bootstrap-controller is required", tool)
	}
	set, err := a.properties()
	if err != nil {
		return nil, err
	}
	l, err := reach.FromProperties(set)
	if err != nil {
		return nil, fmt.Errorf("%s: error: %s: %w", tool, a.file, err)
	}
	return &clusterFlags{servers: a.servers, controllers: a.controllers, timeout: time.Minute, output: "text", line: l}, nil
}

func (a *adminFlags) properties() (map[string]string, error) {
	if a.file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(a.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("Properties file %s does not exist.", a.file) //nolint:revive,staticcheck // Kafka's words
	}
	if err != nil {
		return nil, err
	}
	return config.ReadProperties(text)
}

// pad is a text in a column.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-len(text)))
}
