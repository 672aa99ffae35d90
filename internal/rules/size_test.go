package rules

import (
	"bufio"
	"flag"
	"fmt"
	"go/ast"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/longest.txt")

const (
	functionLines = 70  // a screen
	fileLines     = 600 // from here on, look for a second idea
	longest       = "testdata/longest.txt"
)

// TestNothingGrowsTooLong is a ratchet: functions over 70 lines and files over 600 are recorded in testdata/longest.txt with their length, and
// the record may only fall. Tests and tables are measured like everything else, test files by file length alone.
func TestNothingGrowsTooLong(t *testing.T) {
	measured := measure(t)
	if *update {
		writeLongest(t, measured)
		return
	}
	recorded := readLongest(t)
	for what, lines := range measured {
		switch was, ok := recorded[what]; {
		case !ok:
			t.Errorf("%s has %d lines: cut it, or if it is flat (a table, a dispatch) record it in %s", what, lines, longest)
		case lines > was:
			t.Errorf("%s has %d lines, recorded are %d: the record may only fall", what, lines, was)
		}
	}
}

func measure(t *testing.T) map[string]int {
	t.Helper()
	long := make(map[string]int)
	for _, s := range sources(t) {
		if n := s.fset.Position(s.file.End()).Line; n > fileLines {
			long[s.path] = n
		}
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1
			if n > functionLines {
				long[s.path+":"+f.Name.Name] = n
			}
		}
	}
	return long
}

func readLongest(t *testing.T) map[string]int {
	t.Helper()
	f, err := os.Open(longest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	recorded := make(map[string]int)
	for sc := bufio.NewScanner(f); sc.Scan(); {
		fields := strings.Fields(sc.Text())
		if len(fields) != 2 {
			continue
		}
		n, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatalf("%s: %q is not a number of lines", longest, fields[0])
		}
		recorded[fields[1]] = n
	}
	return recorded
}

func writeLongest(t *testing.T, measured map[string]int) {
	t.Helper()
	rows := make([]string, 0, len(measured))
	for what, lines := range measured {
		rows = append(rows, fmt.Sprintf("%d %s\n", lines, what))
	}
	sort.Strings(rows)
	if err := os.WriteFile(longest, []byte(strings.Join(rows, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}
