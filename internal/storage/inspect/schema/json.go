package schema

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// appendText appends text as a JSON string, escaped as Kafka's tools do: only what must be.
func appendText(dst []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ':
			dst = utf8.AppendRune(dst, r)
		case strings.ContainsRune("\b\t\n\f\r", r):
			dst = append(dst, '\\', "btn.fr"[r-'\b'])
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		}
	}
	return append(dst, '"')
}

// appendDouble appends a number as Java writes it: always with a point, and with an exponent when it is large or small.
func appendDouble(dst []byte, v float64) []byte {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return append(dst, `"NaN"`...)
	case math.IsInf(v, 0):
		return append(dst, strings.ReplaceAll(strconv.Quote(strconv.FormatFloat(v, 'f', -1, 64)), "+Inf", "Infinity")...)
	case a != 0 && (a < 1e-3 || a >= 1e7):
		text := strconv.FormatFloat(v, 'e', -1, 64)
		mantissa, exponent, _ := strings.Cut(text, "e")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent) // what FormatFloat wrote
		return strconv.AppendInt(append(append(dst, mantissa...), 'E'), int64(n), 10)
	default:
		text := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return append(dst, text...)
	}
}
