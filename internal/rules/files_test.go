package rules

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tracked lists the files that git knows, from the module's root, with slashes.
func tracked(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("not a git checkout: which files belong to it cannot be told")
	}
	out, err := exec.Command("git", "-C", root, "ls-files", "-z").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	files := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(files) < 100 {
		t.Fatalf("git knows %d files: the rules check nothing", len(files))
	}
	return files
}

// content reads a tracked file; ok is false if it was deleted and that is not committed yet, or if it is no text.
func content(t *testing.T, path string) (text []byte, ok bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if os.IsNotExist(err) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return b, bytes.IndexByte(b[:min(len(b), 8000)], 0) < 0
}

var (
	fenced = regexp.MustCompile("(?ms)^```.*?^```$")
	inline = regexp.MustCompile("`[^`\n]*`")
	link   = regexp.MustCompile(`\]\(([^()\s]+)\)`)
)

// brokenLinks returns the targets of relative links in a page that do not exist, as seen from the page's directory.
func brokenLinks(page []byte, exists func(target string) bool) []string {
	var broken []string
	page = inline.ReplaceAllFunc(fenced.ReplaceAll(page, nil), func(code []byte) []byte { return code[:0] })
	for _, m := range link.FindAllSubmatch(page, -1) {
		target, _, _ := strings.Cut(string(m[1]), "#")
		if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		if strings.HasPrefix(target, "/") || !exists(target) {
			broken = append(broken, target)
		}
	}
	return broken
}

func TestLinksInPagesResolve(t *testing.T) {
	pages := 0
	for _, path := range tracked(t) {
		if !strings.HasSuffix(path, ".md") {
			continue
		}
		page, ok := content(t, path)
		if !ok {
			continue
		}
		pages++
		dir := filepath.Join(root, filepath.Dir(path))
		for _, target := range brokenLinks(page, func(target string) bool {
			_, err := os.Stat(filepath.Join(dir, target))
			return err == nil
		}) {
			t.Errorf("%s: link to %s: no such file, seen from the page", path, target)
		}
	}
	if pages == 0 {
		t.Fatal("no pages found: the rule checks nothing")
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	page := "[a](there.md) [`b`](gone.md#part) [c](#here) [d](https://example.org/x) `[e](code.md)`\n```\n[f](fence.md)\n```\n![g](img/x.png) [h](/etc/x)\n"
	got := brokenLinks([]byte(page), func(target string) bool { return target == "there.md" })
	if want := "gone.md img/x.png /etc/x"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// owned are the directories below which everything belongs to one person or machine.
var owned = []string{"/" + "root/", "/" + "home/", "/" + "work/"}

// machinePath matches an absolute path in one of them, and not the same words further inside a path.
var machinePath = regexp.MustCompile(`(^|[^\w./:-])(` + strings.Join(owned, "|") + `)`)

func TestNoFileNamesPathsOfOneMachine(t *testing.T) {
	for _, path := range tracked(t) {
		text, ok := content(t, path)
		if !ok || !slices.ContainsFunc(owned, func(dir string) bool { return bytes.Contains(text, []byte(dir)) }) {
			continue
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if m := machinePath.Find(line); m != nil {
				t.Errorf("%s:%d: %q is a path of one machine: make it relative, or take it from the environment", path, i+1, m)
			}
		}
	}
}

func TestPathsOfOneMachineAreFound(t *testing.T) {
	for text, want := range map[string]bool{
		"cd /" + "work/main": true, "x=\"/" + "home/me/x\"": true, "(/" + "root/.cache)": true,
		"a/" + "work/b": false, "https://example.org/" + "home/x": false, "/workspace/x": false, "./" + "root/x": false,
	} {
		if got := machinePath.MatchString(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestEveryPageIsInTheIndex: what docs/README.md does not name, nobody finds.
func TestEveryPageIsInTheIndex(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(root, "docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tracked(t) {
		page, ok := strings.CutPrefix(path, "docs/")
		if ok && strings.HasSuffix(page, ".md") && page != "README.md" && !bytes.Contains(index, []byte("]("+page+")")) {
			t.Errorf("%s is not linked from docs/README.md", path)
		}
	}
}

var (
	saidHow = regexp.MustCompile(`^\s*<!-- (run|run \S.*|write \S+|write on \S+ \S+|append \S+|append on \S+ \S+|not run: \S.*) -->$`)
	runBy   = regexp.MustCompile(`^\s*<!-- run by (\S+) -->$`)
)

// unrun are the blocks of commands of a page that nothing runs and that give no reason, each with its line. read gives the text of a file of the repository.
func unrun(page string, read func(path string) string) []string {
	var found []string
	lines := strings.Split(page, "\n")
	for i := 0; i < len(lines); i++ {
		fence, language, ok := strings.Cut(lines[i], "```")
		if !ok || strings.TrimSpace(fence) != "" {
			continue
		}
		above := ""
		if i > 0 {
			above = lines[i-1]
		}
		begin := i + 1
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
		}
		block := lines[begin:min(i, len(lines))]
		said := runBy.FindStringSubmatch(above)
		switch {
		case language == "" && slices.ContainsFunc(block, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "$ ") }):
			found = append(found, fmt.Sprintf("line %d: commands and what they print are two blocks: <!-- run --> and sh, <!-- output -->", begin))
		case language != "sh" && language != "bash" && language != "console":
		case said != nil:
			for _, line := range block {
				command, _, _ := strings.Cut(line, "  #")
				if command = strings.TrimSpace(command); !strings.Contains(read(said[1]), command) {
					found = append(found, fmt.Sprintf("line %d: %s does not run %q", begin, said[1], command))
				}
			}
		case !saidHow.MatchString(above):
			found = append(found, fmt.Sprintf("line %d: a block of commands has neither <!-- run --> nor <!-- not run: REASON -->", begin))
		}
	}
	return found
}

// TestBlocksOfCommandsAreRunOrSayWhyNot looks at the README and at docs; what is below docs/reference is written by programs.
func TestBlocksOfCommandsAreRunOrSayWhyNot(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	for _, path := range tracked(t) {
		if path != "README.md" && !strings.HasPrefix(path, "docs/") || !strings.HasSuffix(path, ".md") || strings.HasPrefix(path, "docs/reference/") {
			continue
		}
		if page, ok := content(t, path); ok {
			for _, what := range unrun(string(page), read) {
				t.Errorf("%s: %s", path, what)
			}
		}
	}
}

func TestBlocksThatNothingRunsAreFound(t *testing.T) {
	block := func(above, language, body string) string { return above + "\n```" + language + "\n" + body + "\n```\n" }
	for page, want := range map[string]string{
		block("", "sh", "ls"):                                     "line 2: a block of commands has neither",
		block("<!-- runs -->", "sh", "ls"):                        "line 2: a block of commands has neither",
		block("<!-- not run: -->", "sh", "ls"):                    "line 2: a block of commands has neither",
		block("text", "", "$ ls\na"):                              "line 2: commands and what they print",
		block("<!-- run by ci -->", "sh", "make it   # long"):     "",
		block("<!-- run by ci -->", "sh", "make it\nmake all"):    `line 2: ci does not run "make all"`,
		block("<!-- run on b1 x until ready -->", "sh", "ls"):     "",
		block("<!-- run -->", "sh", "ls") + block("", "", "a"):    "",
		block("  <!-- not run: it is long -->", "bash", "ls"):     "",
		block("<!-- write on b1 /etc/x -->", "sh", "#!/bin/sh"):   "",
		block("<!-- run -->", "sh", "ls") + block("", "sh", "ls"): "line 6: a block of commands has neither",
	} {
		got := strings.Join(unrun(page, func(string) string { return "part it make it" }), "\n")
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %q", page, got, want)
		}
	}
}
