package sealed

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program writes a shell script that answers as a key command should: it turns the base64 around.
func program(t *testing.T, body string) string {
	t.Helper()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no shell")
	}
	path := filepath.Join(t.TempDir(), "kms")
	ok(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o700))
	return path
}

const turning = `case "$1" in
current) echo projects/p/keys/k ;;
wrap) test "$2" = projects/p/keys/k && base64 -d | tr '\000-\377' '\001-\377\000' | base64 ;;
unwrap) test "$2" = projects/p/keys/k && base64 -d | tr '\001-\377\000' '\000-\377' | base64 ;;
esac
`

func TestKeysFromACommand(t *testing.T) {
	mem := newMem(t)
	keys := CommandKeys(program(t, turning), time.Minute)
	s, err := Open(t.Context(), Config{FS: mem, Dirs: []string{testDir}, Keys: keys})
	ok(t, err)
	ok(t, s.Refresh(t.Context()))
	s.Seal(filepath.Dir(testLog), true)
	_, err = openLog(t, s).WriteAt([]byte("by command"), 0)
	ok(t, err)
	s, err = Open(t.Context(), Config{FS: mem, Dirs: []string{testDir}, Keys: keys})
	ok(t, err)
	got, err := content(openLog(t, s))
	if err != nil || string(got) != "by command" {
		t.Fatalf("%q, %v", got, err)
	}
	if ring := string(readFile(t, mem, ringPath)); !strings.Contains(ring, "projects/p/keys/k") {
		t.Errorf("the keyring does not name the key:\n%s", ring)
	}
}

func TestFailuresOfACommandSayWhat(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"it fails":            {"echo token expired >&2; exit 3", "wrap k: exit status 3: token expired"},
		"it answers nonsense": {"echo '%%%'", "is not base64"},
		"it answers nothing":  {"exit 0", "is not base64"},
		"it answers too much": {"yes | head -c 200000", "more than 65536 bytes"},
		"it hangs":            {"sleep 60", "no answer within 100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 30 * time.Second
			if name == "it hangs" {
				timeout = 100 * time.Millisecond
			}
			_, err := CommandKeys(program(t, c.body+"\n"), timeout).Wrap(context.Background(), "k", make([]byte, keySize))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, expected %q", err, c.want)
			}
		})
	}
	if _, err := CommandKeys("/nowhere/kms", time.Second).Current(context.Background()); err == nil || !strings.Contains(err.Error(), "/nowhere/kms current") {
		t.Errorf("a program that is not there: %v", err)
	}
	if _, err := CommandKeys(program(t, "echo\n"), time.Minute).Current(context.Background()); err == nil || !strings.Contains(err.Error(), "expected the id") {
		t.Errorf("no id: %v", err)
	}
}
