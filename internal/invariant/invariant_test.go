package invariant

import "testing"

func TestBrokenClaimsPanicInTests(t *testing.T) {
	Check(true, "never said")
	defer func() {
		if got := recover(); got != "invariant broken: 7 is not 8" {
			t.Errorf("recovered %v", got)
		}
	}()
	Check(false, "%d is not %d", 7, 8)
}

func TestClaimsAreCheckedInTestsAndOnDemandOnly(t *testing.T) {
	for _, c := range []struct {
		program, variable string
		want              bool
	}{{"storage.test", "", true}, {"leat", "", false}, {"leat", "1", true}, {"leat", "0", false}} {
		if enabled(c.program, c.variable) != c.want {
			t.Errorf("%s with %q: not %v", c.program, c.variable, c.want)
		}
	}
}
