package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// Severity says what the next start makes of a finding.
type Severity string

// The severities.
const (
	Damage Severity = "damage" // stays until somebody acts
	Repair Severity = "repair" // the next start mends it
	Note   Severity = "note"   // worth knowing
)

// rank orders severities, the worst first.
func (s Severity) rank() int { return slices.Index([]Severity{Damage, Repair, Note}, s) }

// Finding is one thing that is not as it should be.
type Finding struct {
	Severity  Severity `json:"severity"`
	Partition string   `json:"partition,omitempty"`
	File      string   `json:"file"`
	Position  int64    `json:"position"` // a byte in the file, -1 for the file as a whole
	What      string   `json:"what"`
	Do        string   `json:"do,omitempty"`
}

// String is the finding as a line.
func (f Finding) String() string {
	at := f.File
	if f.Position >= 0 {
		at = fmt.Sprintf("%s: position %d", f.File, f.Position)
	}
	line := fmt.Sprintf("%s: %s: %s", f.Severity, at, f.What)
	if f.Do != "" {
		line += ": " + f.Do
	}
	return line
}

// What to do.
const (
	doRestore = "if another replica is in sync, delete this directory and it is copied again; otherwise restore it from a backup"
	doNothing = "nothing: the next start mends it"
	doReindex = "delete the index file while the node is stopped; it is built anew from the log"
)

// maxFindings bounds how many findings of one partition are listed; the others are counted.
const maxFindings = 1000

// findings gathers what several workers find.
type findings struct {
	mu     sync.Mutex
	list   []Finding
	of     map[string]int // by partition
	more   int64          // not listed
	counts map[Severity]int64
}

func (fs *findings) add(f Finding) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.of == nil {
		fs.of, fs.counts = make(map[string]int), make(map[Severity]int64)
	}
	fs.counts[f.Severity]++
	if fs.of[f.Partition]++; fs.of[f.Partition] > maxFindings {
		fs.more++
		return
	}
	fs.list = append(fs.list, f)
}

// sorted is the list in the order of files and positions.
func (fs *findings) sorted() []Finding {
	slices.SortStableFunc(fs.list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Position, b.Position), cmp.Compare(a.Severity.rank(), b.Severity.rank()))
	})
	return fs.list
}
