package config

// Nearest returns the known key most like name, for warnings; "" if none is near. Near means that a third of the name, or less, differs;
// among equals the first in order of name wins.
func Nearest(s Scope, name string) string {
	best, limit := "", len(name)/3
	if len(name) > 255 { // nothing in the table is: do not spend time on it
		return ""
	}
	for _, k := range Keys(s) {
		if k.Internal {
			continue
		}
		if d := distance(name, k.Name, limit); d <= limit && (best == "" || d < limit) {
			best, limit = k.Name, d
		}
	}
	return best
}

// distance counts the insertions, deletions, changes and swaps of neighbours that turn a into b. It gives up past limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
