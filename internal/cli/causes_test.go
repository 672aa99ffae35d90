package cli

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"leat/internal/cli/kafka"
	"leat/internal/why"
)

func causesPage() string {
	var out strings.Builder
	out.WriteString("# Causes\n\n" + generated)
	out.WriteString("What `leat why` and `GET /why` can name, from roots to symptoms. A cause takes in what follows from it, where both touch the same node, partition, group or client: " +
		"what is told first is what has to be mended. How to read an answer: [why.md](../how-to/why.md).\n\n")
	out.WriteString("| cause | severity | when it is told | what to do |\n| --- | --- | --- | --- |\n")
	for i := range why.Causes {
		c := &why.Causes[i]
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", c.Name, c.Severity, escapeCell(c.Seen), escapeCell(strings.Join(c.Next, "; ")))
	}
	return out.String()
}

func escapeCell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// namesCommand finds the words of leat's commands in a next step.
var namesCommand = regexp.MustCompile(`leat ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)`)

// TestNextStepsAreCommandsThatExist fails for advice that cannot be followed.
func TestNextStepsAreCommandsThatExist(t *testing.T) {
	root := newFake(t, nil).root()
	for i := range why.Causes {
		for _, next := range why.Causes[i].Next {
			for _, m := range namesCommand.FindAllStringSubmatch(next, -1) {
				words := strings.Fields(m[1])
				if strings.HasPrefix(words[0], "kafka-") && kafka.Has(words[0]) {
					continue
				}
				if cmd, _, err := root.Find(words[:1]); err != nil || cmd == root {
					t.Errorf("%s: there is no leat %s", why.Causes[i].Name, words[0])
				} else if cmd.HasSubCommands() && len(words) > 1 {
					if sub, _, err := cmd.Find(words[1:]); err != nil || sub == cmd {
						t.Errorf("%s: there is no leat %s", why.Causes[i].Name, m[1])
					}
				}
			}
		}
	}
}
