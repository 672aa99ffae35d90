package rules

import (
	"go/ast"
	"slices"
	"testing"
)

// coreRooms decide and do not act: replaying their log must give the same state everywhere.
var coreRooms = []string{"internal/balance", "internal/controller", "internal/coordinator/group", "internal/coordinator/share", "internal/coordinator/timers", "internal/coordinator/group/sharing",
	"internal/coordinator/group/kind", "internal/coordinator/group/epochs", "internal/coordinator/group/assign", "internal/coordinator/group/consumer", "internal/coordinator/field",
	"internal/replication/progress", "internal/quorum/consensus", "internal/quota"}

var (
	coreForbiddenImports = []string{"os", "net", "sync", "sync/atomic", "context", "crypto/rand"}
	coreForbiddenTime    = []string{"Now", "After", "AfterFunc", "Sleep", "NewTimer", "NewTicker", "Tick", "Since", "Until"}
)

func TestCoreRoomsHaveNoClockNoGoroutineAndNoIO(t *testing.T) {
	seen := 0
	for _, s := range sources(t) {
		if s.test || !slices.Contains(coreRooms, s.pkg) {
			continue
		}
		seen++
		for _, p := range importsOf(s) {
			if slices.Contains(coreForbiddenImports, p) {
				t.Errorf("%s: a core room may not import %q", s.path, p)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: go statement in a core room", s.fset.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(coreForbiddenTime, n.Sel.Name) {
					t.Errorf("%s: time.%s in a core room: take now from the event", s.fset.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
	if seen == 0 {
		t.Fatal("no file of a core room found: the rule checks nothing")
	}
}
