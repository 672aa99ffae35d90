package rules

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestRoomsImportOnlyWhatIsListed holds testdata/imports.txt against the code. Programs around leat (bench, examples, interop) are its users:
// they may import each other, but no room.
func TestRoomsImportOnlyWhatIsListed(t *testing.T) {
	allowed, shell := readImports(t)
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		list, known := allowed[s.pkg]
		if !known && (strings.HasPrefix(s.pkg, "internal/") || s.pkg == "leatest" || strings.HasPrefix(s.pkg, "cmd/")) {
			t.Errorf("%s: room %s is not in testdata/imports.txt", s.path, s.pkg)
			continue
		}
		for _, p := range importsOf(s) {
			room, ours := strings.CutPrefix(p, module+"/")
			if ours && user(s.pkg) && user(room) {
				continue
			}
			if !ours || slices.Contains(list, room) || room == "internal/config" || room == "internal/invariant" {
				continue
			}
			if room == "internal/telemetry" && shell[s.pkg] {
				continue
			}
			t.Errorf("%s: %s may not import %s", s.path, s.pkg, room)
		}
	}
}

// user reports whether a package is a program around leat.
func user(pkg string) bool {
	for _, around := range []string{"bench", "examples", "interop"} {
		if pkg == around || strings.HasPrefix(pkg, around+"/") {
			return true
		}
	}
	return false
}

func readImports(t *testing.T) (allowed map[string][]string, shell map[string]bool) {
	t.Helper()
	f, err := os.Open("testdata/imports.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	allowed, shell = make(map[string][]string), make(map[string]bool)
	for sc := bufio.NewScanner(f); sc.Scan(); {
		fields := strings.Fields(sc.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		room, rest := fields[0], fields[1:]
		if len(rest) > 0 && rest[0] == "+" {
			shell[room], rest = true, rest[1:]
		}
		allowed[room] = rest
	}
	return allowed, shell
}
