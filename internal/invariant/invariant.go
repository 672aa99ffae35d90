// Package invariant checks in tests what must always hold. In a test binary, or with LEAT_INVARIANTS=1 in the environment, a claim that
// does not hold is a panic; in production nothing is checked, because a node that limps serves better than one that is down, and data on
// disk is protected by checks of its own.
//
// Terms: a claim is a sentence about the state that a correct program never makes false.
package invariant

import (
	"fmt"
	"os"
	"strings"
)

// Enabled says whether claims are checked. Guard with it what is costly to compute:
//
//	if invariant.Enabled {
//		invariant.Check(l.sorted(), "segments are out of order")
//	}
var Enabled = enabled(os.Args[0], os.Getenv("LEAT_INVARIANTS"))

func enabled(program, variable string) bool {
	return strings.HasSuffix(program, ".test") || variable == "1"
}

// Check panics with the message if the claim does not hold and claims are checked.
func Check(holds bool, format string, args ...any) {
	if Enabled && !holds {
		panic("invariant broken: " + fmt.Sprintf(format, args...))
	}
}
