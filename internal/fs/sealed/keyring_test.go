package sealed

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
)

func openOver(mem *fs.Mem) (*FS, error) {
	keys, err := FileKeys(mem, "/keys")
	if err != nil {
		return nil, err
	}
	return Open(context.Background(), Config{FS: mem, Dirs: []string{testDir}, Keys: keys})
}

func writeKeys(t *testing.T, mem *fs.Mem, lines string) {
	t.Helper()
	ok(t, fs.WriteFile(mem, "/keys", []byte(lines), 0o600))
}

func readFile(t *testing.T, mem *fs.Mem, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(mem, name)
	ok(t, err)
	return b
}

const ringPath = testDir + "/" + ringFile

func TestRotationOfTheWrappingKeyRewritesNoSegment(t *testing.T) {
	mem := newMem(t)
	s := over(t, mem)
	f := openLog(t, s)
	want := bytesOf(1, 200_000)
	_, err := f.WriteAt(want, 0)
	ok(t, err)
	before, old := readFile(t, mem, testLog), f.KeyID()
	info, err := mem.Stat(testLog)
	ok(t, err)

	writeKeys(t, mem, "2027:QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=\n"+keyLines)
	ok(t, s.Refresh(context.Background()))
	ring := string(readFile(t, mem, ringPath))
	if strings.Contains(ring, `"2026"`) || strings.Count(ring, `"2027"`) != 2 {
		t.Fatalf("expected the old data key wrapped again and a new one, both with 2027:\n%s", ring)
	}
	next, err := s.OpenFile(filepath.Dir(testLog)+"/00000000000000000100.log", os.O_RDWR|os.O_CREATE, 0o644)
	ok(t, err)
	_, err = next.WriteAt([]byte("a new segment"), 0)
	ok(t, err)
	if id := next.(*File).KeyID(); id == old || id == "" {
		t.Errorf("the new segment has the data key %q, the old one had %q", id, old)
	}

	writeKeys(t, mem, "2027:QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=\n") // the old ones are not needed any more
	got, err := content(openLog(t, over(t, mem)))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("old segment after the rotation: %d bytes, %v", len(got), err)
	}
	after, err := mem.Stat(testLog)
	ok(t, err)
	if !bytes.Equal(readFile(t, mem, testLog), before) || !after.ModTime().Equal(info.ModTime()) {
		t.Error("the rotation wrote to a segment")
	}
}

func TestKeyringsThatCannotBeUsedAreRefusedBeforeAnythingChanges(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(*testing.T, *fs.Mem)
		want   []string
	}{
		"the wrapping key is gone": {
			func(t *testing.T, mem *fs.Mem) { writeKeys(t, mem, "2025:"+keyB+"\n") }, []string{testDir, ringFile, `no key "2026"`},
		},
		"the wrapping key is another one": {
			func(t *testing.T, mem *fs.Mem) { writeKeys(t, mem, "2026:"+keyB+"\n") }, []string{testDir, "data key ", `key "2026"`},
		},
		"both copies are damaged": {func(t *testing.T, mem *fs.Mem) {
			for _, name := range []string{ringFile, ringBackupFile} {
				b := readFile(t, mem, testDir+"/"+name)
				ok(t, fs.WriteFile(mem, testDir+"/"+name, b[:len(b)/2], 0o600))
			}
		}, []string{testDir, ringFile, "damaged"}},
		"a newer version wrote it": {func(t *testing.T, mem *fs.Mem) {
			for _, name := range []string{ringFile, ringBackupFile} {
				b := bytes.Replace(readFile(t, mem, testDir+"/"+name), []byte(`"version": 1`), []byte(`"version": 2`), 1)
				ok(t, fs.WriteFile(mem, testDir+"/"+name, b, 0o600))
			}
		}, []string{ringFile, "version 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			mem := newMem(t)
			_, err := openLog(t, over(t, mem)).WriteAt([]byte("abc"), 0)
			ok(t, err)
			c.damage(t, mem)
			ring := readFile(t, mem, ringPath)
			if _, err = openOver(mem); err == nil {
				t.Fatal("opened")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error does not say %q: %v", part, err)
				}
			}
			if !bytes.Equal(readFile(t, mem, ringPath), ring) {
				t.Error("the keyring was changed")
			}
		})
	}
}

func TestEveryBitFlipOfAKeyringIsHealedByItsBackup(t *testing.T) {
	mem := newMem(t)
	want := []byte("something to be read")
	_, err := openLog(t, over(t, mem)).WriteAt(want, 0)
	ok(t, err)
	good := readFile(t, mem, ringPath)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		ok(t, fs.WriteFile(mem, ringPath, bad, 0o600))
		got, err := content(openLog(t, over(t, mem)))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("byte %d flipped: %q, %v", i, got, err)
		}
	}
	ok(t, mem.Remove(ringPath))
	over(t, mem)
	if !bytes.Equal(readFile(t, mem, ringPath), good) && len(readFile(t, mem, ringPath)) == 0 {
		t.Error("the missing copy was not written again")
	}
}

func TestSegmentsWithoutTheirKeyAreLeftAlone(t *testing.T) {
	mem := newMem(t)
	_, err := openLog(t, over(t, mem)).WriteAt([]byte("something"), 0)
	ok(t, err)
	before := readFile(t, mem, testLog)
	ok(t, mem.Remove(ringPath))
	ok(t, mem.Remove(testDir+"/"+ringBackupFile))
	f := openLog(t, over(t, mem)) // with a new keyring
	_, err = f.ReadAt(make([]byte, 3), 0)
	if !errors.Is(err, fs.ErrNoKey) || errors.Is(err, fs.ErrDamaged) || !strings.Contains(err.Error(), ringPath) {
		t.Fatalf("read: %v", err)
	}
	if _, err = f.WriteAt([]byte("x"), int64(len(before))); !errors.Is(err, fs.ErrNoKey) {
		t.Fatalf("write: %v", err)
	}
	if !bytes.Equal(readFile(t, mem, testLog), before) {
		t.Error("the file was changed")
	}
}

func TestNothingIsWrittenInTheClearForWantOfAKey(t *testing.T) {
	mem := newMem(t)
	s, err := Open(context.Background(), Config{FS: mem, Dirs: []string{testDir}})
	ok(t, err)
	s.Seal(filepath.Dir(testLog), true)
	_, err = openLog(t, s).WriteAt([]byte("secret"), 0)
	if !errors.Is(err, fs.ErrNoKey) || !strings.Contains(err.Error(), "leat.encryption.key.file") {
		t.Fatalf("write: %v", err)
	}
	if b := readFile(t, mem, testLog); len(b) > 0 {
		t.Errorf("%d bytes were written", len(b))
	}
}

func TestKeyringsAreNotLostWhereTheyCannotBeRead(t *testing.T) {
	mem := newMem(t)
	over(t, mem)
	before := readFile(t, mem, ringPath)
	mem.Inject(func(op fs.Op, name string) error {
		if op == fs.OpRead && strings.HasPrefix(name, testDir) {
			return errors.New("input/output error")
		}
		return nil
	})
	s, err := openOver(mem)
	ok(t, err) // the directory's own matter
	mem.Inject(nil)
	ok(t, s.Refresh(context.Background()))
	if !bytes.Equal(readFile(t, mem, ringPath), before) {
		t.Error("a keyring that could not be read was replaced")
	}
}

func TestDataKeysAreReplacedWhenTheyAreOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := newMem(t)
		keys, err := FileKeys(mem, "/keys")
		ok(t, err)
		s, err := Open(t.Context(), Config{FS: mem, Dirs: []string{testDir}, Keys: keys, Rotation: time.Hour})
		ok(t, err)
		ok(t, s.Refresh(t.Context()))
		s.Seal(filepath.Dir(testLog), true)
		var ids []string
		for i, name := range []string{"00", "01", "02"} {
			f, err := s.OpenFile(filepath.Dir(testLog)+"/"+name+".log", os.O_RDWR|os.O_CREATE, 0o644)
			ok(t, err)
			_, err = f.WriteAt([]byte("x"), 0)
			ok(t, err)
			ids = append(ids, f.(*File).KeyID())
			synctest.Wait()
			if i == 0 {
				time.Sleep(2 * time.Hour)
			}
		}
		if ids[0] != ids[1] || ids[1] == ids[2] {
			t.Errorf("data keys %v: expected the second file to notice the age and the third to have a new one", ids)
		}
		ok(t, s.Close())
	})
}

func TestKeyFilesAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
		want    string
	}{
		"everybody may read it":    {keyLines, 0o644, "chmod 0600"},
		"it is empty":              {"# nothing\n", 0o600, "has no key"},
		"a key is too short":       {"a:AAAA\n", 0o600, "line 1: key a is not the base64 of 32 bytes"},
		"a line has no colon":      {"# x\nabc\n", 0o600, "line 2: expected <id>:"},
		"an id stands there twice": {"a:" + keyA + "\na:" + keyB, 0o600, "line 2: key a stands there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			mem := newMem(t)
			ok(t, mem.Remove("/keys"))
			ok(t, fs.WriteFile(mem, "/keys", []byte(c.content), c.mode))
			_, err := FileKeys(mem, "/keys")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, expected %q", err, c.want)
			}
			if strings.Contains(err.Error(), "AAAA") || strings.Contains(err.Error(), keyA) {
				t.Errorf("the error shows a key: %v", err)
			}
		})
	}
	mem := newMem(t)
	writeKeys(t, mem, "# first\n\n arn:aws:kms:key/1 : "+keyA+"\n")
	keys, err := FileKeys(mem, "/keys")
	ok(t, err)
	if id, err := keys.Current(context.Background()); id != "arn:aws:kms:key/1" || err != nil {
		t.Errorf("current key %q, %v", id, err)
	}
}
