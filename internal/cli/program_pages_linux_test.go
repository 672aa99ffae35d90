package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestOnlyPagesThatTheFileHasAreForgotten(t *testing.T) {
	const smaps = `00400000-00c00000 r-xp 00000000 fe:00 123 /usr/bin/leat
Size:               8192 kB
Private_Dirty:         0 kB
VmFlags: rd ex mr mw me
00c00000-01600000 r--p 00800000 fe:00 123 /usr/bin/leat
Private_Dirty:         0 kB
01600000-01700000 r--p 01200000 fe:00 123 /usr/bin/leat
Private_Dirty:         4 kB
01700000-01800000 rw-p 01300000 fe:00 123 /usr/bin/leat
Private_Dirty:         0 kB
01800000-01900000 r--p 00000000 fe:00 9 /usr/lib/locale
Private_Dirty:         0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Private_Dirty:      2048 kB
7ffd-7fff r-xp 00000000 00:00 0 [vdso]
Private_Dirty:         0 kB
`
	want := []mapping{{0x400000, 0xc00000}, {0xc00000, 0x1600000}}
	if got := cleanMappings(strings.NewReader(smaps), "/usr/bin/leat"); !slices.Equal(got, want) {
		t.Errorf("%x, not %x", got, want)
	}
}

func TestTheProgramRunsWithoutItsPages(t *testing.T) {
	forgetProgramPages()
	TestOnlyPagesThatTheFileHasAreForgotten(t)
}
