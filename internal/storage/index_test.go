package storage

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// A lookup must find what a walk over all entries finds, however many there are and wherever the entry lies: also where the entries that
// are left to look at fill a page.
func TestLookupsOnDiskFindWhatAWalkFinds(t *testing.T) {
	for _, width := range []int{indexEntrySize, timeIndexEntrySize} {
		perPage := indexPage / width
		counts := []int{0, 1, 2, perPage - 1, perPage, perPage + 1}
		for n := 2*perPage - 3; n <= 2*perPage+5; n++ {
			counts = append(counts, n, 2*n, 2*n+1, 5*n+3)
		}
		for _, count := range counts {
			file := make([]byte, count*width)
			for i := range count {
				binary.BigEndian.PutUint32(file[i*width:], uint32(2*i+1)) // keys 1, 3, 5, ...
			}
			step := max(1, count/1500)
			for target := int64(0); target <= int64(2*count+1); target += int64(step) {
				entry := make([]byte, width)
				ok, err := floorOnDisk(bytes.NewReader(file), width, int64(count), target, keyRelativeOffset, entry)
				want := (target - 1) | 1 // the odd number at or below target
				if target%2 == 1 {
					want = target
				}
				want = min(want, int64(2*count-1))
				if err != nil || ok != (target > 0 && count > 0) || ok && keyRelativeOffset(entry) != want {
					t.Fatalf("width %d, %d entries, target %d: found %v %d, %v; want %d", width, count, target, ok, keyRelativeOffset(entry), err, want)
				}
			}
		}
	}
}
