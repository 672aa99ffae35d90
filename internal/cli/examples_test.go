package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestExamplesAreCommandsThatExist holds every example of `leat COMMAND --help`, which is also in docs/reference/cli.md, against the command line: the command, its
// flags and how many arguments it takes. What the commands then do, the pages of documentation show, which interop/run.sh pages runs.
func TestExamplesAreCommandsThatExist(t *testing.T) {
	tried := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, line := range strings.Split(strings.ReplaceAll(cmd.Example, "\\\n", " "), "\n") {
			for _, words := range commandsOf(line) {
				tried++
				if err := takes(newFake(t, nil).root(), words); err != nil {
					t.Errorf("%s: example %q: %v", cmd.CommandPath(), strings.TrimSpace(line), err)
				}
			}
		}
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(newFake(t, nil).root())
	if tried < 100 {
		t.Errorf("%d examples: the test looks at nothing", tried)
	}
}

// takes reports whether the command line takes these words, without doing what they say.
func takes(root *cobra.Command, words []string) error {
	cmd, rest, err := root.Find(words)
	if err != nil || cmd.DisableFlagParsing {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err
	}
	if err := cmd.ValidateRequiredFlags(); err != nil {
		return err
	}
	return cmd.ValidateFlagGroups()
}

// commandsOf are leat's words on a line of a shell, for each time it is called there.
func commandsOf(line string) [][]string {
	var all [][]string
	var words []string
	in, before := false, ""
	for _, w := range shellWords(line) {
		switch {
		case w == "leat" && !in && before != "-u": // a user's name
			in, words = true, nil
		case in && (strings.HasPrefix(w, "#") || strings.ContainsAny(w, "|<>&)") && len(w) <= 2):
			in, all = false, append(all, words)
		case in:
			words = append(words, w)
		}
		before = w
	}
	if in {
		all = append(all, words)
	}
	return all
}

// shellWords takes a line apart as a shell does, but that $(...) stays one word.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	quote, depth, begun := rune(0), 0, false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && depth == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && depth == 0 && (r == ' ' || r == '\t'):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			if quote == 0 && r == '(' && strings.HasSuffix(word.String(), "$") || depth > 0 && r == '(' {
				depth++
			}
			if depth > 0 && r == ')' {
				depth--
			}
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

func TestWordsOfExamples(t *testing.T) {
	for line, want := range map[string]string{
		"  leat config set a b=1   # why":                         "config set a b=1",
		"  sudo -u leat leat tune --strict && echo ready":         "tune --strict",
		"  leat user create a < file":                             "user create a",
		"  leat x -o template='{{.a}} {{.b}}' | leat produce y":   "x -o template={{.a}} {{.b}}; produce y",
		"  leat storage format --id $(leat storage uuid) --alone": "storage format --id $(leat storage uuid) --alone",
	} {
		var got []string
		for _, words := range commandsOf(line) {
			got = append(got, strings.Join(words, " "))
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
