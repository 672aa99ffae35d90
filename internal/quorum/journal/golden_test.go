package journal

import (
	"encoding/hex"
	"testing"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
)

// version1 is a journal of version 1: an earlier build writes and reads it. What has another form has another version, which an earlier build refuses by name.
const version1 = "6c656174716a6e6c0001000000568b8fb0a801000000000000000000000000000000000000030900000000000000000000000000000000000000000000010000" +
	"00000000000000000007010000010000000300000000000000000000000000000000000000000000b74c51470000001500000000000000015a27922ac3501d7c" +
	"01000000000000000000000000000000000000000055b74c5147000000290000000000000002b0d7e51b62f1aa0c010000000200000000000000040000000000" +
	"000001020000000000000002000000020000000002616255"

func TestVersion1StaysAsItIs(t *testing.T) {
	fsys := fs.NewMem()
	j := create(t, fsys)
	must(t, j.Write(&consensus.Ballot{Epoch: 2, Vote: 4, Commit: 1}, []consensus.Entry{entry(2, 2, "ab")}))
	must(t, j.Close())
	data, err := fs.ReadFile(fsys, file)
	must(t, err)
	if got := hex.EncodeToString(data); got != version1 {
		t.Errorf("%s, want %s", got, version1)
	}
	raw, err := hex.DecodeString(version1)
	must(t, err)
	must(t, fs.WriteFile(fsys, file, raw, 0o644))
	if s, err := open(fsys); err != nil || tell(s) != "base 1/0@7 voters 1 ballot 2:4:1 2/2ab" {
		t.Errorf("read as %s, %v", tell(s), err)
	}
}
