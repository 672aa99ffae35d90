package tool

import (
	"math"
	"strconv"
	"strings"
)

// Double writes a number as Java's Double.toString does.
func Double(v float64) string {
	switch size := math.Abs(v); {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	case v == 0 || size >= 1e-3 && size < 1e7:
		return withPoint(strconv.FormatFloat(v, 'f', -1, 64))
	}
	digits, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
	n, _ := strconv.Atoi(exponent) // it is a number
	return withPoint(digits) + "E" + strconv.Itoa(n)
}

func withPoint(digits string) string {
	if strings.Contains(digits, ".") {
		return digits
	}
	return digits + ".0"
}
